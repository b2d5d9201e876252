//! Why a command failed, how that is said, and with which exit status.

use crate::report;
use clap::error::ErrorKind;
use std::error::Error as _;

/// Wrong usage of the command line.
pub(crate) const USAGE: u8 = 2;
/// A limit was exceeded, or the guest trapped.
pub(crate) const STOPPED: u8 = 125;
/// sandcell refused or failed before the guest ran.
pub(crate) const REFUSED: u8 = 126;
/// Ended by a signal of the user: 128 + SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

const MCP_HINT: &str = "Try the server's command by hand; `--mcp` passes on only PATH, HOME, USER, LANG and TMPDIR.";

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The library refused or failed.
    #[error(transparent)]
    Library(#[from] sandcell::Error),
    /// The command line cannot be used, for a reason that clap does not know.
    #[error("{0}")]
    Usage(String),
    /// The pinned source of an image could not be fetched.
    #[error("{message}")]
    Fetch {
        /// What went wrong, with the installer's own words.
        message: String,
        /// What the user can do.
        remedy: String,
    },
    /// An MCP server failed, or none could be served.
    #[error(transparent)]
    Mcp(#[from] sandcell_mcp::Error),
    /// Our own output could not be written.
    #[error("writing the output: {0}")]
    Output(#[from] std::io::Error),
}

impl Failure {
    /// A failed file operation on a path that the user named.
    pub(crate) fn io(operation: impl Into<String>) -> impl FnOnce(std::io::Error) -> Failure {
        let operation = operation.into();
        move |source| Failure::Library(sandcell::Error::HostIo { operation, source })
    }

    /// Says what failed, as one JSON object on standard output or as text on standard error,
    /// and returns the exit status.
    pub(crate) fn report(&self, json: bool) -> u8 {
        if json {
            report::print_json(&self.to_json()).ok();
        } else {
            // A message of several lines, such as pip's, stays one; each says who speaks.
            format!("error: {self}").lines().for_each(report::notice);
            if let Some(hint) = self.hint() {
                report::notice(&format!("hint: {hint}"));
            }
        }
        match self {
            Failure::Usage(_) => USAGE,
            Failure::Library(_) | Failure::Fetch { .. } | Failure::Mcp(_) | Failure::Output(_) => REFUSED,
        }
    }

    fn hint(&self) -> Option<&str> {
        match self {
            Failure::Library(error) => Some(error.hint()),
            Failure::Usage(_) => Some("`--help` shows the usage and examples."),
            Failure::Fetch { remedy, .. } => Some(remedy),
            Failure::Mcp(sandcell_mcp::Error::Library(error)) => Some(error.hint()),
            Failure::Mcp(_) => Some(MCP_HINT),
            Failure::Output(_) => None,
        }
    }

    fn to_json(&self) -> serde_json::Value {
        match self {
            Failure::Library(error) => error.to_json(),
            Failure::Usage(reason) => command_line_error(reason.clone()).to_json(),
            Failure::Fetch { message, remedy } => {
                let source = std::io::Error::other(message.clone());
                let mut json =
                    sandcell::Error::HostIo { operation: "fetching an image's source".into(), source }.to_json();
                json["error"]["hint"] = serde_json::json!(remedy);
                json
            }
            Failure::Mcp(sandcell_mcp::Error::Library(error)) => error.to_json(),
            Failure::Mcp(error) => {
                let source = std::io::Error::other(error.to_string());
                let mut json = sandcell::Error::HostIo { operation: "using MCP servers".into(), source }.to_json();
                json["error"]["hint"] = serde_json::json!(MCP_HINT);
                json
            }
            Failure::Output(error) => {
                let source = std::io::Error::new(error.kind(), error.to_string());
                sandcell::Error::HostIo { operation: "writing the output".into(), source }.to_json()
            }
        }
    }
}

/// Answers a command line that clap did not accept, which includes `--help` and `--version`.
pub(crate) fn report_clap(error: &clap::Error, json: bool) -> u8 {
    let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if asked_for || !json {
        // A closed pipe below `--help` is nobody's error.
        error.print().ok();
        return if asked_for { 0 } else { USAGE };
    }
    // A value that core refused keeps core's code; everything else is the command line's fault.
    let value = match error.source().and_then(|source| source.downcast_ref::<sandcell::Error>()) {
        Some(refused) => refused.to_json(),
        None => command_line_error(first_paragraph(&error.render().to_string())).to_json(),
    };
    report::print_json(&value).ok();
    USAGE
}

/// What is wrong, without the usage that clap prints below it.
fn first_paragraph(text: &str) -> String {
    let lines = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim);
    let paragraph = lines.collect::<Vec<_>>().join(" ");
    paragraph.strip_prefix("error: ").unwrap_or(&paragraph).to_owned()
}

fn command_line_error(reason: String) -> sandcell::Error {
    sandcell::Error::DocumentInvalid { what: "command line".into(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_of_wrong_usage_has_a_code_of_the_table() {
        let json = Failure::Usage("no such recipe".into()).to_json();
        assert_eq!(json["error"]["code"], "document_invalid");
        assert_eq!(json["error"]["class"], "usage");
        assert_eq!(json["error"]["message"], "command line: no such recipe");
    }

    #[test]
    fn the_json_of_a_refused_option_is_one_sentence() {
        let text = "error: these are missing:\n  <FILE>\n\nUsage: sandcell run\n";
        assert_eq!(first_paragraph(text), "these are missing: <FILE>");
    }

    #[test]
    fn a_failed_fetch_keeps_its_own_remedy() {
        let json = Failure::Fetch { message: "no pip".into(), remedy: "install pip".into() }.to_json();
        assert_eq!(json["error"]["code"], "host_io");
        assert_eq!(json["error"]["hint"], "install pip");
    }
}

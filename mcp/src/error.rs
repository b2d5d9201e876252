//! What can go wrong with a server, as facts; and what a guest, the host and the record read of it.

use sandcell::ToolError;
use std::borrow::Cow;

/// Why servers could not be connected, or none be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A server could not be used.
    #[error("MCP server `{server}` {fault}")]
    Server {
        /// The name it was given.
        server: String,
        /// What happened.
        fault: Fault,
    },
    /// A setting cannot be used.
    #[error("MCP server `{server}`: {reason}")]
    Setting {
        /// The name it was given.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// The sandbox or its image was refused.
    #[error(transparent)]
    Library(#[from] sandcell::Error),
    /// The machine failed.
    #[error("{operation}: {source}")]
    HostIo {
        /// What was tried.
        operation: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// What a server did, or did not do. Reads on after its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Its program could not be started.
    #[error("could not be started: {reason}")]
    NotStarted {
        /// The system's reason.
        reason: String,
    },
    /// It cannot be reached, or answered with an HTTP error.
    #[error("cannot be reached: {reason}")]
    Unreachable {
        /// What the connection said.
        reason: String,
    },
    /// Its process ended while it was in use.
    #[error("{how}{}", said(stderr))]
    Ended {
        /// Such as `exited with status 3`.
        how: String,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// It closed the connection.
    #[error("closed the connection")]
    Closed,
    /// It did not answer in time.
    #[error("did not answer within {timeout_ms} ms")]
    Silent {
        /// The time it had.
        timeout_ms: u64,
    },
    /// It sent more than one message may have.
    #[error("sent a message of more than {limit_bytes} bytes")]
    TooLarge {
        /// The most that one message may have.
        limit_bytes: usize,
    },
    /// It sent what is no answer in its protocol.
    #[error("sent {what}")]
    Malformed {
        /// What it sent instead.
        what: Cow<'static, str>,
    },
    /// Its list of tools has no end, or more than fits.
    #[error("lists more than {most} {of}")]
    ListTooLong {
        /// The most there may be.
        most: usize,
        /// Of what: pages, tools or bytes.
        of: &'static str,
    },
    /// It lists two tools of one name, so that a call would not say which is meant.
    #[error("lists two tools named `{tool}`")]
    ListedTwice {
        /// The name.
        tool: String,
    },
    /// It answered a request with an error of the protocol.
    #[error("refused the request: {message}")]
    Refused {
        /// The code of JSON-RPC.
        code: i32,
        /// The server's words.
        message: String,
    },
    /// It ended more often than it is started again.
    #[error("ended again after {restarts} restarts and stays down")]
    Down {
        /// How often it was started again.
        restarts: u32,
    },
    /// Whoever held the connections has dropped them.
    #[error("is no longer connected")]
    Dropped,
}

/// The code of JSON-RPC 2.0, section 5.1, for arguments that cannot be used.
const INVALID_PARAMS: i32 = -32602;

impl Fault {
    pub(crate) fn of(self, server: &str) -> Error {
        Error::Server { server: server.to_owned(), fault: self }
    }

    /// What the guest learns: which server and what happened. What only the host may know, such as
    /// addresses and standard error, stays in the record.
    pub(crate) fn tool_error(&self, server: &str) -> ToolError {
        let told = match self {
            Fault::NotStarted { .. } => "could not be started".to_owned(),
            Fault::Unreachable { .. } => "cannot be reached".to_owned(),
            Fault::Ended { how, .. } => how.clone(),
            other => other.to_string(),
        };
        let told = format!("MCP server `{server}` {told}");
        let error = match self {
            Fault::Silent { .. } => ToolError::timed_out(told),
            Fault::TooLarge { .. } => ToolError::too_large(told),
            Fault::Refused { code: INVALID_PARAMS, .. } => ToolError::invalid_arguments(told),
            _ => ToolError::new(told),
        };
        error.detail(self.to_string())
    }
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(" and said: {stderr}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_is_told_the_server_and_the_event_and_not_what_it_said_to_the_host() {
        let fault = Fault::Ended { how: "exited with status 3".into(), stderr: "no /srv/key".into() };
        let error = fault.tool_error("files");
        assert_eq!(error.message(), Some("MCP server `files` exited with status 3"));
        assert!(format!("{error:?}").contains("/srv/key"));
        let unreachable = Fault::Unreachable { reason: "10.0.0.7:80: refused".into() };
        assert_eq!(unreachable.tool_error("a").message(), Some("MCP server `a` cannot be reached"));
    }
}

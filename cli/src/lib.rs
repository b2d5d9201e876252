//! The `sandcell` command as a library: bindings ship the same command by calling [`main`].
//!
//! This crate turns a command line into calls of the `sandcell` crate and its answers into
//! text, JSON and an exit status. It adds no ability of its own to run code.

mod bench;
mod doctor;
mod failure;
mod fetch;
mod grants;
mod image;
mod mcp;
mod parse;
mod progress;
mod reference;
mod report;
mod run;

use clap::{CommandFactory as _, Parser, Subcommand};
use failure::Failure;
use std::ffi::OsString;
use std::io::IsTerminal as _;

const AFTER_HELP: &str = "\
Examples:
  sandcell image build python
  sandcell run -c 'print(6 * 7)'
  sandcell run --mount ./data:/data --memory-mount /out agg.py
  sandcell run --wasm hello.wat --json
  sandcell doctor

Exit status: the guest's own; 1 when a script raised; 2 for wrong usage; 125 when a limit was
exceeded or the guest trapped; 126 when sandcell refused or failed before the guest ran; 130
when it was interrupted. `--json` tells them apart even where a guest uses the same numbers.

Environment: SANDCELL_CACHE names the folder of images and compiled code; SANDCELL_LOG is the
log filter (default `warn`). Neither reaches a guest.";

/// Runs code nobody has reviewed, with nothing reachable that was not handed over.
#[derive(Debug, Parser)]
#[command(name = "sandcell", version, after_help = AFTER_HELP, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::RunArgs>),
    Image(image::ImageArgs),
    Bench(bench::BenchArgs),
    Doctor(doctor::DoctorArgs),
    Mcp(mcp::McpArgs),
    Completions(reference::CompletionsArgs),
    #[command(hide = true)]
    Reference(reference::ReferenceArgs),
}

impl Command {
    fn json(&self) -> bool {
        match self {
            Command::Run(args) => args.json,
            Command::Image(args) => args.json(),
            Command::Bench(args) => args.json,
            Command::Doctor(args) => args.json,
            Command::Mcp(_) | Command::Completions(_) | Command::Reference(_) => false,
        }
    }

    fn execute(self) -> Result<u8, Failure> {
        match self {
            Command::Run(args) => run::execute(*args),
            Command::Image(args) => image::execute(args),
            Command::Bench(args) => bench::execute(&args),
            Command::Doctor(args) => doctor::execute(&args),
            Command::Mcp(args) => mcp::execute(&args),
            Command::Completions(args) => reference::completions(&args, &mut Cli::command()),
            Command::Reference(args) => reference::reference(&args, Cli::command()),
        }
    }
}

/// The programs of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// Runs one command line, program name first, and returns the exit status.
///
/// Writes to this process's standard streams. `run` installs a handler for SIGINT, SIGTERM and
/// SIGHUP that cancels the guest; it stays installed and ends the process when no guest runs.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return failure::report_clap(&error, asks_for_json(&args)),
    };
    log_to_stderr();
    let json = cli.command.json();
    match cli.command.execute() {
        Ok(status) => status,
        Err(failure) => failure.report(json),
    }
}

/// Whether a command line that could not be parsed wanted JSON.
fn asks_for_json(args: &[OsString]) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json")
}

/// Sends the library's warnings to standard error. The default level names resources of the
/// host only, never what a guest printed or read.
fn log_to_stderr() {
    use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt};
    let colours = std::io::stderr().is_terminal();
    let lines = fmt().with_writer(std::io::stderr).with_ansi(colours).with_target(false).without_time();
    // A second call in one process keeps the first subscriber, which is the same one.
    let _ = match std::env::var("SANDCELL_LOG") {
        Ok(filter) => lines.with_env_filter(EnvFilter::new(filter)).try_init(),
        Err(_) => lines.with_max_level(LevelFilter::WARN).try_init(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_visible_command_has_examples() {
        let mut open = vec![Cli::command()];
        while let Some(command) = open.pop() {
            let help = command.clone().render_long_help().to_string();
            assert!(help.contains("Example"), "{}", command.get_name());
            open.extend(command.get_subcommands().filter(|sub| !sub.is_hide_set()).cloned());
        }
    }

    #[test]
    fn json_is_wanted_only_before_the_guests_own_arguments() {
        let args = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(asks_for_json(&args("sandcell run --json --limit fule=1")));
        assert!(!asks_for_json(&args("sandcell run --limit fule=1 -- --json")));
    }
}

//! Prints docs/parity.md; with `--check FOLDER`, compares it with what the runners recorded there.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

use sandcell_tests::{cases, parity};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cases = cases::read_all();
    let mut problems = parity::gaps(&cases);
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("--check"), Some(folder)) => problems.extend(parity::check_records(folder.as_ref(), &cases)),
        _ => print!("{}", parity::page(&cases)),
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

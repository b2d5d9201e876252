//! The `sandcell` command; everything is in the library, so that bindings can offer it too.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(sandcell_cli::main(std::env::args_os()))
}

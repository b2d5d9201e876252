//! Whole processes: `sandcell run --image python -c 'print(1)'` against the machine's own Python.

use crate::Error;
use crate::timing::{compare, time};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::process::{Command, Stdio};

const ROUNDS: usize = 25;

/// `ours / theirs` as `process_start_ratio`; skipped with a word when something is missing.
pub(crate) fn measure(figures: &mut Map<String, Value>) -> Result<(), Error> {
    let sandcell =
        std::env::var_os("SANDCELL_BIN").map_or_else(|| PathBuf::from("../target/release/sandcell"), PathBuf::from);
    if !sandcell.exists() {
        figures.insert("process_start_ratio".into(), "no sandcell binary: run `cargo xtask images` first".into());
        return Ok(());
    }
    let python = executable()?;
    let ours = || time(|| succeed(Command::new(&sandcell).args(["run", "--image", "python", "-c", "print(1)"])));
    let theirs = || time(|| succeed(Command::new(&python).args(["-I", "-c", "print(1)"])));
    compare(figures, "process_start", ROUNDS, ours, theirs)?;
    // Here less is better: ours in units of theirs.
    if let Some(ratio) = figures["process_start_ratio"].as_f64() {
        figures.insert("process_start_ratio".into(), (1.0 / ratio).into());
    }
    Ok(())
}

fn succeed(command: &mut Command) -> Result<(), Error> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}").into()) }
}

/// The interpreter itself, never a shim that starts it.
fn executable() -> Result<String, Error> {
    let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output()?;
    Ok(String::from_utf8(asked.stdout)?.trim().to_owned())
}

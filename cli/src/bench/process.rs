//! Whole processes: this command against Python itself.

use super::Effort;
use super::results::{Bound, Results};
use super::timing::{in_turns, timed};
use crate::failure::Failure;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const KEY: &str = "process_start_ratio";
const WHAT: &str = "whole process, to real Python's";

pub(super) fn measure(effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let (ours, python) = match (ours(), real_python()) {
        (Ok(ours), Ok(python)) => (ours, python),
        (Err(reason), _) | (_, Err(reason)) => {
            results.unknown(KEY, WHAT, &reason);
            return Ok(());
        }
    };
    let our_args = ["run", "--image", "python", "-c", "print(1)"];
    let [sandcell, real] =
        in_turns(effort.rounds(25), [&mut || one(&ours, &our_args), &mut || one(&python, &["-I", "-c", "print(1)"])])?;
    results.ratio(KEY, WHAT, sandcell.median() / real.median(), Bound::AtMost(1.0));
    results.time("process", "sandcell run -c 'print(1)'", &sandcell, None);
    results.time("python_process", "python3 -I -c 'print(1)'", &real, None);
    results.text_fact("python", &python.display().to_string());
    Ok(())
}

/// This executable, unless it is a host that the command was loaded into.
fn ours() -> Result<PathBuf, String> {
    let path = std::env::current_exe().map_err(|error| format!("this executable is unknown: {error}"))?;
    let is_ours = path.file_stem().is_some_and(|name| name == "sandcell");
    if is_ours { Ok(path) } else { Err(format!("{} is not the sandcell command", path.display())) }
}

/// The interpreter behind whatever `python3` is: a shim would be measured instead.
fn real_python() -> Result<PathBuf, String> {
    let asked = Command::new("python3").args(["-I", "-c", "import sys; print(sys.executable)"]).output();
    let asked = asked.map_err(|error| format!("there is no python3: {error}"))?;
    let path = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    if asked.status.success() && Path::new(&path).is_absolute() {
        Ok(PathBuf::from(path))
    } else {
        Err("python3 does not say where it is".into())
    }
}

/// Microseconds from start to end of one process that prints 1.
fn one(program: &Path, args: &[&str]) -> Result<f64, Failure> {
    let operation = || format!("running {}", program.display());
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    let (output, took) = timed(|| command.output().map_err(Failure::io(operation())))?;
    if output.status.success() && output.stdout == b"1\n" {
        return Ok(took);
    }
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure::io(operation())(std::io::Error::other(words)))
}

//! Starting cargo and what it built. Children inherit our standard streams.

use crate::source::root;
use std::ffi::OsString;
use std::process::Command;

/// Cargo at the root of the workspace: the one that runs us, else the one of the path.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.args(args).current_dir(root());
    cargo
}

/// The `sandcell` command, built before.
pub(crate) fn sandcell(args: &[&str]) -> Command {
    let mut command = cargo(&["run", "--release", "--quiet", "-p", "sandcell-cli", "--"]);
    command.args(args);
    command
}

/// One of the programs of examples/.
pub(crate) fn examples(name: &str) -> Command {
    cargo(&["run", "--release", "--quiet", "-p", "sandcell-examples", "--bin", name])
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{}: {error}", line(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed ({status})", line(command))) }
}

/// Runs a command to its end and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("{}: {error}", line(command)))?;
    if !output.status.success() {
        return Err(format!("{} failed ({})", line(command), output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{}: {error}", line(command)))
}

/// The command as one would type it, without the path of the program.
fn line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args()).map(|word| word.to_string_lossy());
    format!("`{}`", words.collect::<Vec<_>>().join(" "))
}

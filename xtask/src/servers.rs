//! The MCP servers and the MCP client of other makers that the tests of `mcp/` talk to.
//!
//! Pinned by version and digest in mcp/tests/servers; installed with the registries' own clients into
//! a folder under target/, once for each change of the pins. Tests then need no network.

use crate::cargo::run;
use crate::source::root;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Installs what is not installed yet.
pub(crate) fn install() -> Result<(), String> {
    let pins = root().join("mcp/tests/servers");
    let folder = root().join("target/mcp-servers");
    once(&pins, &folder.join("python"), &["requirements.txt"], |to| {
        run(Command::new("python3").args(["-m", "venv"]).arg(to))?;
        let mut pip = Command::new(to.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"]);
        run(pip.arg(pins.join("requirements.txt")))
    })?;
    once(&pins, &folder.join("node"), &["package.json", "package-lock.json"], |to| {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(pins.join(file), to.join(file)).map_err(|error| format!("{file}: {error}"))?;
        }
        // No scripts of packages run.
        run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(to))
    })
}

/// Fills a folder, unless it was filled from the same pins.
fn once(pins: &Path, to: &Path, files: &[&str], fill: impl FnOnce(&Path) -> Result<(), String>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", to.display());
    let mut wanted = String::new();
    for file in files {
        wanted += &fs::read_to_string(pins.join(file)).map_err(|error| format!("mcp/tests/servers/{file}: {error}"))?;
    }
    let stamp = to.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if to.exists() {
        fs::remove_dir_all(to).map_err(failed)?;
    }
    fs::create_dir_all(to).map_err(failed)?;
    fill(to)?;
    fs::write(stamp, wanted).map_err(failed)
}

//! The table of capabilities and languages: its page, and whether every runner ran what it says.

use crate::cargo::{cargo, run};
use crate::python::emptied;
use crate::source::root;
use std::path::PathBuf;
use std::process::Command;

/// Where the runners of the cases leave what they ran.
pub(crate) fn records() -> PathBuf {
    root().join("target/tmp/sandcell-tests/parity")
}

/// Forgets what was run before.
pub(crate) fn forget() -> Result<(), String> {
    emptied(&records())
}

/// Prints the page.
pub(crate) fn page() -> Command {
    cargo(&["run", "--release", "--quiet", "-p", "sandcell-tests", "--bin", "parity", "--"])
}

/// Compares what every language ran with what it must run.
pub(crate) fn check() -> Result<(), String> {
    run(page().arg("--check").arg(records()))
}

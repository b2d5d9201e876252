//! Where the servers of the tests are, and how tests call tools.

use sandcell_mcp::{Process, Server, Servers};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// A file of `tests/fakes`.
pub(crate) fn fake(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fakes").join(name)
}

/// The interpreter itself: what stands in the path may be a script that sets variables.
pub(crate) fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
        String::from_utf8(asked.stdout).unwrap().trim().to_owned()
    })
}

/// A server of `fakes/stdio.py` that does wrong as `case` says.
pub(crate) fn misbehaving(case: &str) -> Server {
    let process = Process::new(python()).args([fake("stdio.py").into_os_string(), case.into()]);
    Server::new("fake", process).call_timeout_ms(10_000)
}

/// Calls a tool; an error is its kind and message.
pub(crate) fn call(servers: &Servers, tool: &str, arguments: Value) -> Result<Value, String> {
    let arguments: Map<String, Value> = serde_json::from_value(arguments).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(servers.call(tool, arguments)).map_err(|error| {
        let message = error.message().unwrap_or("(hidden)");
        format!("{}: {message}", error.kind())
    })
}

/// A program of others that `cargo xtask servers` has installed.
pub(crate) fn installed(path: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target/mcp-servers");
    let path = folder.join(path);
    assert!(path.exists(), "{} is missing: run `cargo xtask servers`", path.display());
    path
}

//! The runner of cases for the `sandcell` command: what it can be told of a case, as options.

use super::{Case, check, check_error, check_folder, folder, start};
use crate::{cli, guests};
use std::fs;

/// Linux takes arguments of up to 128 KiB.
const ARGUMENT_BYTES: usize = 100_000;

/// Runs a case as one command and lists everything that is not as expected.
///
/// # Panics
/// If the command prints something else than one JSON object.
pub fn run(case: &Case) -> Vec<String> {
    let folder = folder(case);
    let files = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = files.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let mut command = match case.image.strip_prefix("wasm:") {
        Some(guest) => {
            let mut command = cli::sandcell_for_modules();
            command.args(["run", "--wasm"]).arg(write(&format!("{guest}.wat"), &guests::wat_source(guest)));
            command
        }
        None => {
            let mut command = cli::sandcell();
            command.args(["run", "--image", &case.image]);
            command
        }
    };
    let code = case.code.as_deref().unwrap_or_default();
    match &case.named {
        Some(name) => command.arg(write(name, code.as_bytes())),
        None if code.len() > ARGUMENT_BYTES => command.arg(write("program", code.as_bytes())),
        None if case.code.is_some() => command.args(["-c", code]),
        None => &mut command,
    };
    for flag in &case.flags {
        command.arg(format!("--flag={flag}"));
    }
    let policy = serde_json::to_vec(&start::policy(case, folder.path())).unwrap();
    command.arg("--json").arg("--policy").arg(write("policy.json", &policy));
    command.arg("--stdin").arg(write("stdin", case.stdin.as_bytes()));
    for (limit, value) in &case.limits {
        command.arg("--limit").arg(format!("{limit}={value}"));
    }
    let told = cli::run(command.arg("--").args(&case.args)).json();
    let mut findings = match told.get("error") {
        Some(error) => {
            let text = |field: &str| error[field].as_str().unwrap_or_default();
            check_error(&case.expect, text("code"), text("message"))
        }
        None => check(&case.expect, &serde_json::from_value(told).unwrap()),
    };
    check_folder(&mut findings, case, folder.path());
    findings
}

//! The JSON cases that every language runs: their schema, and this language's runner.
//!
//! `tests/conformance/README.md` describes the schema for people.

use crate::{folders, guests};
use sandcell::{Denial, Engine, Error, FilesDiff, Image, Limits, Outcome, Policy, Program, Sandbox, Status, Stdin};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What stands for the case's folder in its policy.
const FOLDER: &str = "$FOLDER";

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// A sentence that says what holds, in snake case.
    pub name: String,
    /// `wasm:NAME` for `guests/wat/NAME.wat`, or the name of an image.
    pub image: String,
    /// Source code, for an interpreter.
    #[serde(default)]
    pub code: Option<String>,
    /// Programs that run in the same sandbox before.
    #[serde(default)]
    pub before: Vec<String>,
    /// The file name of the source code.
    #[serde(default)]
    pub named: Option<String>,
    /// Arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Standard input.
    #[serde(default)]
    pub stdin: String,
    /// Limits that are not at their defaults.
    #[serde(default)]
    pub limits: BTreeMap<String, u64>,
    /// A policy; `$FOLDER` as the host of a mount is the case's folder.
    #[serde(default)]
    pub policy: serde_json::Value,
    /// What the case's folder on the host holds.
    #[serde(default)]
    pub folder: BTreeMap<String, Entry>,
    /// What must come of it.
    pub expect: Expect,
}

/// A file of the case's folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Entry {
    /// A file with this text.
    File(String),
    /// A symlink.
    Link {
        /// Where it points.
        link: String,
    },
}

/// What must come of a case. Absent means not looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// How it ended, exactly. Either this, `raised` or `error` stands in every case.
    pub status: Option<Status>,
    /// The type of the exception it ended with.
    pub raised: Option<String>,
    /// The value of the last expression.
    pub result: Option<serde_json::Value>,
    /// The media types of the artifacts, in their order.
    pub artifacts: Option<Vec<String>>,
    /// The code of the library's error.
    pub error: Option<String>,
    /// Parts of the error's message.
    #[serde(default)]
    pub error_contains: Vec<String>,
    /// Standard output, exactly.
    pub stdout: Option<String>,
    /// Parts of standard output.
    #[serde(default)]
    pub stdout_contains: Vec<String>,
    /// Whether some of it was dropped.
    pub stdout_truncated: Option<bool>,
    /// Standard error, exactly.
    pub stderr: Option<String>,
    /// Parts of standard error.
    #[serde(default)]
    pub stderr_contains: Vec<String>,
    /// What neither stream may contain.
    #[serde(default)]
    pub output_lacks: Vec<String>,
    /// `usage.peak_memory_bytes`, at most.
    pub peak_memory_bytes_at_most: Option<u64>,
    /// `usage.output_bytes`, exactly.
    pub output_bytes: Option<u64>,
    /// `usage.fuel`, at most.
    pub fuel_at_most: Option<u64>,
    /// What was refused, exactly and in order.
    pub denials: Option<Vec<Denial>>,
    /// What changed, exactly.
    pub files: Option<FilesDiff>,
    /// Files of the sandbox after the run, with their text.
    #[serde(default)]
    pub file_contents: BTreeMap<String, String>,
    /// The regular files of the case's folder after the run, exactly.
    pub folder: Option<BTreeMap<String, String>>,
    /// Parts of the hint.
    #[serde(default)]
    pub hint_contains: Vec<String>,
}

/// Reads a file that holds one case or an array of them.
///
/// # Errors
/// What is wrong with it.
pub fn read(path: &Path) -> Result<Vec<Case>, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads the text of such a file.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Vec<Case>, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let list = match value {
        serde_json::Value::Array(list) => list,
        one => vec![one],
    };
    let case = |value: serde_json::Value| {
        let name = value["name"].as_str().unwrap_or("a case without a name").to_owned();
        let case: Case = serde_json::from_value(value).map_err(|error| format!("{name}: {error}"))?;
        let Expect { status, raised, error, .. } = &case.expect;
        if [status.is_some(), raised.is_some(), error.is_some()].iter().filter(|given| **given).count() != 1 {
            return Err(format!("{name}: it must expect either a status or an error"));
        }
        Ok(case)
    };
    list.into_iter().map(case).collect()
}

/// Runs a case and lists everything that is not as expected; nothing when it holds.
pub fn run(case: &Case) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (path, entry) in &case.folder {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match entry {
            Entry::File(text) => fs::write(path, text).unwrap(),
            Entry::Link { link } => std::os::unix::fs::symlink(link, path).unwrap(),
        }
    }
    let mut findings = match outcome(case, folder.path()) {
        Ok((mut sandbox, outcome)) => {
            let mut findings = check(&case.expect, &outcome);
            findings.extend(check_files(&case.expect, &mut sandbox));
            findings
        }
        Err(error) => check_error(&case.expect, &error),
    };
    if let Some(expected) = &case.expect.folder {
        let found = folders::Snapshot::of(folder.path()).files();
        let found = found.into_iter().map(|(path, text)| (path, String::from_utf8_lossy(&text).into_owned()));
        compare(&mut findings, "folder", expected, &found.collect());
    }
    findings
}

fn outcome(case: &Case, folder: &Path) -> Result<(Sandbox, Outcome), Error> {
    let policy = match &case.policy {
        serde_json::Value::Null => Policy::new(),
        given => {
            let text = given.to_string().replace(FOLDER, folder.to_str().unwrap());
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", case.name))
        }
    };
    let mut limits = Limits::new();
    for (name, value) in &case.limits {
        limits.set(name, *value)?;
    }
    let image = image(&case.image, &limits)?;
    let mut program = match &case.code {
        Some(code) => Program::code(code.as_str()),
        None => Program::command(),
    };
    if let Some(name) = &case.named {
        program = program.named(name.as_str());
    }
    let program = program.args(case.args.iter().cloned()).stdin(Stdin::bytes(case.stdin.as_str()));
    let mut sandbox = Sandbox::builder(&image).policy(policy).limits(limits).build()?;
    for code in &case.before {
        let _ = sandbox.run(Program::code(code.as_str()))?;
    }
    let outcome = sandbox.run_to_end(program)?;
    Ok((sandbox, outcome))
}

fn image(name: &str, limits: &Limits) -> Result<Image, Error> {
    match name.strip_prefix("wasm:") {
        // Not the shared one: loading is what a case about modules looks at.
        Some("calls") => Ok(guests::wat("calls")),
        Some(guest) => Image::command(guests::engine(), guest, &guests::wat_source(guest), limits),
        None if name == "python" => Ok(guests::python().clone()),
        None if name == "javascript" => Ok(guests::javascript().clone()),
        None => Image::load(&Engine::new()?, name),
    }
}

/// Compares an outcome with what is expected of it.
pub fn check(expect: &Expect, outcome: &Outcome) -> Vec<String> {
    let mut findings = Vec::new();
    match (&expect.status, &expect.raised) {
        (Some(status), _) => compare(&mut findings, "status", status, &outcome.status),
        (None, Some(expected)) => {
            let raised = if let Status::Raised { r#type, .. } = &outcome.status { r#type.as_str() } else { "nothing" };
            compare(&mut findings, "raised", expected.as_str(), raised);
        }
        (None, None) => {
            findings.push(format!("expected the error {:?}, it ended as {:?}", expect.error, outcome.status))
        }
    }
    let (stdout, stderr) = (outcome.stdout_text(), outcome.stderr_text());
    compare_if(&mut findings, "stdout", expect.stdout.as_deref(), &*stdout);
    compare_if(&mut findings, "stderr", expect.stderr.as_deref(), &*stderr);
    compare_if(
        &mut findings,
        "result",
        expect.result.as_ref(),
        outcome.result.as_ref().unwrap_or(&serde_json::Value::Null),
    );
    let artifacts = outcome.artifacts.iter().map(|artifact| artifact.mime.clone()).collect();
    compare_if(&mut findings, "artifacts", expect.artifacts.as_ref(), &artifacts);
    compare_if(&mut findings, "stdout_truncated", expect.stdout_truncated.as_ref(), &outcome.stdout_truncated);
    compare_if(&mut findings, "output_bytes", expect.output_bytes.as_ref(), &outcome.usage.output_bytes);
    compare_if(&mut findings, "denials", expect.denials.as_ref(), &outcome.denials);
    compare_if(&mut findings, "files", expect.files.as_ref(), &outcome.files);
    contains(&mut findings, "stdout", &expect.stdout_contains, &stdout);
    contains(&mut findings, "stderr", &expect.stderr_contains, &stderr);
    contains(&mut findings, "hint", &expect.hint_contains, &outcome.hint);
    for part in expect.output_lacks.iter().filter(|part| stdout.contains(*part) || stderr.contains(*part)) {
        findings.push(format!("the output contains {part:?}: {stdout:?} {stderr:?}"));
    }
    let usage = &outcome.usage;
    at_most(&mut findings, "peak_memory_bytes", expect.peak_memory_bytes_at_most, usage.peak_memory_bytes);
    at_most(&mut findings, "fuel", expect.fuel_at_most, usage.fuel);
    // Without it a status alone is hard to understand.
    if !findings.is_empty() {
        findings.push(format!("stdout: {stdout}\nstderr: {stderr}"));
    }
    findings
}

/// Compares an error of the library with what is expected.
pub fn check_error(expect: &Expect, error: &Error) -> Vec<String> {
    let mut findings = Vec::new();
    match &expect.error {
        Some(code) => compare(&mut findings, "error", code.as_str(), error.code().as_str()),
        None => findings.push(format!("expected {:?}, it failed with {error}", expect.status)),
    }
    contains(&mut findings, "error", &expect.error_contains, &error.to_string());
    findings
}

/// Compares files of the sandbox with what is expected of them.
pub fn check_files(expect: &Expect, sandbox: &mut Sandbox) -> Vec<String> {
    let mut findings = Vec::new();
    for (path, text) in &expect.file_contents {
        match sandbox.read_file(path) {
            Ok(found) => compare(&mut findings, path, text.as_str(), &*String::from_utf8_lossy(&found)),
            Err(error) => findings.push(error.to_string()),
        }
    }
    findings
}

fn compare<T: PartialEq + std::fmt::Debug + ?Sized>(findings: &mut Vec<String>, what: &str, expected: &T, found: &T) {
    if expected != found {
        findings.push(format!("{what}: expected {expected:?}, found {found:?}"));
    }
}

fn compare_if<T: PartialEq + std::fmt::Debug + ?Sized>(
    findings: &mut Vec<String>,
    what: &str,
    expected: Option<&T>,
    found: &T,
) {
    if let Some(expected) = expected {
        compare(findings, what, expected, found);
    }
}

fn contains(findings: &mut Vec<String>, what: &str, parts: &[String], text: &str) {
    for part in parts.iter().filter(|part| !text.contains(part.as_str())) {
        findings.push(format!("{what}: {part:?} is not in {text:?}"));
    }
}

fn at_most(findings: &mut Vec<String>, what: &str, allowed: Option<u64>, found: u64) {
    if let Some(allowed) = allowed.filter(|allowed| found > *allowed) {
        findings.push(format!("{what}: {found}, at most {allowed} are allowed"));
    }
}

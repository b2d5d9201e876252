//! The JSON cases that every language runs: their schema, and this language's runner.
//!
//! `tests/conformance/README.md` describes the schema for people.

mod command_line;
mod play;
mod start;
mod tools;

use crate::{folders, places};
pub use command_line::run as run_through_the_command_line;
use sandcell::{Denial, Diagnostic, FilesDiff, Outcome, Sandbox, Status};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
pub use tools::{Choice, Does, GateData, Given, ToolData, Word};

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
    /// Files by name, one of which is run, instead of `code`.
    #[serde(default)]
    pub project: Option<BTreeMap<String, String>>,
    /// Which one.
    #[serde(default)]
    pub entry: Option<String>,
    /// Programs that run in the same sandbox before.
    #[serde(default)]
    pub before: Vec<String>,
    /// Programs that sandboxes of one workspace run before; the case's sandbox is one of them.
    #[serde(default)]
    pub steps: Vec<WorkspaceStep>,
    /// The file name of the source code.
    #[serde(default)]
    pub named: Option<String>,
    /// Flags for the compiler.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Standard input.
    #[serde(default)]
    pub stdin: String,
    /// The image is exported, and imported with these limits into a cache of its own.
    #[serde(default)]
    pub imported: bool,
    /// The session is saved after the programs before, and goes on from the snapshot's bytes.
    #[serde(default)]
    pub saved: bool,
    /// How long the sandbox is left alone before the program.
    #[serde(default)]
    pub after_ms: u64,
    /// Limits that are not at their defaults.
    #[serde(default)]
    pub limits: BTreeMap<String, u64>,
    /// The one of them that this shows to bite: without it, something else comes of the case.
    #[serde(default)]
    pub bites: Option<String>,
    /// A policy; `$FOLDER` as the host of a mount is the case's folder.
    #[serde(default)]
    pub policy: serde_json::Value,
    /// What the case's folder on the host holds.
    #[serde(default)]
    pub folder: BTreeMap<String, Entry>,
    /// The tools that are handed over.
    #[serde(default)]
    pub tools: Vec<ToolData>,
    /// What the gate says of their calls; none unless given.
    #[serde(default)]
    pub gate: Vec<GateData>,
    /// When the run is cancelled from another thread, after its start.
    #[serde(default)]
    pub cancel_after_ms: Option<u64>,
    /// What must come of it.
    pub expect: Expect,
    /// What the suspended run is resumed with, one step after the other.
    #[serde(default)]
    pub resume: Vec<Step>,
}

/// A program of one sandbox of a workspace.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceStep {
    /// As of a case.
    pub image: String,
    /// Source code, for an interpreter.
    #[serde(default)]
    pub code: Option<String>,
    /// Arguments, for a command.
    #[serde(default)]
    pub args: Vec<String>,
}

/// One attempt to resume a suspended run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What the calls that wait are given, in their order; null leaves one waiting.
    pub results: Vec<Option<Given>>,
    /// Another token than that of the last suspension.
    #[serde(default)]
    pub token: Option<String>,
    /// How long it is waited before.
    #[serde(default)]
    pub after_ms: u64,
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
    /// How it ended, exactly. Either this, `raised`, `suspended` or `error` stands everywhere.
    pub status: Option<Status>,
    /// The type of the exception it ended with.
    pub raised: Option<String>,
    /// The calls that it waits for, exactly and in order.
    pub suspended: Option<Vec<Waits>>,
    /// The value of the last expression.
    pub result: Option<serde_json::Value>,
    /// Whether it was cut, or artifacts were left out.
    pub result_truncated: Option<bool>,
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
    /// What was found in the program before it ran, in words, exactly and in order.
    pub diagnostics: Option<Vec<String>>,
    /// What was refused, exactly and in order.
    pub denials: Option<Vec<Denial>>,
    /// How many calls of tools ended how, exactly.
    pub tool_calls: Option<BTreeMap<String, u64>>,
    /// Parts of what the record says of failed calls, which the guest is not told.
    #[serde(default)]
    pub details_contain: Vec<String>,
    /// What is told of the run, in words, exactly and in order. Without it nobody follows the run.
    pub events: Option<Vec<String>>,
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

/// A call that a suspended run waits for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waits {
    /// The tool's name.
    pub tool: String,
    /// The arguments, exactly.
    pub arguments: serde_json::Map<String, serde_json::Value>,
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
        let wrong =
            |expect: &Expect| !expect.has_one_end() || (expect.events.is_some() != case.expect.events.is_some());
        if wrong(&case.expect) {
            return Err(format!("{name}: it must expect either a status or an error"));
        }
        if let Some(limit) = case.bites.as_ref().filter(|limit| !case.limits.contains_key(*limit)) {
            return Err(format!("{name}: it cannot show that `{limit}` bites, which it does not set"));
        }
        if case.resume.iter().any(|step| wrong(&step.expect)) {
            return Err(format!(
                "{name}: each step must expect either a status or an error, and events as the case does"
            ));
        }
        Ok(case)
    };
    list.into_iter().map(case).collect()
}

/// Reads every case of every file in the folder of cases.
///
/// # Panics
/// If one cannot be read.
pub fn read_all() -> Vec<Case> {
    let files = folders::listed(&places::workspace().join("tests/conformance"), "json");
    files.iter().flat_map(|path| read(path).unwrap()).collect()
}

/// Runs a case and lists everything that is not as expected; nothing when it holds.
pub fn run(case: &Case) -> Vec<String> {
    let folder = folder(case);
    let mut findings = match start::sandbox(case, folder.path()) {
        Ok(mut sandbox) => play::play(case, &mut sandbox),
        Err(error) => check_error(&case.expect, error.code().as_str(), &error.to_string()),
    };
    check_folder(&mut findings, case, folder.path());
    findings
}

/// Runs a case that shows a limit to bite without that limit: something must not be as expected then.
pub fn run_without_its_limit(case: &Case) -> Vec<String> {
    let mut case = case.clone();
    case.limits.remove(&case.bites.take().unwrap());
    // What only the limit would have ended ends by this.
    case.cancel_after_ms.get_or_insert(1_500);
    run(&case)
}

/// The case's folder on the host.
fn folder(case: &Case) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, entry) in &case.folder {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match entry {
            Entry::File(text) => fs::write(path, text).unwrap(),
            Entry::Link { link } => std::os::unix::fs::symlink(link, path).unwrap(),
        }
    }
    folder
}

fn check_folder(findings: &mut Vec<String>, case: &Case, folder: &Path) {
    if let Some(expected) = &case.expect.folder {
        let found = folders::Snapshot::of(folder).files();
        let found = found.into_iter().map(|(path, text)| (path, String::from_utf8_lossy(&text).into_owned()));
        compare(findings, "folder", expected, &found.collect());
    }
}

impl Expect {
    /// How a run ends is expected in exactly one way.
    fn has_one_end(&self) -> bool {
        let Expect { status, raised, error, suspended, .. } = self;
        let ends = [status.is_some(), raised.is_some(), error.is_some(), suspended.is_some()];
        ends.iter().filter(|given| **given).count() == 1
    }
}

/// Compares an outcome with what is expected of it.
pub fn check(expect: &Expect, outcome: &Outcome) -> Vec<String> {
    let mut findings = Vec::new();
    match (&expect.status, &expect.raised, &expect.suspended) {
        (Some(status), ..) => compare(&mut findings, "status", status, &outcome.status),
        (_, Some(expected), _) => {
            let raised = if let Status::Raised { r#type, .. } = &outcome.status { r#type.as_str() } else { "nothing" };
            compare(&mut findings, "raised", expected.as_str(), raised);
        }
        (.., Some(calls)) => play::check_suspended(&mut findings, calls, outcome),
        _ => findings.push(format!("expected the error {:?}, it ended as {:?}", expect.error, outcome.status)),
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
    compare_if(&mut findings, "result_truncated", expect.result_truncated.as_ref(), &outcome.result_truncated);
    compare_if(&mut findings, "stdout_truncated", expect.stdout_truncated.as_ref(), &outcome.stdout_truncated);
    compare_if(&mut findings, "output_bytes", expect.output_bytes.as_ref(), &outcome.usage.output_bytes);
    let diagnostics = outcome.diagnostics.iter().map(finding).collect();
    compare_if(&mut findings, "diagnostics", expect.diagnostics.as_ref(), &diagnostics);
    compare_if(&mut findings, "denials", expect.denials.as_ref(), &outcome.denials);
    compare_if(&mut findings, "tool_calls", expect.tool_calls.as_ref(), &outcome.tool_calls.counts);
    let details: Vec<_> = outcome.tool_calls.calls.iter().filter_map(|call| call.detail.as_deref()).collect();
    contains(&mut findings, "details", &expect.details_contain, &details.join("\n"));
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

/// `error: main.c:1:2: what`, without what is not known.
fn finding(found: &Diagnostic) -> String {
    let place = [found.file.clone(), found.line.map(|line| line.to_string()), found.column.map(|at| at.to_string())];
    let place = place.into_iter().flatten().collect::<Vec<_>>().join(":");
    let words = [found.severity.as_str(), &place, &found.message];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(": ")
}

/// Compares an error of the library with what is expected.
fn check_error(expect: &Expect, code: &str, message: &str) -> Vec<String> {
    let mut findings = Vec::new();
    match &expect.error {
        Some(expected) => compare(&mut findings, "error", expected.as_str(), code),
        None => findings.push(format!("expected an outcome, it failed with {message}")),
    }
    contains(&mut findings, "error", &expect.error_contains, message);
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

//! Running a case: its program, and what it is resumed with, step by step.

use super::tools::{Given, gate};
use super::{Case, Step, check, check_error, check_files, compare, compare_if};
use crate::guests;
use sandcell::{
    Engine, Event, FileChange, Image, Limits, Outcome, Policy, Program, Result, Sandbox, Status, Stdin, Stream,
    ToolError, Workspace,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What stands for the case's folder in its policy.
const FOLDER: &str = "$FOLDER";

/// The sandbox of a case, with the programs that run before.
pub(super) fn sandbox(case: &Case, folder: &Path) -> Result<Sandbox> {
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
    let (workspace, mut members) = after_steps(case, &policy, &limits)?;
    if let Some(member) = members.remove(&case.image) {
        return Ok(member);
    }
    let builder = match &workspace {
        Some(workspace) => workspace.sandbox(&image),
        None => Sandbox::builder(&image).policy(policy).limits(limits),
    };
    let mut builder = builder.tools(case.tools.iter().map(|t| t.tool()));
    if !case.gate.is_empty() {
        builder = builder.gate(gate(case.gate.clone()));
    }
    let mut sandbox = builder.build()?;
    for code in &case.before {
        let _ = sandbox.run(Program::code(code.as_str()))?;
    }
    Ok(sandbox)
}

/// The workspace of a case with steps, and the sandboxes that took them, by their images.
fn after_steps(
    case: &Case,
    policy: &Policy,
    limits: &Limits,
) -> Result<(Option<Workspace>, BTreeMap<String, Sandbox>)> {
    let mut members = BTreeMap::new();
    if case.steps.is_empty() {
        return Ok((None, members));
    }
    let workspace = Workspace::new(policy.clone(), limits.clone())?;
    for step in &case.steps {
        if !members.contains_key(&step.image) {
            members.insert(step.image.clone(), workspace.sandbox(&image(&step.image, limits)?).build()?);
        }
        let program = match &step.code {
            Some(code) => Program::code(code.as_str()),
            None => step.args.iter().fold(Program::command(), |program, arg| program.arg(arg)),
        };
        let outcome = members.get_mut(&step.image).map(|member| member.run(program)).transpose()?;
        assert!(outcome.is_some_and(|outcome| outcome.is_success()), "{}: {step:?}", case.name);
    }
    Ok((Some(workspace), members))
}

fn image(name: &str, limits: &Limits) -> Result<Image> {
    match name.strip_prefix("wasm:") {
        // Not the shared one: loading is what a case about modules looks at.
        Some("calls") => Ok(guests::wat("calls")),
        Some(guest) => Image::command(guests::engine(), guest, &guests::wat_source(guest), limits),
        None if name == "python" => Ok(guests::python().clone()),
        None if name == "javascript" => Ok(guests::javascript().clone()),
        None if name == "typescript" => Ok(guests::typescript().clone()),
        None if name == "lua" => Ok(guests::lua().clone()),
        None => Image::load(&Engine::new()?, name),
    }
}

/// Runs the program of a case and then its steps; lists what is not as expected.
pub(super) fn play(case: &Case, sandbox: &mut Sandbox) -> Vec<String> {
    let mut findings = Vec::new();
    let mut waiting = Waiting::default();
    let followed = case.expect.events.is_some();
    let canceller = case.cancel_after_ms.map(|after| Canceller::start(sandbox, after));
    let ended = program(case).and_then(|program| Ended::of(sandbox, followed, program));
    drop(canceller);
    findings.extend(judge(&case.expect, ended, sandbox, &mut waiting));
    for (number, step) in case.resume.iter().enumerate() {
        std::thread::sleep(Duration::from_millis(step.after_ms));
        let ended = match waiting.results(step) {
            Ok(results) => waiting.resume(sandbox, followed, step, results),
            Err(problem) => {
                findings.push(format!("resume {number}: {problem}"));
                break;
            }
        };
        let found = judge(&step.expect, ended, sandbox, &mut waiting);
        findings.extend(found.into_iter().map(|finding| format!("resume {number}: {finding}")));
    }
    findings
}

fn program(case: &Case) -> Result<Program> {
    let mut program = match (&case.code, &case.project) {
        (Some(code), _) => Program::code(code.as_str()),
        (None, Some(files)) => {
            let files = files.iter().map(|(name, text)| (name, text.as_str()));
            Program::project(files, case.entry.as_deref().unwrap_or_default())?
        }
        (None, None) => Program::command(),
    };
    if let Some(name) = &case.named {
        program = program.named(name.as_str());
    }
    Ok(program
        .flags(case.flags.iter().cloned())
        .args(case.args.iter().cloned())
        .stdin(Stdin::bytes(case.stdin.as_str())))
}

fn judge(expect: &super::Expect, ended: Result<Ended>, sandbox: &mut Sandbox, waiting: &mut Waiting) -> Vec<String> {
    match ended {
        Err(error) => check_error(expect, &error),
        Ok(Ended { outcome, events }) => {
            let mut findings = check(expect, &outcome);
            compare_if(&mut findings, "events", expect.events.as_ref(), &events);
            findings.extend(check_files(expect, sandbox));
            waiting.look(&outcome);
            findings
        }
    }
}

/// How a run ended, and what was told of it.
struct Ended {
    outcome: Outcome,
    events: Vec<String>,
}

impl Ended {
    fn of(sandbox: &mut Sandbox, followed: bool, program: Program) -> Result<Ended> {
        match followed {
            true => Ended::listen(sandbox.follow_to_end(program)?),
            false => Ok(Ended { outcome: sandbox.run_to_end(program)?, events: Vec::new() }),
        }
    }

    fn listen(following: impl Iterator<Item = Result<Event>>) -> Result<Ended> {
        let mut words = Words::default();
        for event in following {
            match event? {
                Event::Ended(outcome) => {
                    words.add(format!(
                        "ended: {}",
                        serde_json::to_value(&outcome.status).unwrap()["kind"].as_str().unwrap()
                    ));
                    return Ok(Ended { outcome: *outcome, events: words.finish() });
                }
                event => words.event(&event),
            }
        }
        panic!("a run was told without its end")
    }
}

/// What is told of a run, in words; output of one stream without anything between is one word.
#[derive(Default)]
struct Words {
    words: Vec<String>,
    output: Option<(Stream, Vec<u8>)>,
}

impl Words {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Output { stream, bytes } => match &mut self.output {
                Some((last, before)) if last == stream => before.extend(bytes),
                _ => {
                    self.flush();
                    self.output = Some((*stream, bytes.clone()));
                }
            },
            Event::OutputCut { stream } => self.add(format!("cut: {}", name(*stream))),
            Event::ToolCall { id, tool, .. } => self.add(format!("call: {id} {tool}")),
            Event::ToolResult { id, outcome, .. } => self.add(format!("result: {id} {outcome}")),
            Event::File { change: FileChange::Written, path } => self.add(format!("written: {path}")),
            Event::File { change: FileChange::Removed, path } => self.add(format!("removed: {path}")),
            Event::Artifact(artifact) => self.add(format!("artifact: {}", artifact.mime)),
            other => panic!("an event without a word: {other:?}"),
        }
    }

    fn add(&mut self, word: String) {
        self.flush();
        self.words.push(word);
    }

    fn flush(&mut self) {
        if let Some((stream, bytes)) = self.output.take() {
            self.words.push(format!("{}: {}", name(stream), String::from_utf8_lossy(&bytes)));
        }
    }

    fn finish(mut self) -> Vec<String> {
        self.flush();
        self.words
    }
}

fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    }
}

/// What the last suspended outcome said.
#[derive(Default)]
struct Waiting {
    calls: Vec<u64>,
    token: String,
}

type Results = Vec<(u64, std::result::Result<serde_json::Value, ToolError>)>;

impl Waiting {
    fn look(&mut self, outcome: &Outcome) {
        if let Status::Suspended { calls, token } = &outcome.status {
            *self = Waiting { calls: calls.iter().map(|call| call.id).collect(), token: token.clone() };
        }
    }

    /// The step's results with the numbers of the calls that wait.
    fn results(&self, step: &Step) -> std::result::Result<Results, String> {
        if step.results.len() > self.calls.len() {
            return Err(format!("{} results for {} calls", step.results.len(), self.calls.len()));
        }
        let pairs = self.calls.iter().zip(&step.results);
        Ok(pairs.filter_map(|(id, given)| Some((*id, given.as_ref().map(Given::result)?))).collect())
    }

    fn resume(&self, sandbox: &mut Sandbox, followed: bool, step: &Step, results: Results) -> Result<Ended> {
        let token = step.token.as_ref().unwrap_or(&self.token);
        match followed {
            true => Ended::listen(sandbox.resume_following(token, results)?),
            false => Ok(Ended { outcome: sandbox.resume(token, results)?, events: Vec::new() }),
        }
    }
}

/// Cancels the run under way from another thread.
struct Canceller {
    over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Canceller {
    fn start(sandbox: &Sandbox, after_ms: u64) -> Canceller {
        let over = Arc::new(AtomicBool::new(false));
        let (cancel, ended) = (sandbox.cancel_handle(), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(after_ms));
            while !ended.load(Ordering::SeqCst) && !cancel.cancel() {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Canceller { over, thread: Some(thread) }
    }
}

impl Drop for Canceller {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// Compares what a suspended run waits for.
pub(super) fn check_suspended(findings: &mut Vec<String>, expected: &[super::Waits], outcome: &Outcome) {
    match &outcome.status {
        Status::Suspended { calls, .. } => {
            let found: Vec<_> = calls
                .iter()
                .map(|call| super::Waits { tool: call.tool.clone(), arguments: call.arguments.clone() })
                .collect();
            compare(findings, "suspended", expected, &found[..]);
        }
        other => findings.push(format!("expected that it waits for {expected:?}, it ended as {other:?}")),
    }
}

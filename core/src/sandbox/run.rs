//! One run: driven to its end and put together as an outcome, for commands and sessions alike.

use super::session::Work;
use super::{Body, Program, Sandbox, command, hint};
use crate::error::Result;
use crate::guest::Answer;
use crate::limits::{LimitKey, Limits};
use crate::outcome::{FilesDiff, Outcome, Status, Usage};
use crate::store::State;
use crate::vfs::Vfs;
use crate::wasi::{Interrupt, Stdin, Streams};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::Store;

/// What a run leaves behind, before it is an outcome.
pub(super) struct Remains {
    pub(super) status: Status,
    pub(super) answer: Answer,
    pub(super) streams: Streams,
    pub(super) files: FilesDiff,
    pub(super) usage: Usage,
}

/// What the end of a program may use when a session is closed.
const CLOSE_FUEL: u64 = 5_000_000_000;
const CLOSE_MS: u64 = 2_000;

/// Closes a session, within a small budget.
pub(super) async fn close(sandbox: &mut Sandbox) -> Result<Outcome> {
    let small = |limit, most| sandbox.limits.value(limit).min(most);
    let (fuel, deadline) = (small(LimitKey::Fuel, CLOSE_FUEL), small(LimitKey::DeadlineMs, CLOSE_MS));
    let limits = sandbox.limits.clone().with(LimitKey::Fuel, fuel)?.with(LimitKey::DeadlineMs, deadline)?;
    if matches!(sandbox.body, Body::Command { .. }) {
        return Err(crate::snapshot::not_a_session(&sandbox.image));
    }
    sandbox.image.engine().check_handlers()?;
    let remains = work(sandbox, Work::Close, Stdin::empty(), None, &limits).await?;
    Ok(outcome(remains, &limits))
}

/// Runs a program; with `finish`, up to what follows its last line.
pub(super) async fn run(sandbox: &mut Sandbox, program: Program, finish: bool) -> Result<Outcome> {
    let remains = match &sandbox.body {
        Body::Command { .. } => command::run(sandbox, program).await?,
        Body::Session(_) => turn(sandbox, program, finish).await?,
    };
    Ok(outcome(remains, &sandbox.limits))
}

async fn turn(sandbox: &mut Sandbox, program: Program, finish: bool) -> Result<Remains> {
    sandbox.image.engine().check_handlers()?;
    let Body::Session(session) = &mut sandbox.body else { return Err(super::GONE) };
    let driver = session.live(&sandbox.limits)?.driver();
    let turn = program.into_turn(&sandbox.image, &sandbox.policy, &sandbox.limits, driver, session.seeding())?;
    if let (Some((path, source)), Some(vfs)) = (&turn.script, session.vfs()) {
        vfs.write_file(path, source.as_bytes())?;
    }
    let script = turn.script.as_ref().map(|(path, _)| path.to_string());
    let request = turn.request.as_slice();
    let what = if finish { Work::LastTurn(request) } else { Work::Turn(request) };
    let limits = sandbox.limits.clone();
    work(sandbox, what, turn.stdin, script, &limits).await
}

/// Has the session do something, and takes what came of it.
async fn work(
    sandbox: &mut Sandbox,
    what: Work<'_>,
    stdin: Stdin,
    script: Option<String>,
    limits: &Limits,
) -> Result<Remains> {
    let Body::Session(session) = &mut sandbox.body else { return Err(super::GONE) };
    let interrupt = Arc::new(Interrupt::start(Duration::from_millis(limits.value(LimitKey::DeadlineMs))));
    let running = sandbox.cancel.begin(&interrupt);
    let ended = session.work(what, stdin, limits, &interrupt).await;
    // From here on a cancellation comes too late, and says so.
    drop(running);
    let mut ended = ended?;
    let live = session.after_turn()?;
    let mut usage = usage(live.store(), &interrupt, limits);
    // A guest that was stopped got fuel of its own to write its output out.
    usage.fuel = limits.value(LimitKey::Fuel).saturating_sub(ended.fuel_left);
    let streams = live.store().data_mut().wasi.end_run();
    let files = files(live.store().data_mut().wasi.vfs(), script.as_ref());
    usage.fs_bytes = live.store().data_mut().wasi.vfs().fs_bytes_used();
    session.conclude(&ended);
    let answer = std::mem::take(&mut ended.answer);
    Ok(Remains { status: ended.status, answer, streams, files, usage })
}

/// What differs from the start, without the program itself.
pub(super) fn files(vfs: &mut Vfs, script: Option<&String>) -> FilesDiff {
    let mut files = vfs.diff();
    for list in [&mut files.added, &mut files.changed] {
        list.retain(|path| Some(path) != script);
    }
    files
}

/// What a run has cost so far.
pub(super) fn usage(store: &Store<State>, interrupt: &Interrupt, limits: &Limits) -> Usage {
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    Usage {
        fuel: limits.value(LimitKey::Fuel).saturating_sub(store.get_fuel().unwrap_or(0)),
        wall_ms: milliseconds(interrupt.started().elapsed()),
        host_wait_ms: milliseconds(interrupt.waited()),
        peak_memory_bytes: store.data().meter.peak_memory_bytes(),
        ..Usage::default()
    }
}

fn outcome(remains: Remains, limits: &Limits) -> Outcome {
    let Remains { status, answer, streams, files, mut usage } = remains;
    usage.output_bytes = streams.stdout.written.saturating_add(streams.stderr.written);
    let mut outcome = Outcome {
        status,
        stdout: streams.stdout.bytes,
        stdout_truncated: streams.stdout.truncated,
        stderr: streams.stderr.bytes,
        stderr_truncated: streams.stderr.truncated,
        result: answer.result.or(answer.repr.map(serde_json::Value::String)),
        result_truncated: answer.truncated,
        artifacts: answer.artifacts,
        files,
        denials: streams.denials,
        tool_calls: crate::outcome::ToolRecord::default(),
        usage,
        hint: String::new(),
    };
    outcome.hint = hint::hint(&outcome, limits);
    outcome
}

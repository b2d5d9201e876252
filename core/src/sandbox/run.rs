//! One run: an instance of the guest over the sandbox's file tree, driven to its end.

use super::{Program, Sandbox, hint};
use crate::error::Result;
use crate::guest::Ended;
use crate::limits::LimitKey;
use crate::outcome::{Outcome, Status, Usage};
use crate::store::{self, Halt, State, drive};
use crate::wasi::{Interrupt, Setup, Stop, WasiCtx};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::Store;

pub(super) async fn run(sandbox: &mut Sandbox, program: Program) -> Result<Outcome> {
    let prepared = program.prepare(&sandbox.image)?;
    sandbox.image.engine().check_handlers()?;
    let deadline = Duration::from_millis(sandbox.limits.value(LimitKey::DeadlineMs));
    let interrupt = Arc::new(Interrupt::start(deadline));
    let running = sandbox.cancel.begin(&interrupt);
    if let Some((path, source)) = &prepared.script {
        sandbox.vfs()?.write_file(path, source.as_bytes())?;
    }
    let vfs = sandbox.take_vfs()?;
    let wasi = WasiCtx::new(Setup {
        args: prepared.args,
        env: environment(sandbox),
        vfs,
        clock: Arc::clone(&sandbox.clock),
        seed: sandbox.policy.seed,
        stdin: prepared.stdin,
        limits: sandbox.limits.clone(),
        host_bytes: Arc::clone(&sandbox.host_bytes),
        interrupt: Arc::clone(&interrupt),
    })?;
    let mut store = store::new_store(sandbox.image.engine(), wasi, &sandbox.limits)?;
    let driven = drive(&interrupt, sandbox.image.guest().run(&mut store)).await;
    // From here on a cancellation comes too late, and says so.
    drop(running);
    let driven = match driven {
        Ok(ended) => Ok(ended),
        Err(Halt::Stop(stop)) => Err(stop),
        // Nobody knows in what state the file tree is: it goes with the store.
        Err(Halt::Panic(error)) => return Err(error),
    };
    let status = status(driven, &store);
    let usage = usage(&store, &interrupt, &sandbox.limits);
    finish(sandbox, store, status, usage, prepared.script.map(|(path, _)| path.to_string()))
}

/// The image's variables with the policy's laid over them; nothing of the host's.
fn environment(sandbox: &Sandbox) -> Vec<(String, String)> {
    let mut env: BTreeMap<_, _> = sandbox.image.invocation().env.clone();
    env.extend(sandbox.policy.env.clone());
    env.into_iter().collect()
}

fn status(driven: Result<Ended, Stop>, store: &Store<State>) -> Result<Status> {
    match driven {
        Ok(Ended::Returned(code)) => Ok(Status::Exited { code }),
        Ok(Ended::Failed(error)) => store::classify(&error),
        Ok(Ended::NotStarted(error)) => match store::refused_at_start(&error, &store.data().meter) {
            Some(refused) => Err(refused),
            None => store::classify(&error),
        },
        Err(stop) => Ok(store::status_of(stop)),
    }
}

fn usage(store: &Store<State>, interrupt: &Interrupt, limits: &crate::Limits) -> Usage {
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    Usage {
        fuel: limits.value(LimitKey::Fuel).saturating_sub(store.get_fuel().unwrap_or(0)),
        wall_ms: milliseconds(interrupt.started().elapsed()),
        host_wait_ms: milliseconds(interrupt.waited()),
        peak_memory_bytes: store.data().meter.peak_memory_bytes(),
        ..Usage::default()
    }
}

/// Takes the file tree back, whatever the status, and puts the outcome together.
fn finish(
    sandbox: &mut Sandbox,
    store: Store<State>,
    status: Result<Status>,
    mut usage: Usage,
    script: Option<String>,
) -> Result<Outcome> {
    let taken = catch_unwind(AssertUnwindSafe(|| {
        let parts = store.into_data().wasi.into_parts();
        let files = parts.vfs.diff();
        (parts, files)
    }));
    let (parts, mut files) = taken.map_err(|panic| store::panicked(panic.as_ref()))?;
    for list in [&mut files.added, &mut files.changed] {
        list.retain(|path| Some(path) != script.as_ref());
    }
    usage.output_bytes = parts.stdout.written.saturating_add(parts.stderr.written);
    usage.fs_bytes = parts.vfs.fs_bytes_used();
    sandbox.vfs = Some(parts.vfs);
    let mut outcome = Outcome {
        status: status?,
        stdout: parts.stdout.bytes,
        stdout_truncated: parts.stdout.truncated,
        stderr: parts.stderr.bytes,
        stderr_truncated: parts.stderr.truncated,
        result: None,
        artifacts: Vec::new(),
        files,
        denials: parts.denials,
        usage,
        hint: String::new(),
    };
    outcome.hint = hint::hint(&outcome, &sandbox.limits);
    Ok(outcome)
}

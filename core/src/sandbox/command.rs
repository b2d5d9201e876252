//! A run of a command module: an instance over the sandbox's file tree, driven to its end.

use super::run::{Remains, files, usage};
use super::{Body, GONE, Program, Sandbox};
use crate::error::Result;
use crate::guest::{Answer, Ended};
use crate::image::Kind;
use crate::limits::LimitKey;
use crate::outcome::Status;
use crate::store::{self, Halt, State, drive};
use crate::wasi::{Interrupt, Setup, Stop, WasiCtx};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::Store;

pub(super) async fn run(sandbox: &mut Sandbox, program: Program) -> Result<Remains> {
    let (args, stdin) = program.into_arguments(&sandbox.image)?;
    sandbox.image.engine().check_handlers()?;
    let Kind::Command(guest) = sandbox.image.kind() else { return Err(GONE) };
    let deadline = Duration::from_millis(sandbox.limits.value(LimitKey::DeadlineMs));
    let interrupt = Arc::new(Interrupt::start(deadline));
    let running = sandbox.cancel.begin(&interrupt);
    let Body::Command { vfs } = &mut sandbox.body else { return Err(GONE) };
    let wasi = WasiCtx::new(Setup {
        args,
        env: environment(&sandbox.image.invocation().env, &sandbox.policy.env),
        vfs: *vfs.take().ok_or(GONE)?,
        clock: Arc::clone(&sandbox.clock),
        seed: sandbox.policy.seed,
        stdin,
        limits: sandbox.limits.clone(),
        host_bytes: Arc::clone(&sandbox.host_bytes),
        interrupt: Arc::clone(&interrupt),
    })?;
    let mut store = store::new_store(guest.module().engine(), wasi, &sandbox.limits)?;
    let driven = drive(&interrupt, guest.run(&mut store)).await;
    // From here on a cancellation comes too late, and says so.
    drop(running);
    let driven = match driven {
        Ok(ended) => Ok(ended),
        Err(Halt::Stop(stop)) => Err(stop),
        // Nobody knows in what state the file tree is: it goes with the store.
        Err(Halt::Panic(error)) => return Err(error),
    };
    let status = status(driven, &store);
    let mut usage = usage(&store, &interrupt, &sandbox.limits);
    let taken = catch_unwind(AssertUnwindSafe(|| {
        let mut wasi = store.into_data().wasi;
        let streams = wasi.end_run();
        let mut vfs = wasi.into_vfs();
        let files = files(&mut vfs, None);
        (streams, vfs, files)
    }));
    let (streams, tree, files) = taken.map_err(|panic| store::panicked(panic.as_ref()))?;
    usage.fs_bytes = tree.fs_bytes_used();
    *vfs = Some(Box::new(tree));
    Ok(Remains { status: status?, answer: Answer::default(), streams, files, usage })
}

/// The image's variables with the policy's laid over them; nothing of the host's.
fn environment(image: &BTreeMap<String, String>, policy: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut env = image.clone();
    env.extend(policy.clone());
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

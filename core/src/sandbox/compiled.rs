//! A run of a program that is compiled first: the compiler works on a thread of its own, in its own
//! sandbox and with its own limits, and then what it made runs as a command over the sandbox's tree.
//!
//! The run's own clock stands still while the compiler works.

use super::command;
use super::outcome::Remains;
use super::task::{Finished, Returned, Shared};
use crate::error::{Error, Result};
use crate::guest::Answer;
use crate::limits::{LimitKey, Limits};
use crate::outcome::{Status, TrapReason};
use crate::store::{self, Halt, Report, drive, panicked};
use crate::toolchain::{Compiled, Cost, Findings, Job, Refusal, Verdict};
use crate::tools::Broker;
use crate::vfs::Vfs;
use crate::wasi::{Captured, Interrupt, Setup, Stop, Streams};
use futures_channel::oneshot;
use futures_util::FutureExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a program in C does when it reads or writes where it has nothing.
const OUTSIDE: &str = "The program read or wrote outside its memory: through a wild pointer, or by recursion deeper than its stack of 8 MiB.";

/// What a compiler's thread may take beyond its deadline: clang ends at it, and then the machine's own compiler may be at
/// work on the module, which nothing interrupts.
const GRACE: Duration = Duration::from_millis(500);

/// Compiles, and runs what was made.
pub(super) async fn run(job: Job, compile_ms: u64, setup: Setup, shared: Shared, broker: Option<Broker>) -> Finished {
    let began = Instant::now();
    let made = Working::start(job, compile_ms);
    shared.interrupt.set_aside();
    let made = match made {
        Ok(working) => working.wait(&shared.interrupt).await,
        Err(error) => Ok(Some(Ok(Err(error)))),
    };
    shared.interrupt.take_up();
    let compiled = match made {
        Ok(Some(Ok(Ok(compiled)))) => compiled,
        Ok(Some(Ok(Err(error)))) => return failed(setup.vfs, error),
        Ok(None) => return refused(setup, Refusal::too_slow(compile_ms), Findings::default(), given_up(began)),
        Ok(Some(Err(_))) => {
            return failed(setup.vfs, Error::Internal { reason: "the compiler's thread ended".into() });
        }
        Err(stop) => {
            let stopped = Refusal { status: store::status_of(stop), hint: String::new() };
            return refused(setup, stopped, Findings::default(), given_up(began));
        }
    };
    let Compiled { verdict, findings, cost } = compiled;
    let ready = match verdict {
        Verdict::Ready(ready) => ready,
        Verdict::Refused(refusal) => return refused(setup, refusal, findings, cost),
    };
    if let Some(refusal) = ready.exceeds(&setup.limits) {
        return refused(setup, refusal, findings, cost);
    }
    let mut finished = command::run(ready.guest, setup, shared, broker).await;
    if let Ok(remains) = &mut finished.remains {
        if matches!(remains.status, Status::Trapped { reason: TrapReason::MemoryOutOfBounds }) {
            OUTSIDE.clone_into(&mut remains.hint);
        }
        remains.diagnostics = findings.diagnostics;
        remains.compile = cost;
    }
    finished
}

/// What is known of a compiler's cost that nobody waited for: how long it was waited for.
fn given_up(began: Instant) -> Cost {
    Cost { fuel: 0, time: began.elapsed() }
}

/// The compiler's thread, which ends soon after nobody waits for it any more.
struct Working {
    result: oneshot::Receiver<Result<Compiled>>,
    interrupt: Arc<Interrupt>,
    /// When nobody waits any more, whatever the thread does.
    until: Instant,
}

/// What the thread gave, unless it ended without a word.
type Made = std::result::Result<Result<Compiled>, oneshot::Canceled>;

impl Working {
    fn start(job: Job, compile_ms: u64) -> Result<Working> {
        let interrupt = Arc::new(Interrupt::start(Duration::from_millis(compile_ms)));
        let (sender, result) = oneshot::channel();
        let stop = Arc::clone(&interrupt);
        let work = move || {
            let made = catch_unwind(AssertUnwindSafe(|| job.make(&stop)));
            // Nobody may be waiting any more.
            let _ = sender.send(made.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))));
        };
        let thread = std::thread::Builder::new().name("sandcell-compile".to_owned()).spawn(work);
        thread.map_err(|error| Error::HostExhausted { resource: "threads", reason: error.to_string() })?;
        let until = Instant::now() + Duration::from_millis(compile_ms) + GRACE;
        Ok(Working { result, interrupt, until })
    }

    /// Waits for the thread, until the run is cancelled or too much time has passed (`None`).
    async fn wait(mut self, run: &Interrupt) -> std::result::Result<Option<Made>, Stop> {
        let until = Some(self.until);
        let waited = drive(run, run.wait_for(until, |context| self.result.poll_unpin(context))).await;
        match waited {
            Ok(made) => made,
            Err(Halt::Stop(stop)) => Err(stop),
            Err(Halt::Panic(error)) => Ok(Some(Ok(Err(error)))),
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.interrupt.cancel();
    }
}

/// Nothing of the program ran.
fn refused(mut setup: Setup, refusal: Refusal, findings: Findings, cost: Cost) -> Finished {
    let Refusal { status, hint } = refusal;
    let text = match &status {
        // What is told as the traceback is told on standard error, too.
        Status::Raised { traceback, .. } => traceback,
        _ => &findings.text,
    };
    let report = report(&mut setup.vfs, &setup.limits, |limits| {
        Captured::of(text.as_bytes(), limits.value(LimitKey::OutputBytes), &setup.host_bytes)
    });
    let diagnostics = findings.diagnostics;
    let remains = Remains { status, answer: Answer::default(), report, diagnostics, compile: cost, hint };
    Finished { body: Returned::Files(Box::new(setup.vfs)), remains: Ok(remains) }
}

fn report(vfs: &mut Vfs, limits: &Limits, stderr: impl FnOnce(&Limits) -> Captured) -> Report {
    Report {
        streams: Streams { stderr: stderr(limits), ..Streams::default() },
        files: vfs.changes_of_run(),
        fs_bytes: vfs.fs_bytes_used(),
        fuel_left: limits.value(LimitKey::Fuel),
        peak_memory_bytes: 0,
        memory_refused: false,
    }
}

fn failed(vfs: Vfs, error: Error) -> Finished {
    Finished { body: Returned::Files(Box::new(vfs)), remains: Err(error) }
}

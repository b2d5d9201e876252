//! A run of a session: one turn of its live guest, driven to its end.

use super::outcome::Remains;
use super::task::{Finished, Returned, Shared};
use crate::error::{Error, Result};
use crate::guest::{Answer, Broken, Driver, Live, Turn as Answered};
use crate::limits::{LimitKey, Limits};
use crate::outcome::{Status, ToolErrorKind, TrapReason};
use crate::store::{self, Halt, Host, Report, drive, serve};
use crate::toolchain::Cost;
use crate::tools::Broker;
use crate::wasi::{Interrupt, Stdin};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The request to the driver to write out what is buffered.
const FLUSH: &[u8] = b"!";
/// What a guest that was stopped may use to write out its output.
const FLUSH_FUEL: u64 = 20_000_000;
const FLUSH_TIME: Duration = Duration::from_millis(20);
/// What an answer may have beside the result: the traceback, and the frame itself.
const ANSWER_BYTES: u64 = 256 << 10;

/// What a session is asked to do.
pub(super) enum Work {
    /// Answer a request, and go on.
    Turn(Vec<u8>),
    /// Answer a request, and then end as the interpreter would.
    LastTurn(Vec<u8>),
    /// End as the interpreter would: exit handlers, and what was not yet written to files.
    Close,
}

/// Everything that one run needs.
pub(super) struct Run {
    pub(super) work: Work,
    pub(super) stdin: Stdin,
    pub(super) limits: Limits,
    pub(super) shared: Shared,
    pub(super) broker: Option<Broker>,
    /// A request to be answered first, of which nobody gets the answer.
    pub(super) before: Option<Vec<u8>>,
}

/// How one turn ended.
struct Ended {
    status: Status,
    answer: Answer,
    /// Why the guest cannot go on, if it cannot.
    over: Option<String>,
}

/// Drives the guest through its work.
pub(super) async fn run(mut live: Box<Live>, run: Run) -> Finished {
    let Run { work, stdin, limits, shared, mut broker, before } = run;
    if let Err(error) = refuel(&mut live, limits.value(LimitKey::Fuel)) {
        return Finished { body: Returned::Live(live, None), remains: Err(error) };
    }
    let most = usize::try_from(limits.value(LimitKey::ResultBytes) + ANSWER_BYTES).unwrap_or(usize::MAX);
    begin(&mut live, stdin, &shared);
    let goes_on = matches!(work, Work::Turn(_));
    let host = shared.desk.as_deref().zip(broker.as_mut()).map(|(desk, broker)| Host { desk, broker });
    let driven = serve(&shared.interrupt, host, async {
        if let Some(request) = &before {
            live.turn(request, most).await?;
        }
        let answered = match &work {
            Work::Turn(request) | Work::LastTurn(request) => live.turn(request, most).await?,
            Work::Close => Answered::Answered(Vec::new()),
        };
        if !goes_on {
            live.finish(most).await?;
        }
        Ok(answered)
    });
    let driven = driven.await;
    if let Some(broker) = &mut broker {
        broker.stop(given_up(&shared.interrupt));
    }
    let mut ended = match driven {
        Ok(Ok(answered)) => answered_as(answered, live.driver()),
        Ok(Err(Broken::Answer(reason))) => Ended::over(Status::Trapped { reason: TrapReason::Other }, reason),
        Ok(Err(Broken::Failed(error))) => match store::classify(&error) {
            Ok(status) => Ended::by_status(status),
            Err(error) => return nothing(error),
        },
        Err(Halt::Stop(stop)) => Ended::by_status(store::status_of(stop)),
        // Nobody knows in what state the host's side is.
        Err(Halt::Panic(error)) => return nothing(error),
    };
    // A guest that is stopped gets fuel of its own to write its output out.
    let fuel_left = live.store().get_fuel().unwrap_or(0);
    if ended.over.is_some() && !shared.abandoned.load(Ordering::Relaxed) {
        flush(&mut live, most).await;
    }
    if ended.over.is_none() && !goes_on {
        ended.over = Some("its program ran to its end".to_owned());
    }
    let Ended { status, answer, over } = ended;
    let reported = catch_unwind(AssertUnwindSafe(|| Report::at_end(live.store())));
    match reported {
        Ok(mut report) => {
            report.fuel_left = fuel_left;
            Finished {
                body: Returned::Live(live, over),
                remains: Ok(Remains {
                    status,
                    answer,
                    report,
                    diagnostics: Vec::new(),
                    compile: Cost::default(),
                    hint: String::new(),
                }),
            }
        }
        Err(panic) => nothing(store::panicked(panic.as_ref())),
    }
}

fn begin(live: &mut Live, stdin: Stdin, shared: &Shared) {
    let state = live.store().data_mut();
    state.meter.begin_run();
    state.wasi.begin_run(stdin, Arc::clone(&shared.interrupt));
    if let Some(outlet) = &shared.outlet {
        state.wasi.follow(Arc::clone(outlet));
    }
    state.desk.clone_from(&shared.desk);
}

/// What is recorded of calls that were still under way.
pub(super) fn given_up(interrupt: &Interrupt) -> ToolErrorKind {
    match interrupt.verdict() {
        Some(crate::wasi::Stop::HostWait | crate::wasi::Stop::Deadline) => ToolErrorKind::Timeout,
        _ => ToolErrorKind::Cancelled,
    }
}

pub(super) fn nothing(error: Error) -> Finished {
    Finished { body: Returned::Nothing, remains: Err(error) }
}

impl Ended {
    fn over(status: Status, reason: &str) -> Ended {
        Ended { status, answer: Answer::default(), over: Some(reason.to_owned()) }
    }

    /// Whatever else ends a turn from below ends the guest as well.
    fn by_status(status: Status) -> Ended {
        let reason = match &status {
            Status::Exited { .. } => "the guest exited".to_owned(),
            Status::Exceeded { limit } => format!("a run exceeded `{limit}`"),
            Status::Trapped { reason } => format!("the guest trapped ({})", reason.as_str()),
            _ => "a run was cancelled".to_owned(),
        };
        Ended { status, answer: Answer::default(), over: Some(reason) }
    }
}

/// How a turn ended to which the guest gave an answer.
fn answered_as(answered: Answered, driver: Driver) -> Ended {
    let goes_on = |status, answer| Ended { status, answer, over: None };
    match answered {
        Answered::Answered(bytes) => match Answer::parse(&bytes) {
            Ok(answer) => goes_on(status_of(&answer), answer),
            Err(reason) => Ended::over(Status::Trapped { reason: TrapReason::Other }, &reason),
        },
        Answered::Raised => {
            let (r#type, message) = driver.out_of_memory();
            let traceback = format!("{type}: {message}");
            goes_on(Status::Raised { r#type: r#type.into(), message: message.into(), traceback }, Answer::default())
        }
        // The ABI of `turn`: the exit code, and whether the guest has quit.
        Answered::Status(status @ 0..=255) => goes_on(Status::Exited { code: status as u32 }, Answer::default()),
        Answered::Status(status @ 256..=511) => {
            Ended::over(Status::Exited { code: status as u32 & 0xff }, "the guest quit")
        }
        Answered::Status(_) => Ended::over(Status::Trapped { reason: TrapReason::Other }, "the guest failed"),
    }
}

fn status_of(answer: &Answer) -> Status {
    match (&answer.raised, answer.exit) {
        (Some(raised), _) => Status::Raised {
            r#type: raised.r#type.clone(),
            message: raised.message.clone(),
            traceback: raised.traceback.clone(),
        },
        (None, code) => Status::Exited { code: code.unwrap_or(0) },
    }
}

/// Asks a guest that was stopped for what it has printed and not yet written. It may be anywhere in
/// its own code, so it gets little time, no host, and what comes of it does not matter.
async fn flush(live: &mut Live, most: usize) {
    if !live.has_driver() || refuel(live, FLUSH_FUEL).is_err() {
        return;
    }
    live.rest();
    let interrupt = Arc::new(Interrupt::start(FLUSH_TIME));
    let state = live.store().data_mut();
    state.desk = None;
    state.wasi.begin_run(Stdin::empty(), Arc::clone(&interrupt));
    let _ = drive(&interrupt, live.turn(FLUSH, most)).await;
}

fn refuel(live: &mut Live, fuel: u64) -> Result<()> {
    live.store().set_fuel(fuel).map_err(|error| Error::Internal { reason: error.to_string() })
}

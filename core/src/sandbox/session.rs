//! A session: one live guest that answers run after run, until something ends it.

use super::program::Seeding;
use crate::error::{Error, Result};
use crate::guest::{Answer, Broken, Live, Turn as Answered};
use crate::image::{Image, Kind};
use crate::limits::{LimitKey, Limits};
use crate::outcome::{Status, TrapReason};
use crate::snapshot::{self, Captured, Snapshot};
use crate::store::{self, Halt, drive};
use crate::vfs::Vfs;
use crate::wasi::{Interrupt, Stdin};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The request to the driver to write out what is buffered.
const FLUSH: &[u8] = b"!";
/// What a guest that was stopped may use to write out its output.
const FLUSH_FUEL: u64 = 20_000_000;
const FLUSH_TIME: Duration = Duration::from_millis(20);
/// What an answer may have beside the result: the traceback, and the frame itself.
const ANSWER_BYTES: u64 = 256 << 10;

/// One live guest, or what is left of it.
pub(super) struct Session {
    state: State,
    born: Instant,
    used: Instant,
    /// A run is under way; still set after a run whose future was dropped.
    busy: bool,
    /// The next turn seeds the guest anew: it is the first one since the fork from its image.
    fresh: bool,
    /// What it was forked from, unless from the image itself.
    origin: Option<Snapshot>,
}

enum State {
    Live(Box<Live>),
    /// Its files can still be read, unless a defect took them along.
    Ended {
        reason: String,
        vfs: Option<Box<Vfs>>,
    },
}

/// What a session is asked to do.
#[derive(Clone, Copy)]
pub(super) enum Work<'a> {
    /// Answer a request, and go on.
    Turn(&'a [u8]),
    /// Answer a request, and then end as the interpreter would.
    LastTurn(&'a [u8]),
    /// End as the interpreter would: exit handlers, and what was not yet written to files.
    Close,
}

/// How one turn ended.
pub(super) struct Ended {
    pub(super) status: Status,
    pub(super) answer: Answer,
    /// What is left of the fuel.
    pub(super) fuel_left: u64,
    /// Why the guest cannot go on, if it cannot.
    over: Option<String>,
}

impl Session {
    /// `fresh`: a fork of an image, whose first turn is told to seed itself anew.
    pub(super) fn new(live: Live, origin: Option<Snapshot>, fresh: bool) -> Session {
        let now = Instant::now();
        Session { state: State::Live(Box::new(live)), born: now, used: now, busy: false, fresh, origin }
    }

    /// What the guest is now.
    pub(super) fn capture(&mut self, image: &Image, limits: &Limits) -> Result<Captured> {
        let Kind::Reactor(start) = image.kind() else { return Err(snapshot::not_a_session(image)) };
        let (origin, fresh) = (self.origin.clone(), self.fresh);
        let earlier = origin.as_ref().map_or(&[][..], Snapshot::runs);
        Captured::of(image.engine(), self.live(limits)?, &start.warm.memory, earlier, fresh)
    }

    /// What the next turn is told about the guest's random state.
    pub(super) fn seeding(&self) -> Option<Seeding> {
        match self.origin {
            _ if !self.fresh => None,
            None => Some(Seeding::Image),
            Some(_) => Some(Seeding::Everything),
        }
    }

    /// The live guest.
    ///
    /// # Errors
    /// `session_ended`, also when it is found to be too old now.
    pub(super) fn live(&mut self, limits: &Limits) -> Result<&mut Live> {
        let over = |limit, since: Instant| since.elapsed() > Duration::from_millis(limits.value(limit));
        if self.busy {
            self.end("an earlier run was dropped before its end");
        } else if over(LimitKey::LifetimeMs, self.born) {
            self.end("it is older than `lifetime_ms` allows");
        } else if over(LimitKey::IdleMs, self.used) {
            self.end("it was idle for longer than `idle_ms` allows");
        }
        match &mut self.state {
            State::Live(live) => Ok(live),
            State::Ended { reason, .. } => Err(Error::SessionEnded { reason: reason.clone() }),
        }
    }

    /// The files, also of a session that has ended.
    pub(super) fn vfs(&mut self) -> Option<&mut Vfs> {
        match &mut self.state {
            State::Live(live) => Some(live.store().data_mut().wasi.vfs()),
            State::Ended { vfs, .. } => vfs.as_deref_mut(),
        }
    }

    /// Gives the guest's memory back and keeps its files.
    fn end(&mut self, reason: &str) {
        self.busy = false;
        if let State::Live(_) = self.state {
            let ended = State::Ended { reason: reason.to_owned(), vfs: None };
            let State::Live(live) = std::mem::replace(&mut self.state, ended) else { return };
            let kept = catch_unwind(AssertUnwindSafe(|| Box::new(live.into_state().wasi.into_vfs())));
            self.state = State::Ended { reason: reason.to_owned(), vfs: kept.ok() };
        }
    }

    /// Drives the guest through its work.
    ///
    /// # Errors
    /// `session_ended`; `internal` when a host function panicked.
    pub(super) async fn work(
        &mut self,
        work: Work<'_>,
        stdin: Stdin,
        limits: &Limits,
        interrupt: &Arc<Interrupt>,
    ) -> Result<Ended> {
        let live = self.live(limits)?;
        refuel(live, limits.value(LimitKey::Fuel))?;
        live.store().data_mut().wasi.begin_run(stdin, Arc::clone(interrupt));
        let most = usize::try_from(limits.value(LimitKey::ResultBytes) + ANSWER_BYTES).unwrap_or(usize::MAX);
        self.busy = true;
        self.fresh = false;
        let State::Live(live) = &mut self.state else {
            return Err(Error::Internal { reason: "a live session is not live".into() });
        };
        let driven = drive(interrupt, async {
            let answered = match work {
                Work::Turn(request) | Work::LastTurn(request) => live.turn(request, most).await?,
                Work::Close => Answered::Answered(Vec::new()),
            };
            if !matches!(work, Work::Turn(_)) {
                live.finish(most).await?;
            }
            Ok(answered)
        });
        let mut ended = match driven.await {
            Ok(Ok(answered)) => Ok(answered_as(answered)),
            Ok(Err(Broken::Answer(reason))) => Ok(Ended::over(Status::Trapped { reason: TrapReason::Other }, reason)),
            Ok(Err(Broken::Failed(error))) => store::classify(&error).map(Ended::by_status),
            Err(Halt::Stop(stop)) => Ok(Ended::by_status(store::status_of(stop))),
            // Nobody knows in what state the host's side is.
            Err(Halt::Panic(error)) => Err(error),
        };
        if let Ok(ended) = &mut ended {
            ended.fuel_left = live.store().get_fuel().unwrap_or(0);
            if ended.over.is_some() {
                flush(live, most).await;
            } else if !matches!(work, Work::Turn(_)) {
                ended.over = Some("its program ran to its end".to_owned());
            }
        }
        self.busy = false;
        self.used = Instant::now();
        if ended.is_err() {
            self.state = State::Ended { reason: "a host function failed".into(), vfs: None };
        }
        ended
    }

    /// The guest after a turn, whatever came of it.
    pub(super) fn after_turn(&mut self) -> Result<&mut Live> {
        match &mut self.state {
            State::Live(live) => Ok(live),
            State::Ended { reason, .. } => Err(Error::SessionEnded { reason: reason.clone() }),
        }
    }

    /// Ends the session if the turn did. Called once its output has been taken.
    pub(super) fn conclude(&mut self, ended: &Ended) {
        if let Some(reason) = &ended.over {
            self.end(reason);
        }
    }
}

impl Ended {
    fn over(status: Status, reason: &str) -> Ended {
        Ended { status, answer: Answer::default(), fuel_left: 0, over: Some(reason.to_owned()) }
    }

    /// Whatever else ends a turn from below ends the guest as well.
    fn by_status(status: Status) -> Ended {
        let reason = match &status {
            Status::Exited { .. } => "the guest exited".to_owned(),
            Status::Exceeded { limit } => format!("a run exceeded `{limit}`"),
            Status::Trapped { reason } => format!("the guest trapped ({})", reason.as_str()),
            _ => "a run was cancelled".to_owned(),
        };
        Ended { status, answer: Answer::default(), fuel_left: 0, over: Some(reason) }
    }
}

/// How a turn ended to which the guest gave an answer.
fn answered_as(answered: Answered) -> Ended {
    let goes_on = |status, answer| Ended { status, answer, fuel_left: 0, over: None };
    match answered {
        Answered::Answered(bytes) => match Answer::parse(&bytes) {
            Ok(answer) => goes_on(status_of(&answer), answer),
            Err(reason) => Ended::over(Status::Trapped { reason: TrapReason::Other }, &reason),
        },
        Answered::Raised => {
            let text = "there was not enough memory to report more".to_owned();
            let raised = Status::Raised { r#type: "MemoryError".into(), message: text.clone(), traceback: text };
            goes_on(raised, Answer::default())
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
/// its own code, so it gets little time, and what comes of it does not matter.
async fn flush(live: &mut Live, most: usize) {
    if !live.has_driver() || refuel(live, FLUSH_FUEL).is_err() {
        return;
    }
    live.rest();
    let interrupt = Arc::new(Interrupt::start(FLUSH_TIME));
    live.store().data_mut().wasi.begin_run(Stdin::empty(), Arc::clone(&interrupt));
    let _ = drive(&interrupt, live.turn(FLUSH, most)).await;
}

fn refuel(live: &mut Live, fuel: u64) -> Result<()> {
    live.store().set_fuel(fuel).map_err(|error| Error::Internal { reason: error.to_string() })
}

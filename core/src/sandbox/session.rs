//! A session: one live guest that answers run after run, until something ends it.

use super::program::{News, Seeding};
use crate::error::{Error, Result};
use crate::guest::Live;
use crate::image::{Image, Kind};
use crate::limits::{LimitKey, Limits};
use crate::snapshot::{self, Captured, Snapshot};
use crate::tools::Toolbox;
use crate::vfs::Vfs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// One live guest, or what is left of it.
pub(super) struct Session {
    state: State,
    born: Instant,
    used: Instant,
    /// The guest has not been told of this sandbox's tools.
    untold: bool,
    /// The next turn seeds the guest anew: it is the first one since the fork from its image.
    fresh: bool,
    /// What it was forked from, unless from the image itself.
    origin: Option<Snapshot>,
}

enum State {
    Live(Box<Live>),
    /// With the run under way.
    Away,
    /// Its files can still be read, unless a defect took them along.
    Ended {
        reason: String,
        vfs: Option<Box<Vfs>>,
    },
}

impl Session {
    /// `fresh`: a fork of an image, whose first turn is told to seed itself anew.
    pub(super) fn new(live: Live, origin: Option<Snapshot>, fresh: bool) -> Session {
        let now = Instant::now();
        Session { state: State::Live(Box::new(live)), born: now, used: now, untold: true, fresh, origin }
    }

    /// What the guest is now.
    pub(super) fn capture(&mut self, image: &Image, limits: &Limits) -> Result<Captured> {
        let Kind::Reactor(start) = image.kind() else { return Err(snapshot::not_a_session(image)) };
        let (origin, fresh) = (self.origin.clone(), self.fresh);
        let earlier = origin.as_ref().map_or(&[][..], Snapshot::runs);
        Captured::of(image.engine(), self.live(limits)?, &start.warm.memory, earlier, fresh)
    }

    /// What the next turn is told of the tools. A fork of the image knows none.
    pub(super) fn news(&self, toolbox: Option<&Toolbox>) -> News {
        match toolbox {
            Some(toolbox) if self.untold => News::Changed { globals: toolbox.globals() },
            None if self.untold && self.origin.is_some() => News::Changed { globals: false },
            _ => News::Known,
        }
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
        if over(LimitKey::LifetimeMs, self.born) {
            self.end("it is older than `lifetime_ms` allows");
        } else if over(LimitKey::IdleMs, self.used) {
            self.end("it was idle for longer than `idle_ms` allows");
        }
        match &mut self.state {
            State::Live(live) => Ok(live),
            State::Away => Err(super::AWAY),
            State::Ended { reason, .. } => Err(Error::SessionEnded { reason: reason.clone() }),
        }
    }

    /// The files, also of a session that has ended.
    pub(super) fn vfs(&mut self) -> Option<&mut Vfs> {
        match &mut self.state {
            State::Live(live) => Some(live.store().data_mut().wasi.vfs()),
            State::Away => None,
            State::Ended { vfs, .. } => vfs.as_deref_mut(),
        }
    }

    /// Lends the guest to a run.
    ///
    /// # Errors
    /// `session_ended`.
    pub(super) fn lend(&mut self, limits: &Limits) -> Result<Box<Live>> {
        self.live(limits)?;
        (self.fresh, self.untold) = (false, false);
        match std::mem::replace(&mut self.state, State::Away) {
            State::Live(live) => Ok(live),
            other => {
                self.state = other;
                Err(Error::Internal { reason: "a live session is not live".into() })
            }
        }
    }

    /// Takes the guest back from its run.
    pub(super) fn take_back(&mut self, live: Box<Live>, over: Option<&str>) {
        self.state = State::Live(live);
        self.used = Instant::now();
        if let Some(reason) = over {
            self.end(reason);
        }
    }

    /// The guest did not come back from its run.
    pub(super) fn lose(&mut self) {
        self.state = State::Ended { reason: "a host function failed".into(), vfs: None };
    }

    /// Gives the guest's memory back and keeps its files.
    pub(super) fn end(&mut self, reason: &str) {
        if let State::Live(_) = self.state {
            let ended = State::Ended { reason: reason.to_owned(), vfs: None };
            let State::Live(live) = std::mem::replace(&mut self.state, ended) else { return };
            let kept = catch_unwind(AssertUnwindSafe(|| Box::new(live.into_state().wasi.into_vfs())));
            self.state = State::Ended { reason: reason.to_owned(), vfs: kept.ok() };
        }
    }
}

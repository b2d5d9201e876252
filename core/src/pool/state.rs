//! Who holds how many places. Nothing here makes, drops or wakes anything: that happens outside
//! the lock under which this is used.

use super::demand::Demand;
use super::queue::Queue;
use super::shared::Rules;
use crate::sandbox::Sandbox;
use std::collections::VecDeque;
use std::task::Waker;
use std::time::Instant;

/// A sandbox that nobody has had.
pub(super) struct Ready {
    pub(super) sandbox: Box<Sandbox>,
    pub(super) made: Instant,
}

/// One step of a pool's upkeep. Its place is counted until it is done.
pub(super) enum Step {
    Drop(Ready),
    Make,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) acquired: u64,
    pub(super) acquired_ready: u64,
    pub(super) forks: u64,
    pub(super) resets: u64,
    pub(super) waits: u64,
    pub(super) refused: u64,
    pub(super) failures: u64,
}

/// While somebody waits, nothing is ready and no place is free: whatever becomes available goes
/// through [`State::settle`], to the first in line.
pub(super) struct State {
    rules: Rules,
    /// In use, given to somebody in line, or being made or dropped for somebody.
    live: usize,
    /// Being made or dropped as upkeep.
    tended: usize,
    ready: VecDeque<Ready>,
    demand: Demand,
    closed: bool,
    pub(super) queue: Queue,
    pub(super) counts: Counts,
}

impl State {
    pub(super) fn new(rules: Rules) -> State {
        State {
            rules,
            live: 0,
            tended: 0,
            ready: VecDeque::new(),
            demand: Demand::new(Instant::now()),
            closed: false,
            queue: Queue::default(),
            counts: Counts::default(),
        }
    }

    pub(super) fn live(&self) -> usize {
        self.live
    }

    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Everything that counts against the caps.
    pub(super) fn admitted(&self) -> usize {
        self.live + self.tended + self.ready.len()
    }

    /// A place for somebody who asks: with the newest ready sandbox, which is the warmest, or for
    /// one to be made.
    pub(super) fn take(&mut self) -> Option<Option<Ready>> {
        let given = self.ready.pop_back();
        if given.is_none() && self.admitted() >= self.rules.capacity {
            return None;
        }
        self.live += 1;
        self.demand.note(self.live, Instant::now());
        Some(given)
    }

    /// A place of somebody comes back. Whoever is served with it is to be woken.
    pub(super) fn give_back(&mut self, given: Option<Ready>) -> Option<Waker> {
        self.live -= 1;
        self.settle(given)
    }

    /// The place of a step comes back.
    pub(super) fn tended(&mut self, made: Option<Ready>) -> Option<Waker> {
        self.tended -= 1;
        self.settle(made)
    }

    fn settle(&mut self, given: Option<Ready>) -> Option<Waker> {
        match self.queue.grant(given) {
            Ok(waker) => {
                self.live += 1;
                Some(waker)
            }
            Err(given) => {
                self.ready.extend(given);
                None
            }
        }
    }

    /// What should be done next for those who will ask.
    pub(super) fn upkeep(&mut self) -> Option<Step> {
        if self.closed || !self.queue.is_empty() {
            return None;
        }
        let now = Instant::now();
        self.demand.note(self.live, now);
        let wanted = self.demand.peak().max(1).saturating_sub(self.live).min(self.rules.max_ready);
        let oldest = self.ready.front();
        if self.ready.len() > wanted || oldest.is_some_and(|ready| self.rules.is_too_old(ready, now)) {
            let oldest = self.ready.pop_front()?;
            self.tended += 1;
            return Some(Step::Drop(oldest));
        }
        if self.ready.len() + self.tended < wanted && self.admitted() < self.rules.capacity {
            self.tended += 1;
            return Some(Step::Make);
        }
        None
    }

    /// The end of the pool: nothing is kept ready any more.
    pub(super) fn close(&mut self) -> VecDeque<Ready> {
        self.closed = true;
        std::mem::take(&mut self.ready)
    }

    /// The first sandbox, made before there was a pool.
    pub(super) fn add_first(&mut self, ready: Ready) {
        self.ready.push_back(ready);
    }
}

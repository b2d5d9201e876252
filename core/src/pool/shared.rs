//! What a pool and its sandboxes share, and everything that happens outside its lock: making,
//! dropping and waking.

use super::metrics::PoolMetrics;
use super::pooled::Granted;
use super::state::{Counts, Ready, State, Step};
use crate::error::{Error, PoolCap, Result};
use crate::sandbox::{Sandbox, SandboxBuilder};
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a pool was told, worked out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// The cap that is reached first, and what it allows.
    pub(super) cap: (PoolCap, u64),
    /// How many sandboxes the caps admit. All of a pool's take the same, so that one number says
    /// what both caps mean.
    pub(super) capacity: usize,
    pub(super) sandbox_bytes: u64,
    pub(super) max_ready: usize,
    pub(super) max_ready_age: Duration,
}

impl Rules {
    pub(super) fn is_too_old(&self, ready: &Ready, now: Instant) -> bool {
        now.saturating_duration_since(ready.made) > self.max_ready_age
    }
}

pub(super) struct Shared {
    prototype: SandboxBuilder,
    pub(super) rules: Rules,
    pub(super) state: Mutex<State>,
}

impl Shared {
    pub(super) fn new(prototype: SandboxBuilder, rules: Rules, first: Box<Sandbox>) -> Arc<Shared> {
        let mut state = State::new(rules);
        state.counts.forks = 1;
        if rules.max_ready > 0 {
            state.add_first(Ready { sandbox: first, made: Instant::now() });
        } else {
            drop(first);
            state.counts.resets = 1;
        }
        Arc::new(Shared { prototype, rules, state: Mutex::new(state) })
    }

    /// A place, if one is free.
    pub(super) fn take(self: &Arc<Self>) -> Option<Granted> {
        let given = self.state.lock().take()?;
        Some(Granted::new(self, given))
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.state.lock().counts);
    }

    pub(super) fn make(&self) -> Result<Box<Sandbox>> {
        self.prototype.clone().build().map(Box::new)
    }

    /// The error for somebody who got no place.
    pub(super) fn busy(&self, waited: Duration) -> Error {
        self.count(|counts| counts.refused += 1);
        let (cap, allowed) = self.rules.cap;
        Error::PoolBusy { cap, allowed, waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX) }
    }

    /// A place comes back; `used`: with a sandbox that is gone by now. The first in line gets it.
    /// If nobody waits, one step of upkeep is done.
    pub(super) fn give_back(&self, used: bool) {
        let (served, step) = {
            let mut state = self.state.lock();
            state.counts.resets += u64::from(used);
            let served = state.give_back(None);
            // A thread that unwinds should not do more than it must.
            let idle = served.is_none() && !std::thread::panicking();
            (served, if idle { state.upkeep() } else { None })
        };
        if let Some(waker) = served {
            waker.wake();
        }
        if let Some(step) = step {
            self.carry_out(step);
        }
    }

    /// All of the upkeep there is, until a sandbox cannot be made.
    pub(super) fn tend(&self) {
        // Others change the state meanwhile: what they leave to do is theirs.
        for _ in 0..2 * self.rules.capacity.min(self.rules.max_ready) + 1 {
            let step = self.state.lock().upkeep();
            if !step.is_some_and(|step| self.carry_out(step)) {
                return;
            }
        }
    }

    /// Whether the step succeeded. A sandbox that cannot be made now is the matter of whoever asks
    /// for one; nor is a panic below theirs who gave a sandbox back.
    fn carry_out(&self, step: Step) -> bool {
        let making = matches!(step, Step::Make);
        let done = catch_unwind(AssertUnwindSafe(|| match step {
            Step::Make => self.make().ok().map(|sandbox| Ready { sandbox, made: Instant::now() }),
            Step::Drop(ready) => {
                drop(ready);
                None
            }
        }));
        let made = done.ok().flatten();
        let succeeded = made.is_some() || !making;
        let (served, late) = {
            let mut state = self.state.lock();
            match (making, made.is_some()) {
                (true, true) => state.counts.forks += 1,
                (true, false) => state.counts.failures += 1,
                (false, _) => state.counts.resets += 1,
            }
            // The pool may have ended meanwhile.
            let (kept, late) = if state.is_closed() { (None, made) } else { (made, None) };
            (state.tended(kept), late)
        };
        drop(late);
        if let Some(waker) = served {
            waker.wake();
        }
        succeeded
    }

    /// The pool has ended: its ready sandboxes go.
    pub(super) fn close(&self) {
        let ready = self.state.lock().close();
        drop(ready);
    }

    pub(super) fn metrics(&self) -> PoolMetrics {
        let state = self.state.lock();
        let counts = &state.counts;
        PoolMetrics {
            ready: state.ready(),
            live: state.live(),
            waiting: state.queue.len(),
            capacity: self.rules.capacity,
            sandbox_bytes: self.rules.sandbox_bytes,
            host_bytes: self.rules.sandbox_bytes.saturating_mul(state.admitted() as u64),
            acquired: counts.acquired,
            acquired_ready: counts.acquired_ready,
            forks: counts.forks,
            resets: counts.resets,
            waits: counts.waits,
            refused: counts.refused,
            failures: counts.failures,
        }
    }
}

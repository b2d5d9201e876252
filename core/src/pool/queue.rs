//! The line of those who wait, first come first served.
//!
//! A place is given to the first in line, not announced to all: nobody who comes later can take it
//! away, and one who is slow to use it holds up only that place.

use super::state::Ready;
use std::collections::BTreeMap;
use std::task::Waker;

/// Both maps are ordered by ticket, so that joining, leaving and serving cost little however long
/// the line is.
#[derive(Default)]
pub(super) struct Queue {
    next: u64,
    waiting: BTreeMap<u64, Waker>,
    granted: BTreeMap<u64, Option<Ready>>,
}

/// What somebody who leaves the line early leaves behind.
pub(super) enum Left {
    /// Nothing; the waker is the caller's code, to be dropped where no lock is held.
    Waiting(Option<Waker>),
    /// A place that was given already.
    Granted(Option<Ready>),
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// A place at the end of the line.
    pub(super) fn join(&mut self, waker: Waker) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.waiting.insert(ticket, waker);
        ticket
    }

    /// Sets another waker; the one that is no longer needed comes back.
    pub(super) fn renew(&mut self, ticket: u64, waker: Waker) -> Option<Waker> {
        match self.waiting.get_mut(&ticket) {
            Some(known) if known.will_wake(&waker) => Some(waker),
            Some(known) => Some(std::mem::replace(known, waker)),
            None => Some(waker),
        }
    }

    /// Gives a place to the first in line, who is to be woken. Nobody there: it comes back.
    pub(super) fn grant(&mut self, given: Option<Ready>) -> Result<Waker, Option<Ready>> {
        match self.waiting.pop_first() {
            Some((ticket, waker)) => {
                self.granted.insert(ticket, given);
                Ok(waker)
            }
            None => Err(given),
        }
    }

    /// The place that was given to this ticket, if it was its turn.
    pub(super) fn claim(&mut self, ticket: u64) -> Option<Option<Ready>> {
        self.granted.remove(&ticket)
    }

    pub(super) fn leave(&mut self, ticket: u64) -> Left {
        match self.granted.remove(&ticket) {
            Some(given) => Left::Granted(given),
            None => Left::Waiting(self.waiting.remove(&ticket)),
        }
    }
}

//! One sandbox in the hands of one Python object: here, away on a run, or closed.
//!
//! A run takes the sandbox out and puts it back on every way out, so that no lock is held while a
//! guest runs and a second run is refused instead of waiting.

use parking_lot::Mutex;
use sandcell::{CancelHandle, Error, Pooled, Sandbox};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A sandbox of its own, or one of a pool.
pub(crate) enum Held {
    Own(Box<Sandbox>),
    Pooled(Box<Pooled>),
}

impl Deref for Held {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        match self {
            Held::Own(sandbox) => sandbox,
            Held::Pooled(pooled) => pooled,
        }
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Sandbox {
        match self {
            Held::Own(sandbox) => sandbox,
            Held::Pooled(pooled) => pooled,
        }
    }
}

enum State {
    Here(Held),
    Away,
    /// Away, and to be dropped instead of put back.
    Closing,
    Closed,
}

/// The place of one sandbox.
pub(crate) struct Place {
    state: Mutex<State>,
    cancel: CancelHandle,
    process: u32,
}

impl Place {
    pub(crate) fn new(held: Held) -> Arc<Place> {
        let cancel = held.cancel_handle();
        Arc::new(Place { state: Mutex::new(State::Here(held)), cancel, process: std::process::id() })
    }

    pub(crate) fn cancel_handle(&self) -> &CancelHandle {
        &self.cancel
    }

    /// Takes the sandbox out until the result is dropped.
    pub(crate) fn take(self: &Arc<Place>) -> Result<Taken, Error> {
        same_process(self.process)?;
        let mut state = self.state.lock();
        let unusable = |reason| Err(Error::SandboxUnusable { reason });
        match std::mem::replace(&mut *state, State::Away) {
            State::Here(held) => Ok(Taken { held: Some(held), place: Arc::clone(self) }),
            State::Away => unusable("another call on it is still under way"),
            State::Closing => {
                *state = State::Closing;
                unusable("it is being closed")
            }
            State::Closed => {
                *state = State::Closed;
                unusable("it was closed")
            }
        }
    }

    /// Gives the sandbox back, which the caller drops; a run under way is cancelled and drops it.
    pub(crate) fn close(&self) -> Option<Held> {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Closed) {
            State::Here(held) => Some(held),
            State::Closed => None,
            State::Away | State::Closing => {
                *state = State::Closing;
                drop(state);
                self.cancel.cancel();
                None
            }
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(*self.state.lock(), State::Closed | State::Closing)
    }
}

/// Refuses what another process made before it forked this one: its threads are not here.
pub(crate) fn same_process(made_by: u32) -> Result<(), Error> {
    if made_by == std::process::id() {
        return Ok(());
    }
    Err(Error::SandboxUnusable {
        reason: "it was made before this process was forked; make the Engine and what comes from it in the child",
    })
}

/// A sandbox that was taken out.
pub(crate) struct Taken {
    held: Option<Held>,
    place: Arc<Place>,
}

impl Deref for Taken {
    type Target = Held;

    fn deref(&self) -> &Held {
        match &self.held {
            Some(held) => held,
            None => unreachable!("it is there until it is dropped"),
        }
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut Held {
        match &mut self.held {
            Some(held) => held,
            None => unreachable!("it is there until it is dropped"),
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut state = self.place.state.lock();
        let back = match *state {
            State::Closing | State::Closed => State::Closed,
            State::Here(_) | State::Away => match self.held.take() {
                Some(held) => State::Here(held),
                None => State::Closed,
            },
        };
        *state = back;
        drop(state);
        // A sandbox that was closed meanwhile goes here, outside the lock.
        drop(self.held.take());
    }
}

//! A sandbox of a pool in somebody's hands, and the place that it takes.

use super::shared::Shared;
use super::state::Ready;
use crate::error::Result;
use crate::sandbox::Sandbox;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Instant;

/// A [`Sandbox`] of a [`Pool`](crate::Pool); it is used like any other.
///
/// Dropping it drops the sandbox, whose guest nobody meets again, and serves the next in line. It
/// may outlive its pool. The sandbox cannot be taken out, only swapped for another one that then
/// counts in its place.
pub struct Pooled {
    // Dropped before its place is given back.
    sandbox: Box<Sandbox>,
    _place: Place,
}

impl Deref for Pooled {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.sandbox
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Sandbox {
        &mut self.sandbox
    }
}

impl std::fmt::Debug for Pooled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pooled").field(&self.sandbox).finish()
    }
}

/// The right to one sandbox, given back on every way out.
struct Place {
    shared: Arc<Shared>,
    /// A sandbox was made for it.
    used: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.give_back(self.used);
    }
}

/// A place, and with luck a sandbox that was ready.
pub(super) struct Granted {
    given: Option<Ready>,
    place: Place,
}

impl Granted {
    /// For a place that the state has counted.
    pub(super) fn new(shared: &Arc<Shared>, given: Option<Ready>) -> Granted {
        Granted { place: Place { shared: Arc::clone(shared), used: given.is_some() }, given }
    }

    /// The sandbox for the place: the ready one, unless it is too old, or a new one.
    ///
    /// # Errors
    /// As for [`SandboxBuilder::build`](crate::SandboxBuilder::build).
    pub(super) fn fill(self) -> Result<Pooled> {
        // On an early way out the sandbox goes before its place does.
        let Granted { mut place, given } = self;
        let shared = Arc::clone(&place.shared);
        if let Some(ready) = given {
            if !shared.rules.is_too_old(&ready, Instant::now()) {
                shared.count(|counts| {
                    counts.acquired += 1;
                    counts.acquired_ready += 1;
                });
                return Ok(Pooled { sandbox: ready.sandbox, _place: place });
            }
            drop(ready);
            place.used = false;
            shared.count(|counts| counts.resets += 1);
        }
        match shared.make() {
            Ok(sandbox) => {
                place.used = true;
                shared.count(|counts| {
                    counts.forks += 1;
                    counts.acquired += 1;
                });
                Ok(Pooled { sandbox, _place: place })
            }
            Err(error) => {
                shared.count(|counts| counts.failures += 1);
                Err(error)
            }
        }
    }
}

//! Long work that looks up now and then, to see whether it should go on.

use super::Errno;
use super::ledger::Ledger;

/// Who decides whether the work of a call goes on. A tree without one finishes what it began.
pub(crate) trait Pace: Send + Sync {
    /// Pays for work about to be done, in units of some tens of nanoseconds.
    ///
    /// # Errors
    /// `Intr`: the call ends, and has changed nothing but what is remembered of the host.
    fn spend(&mut self, cost: u32) -> Result<(), Errno>;
}

/// What steps of the tree cost.
pub(super) mod cost {
    /// A name in memory.
    pub(in crate::vfs) const STEP: u32 = 1;
    /// An entry of a host's listing.
    pub(in crate::vfs) const LISTED: u32 = 8;
    /// A name on the host.
    pub(in crate::vfs) const HOST_STEP: u32 = 64;
    /// What may take long by itself: look at once.
    pub(in crate::vfs) const LOOK: u32 = u32::MAX;
}

impl Ledger {
    pub(super) fn spend(&mut self, cost: u32) -> Result<(), Errno> {
        self.pace.as_mut().map_or(Ok(()), |pace| pace.spend(cost))
    }
}

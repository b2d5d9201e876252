//! What the tree has spent of its quotas: every byte and node is taken here before it exists.

use super::host::{self, Charges};
use super::tree::Weight;
use super::{Errno, Pace, Quota};
use crate::error::Error;
use crate::limits::{Budget, Exceeded, LimitKey};
use std::sync::Arc;

/// The quotas of one tree and what is in use of them.
pub(super) struct Ledger {
    bytes: Share,
    nodes: Share,
    host: Share,
    file_bytes: u64,
    /// What of it was for files of the host, over all mounts.
    pub(super) charges: Charges,
    /// Who may end a call in the middle of its work.
    pub(super) pace: Option<Box<dyn Pace>>,
}

/// What one tree has of a budget that others may spend too; given back when the tree goes.
struct Share {
    budget: Arc<Budget>,
    taken: u64,
}

impl Ledger {
    pub(super) fn new(quota: Quota, host: Arc<Budget>) -> Ledger {
        let of = |limit| Share { budget: Arc::new(Budget::new(limit)), taken: 0 };
        let (bytes, nodes) = (of(quota.fs_bytes), of(quota.fs_nodes));
        let (charges, pace) = (Charges::new(), None);
        Ledger { bytes, nodes, host: Share { budget: host, taken: 0 }, file_bytes: quota.file_bytes, charges, pace }
    }

    /// From now on spends the quotas of `other`, together with it. Both have one budget of the host.
    ///
    /// # Errors
    /// `snapshot_exceeds` when they do not allow what it has spent already.
    pub(super) fn spend_with(&mut self, other: &Ledger) -> Result<(), Error> {
        self.file_bytes = other.file_bytes;
        for (limit, own, shared) in
            [(LimitKey::FsBytes, &mut self.bytes, &other.bytes), (LimitKey::FsNodes, &mut self.nodes, &other.nodes)]
        {
            let mut joined = Share { budget: Arc::clone(&shared.budget), taken: 0 };
            joined.take(own.taken).map_err(|_| Error::SnapshotExceeds {
                limit,
                needed: joined.budget.used().saturating_add(own.taken),
                allowed: joined.budget.limit(),
            })?;
            *own = joined;
        }
        Ok(())
    }

    /// Makes what trees weigh, and what is known of files of the host, the concern of `other`, which
    /// spends the same quotas.
    pub(super) fn hand_over(&mut self, other: &mut Ledger, weight: Weight) {
        let charged = host::sum(&self.charges);
        other.charges = std::mem::take(&mut self.charges);
        self.bytes.hand_over(&mut other.bytes, weight.fs_bytes + charged.fs_bytes);
        self.nodes.hand_over(&mut other.nodes, weight.fs_nodes + charged.fs_nodes);
        self.host.hand_over(&mut other.host, weight.host_bytes + charged.host_bytes);
    }

    /// Takes what a state holds, or nothing.
    ///
    /// # Errors
    /// `snapshot_exceeds`.
    pub(super) fn take_state(&mut self, weight: Weight) -> Result<(), Error> {
        let needs = [
            (LimitKey::FsBytes, self.bytes.budget.used() + weight.fs_bytes, self.bytes.budget.limit()),
            (LimitKey::FsNodes, self.nodes.budget.used() + weight.fs_nodes, self.nodes.budget.limit()),
            (LimitKey::FileBytes, weight.longest_file, self.file_bytes),
        ];
        if let Some((limit, needed, allowed)) = needs.into_iter().find(|(_, needed, allowed)| needed > allowed) {
            return Err(Error::SnapshotExceeds { limit, needed, allowed });
        }
        let all = [
            (LimitKey::HostBytes, &mut self.host, weight.host_bytes),
            (LimitKey::FsBytes, &mut self.bytes, weight.fs_bytes),
            (LimitKey::FsNodes, &mut self.nodes, weight.fs_nodes),
        ];
        for (limit, share, amount) in all {
            let needed = share.budget.used().saturating_add(amount);
            let allowed = share.budget.limit();
            share.take(amount).map_err(|_| Error::SnapshotExceeds { limit, needed, allowed })?;
        }
        Ok(())
    }

    /// How many of `len` bytes may lie at `offset` of one file; `Fbig` when none may.
    pub(super) fn length_allowed(&self, offset: u64, len: usize) -> Result<usize, Errno> {
        let room = self.file_bytes.saturating_sub(offset);
        if room == 0 && len > 0 {
            return Err(Errno::Fbig);
        }
        Ok(usize::try_from(room).map_or(len, |room| room.min(len)))
    }

    /// Refuses a file longer than `file_bytes`.
    pub(super) fn check_length(&self, size: u64) -> Result<(), Errno> {
        if size > self.file_bytes { Err(Errno::Fbig) } else { Ok(()) }
    }

    /// Takes blocks of a file in memory: they count as files and as memory of the host.
    pub(super) fn take_block(&mut self, bytes: u64) -> Result<(), Errno> {
        self.take_growth(bytes)?;
        self.take_host(bytes).map_err(|_| {
            self.give_growth(bytes);
            Errno::Nospc
        })
    }

    pub(super) fn give_block(&mut self, bytes: u64) {
        self.give_growth(bytes);
        self.give_host(bytes);
    }

    /// Takes bytes that a file on the host grows by.
    pub(super) fn take_growth(&mut self, bytes: u64) -> Result<(), Errno> {
        self.bytes.take(bytes).map_err(|_| Errno::Nospc)
    }

    pub(super) fn give_growth(&mut self, bytes: u64) {
        self.bytes.give(bytes);
    }

    /// How much a file on the host may still grow.
    pub(super) fn growth_left(&self) -> u64 {
        self.bytes.budget.left()
    }

    /// Takes one name that the guest creates.
    pub(super) fn take_node(&mut self) -> Result<(), Errno> {
        self.nodes.take(1).map_err(|_| Errno::Nospc)
    }

    pub(super) fn give_node(&mut self) {
        self.nodes.give(1);
    }

    /// Takes memory of the host that is not file content: nodes, names, listings.
    pub(super) fn take_host(&mut self, bytes: u64) -> Result<(), Errno> {
        self.host.take(bytes).map_err(|_| Errno::Nomem)
    }

    pub(super) fn give_host(&mut self, bytes: u64) {
        self.host.give(bytes);
    }

    /// What is in use of `fs_bytes`, by all that spend it together.
    pub(super) fn fs_bytes(&self) -> u64 {
        self.bytes.budget.used()
    }
}

impl Share {
    fn take(&mut self, amount: u64) -> Result<(), Exceeded> {
        self.budget.reserve(amount)?;
        self.taken += amount;
        Ok(())
    }

    /// Gives back, at most what was taken.
    fn give(&mut self, amount: u64) {
        let amount = amount.min(self.taken);
        self.taken -= amount;
        self.budget.release(amount);
    }

    fn hand_over(&mut self, other: &mut Share, amount: u64) {
        let amount = amount.min(self.taken);
        self.taken -= amount;
        other.taken += amount;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.release(self.taken);
    }
}

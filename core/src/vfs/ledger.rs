//! What the tree has spent of its quotas: every byte and node is taken here before it exists.

use super::host::Charges;
use super::tree::Weight;
use super::{Errno, Pace, Quota};
use crate::error::Error;
use crate::limits::{Budget, LimitKey};
use std::sync::Arc;

/// The quotas of one tree and what is in use of them.
pub(super) struct Ledger {
    quota: Quota,
    fs_bytes: u64,
    fs_nodes: u64,
    host: Arc<Budget>,
    host_bytes: u64,
    /// What of it was for files of the host, over all mounts.
    pub(super) charges: Charges,
    /// Who may end a call in the middle of its work.
    pub(super) pace: Option<Box<dyn Pace>>,
}

impl Ledger {
    pub(super) fn new(quota: Quota, host: Arc<Budget>) -> Ledger {
        Ledger { quota, fs_bytes: 0, fs_nodes: 0, host, host_bytes: 0, charges: Charges::new(), pace: None }
    }

    /// Takes what a state holds, or nothing.
    ///
    /// # Errors
    /// `snapshot_exceeds`.
    pub(super) fn take_state(&mut self, weight: Weight) -> Result<(), Error> {
        let needs = [
            (LimitKey::FsBytes, self.fs_bytes + weight.fs_bytes, self.quota.fs_bytes),
            (LimitKey::FsNodes, self.fs_nodes + weight.fs_nodes, self.quota.fs_nodes),
            (LimitKey::FileBytes, weight.longest_file, self.quota.file_bytes),
        ];
        if let Some((limit, needed, allowed)) = needs.into_iter().find(|(_, needed, allowed)| needed > allowed) {
            return Err(Error::SnapshotExceeds { limit, needed, allowed });
        }
        let used = self.host.used();
        self.take_host(weight.host_bytes).map_err(|_| Error::SnapshotExceeds {
            limit: LimitKey::HostBytes,
            needed: used.saturating_add(weight.host_bytes),
            allowed: self.host.limit(),
        })?;
        self.fs_bytes += weight.fs_bytes;
        self.fs_nodes += weight.fs_nodes;
        Ok(())
    }

    /// How many of `len` bytes may lie at `offset` of one file; `Fbig` when none may.
    pub(super) fn length_allowed(&self, offset: u64, len: usize) -> Result<usize, Errno> {
        let room = self.quota.file_bytes.saturating_sub(offset);
        if room == 0 && len > 0 {
            return Err(Errno::Fbig);
        }
        Ok(usize::try_from(room).map_or(len, |room| room.min(len)))
    }

    /// Refuses a file longer than `file_bytes`.
    pub(super) fn check_length(&self, size: u64) -> Result<(), Errno> {
        if size > self.quota.file_bytes { Err(Errno::Fbig) } else { Ok(()) }
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
        let sum = self.fs_bytes.checked_add(bytes).filter(|sum| *sum <= self.quota.fs_bytes).ok_or(Errno::Nospc)?;
        self.fs_bytes = sum;
        Ok(())
    }

    pub(super) fn give_growth(&mut self, bytes: u64) {
        self.fs_bytes = self.fs_bytes.saturating_sub(bytes);
    }

    /// How much a file on the host may still grow.
    pub(super) fn growth_left(&self) -> u64 {
        self.quota.fs_bytes.saturating_sub(self.fs_bytes)
    }

    /// Takes one name that the guest creates.
    pub(super) fn take_node(&mut self) -> Result<(), Errno> {
        if self.fs_nodes >= self.quota.fs_nodes {
            return Err(Errno::Nospc);
        }
        self.fs_nodes += 1;
        Ok(())
    }

    pub(super) fn give_node(&mut self) {
        self.fs_nodes = self.fs_nodes.saturating_sub(1);
    }

    /// Takes memory of the host that is not file content: nodes, names, listings.
    pub(super) fn take_host(&mut self, bytes: u64) -> Result<(), Errno> {
        self.host.reserve(bytes).map_err(|_| Errno::Nomem)?;
        self.host_bytes += bytes;
        Ok(())
    }

    pub(super) fn give_host(&mut self, bytes: u64) {
        let bytes = bytes.min(self.host_bytes);
        self.host_bytes -= bytes;
        self.host.release(bytes);
    }

    pub(super) fn fs_bytes(&self) -> u64 {
        self.fs_bytes
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.host.release(self.host_bytes);
    }
}

//! What a sandbox was charged for files of the host, so that no refund exceeds it.
//!
//! A removed file fills the disk until its last handle closes, whatever that handle may do and
//! whichever mount it was opened through: the [`Ledger`] counts all of them in one place.

use crate::vfs::Errno;
use crate::vfs::ledger::Ledger;
use crate::vfs::tree::Weight;
use std::collections::HashMap;

/// Device and inode number of a file of the host.
pub(in crate::vfs) type FileKey = (u64, u64);

/// Charges by file. Open files always have one; what else is not recorded is never refunded.
pub(in crate::vfs) type Charges = HashMap<FileKey, Charge>;

/// What is known of one file of the host.
#[derive(Default)]
pub(in crate::vfs) struct Charge {
    bytes: u64,
    names: u64,
    /// Open handles.
    handles: u32,
    /// Its last name was removed.
    gone: bool,
}

/// What one charge costs the host.
const RECORD_BYTES: u64 = 96;

/// What charges hold of each quota.
pub(in crate::vfs) fn sum(charges: &Charges) -> Weight {
    let mut sum = Weight { host_bytes: RECORD_BYTES * charges.len() as u64, ..Weight::default() };
    for charge in charges.values() {
        sum.fs_bytes += charge.bytes;
        sum.fs_nodes += charge.names;
    }
    sum
}

impl Ledger {
    /// Pays for the charge of a file about to be opened; [`Ledger::opened`] follows, or
    /// [`Ledger::give_charge`].
    pub(super) fn take_charge(&mut self) -> Result<(), Errno> {
        self.take_host(RECORD_BYTES)
    }

    pub(super) fn give_charge(&mut self) {
        self.give_host(RECORD_BYTES);
    }

    /// A handle was opened whose charge is paid for.
    pub(super) fn opened(&mut self, key: FileKey) {
        if self.charges.contains_key(&key) {
            self.give_charge();
        }
        self.charges.entry(key).or_default().handles += 1;
    }

    /// A handle was closed.
    pub(super) fn closed(&mut self, key: FileKey) {
        let Some(charge) = self.charges.get_mut(&key) else { return };
        charge.handles = charge.handles.saturating_sub(1);
        self.settle(key);
    }

    /// An open file grew by what was taken before.
    pub(super) fn grew(&mut self, key: FileKey, bytes: u64) {
        if let Some(charge) = self.charges.get_mut(&key) {
            charge.bytes += bytes;
        }
    }

    pub(super) fn shrank(&mut self, key: FileKey, bytes: u64) {
        if let Some(charge) = self.charges.get_mut(&key) {
            let refund = bytes.min(charge.bytes);
            charge.bytes -= refund;
            self.give_growth(refund);
        }
    }

    /// A name was made whose node was taken before.
    pub(super) fn named(&mut self, key: FileKey) {
        if self.charges.contains_key(&key) || self.take_charge().is_ok() {
            self.charges.entry(key).or_default().names += 1;
        }
    }

    /// A name was removed; `last` when it was the file's only one.
    pub(super) fn unnamed(&mut self, key: FileKey, last: bool) {
        let Some(charge) = self.charges.get_mut(&key) else { return };
        let is_ours = charge.names > 0;
        charge.names -= u64::from(is_ours);
        charge.gone |= last;
        if is_ours {
            self.give_node();
        }
        self.settle(key);
    }

    /// Drops a charge that nothing needs any more, and gives back what the file took.
    fn settle(&mut self, key: FileKey) {
        let Some(charge) = self.charges.get(&key) else { return };
        let is_empty = charge.bytes == 0 && charge.names == 0;
        if charge.handles == 0 && (charge.gone || is_empty) {
            let bytes = charge.bytes;
            self.charges.remove(&key);
            self.give_growth(bytes);
            self.give_charge();
        }
    }
}

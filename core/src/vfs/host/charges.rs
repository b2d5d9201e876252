//! What a sandbox was charged for files of the host, so that no refund exceeds it.

use crate::vfs::ledger::Ledger;
use std::collections::HashMap;

/// Device and inode number of a file of the host.
pub(in crate::vfs) type FileKey = (u64, u64);

/// Charges by file. Bounded: what is not recorded is never refunded.
#[derive(Default)]
pub(super) struct Charges {
    by_file: HashMap<FileKey, Charge>,
}

#[derive(Default)]
struct Charge {
    bytes: u64,
    names: u64,
    /// Open handles that can write: a file without a name still fills the disk.
    writers: u32,
    gone: bool,
}

const MOST_FILES: usize = 65_536;
const RECORD_BYTES: u64 = 96;

impl Charges {
    pub(super) fn grew(&mut self, key: FileKey, bytes: u64, ledger: &mut Ledger) {
        if let Some(charge) = self.record(key, ledger) {
            charge.bytes += bytes;
        }
    }

    pub(super) fn named(&mut self, key: FileKey, ledger: &mut Ledger) {
        if let Some(charge) = self.record(key, ledger) {
            charge.names += 1;
        }
    }

    pub(super) fn opened(&mut self, key: FileKey, ledger: &mut Ledger) {
        if let Some(charge) = self.record(key, ledger) {
            charge.writers += 1;
        }
    }

    pub(super) fn shrank(&mut self, key: FileKey, bytes: u64, ledger: &mut Ledger) {
        if let Some(charge) = self.by_file.get_mut(&key) {
            let refund = bytes.min(charge.bytes);
            charge.bytes -= refund;
            ledger.give_growth(refund);
        }
    }

    /// A name was removed; `last` when it was the file's only one.
    pub(super) fn unnamed(&mut self, key: FileKey, last: bool, ledger: &mut Ledger) {
        let Some(charge) = self.by_file.get_mut(&key) else { return };
        if charge.names > 0 {
            charge.names -= 1;
            ledger.give_node();
        }
        charge.gone |= last;
        self.settle(key, ledger);
    }

    pub(super) fn closed(&mut self, key: FileKey, ledger: &mut Ledger) {
        let Some(charge) = self.by_file.get_mut(&key) else { return };
        charge.writers = charge.writers.saturating_sub(1);
        self.settle(key, ledger);
    }

    /// Drops a record that nothing needs any more.
    fn settle(&mut self, key: FileKey, ledger: &mut Ledger) {
        let Some(charge) = self.by_file.get(&key) else { return };
        let is_empty = charge.bytes == 0 && charge.names == 0;
        if charge.writers == 0 && (charge.gone || is_empty) {
            ledger.give_growth(charge.bytes);
            ledger.give_host(RECORD_BYTES);
            self.by_file.remove(&key);
        }
    }

    fn record(&mut self, key: FileKey, ledger: &mut Ledger) -> Option<&mut Charge> {
        let is_new = !self.by_file.contains_key(&key);
        if is_new && (self.by_file.len() >= MOST_FILES || ledger.take_host(RECORD_BYTES).is_err()) {
            return None;
        }
        Some(self.by_file.entry(key).or_default())
    }
}

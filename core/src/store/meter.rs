//! What a guest's memories and tables hold in sum.

use crate::limits::{LimitKey, Limits};
use wasmtime::ResourceLimiter;

/// Sums all memories (the heap of exception objects included) and all tables of one guest.
///
/// A refused growth is an ordinary failure for the guest. A refusal while the guest is being
/// instantiated is remembered, so that the module can be refused by the limit's name.
#[derive(Debug)]
pub(crate) struct Meter {
    memory: Counter,
    table: Counter,
}

#[derive(Debug)]
struct Counter {
    limit: u64,
    used: u64,
    peak: u64,
    /// The growth allowed last, to be taken back if it fails after all.
    last: u64,
    /// What the last refused growth would have made of the sum.
    refused: Option<u64>,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Meter {
        let counter = |limit| Counter { limit: limits.value(limit), used: 0, peak: 0, last: 0, refused: None };
        Meter { memory: counter(LimitKey::MemoryBytes), table: counter(LimitKey::TableElements) }
    }

    /// Counts what an image is longer than its module's minimum, which is all that wasmtime tells.
    pub(crate) fn start_at(&mut self, bytes: u64) {
        self.memory.used = self.memory.used.saturating_add(bytes);
        self.memory.peak = self.memory.peak.max(self.memory.used);
    }

    /// Forgets what was refused before this run.
    pub(crate) fn begin_run(&mut self) {
        self.memory.refused = None;
        self.table.refused = None;
    }

    /// The most memory held at once.
    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        self.memory.peak
    }

    /// The limit that a growth was refused for, with what was needed and what is allowed.
    pub(crate) fn refusal(&self) -> Option<(LimitKey, u64, u64)> {
        let refused = |key, counter: &Counter| counter.refused.map(|needed| (key, needed, counter.limit));
        refused(LimitKey::MemoryBytes, &self.memory).or(refused(LimitKey::TableElements, &self.table))
    }
}

impl Counter {
    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let growth = (desired as u64).saturating_sub(current as u64);
        let sum = self.used.saturating_add(growth);
        if sum > self.limit {
            self.last = 0;
            self.refused = Some(sum);
            return false;
        }
        self.last = growth;
        self.used = sum;
        self.peak = self.peak.max(sum);
        true
    }

    fn take_back(&mut self) {
        self.used -= std::mem::take(&mut self.last);
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // Past its own maximum the memory will not grow whatever we say: do not charge it.
        Ok(maximum.is_none_or(|maximum| desired <= maximum) && self.memory.grow(current, desired))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|maximum| desired <= maximum) && self.table.grow(current, desired))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.table.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        // The validator's own ceiling for one module.
        100
    }

    fn memories(&self) -> usize {
        // Modules with more than four are refused before they are compiled; one more is the heap.
        5
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_over_the_sum_and_failed_growths_are_taken_back() {
        let limits = Limits::new().with(LimitKey::MemoryBytes, 100 << 10).unwrap();
        let mut meter = Meter::new(&limits);
        assert!(meter.memory_growing(0, 60 << 10, None).unwrap());
        assert!(!meter.memory_growing(0, 60 << 10, None).unwrap());
        assert!(meter.memory_growing(0, 40 << 10, None).unwrap());
        meter.memory_grow_failed(wasmtime::Error::msg("no")).unwrap();
        assert!(!meter.memory_growing(0, 1, Some(0)).unwrap());
        assert!(meter.memory_growing(0, 40 << 10, None).unwrap());
        assert_eq!(meter.peak_memory_bytes(), 100 << 10);
        assert_eq!(meter.refusal(), Some((LimitKey::MemoryBytes, 120 << 10, 100 << 10)));
    }
}

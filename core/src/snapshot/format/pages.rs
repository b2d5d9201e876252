//! Which pages of a memory are stored.

use super::header::invalid;
use crate::error::Result;
use crate::wire::Fields;

/// The unit in which memory is compared and stored.
pub(crate) const PAGE_BYTES: usize = 4096;
/// Bytes of a run in the file.
pub(super) const RUN_BYTES: u64 = 8;

/// Pages that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageRun {
    /// Index of the first page.
    pub(crate) first: u32,
    /// How many pages; never zero.
    pub(crate) count: u32,
}

impl PageRun {
    pub(super) fn end(self) -> u64 {
        u64::from(self.first) + u64::from(self.count)
    }

    /// Where its pages lie in the memory.
    pub(crate) fn bytes(self) -> std::ops::Range<u64> {
        u64::from(self.first) * PAGE_BYTES as u64..self.end() * PAGE_BYTES as u64
    }

    /// Its part of `memory`, or `None` if it leaves it.
    pub(crate) fn of(self, memory: &[u8]) -> Option<&[u8]> {
        let range = self.bytes();
        memory.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
    }

    pub(super) fn encode(self) -> [u8; RUN_BYTES as usize] {
        let mut bytes = [0; RUN_BYTES as usize];
        bytes[..4].copy_from_slice(&self.first.to_le_bytes());
        bytes[4..].copy_from_slice(&self.count.to_le_bytes());
        bytes
    }
}

/// Of the pages that may have been written, those that differ from the image; behind its end, from
/// zero. Only these pages are looked at, however large memory and image are.
pub(crate) fn differing(written: &[PageRun], memory: &[u8], image: &[u8]) -> Vec<PageRun> {
    const ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];
    let mut found: Vec<PageRun> = Vec::new();
    for run in written {
        for first in run.first..run.first.saturating_add(run.count) {
            let page = PageRun { first, count: 1 };
            let Some(content) = page.of(memory) else { break };
            if content == page.of(image).unwrap_or(&ZEROS) {
                continue;
            }
            match found.last_mut() {
                Some(last) if last.end() == u64::from(first) => last.count += 1,
                _ => found.push(page),
            }
        }
    }
    found
}

/// Reads the table of runs and checks every one: not empty, ascending, apart, inside the memory;
/// and that together they are `pages_bytes` long.
pub(super) fn decode(table: &[u8], memory_bytes: u64, pages_bytes: u64) -> Result<Vec<PageRun>> {
    let mut fields = Fields(table);
    let mut runs = Vec::with_capacity(table.len() / RUN_BYTES as usize);
    let (mut end, mut pages) = (0, 0);
    while let (Some(first), Some(count)) = (fields.u32(), fields.u32()) {
        let run = PageRun { first, count };
        if count == 0 {
            return Err(invalid("its page table has an empty run"));
        }
        if u64::from(first) < end {
            return Err(invalid("its page table is not ascending"));
        }
        if run.end() > memory_bytes / PAGE_BYTES as u64 {
            return Err(invalid("its page table leaves the memory"));
        }
        end = run.end();
        pages += u64::from(count);
        runs.push(run);
    }
    // No sum here can overflow: the runs are apart and below 2^33.
    if pages * PAGE_BYTES as u64 != pages_bytes {
        return Err(invalid("its page table has another length than its pages"));
    }
    Ok(runs)
}

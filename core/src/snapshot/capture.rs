//! Taking a live guest apart into what a snapshot holds, and putting its memory together again.

use super::format::{PAGE_BYTES, PageRun, differing};
use crate::engine::{Engine, Start};
use crate::error::Result;
use crate::guest::{GlobalValue, Live};
use crate::memory::MemoryImage;
use crate::wasi::WasiState;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// A guest between two runs.
pub(crate) struct Captured {
    pub(crate) globals: Vec<GlobalValue>,
    pub(crate) memory_bytes: u64,
    /// Where memory differs from the image's, ascending.
    pub(crate) runs: Vec<PageRun>,
    /// Those pages, one after the other.
    pub(crate) pages: Vec<u8>,
    pub(crate) wasi: WasiState,
    /// No turn has run since the guest was forked from its image.
    pub(crate) fresh: bool,
}

impl Captured {
    /// Captures a guest that started as `base` itself, or as a snapshot of it that differs in
    /// `earlier`. Only pages that may have been written are looked at.
    pub(crate) fn of(
        engine: &Engine,
        live: &mut Live,
        base: &MemoryImage,
        earlier: &[PageRun],
        fresh: bool,
    ) -> Result<Captured> {
        let globals = live.globals()?;
        let wasi = live.state().wasi.capture();
        let memory = live.memory();
        let written = match &engine.machine(Start::Image)?.slots {
            Some(slots) => slots.written(memory),
            None => std::iter::once(0..memory.len()).collect(),
        };
        let candidates = joined(written, earlier);
        let runs = differing(&candidates, memory, base.bytes());
        let pages = runs.iter().filter_map(|run| run.of(memory)).flatten().copied().collect();
        Ok(Captured { globals, memory_bytes: memory.len() as u64, runs, pages, wasi, fresh })
    }

    /// The whole memory: the image's, zeros behind it, and the captured pages over both.
    pub(super) fn memory(&self, base: &[u8]) -> io::Result<Arc<MemoryImage>> {
        /// Stretches of zeros this long are left out: they take no memory.
        const PIECE: usize = 64 << 10;
        let pieces = base.chunks(PIECE).enumerate();
        let pieces = pieces.filter(|(_, piece)| piece.iter().any(|byte| *byte != 0));
        let pieces = pieces.map(|(index, piece)| ((index * PIECE) as u64, piece));
        let mut at = 0;
        let changed = self.runs.iter().map(|run| {
            let bytes = run.count as usize * PAGE_BYTES;
            let part = &self.pages[at..at + bytes];
            at += bytes;
            (run.bytes().start, part)
        });
        MemoryImage::of_parts(self.memory_bytes, pieces.chain(changed))
    }
}

/// Both as page runs, ascending and apart.
fn joined(written: Vec<Range<usize>>, earlier: &[PageRun]) -> Vec<PageRun> {
    let page = |byte: usize| (byte / PAGE_BYTES) as u32;
    let written = written.into_iter().map(|range| (page(range.start), page(range.end.next_multiple_of(PAGE_BYTES))));
    let mut all: Vec<(u32, u32)> =
        written.chain(earlier.iter().map(|run| (run.first, run.first + run.count))).collect();
    all.sort_unstable();
    let mut runs: Vec<PageRun> = Vec::with_capacity(all.len());
    for (first, end) in all {
        match runs.last_mut() {
            Some(last) if first <= last.first + last.count => {
                last.count = last.count.max(end.saturating_sub(last.first))
            }
            _ => runs.push(PageRun { first, count: end - first }),
        }
    }
    runs
}

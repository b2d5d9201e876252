//! What must hold for the reader whatever bytes it gets: the fuzz target and the seeded mutations
//! of the tests call this.

use super::header::{HEADER_BYTES, Header};
use super::{Contents, Expect, Origin, PAGE_BYTES, State, architecture, read, write};
use crate::engine::Digest;
use crate::guest::GlobalValue;
use crate::wire::{SEAL_BYTES, Seal};

const MAX_BYTES: u64 = 1 << 20;
const MAX_MEMORY_BYTES: u64 = 4 << 20;

/// A small snapshot that is sound, to start mutating from.
#[cfg(test)]
pub(crate) fn seed() -> Vec<u8> {
    let mut memory = vec![0; 1 << 18];
    memory[5 * PAGE_BYTES..7 * PAGE_BYTES].fill(7);
    memory[20 * PAGE_BYTES] = 1;
    let runs = super::differing(&[super::PageRun { first: 0, count: 64 }], &memory, &[]);
    let state = State {
        globals: vec![GlobalValue::I32(-1), GlobalValue::F64(1), GlobalValue::V128(u128::MAX)],
        files: b"files".repeat(40),
        session: b"session".to_vec(),
    };
    let pages = runs.iter().filter_map(|run| run.of(&memory)).flatten().copied().collect();
    let contents = Contents { origin: origin(), state, memory_bytes: memory.len() as u64, runs, pages };
    write(&contents, None, MAX_BYTES).unwrap_or_default()
}

/// Reads `bytes` as they are, and again with both checksums put right, which is what lets a mutation
/// reach what lies behind them. Returns whether either was accepted.
///
/// # Panics
/// When something was accepted that contradicts itself or its caps.
pub(crate) fn snapshot_reader(bytes: &[u8]) -> bool {
    let mut mended = bytes.to_vec();
    mend(&mut mended);
    holds(bytes) | holds(&mended)
}

fn holds(bytes: &[u8]) -> bool {
    let expect = Expect {
        origin: origin(),
        architecture: architecture(),
        key: None,
        max_bytes: MAX_BYTES,
        max_memory_bytes: MAX_MEMORY_BYTES,
    };
    let Ok(contents) = read(bytes, &expect) else { return false };
    assert!(contents.memory_bytes <= MAX_MEMORY_BYTES);
    assert!(contents.state.files.len() as u64 <= MAX_BYTES);
    let mut memory = vec![0; contents.memory_bytes as usize];
    let (mut end, mut rest) = (0, contents.pages.as_slice());
    for run in &contents.runs {
        let place = run.bytes();
        assert!(place.start >= end && place.start < place.end);
        end = place.end;
        let place = place.start as usize..place.end as usize;
        let pages;
        (pages, rest) = rest.split_at(place.len());
        memory[place].copy_from_slice(pages);
    }
    assert!(rest.is_empty());
    // A snapshot that is accepted says nothing that would not survive being written again.
    let again = write(&contents, None, MAX_BYTES * 2);
    let again = again.and_then(|bytes| read(&bytes, &Expect { max_bytes: MAX_BYTES * 2, ..expect }));
    assert!(again.is_ok_and(|again| again == contents));
    true
}

/// Puts the checksum of the header and that of the whole right.
pub(super) fn mend(bytes: &mut [u8]) {
    if let Some(header) = bytes.first_chunk_mut::<HEADER_BYTES>() {
        Header::mend(header);
    }
    if let (Some((sealed, seal)), Ok(mut checksum)) = (bytes.split_last_chunk_mut::<SEAL_BYTES>(), Seal::new(None)) {
        checksum.update(sealed);
        *seal = checksum.finish();
    }
}

fn origin() -> Origin {
    Origin { image: Digest::of(b"image"), engine: Digest::of(b"engine") }
}

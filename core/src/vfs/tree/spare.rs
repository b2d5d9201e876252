//! Whole blocks that were freed, kept for the next file of whichever sandbox.
//!
//! The first write to a page of fresh memory costs several times as much as the copy into it.
//! A spare block has length zero: what it held before is overwritten before it can be read.

use parking_lot::Mutex;

static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// What all sandboxes of the process keep together: 4 MiB.
const MOST_BLOCKS: usize = 64;

/// The size of every spare block.
pub(super) const BLOCK_BYTES: usize = 64 << 10;

/// An empty block with room for [`BLOCK_BYTES`].
pub(super) fn take() -> Vec<u8> {
    SPARE.lock().pop().unwrap_or_else(|| Vec::with_capacity(BLOCK_BYTES))
}

/// Gives a block back; one of another size, or one too many, is freed.
pub(super) fn give(mut block: Vec<u8>) {
    if block.capacity() != BLOCK_BYTES {
        return;
    }
    block.clear();
    let mut spare = SPARE.lock();
    if spare.len() < MOST_BLOCKS {
        spare.push(block);
    }
}

//! The bytes of one file in memory.
//!
//! Content lies in chunks of 64 KiB; a chunk's block has 256 bytes at first and grows by
//! doubling. What no block holds reads as zeros and costs nothing. Blocks are shared between
//! copies of a tree until one of them writes.

use super::spare;
use crate::vfs::ledger::Ledger;
use crate::vfs::pace::cost;
use crate::vfs::wire::{Malformed, Reader, malformed, put_bytes, put_count, put_u64};
use crate::vfs::{Bytes, Errno};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a file's bytes are.
#[derive(Clone)]
pub(super) enum Content {
    Chunks(Chunks),
    /// Shared with other sandboxes until the first write.
    Shared(Bytes),
    /// In the folder below an overlay until the first write; its size when it was looked up.
    Lower {
        size: u64,
    },
}

impl Content {
    pub(super) fn empty() -> Content {
        Content::Chunks(Chunks::default())
    }

    pub(super) fn size(&self) -> u64 {
        match self {
            Content::Chunks(chunks) => chunks.size,
            Content::Shared(bytes) => (**bytes).as_ref().len() as u64,
            Content::Lower { size } => *size,
        }
    }
}

const CHUNK: u64 = spare::BLOCK_BYTES as u64;
const SMALLEST_BLOCK: u64 = 256;
/// Above this a chunk gets all of its block at once: growing it step by step would copy more
/// than the guest writes.
const LARGEST_SMALL_BLOCK: u64 = 16 << 10;
/// What a block costs the host beside its bytes, when it is the only one in its map.
const BLOCK_OVERHEAD: u64 = 384;

#[derive(Clone, Default)]
pub(super) struct Chunks {
    size: u64,
    blocks: BTreeMap<u64, Block>,
}

/// Part of a chunk. Bytes from the length of `data` to the end of the chunk are zeros.
#[derive(Clone)]
struct Block {
    /// What was charged for `data`; less than its length when somebody else pays for it, which
    /// ends with the first write.
    capacity: u64,
    data: Arc<Vec<u8>>,
}

impl Chunks {
    pub(super) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let Some(left) = self.size.checked_sub(offset) else { return 0 };
        let count = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let mut done = 0;
        while done < count {
            let at = offset + done as u64;
            let within = (at % CHUNK) as usize;
            let part = (CHUNK as usize - within).min(count - done);
            let to = &mut buffer[done..done + part];
            let held = self.blocks.get(&(at / CHUNK)).and_then(|block| block.data.get(within..)).unwrap_or(&[]);
            let held = &held[..held.len().min(part)];
            to[..held.len()].copy_from_slice(held);
            to[held.len()..].fill(0);
            done += part;
        }
        count
    }

    /// Writes what the quotas allow: fewer bytes than given when they end in between, an error
    /// when not even one fits.
    pub(super) fn write_at(&mut self, offset: u64, data: &[u8], ledger: &mut Ledger) -> Result<usize, Errno> {
        let allowed = ledger.length_allowed(offset, data.len())?;
        let mut done = 0;
        while done < allowed {
            let at = offset + done as u64;
            let within = (at % CHUNK) as usize;
            let part = (CHUNK as usize - within).min(allowed - done);
            let written = match self.write_chunk(at / CHUNK, within, &data[done..done + part], ledger) {
                Ok(written) => written,
                Err(_) if done > 0 => break,
                Err(errno) => return Err(errno),
            };
            done += written;
            self.size = self.size.max(offset + done as u64);
            if written < part {
                break;
            }
        }
        Ok(done)
    }

    /// Cuts or extends; the extension is a hole.
    pub(super) fn set_size(&mut self, size: u64, ledger: &mut Ledger) -> Result<(), Errno> {
        ledger.check_length(size)?;
        if size < self.size {
            let within = size % CHUNK;
            if within > 0
                && let Some(block) = self.blocks.get_mut(&(size / CHUNK))
            {
                block.cut(within, ledger)?;
            }
            let whole = self.blocks.split_off(&size.div_ceil(CHUNK));
            whole.into_values().for_each(|block| block.release(ledger));
        }
        self.size = size;
        Ok(())
    }

    /// Takes the bytes that `read` gives for each offset as the file's content: all of it is
    /// charged before the first is read.
    pub(super) fn filled(
        size: u64,
        ledger: &mut Ledger,
        mut read: impl FnMut(u64, &mut [u8]) -> Result<usize, Errno>,
    ) -> Result<Chunks, Errno> {
        ledger.check_length(size)?;
        let (whole, rest) = (size / CHUNK, size % CHUNK);
        let last = if rest == 0 { 0 } else { block_for(rest) };
        let overhead = (whole + u64::from(rest > 0)).saturating_mul(BLOCK_OVERHEAD);
        ledger.take_block(whole * CHUNK + last)?;
        ledger.take_host(overhead).map_err(|_| {
            ledger.give_block(whole * CHUNK + last);
            Errno::Nospc
        })?;
        let mut chunks = Chunks { size, blocks: BTreeMap::new() };
        for index in 0..size.div_ceil(CHUNK) {
            let (length, capacity) = if index < whole { (CHUNK, CHUNK) } else { (rest, last) };
            let mut data = empty_block(capacity);
            data.resize(length as usize, 0);
            let outcome = ledger.spend(cost::LOOK).and_then(|()| read(index * CHUNK, &mut data));
            chunks.blocks.insert(index, Block { capacity, data: Arc::new(data) });
            if let Err(errno) = outcome {
                chunks.release(ledger);
                let missing = size.div_ceil(CHUNK) - index - 1;
                let missing_bytes = if missing == 0 { 0 } else { (whole - index - 1) * CHUNK + last };
                ledger.give_block(missing_bytes);
                ledger.give_host(missing * BLOCK_OVERHEAD);
                return Err(errno);
            }
        }
        Ok(chunks)
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// What is charged for the blocks: their bytes, and what they cost beside.
    pub(super) fn charged(&self) -> (u64, u64) {
        (self.blocks.values().map(|block| block.capacity).sum(), self.blocks.len() as u64 * BLOCK_OVERHEAD)
    }

    /// Leaves the blocks to whoever made them: each costs nothing until it is written to.
    pub(super) fn disown(&mut self) {
        self.blocks.values_mut().for_each(|block| block.capacity = 0);
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.size);
        put_count(out, self.blocks.len());
        for (index, block) in &self.blocks {
            put_u64(out, *index);
            put_u64(out, block.capacity);
            put_bytes(out, &block.data);
        }
    }

    pub(super) fn decode(from: &mut Reader<'_>) -> Result<Chunks, Malformed> {
        let mut chunks = Chunks { size: from.counted()?, blocks: BTreeMap::new() };
        for _ in 0..from.count(24)? {
            let (index, capacity, data) = (from.u64()?, from.u64()?, from.content()?);
            let is_after = chunks.blocks.last_key_value().is_none_or(|(last, _)| *last < index);
            let room = index.checked_mul(CHUNK).and_then(|start| chunks.size.checked_sub(start));
            let is_inside = room.is_some_and(|room| room > 0 && data.len() as u64 <= room.min(CHUNK));
            let is_block = (SMALLEST_BLOCK..=CHUNK).contains(&capacity) && capacity.is_power_of_two();
            let is_charged = capacity == 0 || (is_block && capacity >= data.len() as u64);
            if !is_after || !is_inside || !is_charged {
                return malformed("the content of a file is impossible");
            }
            chunks.blocks.insert(index, Block { capacity, data: Arc::new(data.to_vec()) });
        }
        Ok(chunks)
    }

    pub(super) fn release(self, ledger: &mut Ledger) {
        self.blocks.into_values().for_each(|block| block.release(ledger));
    }

    fn write_chunk(&mut self, index: u64, within: usize, data: &[u8], ledger: &mut Ledger) -> Result<usize, Errno> {
        let needed = (within + data.len()) as u64;
        let block = match self.blocks.get_mut(&index) {
            Some(block) => {
                let held = block.data.len() as u64;
                if block.capacity < needed.max(held) {
                    block.grow(needed.max(held), (within as u64).max(held.saturating_sub(1)), ledger)?;
                }
                block
            }
            None => {
                ledger.take_host(BLOCK_OVERHEAD).map_err(|_| Errno::Nospc)?;
                let mut block = Block { capacity: 0, data: Arc::default() };
                let wanted = if index == 0 { needed } else { CHUNK };
                if let Err(errno) = block.grow(wanted, within as u64, ledger) {
                    ledger.give_host(BLOCK_OVERHEAD);
                    return Err(errno);
                }
                self.blocks.entry(index).or_insert(block)
            }
        };
        let fits = data.len().min(block.capacity as usize - within);
        block.put(within, &data[..fits]);
        Ok(fits)
    }
}

impl Block {
    /// Makes room for `needed` bytes, or for as many as the quotas allow beyond `at_least`.
    fn grow(&mut self, needed: u64, at_least: u64, ledger: &mut Ledger) -> Result<(), Errno> {
        let mut capacity = block_for(needed);
        while capacity > self.capacity.max(at_least) {
            match ledger.take_block(capacity - self.capacity) {
                Ok(()) => {
                    self.capacity = capacity;
                    self.reserve();
                    return Ok(());
                }
                Err(_) if capacity > SMALLEST_BLOCK => capacity /= 2,
                Err(errno) => return Err(errno),
            }
        }
        if self.capacity > at_least { Ok(()) } else { Err(Errno::Nospc) }
    }

    fn put(&mut self, within: usize, data: &[u8]) {
        let capacity = self.capacity as usize;
        let bytes = self.unshared();
        if bytes.capacity() < capacity {
            // What came from a state has no room to spare.
            bytes.reserve_exact(capacity - bytes.len());
        }
        if bytes.len() < within {
            bytes.resize(within, 0);
        }
        let overlap = (bytes.len() - within).min(data.len());
        bytes[within..within + overlap].copy_from_slice(&data[..overlap]);
        bytes.extend_from_slice(&data[overlap..]);
    }

    fn cut(&mut self, length: u64, ledger: &mut Ledger) -> Result<(), Errno> {
        let smaller = block_for(length);
        let (held, is_ours) = (self.data.len() as u64, self.is_ours());
        if held <= length && (!is_ours || self.capacity <= smaller) {
            return Ok(());
        }
        if is_ours && self.capacity <= smaller {
            self.unshared().truncate(length as usize);
            return Ok(());
        }
        if is_ours {
            ledger.give_block(self.capacity - smaller);
        } else {
            ledger.take_block(smaller - self.capacity)?;
        }
        let mut cut = empty_block(smaller);
        cut.extend_from_slice(&self.data[..self.data.len().min(length as usize)]);
        self.capacity = smaller;
        self.replace(cut);
        Ok(())
    }

    /// Whether it is charged to this tree's sandbox.
    fn is_ours(&self) -> bool {
        self.capacity >= self.data.len() as u64
    }

    fn reserve(&mut self) {
        let mut larger = empty_block(self.capacity);
        larger.extend_from_slice(&self.data);
        self.replace(larger);
    }

    /// This block's own bytes: a copy of its own where another tree shares them.
    fn unshared(&mut self) -> &mut Vec<u8> {
        if Arc::get_mut(&mut self.data).is_none() {
            let mut own = empty_block(self.capacity);
            own.extend_from_slice(&self.data);
            self.data = Arc::new(own);
        }
        Arc::get_mut(&mut self.data).expect("nobody else holds the copy")
    }

    fn replace(&mut self, data: Vec<u8>) {
        let old = std::mem::replace(&mut self.data, Arc::new(data));
        Arc::into_inner(old).into_iter().for_each(spare::give);
    }

    fn release(self, ledger: &mut Ledger) {
        ledger.give_block(self.capacity);
        ledger.give_host(BLOCK_OVERHEAD);
        Arc::into_inner(self.data).into_iter().for_each(spare::give);
    }
}

fn empty_block(capacity: u64) -> Vec<u8> {
    if capacity == CHUNK { spare::take() } else { Vec::with_capacity(capacity as usize) }
}

/// The block that holds `bytes` bytes of one chunk.
fn block_for(bytes: u64) -> u64 {
    if bytes > LARGEST_SMALL_BLOCK { CHUNK } else { bytes.next_power_of_two().max(SMALLEST_BLOCK) }
}

//! Pooled stacks for the fibers that guests run on.
//!
//! A fresh fiber stack costs two system calls and the page faults of its first use, about 14 µs;
//! a pooled one costs a lock. Guests never run on the caller's stack: a Rust thread has 2 MiB,
//! of which nobody knows how much is used.

use super::region::{Region, page_bytes};
use parking_lot::Mutex;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;
use wasmtime::{StackCreator, StackMemory};

/// Inaccessible memory below each stack; a host function that overruns it faults.
const GUARD_BYTES: usize = 64 << 10;
/// Of a stack given back, the top that stays resident. What a deep recursion touched below is
/// returned to the system.
const RESIDENT_BYTES: usize = 128 << 10;

/// Stacks that were used before and wait for the next guest.
#[derive(Clone)]
pub(crate) struct StackPool {
    idle: Arc<Mutex<Vec<Mapping>>>,
    max_idle: usize,
}

impl StackPool {
    /// A pool that keeps at most `max_idle` unused stacks.
    pub(crate) fn new(max_idle: usize) -> StackPool {
        StackPool { idle: Arc::default(), max_idle }
    }

    /// How many stacks wait.
    #[cfg(test)]
    fn idle(&self) -> usize {
        self.idle.lock().len()
    }
}

// SAFETY: `new_stack` hands out page-aligned, zero-filled (or zeroed on request) private mappings
// of exactly `size` bytes above an inaccessible guard, each owned by one `PooledStack` at a time.
unsafe impl StackCreator for StackPool {
    fn new_stack(&self, size: usize, zeroed: bool) -> Result<Box<dyn StackMemory>, wasmtime::Error> {
        let size = size.next_multiple_of(page_bytes());
        let used = {
            let mut idle = self.idle.lock();
            // One engine asks for one size; a stack of another size is of no use.
            idle.pop().filter(|mapping| mapping.stack_bytes == size)
        };
        let mapping = match used {
            Some(mapping) => {
                if zeroed {
                    mapping.discard(0)?;
                }
                mapping
            }
            None => Mapping::new(size)?,
        };
        Ok(Box::new(PooledStack { mapping: Some(mapping), pool: self.clone() }))
    }
}

/// A stack in use; it goes back to its pool when dropped.
struct PooledStack {
    mapping: Option<Mapping>,
    pool: StackPool,
}

impl PooledStack {
    fn base(&self) -> (*mut u8, usize) {
        self.mapping.as_ref().map_or((ptr::null_mut(), 0), |mapping| (mapping.region.base(), mapping.stack_bytes))
    }
}

// SAFETY: the ranges describe the mapping that `self` owns until it is dropped: guard below,
// stack above, top page-aligned.
unsafe impl StackMemory for PooledStack {
    fn top(&self) -> *mut u8 {
        let (base, bytes) = self.base();
        base.wrapping_add(GUARD_BYTES + bytes)
    }

    fn range(&self) -> Range<usize> {
        let (base, bytes) = self.base();
        let bottom = base as usize + GUARD_BYTES;
        bottom..bottom + bytes
    }

    fn guard_range(&self) -> Range<*mut u8> {
        let (base, _) = self.base();
        base..base.wrapping_add(GUARD_BYTES)
    }
}

impl Drop for PooledStack {
    fn drop(&mut self) {
        let Some(mapping) = self.mapping.take() else { return };
        let discarded = mapping.discard(RESIDENT_BYTES);
        let mut idle = self.pool.idle.lock();
        if discarded.is_ok() && idle.len() < self.pool.max_idle {
            idle.push(mapping);
        }
    }
}

/// One guard and the stack above it.
struct Mapping {
    region: Region,
    stack_bytes: usize,
}

impl Mapping {
    fn new(stack_bytes: usize) -> Result<Mapping, wasmtime::Error> {
        let total = stack_bytes
            .checked_add(GUARD_BYTES)
            .ok_or_else(|| wasmtime::Error::msg("stack size overflows the address space"))?;
        let region = Region::reserve(total)?;
        region.open(GUARD_BYTES, total)?;
        Ok(Mapping { region, stack_bytes })
    }

    /// Gives all but the topmost `keep` bytes back to the system; they read as zero afterwards.
    /// Nobody uses the stack meanwhile: it is being handed out or given back.
    fn discard(&self, keep: usize) -> std::io::Result<()> {
        self.region.discard(GUARD_BYTES, GUARD_BYTES + self.stack_bytes.saturating_sub(keep))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_given_back_is_handed_out_again_and_the_pool_has_a_cap() {
        let pool = StackPool::new(1);
        let (first, second) = (pool.new_stack(1 << 20, false).unwrap(), pool.new_stack(1 << 20, false).unwrap());
        let range = first.range();
        assert_eq!(range.end, first.top() as usize);
        assert_eq!(first.guard_range().end as usize, range.start);
        drop(first);
        drop(second);
        assert_eq!(pool.idle(), 1);
        assert_eq!(pool.new_stack(1 << 20, false).unwrap().range(), range);
    }

    #[test]
    fn a_stack_asked_for_as_zeroed_holds_nothing_of_the_last_guest() {
        let pool = StackPool::new(1);
        let stack = pool.new_stack(1 << 20, true).unwrap();
        // SAFETY: the topmost byte of a stack this test owns.
        unsafe { stack.top().sub(1).write(7) };
        drop(stack);
        let stack = pool.new_stack(1 << 20, true).unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { stack.top().sub(1).read() }, 0);
    }
}

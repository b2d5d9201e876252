//! Slots that wait for their next guest, and the door through which wasmtime gets them.
//!
//! wasmtime asks its `MemoryCreator` for memory without saying for whom. Whoever instantiates an
//! image therefore lends it to the creator, on the same thread, around that one synchronous step
//! ([`SlotPool::lend`]).

use super::image::MemoryImage;
use super::quiet;
use super::slot::{Backing, Slot};
use super::written::Finder;
use crate::memory::region::{Region, page_bytes};
use parking_lot::Mutex;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

/// Idle slots kept over all images. Each holds at most 32 MiB resident.
const MAX_IDLE: usize = 64;

/// Ready address space for guests. A clone is a reference.
#[derive(Clone)]
pub(crate) struct SlotPool {
    inner: Arc<Inner>,
}

struct Inner {
    idle: Mutex<Idle>,
    /// Reserved address space of heaps that hold nothing, and its size.
    heaps: Mutex<Vec<(usize, Region)>>,
    finder: Finder,
    backing: Backing,
    /// Whether the absence of page faults proves anything here.
    faults_are_counted: bool,
    /// Compares each slot with its image after a reset, and stops using it if they differ.
    verify: AtomicBool,
    compared: AtomicU64,
    differed: AtomicU64,
}

struct Idle {
    /// A process made by `fork(2)` must not use its parent's slots: their pages are shared.
    process: u32,
    slots: Vec<Slot>,
}

thread_local! {
    /// The image of the memory that is asked for next on this thread.
    static LENT: RefCell<Option<Arc<MemoryImage>>> = const { RefCell::new(None) };
}

impl SlotPool {
    /// A pool that finds written pages in the best way this machine offers, or in the given one.
    pub(crate) fn new(finder: Option<Finder>) -> SlotPool {
        SlotPool::with(finder.unwrap_or_else(Finder::best), Backing::Private)
    }

    /// A pool with a given way, for tests and for systems that lack the others.
    pub(crate) fn with(finder: Finder, backing: Backing) -> SlotPool {
        let idle = Mutex::new(Idle { process: std::process::id(), slots: Vec::new() });
        SlotPool {
            inner: Arc::new(Inner {
                idle,
                heaps: Mutex::default(),
                finder,
                backing,
                faults_are_counted: Finder::faults_are_counted(),
                verify: AtomicBool::new(false),
                compared: AtomicU64::new(0),
                differed: AtomicU64::new(0),
            }),
        }
    }

    /// How written pages are found.
    pub(crate) fn finder(&self) -> Finder {
        self.inner.finder
    }

    /// Compares every slot with its image after each reset: for debugging, at the price of
    /// reading all of it.
    pub(crate) fn verify_resets(&self, verify: bool) {
        self.inner.verify.store(verify, Ordering::Relaxed);
    }

    /// How many slots were compared with their image after a reset, and how many of them differed.
    pub(crate) fn compared_and_differed(&self) -> (u64, u64) {
        (self.inner.compared.load(Ordering::Relaxed), self.inner.differed.load(Ordering::Relaxed))
    }

    /// Calls `instantiate`; the first memory it asks for starts as `image`.
    pub(crate) fn lend<T>(image: &Arc<MemoryImage>, instantiate: impl FnOnce() -> T) -> T {
        /// Takes the image back also when nothing asked for it, or on a panic.
        struct TakeBack;
        impl Drop for TakeBack {
            fn drop(&mut self) {
                LENT.take();
            }
        }
        LENT.replace(Some(image.clone()));
        let _take_back = TakeBack;
        instantiate()
    }

    /// Where `memory`, which one of the pool's slots holds, may differ from its image. All of it
    /// where that cannot be found out.
    pub(crate) fn written(&self, memory: &[u8]) -> Vec<std::ops::Range<usize>> {
        let mut found = Vec::new();
        let is_private = self.inner.backing == Backing::Private;
        match self.inner.finder.find(memory.as_ptr() as usize, memory.len(), &mut found) {
            Ok(()) if is_private => found,
            _ => std::iter::once(0..memory.len()).collect(),
        }
    }

    /// Unmaps the idle slots of an image that nobody will ask for any more.
    pub(crate) fn forget(&self, image: &Arc<MemoryImage>) {
        let forgotten: Vec<Slot> = {
            let mut idle = self.inner.idle.lock();
            idle.slots.extract_if(.., |slot| Arc::ptr_eq(slot.image(), image)).collect()
        };
        drop(forgotten);
    }

    fn slot(&self, image: Arc<MemoryImage>, capacity: usize, guard: usize) -> Result<Slot, String> {
        let found = {
            let mut idle = self.inner.idle.lock();
            if idle.process != std::process::id() {
                idle.process = std::process::id();
                idle.slots.clear();
            }
            let fits = |slot: &Slot| Arc::ptr_eq(slot.image(), &image) && slot.capacity() == capacity;
            idle.slots.iter().rposition(fits).map(|at| idle.slots.swap_remove(at))
        };
        match found {
            Some(slot) => Ok(slot),
            None => Slot::new(image, capacity, guard, self.inner.backing).map_err(|error| error.to_string()),
        }
    }

    /// Resets a slot and keeps it; one that cannot be reset is unmapped.
    fn give_back(&self, mut slot: Slot) {
        let quiet = quiet::is_quiet(slot.base()) && self.inner.faults_are_counted;
        if slot.reset(self.inner.finder, quiet).is_err() {
            return;
        }
        if self.inner.verify.load(Ordering::Relaxed) {
            self.inner.compared.fetch_add(1, Ordering::Relaxed);
            if !slot.equals_image() {
                self.inner.differed.fetch_add(1, Ordering::Relaxed);
                tracing::error!(finder = self.inner.finder.as_str(), "a slot differed from its image after its reset");
                return;
            }
        }
        let mut idle = self.inner.idle.lock();
        if idle.process == std::process::id() && idle.slots.len() < MAX_IDLE {
            idle.slots.push(slot);
        }
    }

    /// Inaccessible address space of `total` bytes.
    fn heap(&self, total: usize) -> std::io::Result<Region> {
        let mut heaps = self.inner.heaps.lock();
        match heaps.iter().rposition(|(bytes, _)| *bytes == total) {
            Some(at) => Ok(heaps.swap_remove(at).1),
            None => Region::reserve(total),
        }
    }

    fn give_heap_back(&self, total: usize, region: Region) {
        let mut heaps = self.inner.heaps.lock();
        if heaps.len() < MAX_IDLE {
            heaps.push((total, region));
        }
    }

    #[cfg(test)]
    fn idle(&self) -> usize {
        self.inner.idle.lock().slots.len()
    }
}

// SAFETY: memories start as the image that was lent, or zeroed; they are readable and writable up
// to their size, inaccessible from there to the end of the guard, never move, and belong to one
// `LinearMemory` at a time. A reused one was reset before.
unsafe impl MemoryCreator for SlotPool {
    fn new_memory(
        &self,
        _ty: MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let capacity = reserved.ok_or("a memory without a reservation cannot stay in place")?;
        // The heap of exception objects is asked for first, with a minimum of 0: it never starts
        // as an image.
        if minimum > 0
            && let Some(image) = LENT.take()
        {
            if image.bytes().len() < minimum {
                return Err("the image is shorter than the module's memory".into());
            }
            let slot = self.slot(image, capacity, guard)?;
            return Ok(Box::new(Imaged { slot: Some(slot), pool: self.clone(), maximum }));
        }
        let total = capacity.checked_add(guard).ok_or("the reservation overflows the address space")?;
        let region = self.heap(total).map_err(|error| error.to_string())?;
        let mut zeroed = Zeroed { region: Some(region), total, bytes: 0, capacity, pool: self.clone() };
        zeroed.grow_to(minimum).map_err(|error| error.to_string())?;
        Ok(Box::new(zeroed))
    }
}

/// The memory of a guest that started as an image.
struct Imaged {
    slot: Option<Slot>,
    pool: SlotPool,
    maximum: Option<usize>,
}

// SAFETY: `as_ptr` is the base of the slot, of which `byte_size` bytes are accessible; the slot
// stays in place until it is dropped.
unsafe impl LinearMemory for Imaged {
    fn byte_size(&self) -> usize {
        self.slot.as_ref().map_or(0, Slot::bytes)
    }

    fn byte_capacity(&self) -> usize {
        self.slot.as_ref().map_or(0, Slot::capacity)
    }

    fn grow_to(&mut self, bytes: usize) -> wasmtime::Result<()> {
        if self.maximum.is_some_and(|maximum| bytes > maximum) {
            return Err(wasmtime::Error::msg("the memory's maximum is reached"));
        }
        match &mut self.slot {
            Some(slot) => Ok(slot.grow(bytes)?),
            None => Err(wasmtime::Error::msg("the memory is gone")),
        }
    }

    fn as_ptr(&self) -> *mut u8 {
        self.slot.as_ref().map_or(std::ptr::null_mut(), Slot::base)
    }
}

impl Drop for Imaged {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.pool.give_back(slot);
        }
    }
}

/// A memory that starts empty: the heap of exception objects. Most guests never use it.
struct Zeroed {
    region: Option<Region>,
    total: usize,
    bytes: usize,
    capacity: usize,
    pool: SlotPool,
}

/// Sizes are multiples of 64 KiB for guests, and of anything for the heap.
fn opened(bytes: usize) -> usize {
    bytes.next_multiple_of(page_bytes())
}

// SAFETY: as for `Imaged`; what was opened of a region in which nothing was open reads as zeros.
unsafe impl LinearMemory for Zeroed {
    fn byte_size(&self) -> usize {
        self.bytes
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, bytes: usize) -> wasmtime::Result<()> {
        if bytes > self.capacity {
            return Err(wasmtime::Error::msg("the reservation is used up"));
        }
        let region = self.region.as_ref().ok_or_else(|| wasmtime::Error::msg("the memory is gone"))?;
        if opened(bytes) > opened(self.bytes) {
            region.open(opened(self.bytes), opened(bytes))?;
        }
        self.bytes = self.bytes.max(bytes);
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.region.as_ref().map_or(std::ptr::null_mut(), Region::base)
    }
}

impl Drop for Zeroed {
    fn drop(&mut self) {
        let Some(region) = self.region.take() else { return };
        // What was used is closed and forgotten: the next heap starts inaccessible and zeroed.
        if self.bytes == 0 || region.close(0, opened(self.bytes)).is_ok() {
            self.pool.give_heap_back(self.total, region);
        }
    }
}

#[cfg(test)]
mod tests;

//! A slot: address space that holds one guest's memory, and afterwards another's.
//!
//! The image is mapped privately at its start, so a new guest shares every page until it writes.
//! A slot that is given back keeps its pages resident: faults cost more than copying, so the
//! pages that the last guest wrote are copied back from the image instead of being dropped.

use super::image::MemoryImage;
use super::written::Finder;
use crate::memory::region::{Region, page_bytes};
use std::io;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;

/// Private bytes up to which a slot stays resident; more are given back to the system.
const RESIDENT_BYTES: usize = 16 << 20;
/// Every how many resets pages are compared before they are copied back, to learn how many of them
/// were written at all.
const COMPARE_EVERY: u32 = 8;
/// A slot most of whose private pages were found unwritten this many times in a row gives them back.
const IDLE_ROUNDS: u32 = 2;

/// How a slot starts from its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backing {
    /// The image's file is mapped copy-on-write.
    Private,
    /// The image is copied, for systems without private mappings of files.
    Copied,
}

/// Address space of one linear memory.
pub(crate) struct Slot {
    region: Region,
    image: Arc<MemoryImage>,
    backing: Backing,
    /// Accessible bytes: the image's length, and what the guest has grown by.
    bytes: usize,
    capacity: usize,
    /// The pages that are private, if all of them are known.
    private: Option<Vec<Range<usize>>>,
    /// How often it was reset.
    resets: u32,
    /// How often in a row most of its private pages were found unwritten.
    idle_rounds: u32,
}

impl Slot {
    /// A slot that starts as `image` and can grow to `capacity` bytes; `guard` bytes behind that
    /// are never accessible.
    pub(crate) fn new(image: Arc<MemoryImage>, capacity: usize, guard: usize, backing: Backing) -> io::Result<Slot> {
        let bytes = image.bytes().len();
        if bytes > capacity {
            return Err(io::Error::other("the image is larger than its slot"));
        }
        let total = capacity.checked_add(guard).ok_or(io::ErrorKind::OutOfMemory)?;
        let slot = Slot {
            region: Region::reserve(total)?,
            image,
            backing,
            bytes,
            capacity,
            private: None,
            resets: 0,
            idle_rounds: 0,
        };
        match backing {
            Backing::Private => slot.region.map_private(slot.image.file(), bytes)?,
            Backing::Copied => {
                slot.region.open(0, bytes)?;
                slot.copy_back(0..bytes);
            }
        }
        Ok(slot)
    }

    pub(crate) fn base(&self) -> *mut u8 {
        self.region.base()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn image(&self) -> &Arc<MemoryImage> {
        &self.image
    }

    /// Makes the memory `bytes` long; what is new reads as zeros.
    pub(crate) fn grow(&mut self, bytes: usize) -> io::Result<()> {
        if bytes > self.capacity {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        if bytes > self.bytes {
            self.region.open(self.bytes, bytes)?;
            self.bytes = bytes;
        }
        Ok(())
    }

    /// Makes the slot what it was when it was new: length, protection and content. On an error
    /// it must not be used again.
    ///
    /// `quiet`: no page has become private since the last reset, so that there is nothing to find.
    pub(crate) fn reset(&mut self, finder: Finder, quiet: bool) -> io::Result<()> {
        let start = self.image.bytes().len();
        if self.bytes > start {
            self.region.close(start, self.bytes)?;
            self.bytes = start;
        }
        if self.backing == Backing::Copied {
            self.copy_back(0..start);
            return Ok(());
        }
        let private = match self.private.take() {
            Some(private) if quiet => private,
            _ => {
                let mut found = Vec::new();
                match finder.find(self.region.base() as usize, start, &mut found) {
                    Ok(()) => self.keep_resident(found)?,
                    Err(_) => return self.region.discard(0, start),
                }
            }
        };
        self.restore(private)
    }

    /// True if the memory equals its image, byte for byte.
    pub(crate) fn equals_image(&self) -> bool {
        // SAFETY: `[0, bytes)` is mapped readable, and nobody runs in a slot that is being reset.
        let memory = unsafe { std::slice::from_raw_parts(self.base(), self.bytes) };
        memory == self.image.bytes()
    }

    /// Gives back to the system what is more than may stay resident.
    fn keep_resident(&self, mut found: Vec<Range<usize>>) -> io::Result<Vec<Range<usize>>> {
        let sums = found.iter().scan(0, |sum, range| {
            *sum += range.len();
            Some(*sum)
        });
        let kept = sums.take_while(|sum| *sum <= RESIDENT_BYTES).count();
        for range in found.drain(kept..) {
            self.region.discard(range.start, range.end)?;
        }
        Ok(found)
    }

    /// Copies the private pages back and remembers them.
    fn restore(&mut self, private: Vec<Range<usize>>) -> io::Result<()> {
        self.resets = self.resets.wrapping_add(1);
        if !self.resets.is_multiple_of(COMPARE_EVERY) {
            private.iter().for_each(|range| self.copy_back(range.clone()));
        } else if self.is_idle(&private) {
            // An earlier guest wrote far more than those since: they should not pay for it.
            self.idle_rounds = 0;
            return self.region.discard(0, self.image.bytes().len());
        }
        self.private = Some(private);
        Ok(())
    }

    /// Copies the pages back that differ; true if most of them did not, now and the times before.
    fn is_idle(&mut self, private: &[Range<usize>]) -> bool {
        let all: usize = private.iter().map(Range::len).sum();
        let differing: usize = private.iter().map(|range| self.copy_back_differing(range.clone())).sum();
        self.idle_rounds = if differing * 4 < all { self.idle_rounds + 1 } else { 0 };
        self.idle_rounds >= IDLE_ROUNDS
    }

    /// Copies the pages of `range` back that are not what they were, and returns their bytes.
    fn copy_back_differing(&self, range: Range<usize>) -> usize {
        let page = page_bytes();
        let mut differing = 0;
        for start in range.step_by(page) {
            let image = &self.image.bytes()[start..start + page];
            // SAFETY: the page lies inside the image (the slice above checks it), which is mapped
            // readable at the region's start, and nobody runs in a slot that is being reset.
            let memory = unsafe { std::slice::from_raw_parts(self.base().add(start), page) };
            if memory != image {
                differing += page;
                self.copy_back(start..start + page);
            }
        }
        differing
    }

    fn copy_back(&self, range: Range<usize>) {
        let from = &self.image.bytes()[range.clone()];
        // SAFETY: the range lies inside the image (the slice above checks it), which is mapped
        // readable and writable at the region's start; image and slot are different mappings.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), self.base().add(range.start), from.len()) };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FINDERS: [Finder; 3] = [Finder::Scan, Finder::Pagemap, Finder::Discard];
    const GUARD: usize = 1 << 20;

    fn image(pages: usize) -> Arc<MemoryImage> {
        let content: Vec<u8> = (0..pages * page_bytes()).map(|at| ((at * 31) >> 3) as u8).collect();
        MemoryImage::of_bytes(&content).unwrap()
    }

    fn fill(slot: &Slot, value: u8) {
        // SAFETY: `[0, bytes)` of a slot that this test owns.
        unsafe { ptr::write_bytes(slot.base(), value, slot.bytes()) };
    }

    #[test]
    fn a_slot_used_ten_thousand_times_never_shows_a_byte_of_the_last_guest() {
        for backing in [Backing::Private, Backing::Copied] {
            for finder in FINDERS {
                let image = image(33);
                let mut slot = Slot::new(image.clone(), 64 * page_bytes(), GUARD, backing).unwrap();
                for round in 0..1_700_usize {
                    if round % 5 == 0 {
                        slot.grow((33 + round % 31) * page_bytes()).unwrap();
                    }
                    if round % 97 == 0 {
                        fill(&slot, round as u8);
                    } else {
                        let at = (round * 7919) % slot.bytes();
                        // SAFETY: inside the slot.
                        unsafe { slot.base().add(at).write_volatile(round as u8) };
                    }
                    slot.reset(finder, false).unwrap();
                    assert!(
                        slot.bytes() == image.bytes().len() && slot.equals_image(),
                        "{finder:?} {backing:?} {round}"
                    );
                }
            }
        }
    }

    #[test]
    fn memory_grown_after_a_reset_reads_as_zeros() {
        for finder in FINDERS {
            let mut slot = Slot::new(image(2), 64 * page_bytes(), GUARD, Backing::Private).unwrap();
            slot.grow(10 * page_bytes()).unwrap();
            fill(&slot, 0xaa);
            slot.reset(finder, false).unwrap();
            slot.grow(10 * page_bytes()).unwrap();
            // SAFETY: `[0, bytes)` of a slot that this test owns.
            let memory = unsafe { std::slice::from_raw_parts(slot.base(), slot.bytes()) };
            assert_eq!(&memory[..2 * page_bytes()], slot.image().bytes());
            assert!(memory[2 * page_bytes()..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn what_a_guest_grew_by_is_closed_to_the_next_one() {
        let mut slot = Slot::new(image(2), 64 * page_bytes(), GUARD, Backing::Private).unwrap();
        slot.grow(10 * page_bytes()).unwrap();
        fill(&slot, 1);
        slot.reset(Finder::best(), false).unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let behind = slot.base() as usize + 2 * page_bytes();
        let line = maps.lines().find(|line| {
            let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
            let parse = |hex| usize::from_str_radix(hex, 16).unwrap();
            (parse(from)..parse(to)).contains(&behind)
        });
        assert!(line.unwrap().contains("---p"), "{line:?}");
    }

    #[test]
    fn growing_beyond_the_slot_is_refused() {
        let mut slot = Slot::new(image(1), 4 * page_bytes(), GUARD, Backing::Private).unwrap();
        assert!(slot.grow(5 * page_bytes()).is_err());
        assert!(Slot::new(image(5), 4 * page_bytes(), GUARD, Backing::Private).is_err());
    }

    #[test]
    fn an_image_cannot_be_changed_through_its_file() {
        use std::io::Write as _;
        let image = image(1);
        assert!(image.file().try_clone().unwrap().write_all(b"x").is_err());
        assert!(image.file().set_len(0).is_err());
    }
}

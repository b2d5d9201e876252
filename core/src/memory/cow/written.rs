//! Which pages of a private mapping were written: the security boundary between two guests that
//! use one slot after the other.
//!
//! A page of a private file mapping that was written is present (or swapped out) and no longer
//! backed by the file. `PAGEMAP_SCAN` (Linux 6.7, Documentation/admin-guide/mm/pagemap.rst) finds
//! such ranges in one call; `/proc/self/pagemap` tells the same for each page (bits 63, 62 and
//! 61). Where neither works, everything is discarded. Each way is tried on known pages before it
//! is trusted.

use super::image::MemoryImage;
use super::quiet::Faults;
use crate::memory::region::{Region, page_bytes};
use parking_lot::Mutex;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// How written pages are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finder {
    /// One `PAGEMAP_SCAN` call.
    Scan,
    /// Reading `/proc/self/pagemap`.
    Pagemap,
    /// Not at all: everything counts as written and is discarded.
    Discard,
}

impl Finder {
    /// The name used in reports.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Finder::Scan => "pagemap_scan",
            Finder::Pagemap => "pagemap",
            Finder::Discard => "madv_dontneed",
        }
    }

    /// The way of that name.
    pub(crate) fn named(name: &str) -> Option<Finder> {
        [Finder::Scan, Finder::Pagemap, Finder::Discard].into_iter().find(|finder| finder.as_str() == name)
    }

    /// The fastest way that gives the right answer on this machine.
    pub(crate) fn best() -> Finder {
        let works = |finder: &Finder| finder.proves_itself().unwrap_or(false);
        [Finder::Scan, Finder::Pagemap].into_iter().find(works).unwrap_or(Finder::Discard)
    }

    /// Appends the written ranges of the `bytes` at the address `base`, as offsets, ascending.
    ///
    /// # Errors
    /// When this way does not work here; `ranges` is of no use then.
    pub(super) fn find(self, base: usize, bytes: usize, ranges: &mut Vec<Range<usize>>) -> io::Result<()> {
        match self {
            Finder::Scan => with_pagemap(|file| scan(file, base, bytes, ranges)),
            Finder::Pagemap => with_pagemap(|file| read(file, base, bytes, ranges)),
            Finder::Discard => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Whether the kernel counts the fault of a first write, which is what `quiet.rs` builds on.
    pub(super) fn faults_are_counted() -> bool {
        let counted = || -> io::Result<bool> {
            let page = page_bytes();
            let image = MemoryImage::of_bytes(&vec![7; 3 * page])?;
            let region = Region::reserve(3 * page)?;
            region.map_private(image.file(), 3 * page)?;
            let mut counted = true;
            for index in 0..3 {
                // SAFETY: inside the mapping made above, readable and writable; nobody else knows it.
                unsafe { region.base().add(index * page).read_volatile() };
                let before = Faults::now();
                // SAFETY: as above.
                unsafe { region.base().add(index * page).write_volatile(1) };
                counted &= before.is_some_and(|before| !before.is_unchanged());
            }
            Ok(counted)
        };
        counted().unwrap_or(false)
    }

    /// Writes, reads, pages out and leaves alone known pages, and looks whether exactly the
    /// written ones are found.
    fn proves_itself(self) -> io::Result<bool> {
        let page = page_bytes();
        let image = MemoryImage::of_bytes(&vec![7; 5 * page])?;
        let region = Region::reserve(5 * page)?;
        region.map_private(image.file(), 5 * page)?;
        // SAFETY: pages 0, 1, 2 and 4 lie inside the mapping made above, readable and writable,
        // and nobody else knows of it. Paging out is advice about memory we own.
        unsafe {
            region.base().write_volatile(1);
            region.base().add(page).read_volatile();
            region.base().add(2 * page).write_volatile(1);
            libc::madvise(region.base().add(2 * page).cast(), page, libc::MADV_PAGEOUT);
            region.base().add(4 * page).write_volatile(7);
        }
        let mut ranges = Vec::new();
        self.find(region.base() as usize, 5 * page, &mut ranges)?;
        let pages: Vec<usize> = ranges.iter().flat_map(|range| (range.start / page)..(range.end / page)).collect();
        Ok(pages == [0, 2, 4])
    }
}

/// `struct pm_scan_arg` of `include/uapi/linux/fs.h`.
#[repr(C)]
struct ScanArgument {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region` of the same.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct PageRegion {
    start: u64,
    end: u64,
    categories: u64,
}

/// `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: libc::c_ulong = 0xc060_6610;
const PAGE_IS_FILE: u64 = 1 << 2;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;

/// Ranges taken from the kernel in one call. Fewer would only mean more calls: the scan goes on
/// until it has reached the end.
#[cfg(not(test))]
const RANGES: usize = 512;
/// Tests force the short vector.
#[cfg(test)]
const RANGES: usize = 3;

fn scan(file: &File, base: usize, bytes: usize, ranges: &mut Vec<Range<usize>>) -> io::Result<()> {
    let base = base as u64;
    let end = base + bytes as u64;
    let mut from = base;
    let mut found = [PageRegion::default(); RANGES];
    while from < end {
        let mut argument = ScanArgument {
            size: size_of::<ScanArgument>() as u64,
            flags: 0,
            start: from,
            end,
            walk_end: 0,
            vec: found.as_mut_ptr() as u64,
            vec_len: RANGES as u64,
            max_pages: 0,
            // Not the file's any more, and present or swapped out.
            category_inverted: PAGE_IS_FILE,
            category_mask: PAGE_IS_FILE,
            category_anyof_mask: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
            return_mask: PAGE_IS_PRESENT,
        };
        // SAFETY: the argument has the layout the kernel documents, and `vec` points to `vec_len`
        // entries that live until the call returns.
        let count = unsafe { libc::ioctl(file.as_raw_fd(), PAGEMAP_SCAN, &raw mut argument) };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for range in found.iter().take(count) {
            push(ranges, (range.start - base) as usize, (range.end - base) as usize);
        }
        if argument.walk_end <= from {
            return Err(io::Error::other("PAGEMAP_SCAN made no progress"));
        }
        from = argument.walk_end;
    }
    Ok(())
}

/// Bits of one entry of `/proc/self/pagemap`.
const ENTRY_PRESENT: u64 = 1 << 63;
const ENTRY_SWAPPED: u64 = 1 << 62;
const ENTRY_FILE: u64 = 1 << 61;

fn read(file: &File, base: usize, bytes: usize, ranges: &mut Vec<Range<usize>>) -> io::Result<()> {
    let page = page_bytes();
    let first = base / page;
    let mut entries = vec![0; 8 * 4096];
    for start in (0..bytes / page).step_by(4096) {
        let count = (bytes / page - start).min(4096);
        let entries = &mut entries[..8 * count];
        file.read_exact_at(entries, 8 * (first + start) as u64)?;
        for (index, entry) in entries.chunks_exact(8).enumerate() {
            let entry = entry.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            if entry & (ENTRY_PRESENT | ENTRY_SWAPPED) != 0 && entry & ENTRY_FILE == 0 {
                push(ranges, (start + index) * page, (start + index + 1) * page);
            }
        }
    }
    Ok(())
}

fn push(ranges: &mut Vec<Range<usize>>, start: usize, end: usize) {
    match ranges.last_mut() {
        Some(last) if last.end == start => last.end = end,
        _ => ranges.push(start..end),
    }
}

/// Calls `use_it` with this process's pagemap. A descriptor inherited over `fork(2)` would show
/// the parent's pages, so it is opened again when the process is another one.
fn with_pagemap<T>(use_it: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
    static OPENED: Mutex<Option<(u32, Arc<File>)>> = Mutex::new(None);
    let file = {
        let mut opened = OPENED.lock();
        match &*opened {
            Some((process, file)) if *process == std::process::id() => file.clone(),
            _ => {
                let file = Arc::new(File::open("/proc/self/pagemap")?);
                *opened = Some((std::process::id(), file.clone()));
                file
            }
        }
    };
    use_it(&file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_written_pages_are_found_also_when_they_do_not_fit_one_answer() {
        let page = page_bytes();
        let image = MemoryImage::of_bytes(&vec![1; 64 * page]).unwrap();
        for finder in [Finder::Scan, Finder::Pagemap] {
            if !finder.proves_itself().unwrap_or(false) {
                // It must not be used on this kernel.
                assert_ne!(Finder::best(), finder);
                continue;
            }
            let region = Region::reserve(64 * page).unwrap();
            region.map_private(image.file(), 64 * page).unwrap();
            let written: Vec<usize> = (0..64).filter(|index| index % 2 == 1 || index % 7 == 0).collect();
            for index in 0..64 {
                // SAFETY: inside the mapping made above.
                unsafe { region.base().add(index * page).read_volatile() };
                if written.contains(&index) {
                    // SAFETY: as above.
                    unsafe { region.base().add(index * page + 5).write_volatile(9) };
                }
            }
            let mut ranges = Vec::new();
            finder.find(region.base() as usize, 64 * page, &mut ranges).unwrap();
            let found: Vec<usize> = ranges.iter().flat_map(|range| (range.start / page)..(range.end / page)).collect();
            assert_eq!(found, written, "{}", finder.as_str());
        }
    }

    #[test]
    fn linux_since_6_7_scans() {
        assert_ne!(Finder::best().as_str(), "");
    }
}

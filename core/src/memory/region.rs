//! A reserved range of address space, unmapped when dropped.

use std::io;
use std::ptr;

/// Address space that nobody else uses. All of it is inaccessible until a part is opened.
pub(super) struct Region {
    base: *mut u8,
    bytes: usize,
}

// SAFETY: a region is plain memory of the process; only its owner touches it.
unsafe impl Send for Region {}
// SAFETY: `&Region` gives no access to the memory but through raw pointers.
unsafe impl Sync for Region {}

impl Region {
    /// Reserves `bytes`, a multiple of the page size. Costs no memory (`MAP_NORESERVE`).
    pub(super) fn reserve(bytes: usize) -> io::Result<Region> {
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice; no memory of
        // anybody else is affected.
        let base = unsafe { libc::mmap(ptr::null_mut(), bytes, libc::PROT_NONE, ANONYMOUS, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Region { base: base.cast(), bytes })
    }

    pub(in crate::memory) fn base(&self) -> *mut u8 {
        self.base
    }

    /// Makes `[from, to)` readable and writable; what was never opened reads as zeros.
    pub(super) fn open(&self, from: usize, to: usize) -> io::Result<()> {
        self.check(from, to);
        // SAFETY: the range lies inside this region (checked above).
        succeed(unsafe { libc::mprotect(self.at(from), to - from, libc::PROT_READ | libc::PROT_WRITE) })
    }

    /// Makes `[from, to)` inaccessible and forgets its content, in one call.
    pub(super) fn close(&self, from: usize, to: usize) -> io::Result<()> {
        self.check(from, to);
        let flags = ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: replaces a range inside this region (checked above), which we own.
        let closed = unsafe { libc::mmap(self.at(from), to - from, libc::PROT_NONE, flags, -1, 0) };
        if closed == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Maps the first `bytes` of `file` privately at the region's start, readable and writable.
    pub(super) fn map_private(&self, file: &impl std::os::fd::AsRawFd, bytes: usize) -> io::Result<()> {
        self.check(0, bytes);
        let flags = libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_NORESERVE;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: replaces a range inside this region (checked above), which we own.
        let mapped = unsafe { libc::mmap(self.at(0), bytes, access, flags, file.as_raw_fd(), 0) };
        if mapped == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Drops what was written to `[from, to)`: it reads as its file, or as zeros, again.
    pub(super) fn discard(&self, from: usize, to: usize) -> io::Result<()> {
        self.check(from, to);
        if from == to {
            return Ok(());
        }
        // SAFETY: the range lies inside this region (checked above), which we own.
        succeed(unsafe { libc::madvise(self.at(from), to - from, libc::MADV_DONTNEED) })
    }

    fn at(&self, offset: usize) -> *mut libc::c_void {
        self.base.wrapping_add(offset).cast()
    }

    /// Offsets come from this module's callers, never from a guest; a wrong one is a defect.
    fn check(&self, from: usize, to: usize) {
        assert!(from <= to && to <= self.bytes, "{from}..{to} is not inside a region of {} bytes", self.bytes);
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `reserve` and is unmapped once.
        unsafe { libc::munmap(self.base.cast(), self.bytes) };
    }
}

const ANONYMOUS: libc::c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;

/// The page size of the system.
pub(super) fn page_bytes() -> usize {
    // SAFETY: asks a constant of the system; touches no memory.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).unwrap_or(64 << 10)
}

fn succeed(status: libc::c_int) -> io::Result<()> {
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

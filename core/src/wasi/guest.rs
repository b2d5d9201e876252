//! The guest's linear memory, through checked accesses only.
//!
//! Every pointer and length comes from code nobody has reviewed: it may lie outside memory,
//! overlap another one, be unaligned, or be chosen so that a sum wraps. Nothing here allocates,
//! and nothing panics.

use super::abi::IOVEC_BYTES;
use crate::policy::GuestPath;
use crate::vfs::Errno;
use std::ops::Range;

/// The most buffers one call may name, as `IOV_MAX` of Linux: a call's own work stays small
/// whatever array the guest points at.
pub(super) const MAX_IOVECS: u32 = 1024;

/// The linear memory of the calling guest; empty when the module exports none, so that every
/// access is a `Fault`.
pub(crate) struct GuestMemory<'a> {
    bytes: &'a mut [u8],
}

impl<'a> GuestMemory<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> GuestMemory<'a> {
        GuestMemory { bytes }
    }

    /// Fails unless `len` bytes at `at` are inside memory. No byte is nowhere, so a length of
    /// zero is fine with any pointer.
    pub(super) fn range(&self, at: u32, len: u32) -> Result<Range<usize>, Errno> {
        if len == 0 {
            return Ok(0..0);
        }
        let end = u64::from(at) + u64::from(len);
        if end > self.bytes.len() as u64 {
            return Err(Errno::Fault);
        }
        Ok(at as usize..end as usize)
    }

    pub(super) fn slice(&self, at: u32, len: u32) -> Result<&[u8], Errno> {
        Ok(&self.bytes[self.range(at, len)?])
    }

    pub(super) fn slice_mut(&mut self, at: u32, len: u32) -> Result<&mut [u8], Errno> {
        let range = self.range(at, len)?;
        Ok(&mut self.bytes[range])
    }

    pub(super) fn array<const N: usize>(&self, at: u32) -> Result<[u8; N], Errno> {
        self.slice(at, N as u32)?.try_into().map_err(|_| Errno::Fault)
    }

    pub(super) fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Errno> {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::Overflow)?;
        self.slice_mut(at, len)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn write_u32(&mut self, at: u32, value: u32) -> Result<(), Errno> {
        self.write(at, &value.to_le_bytes())
    }

    pub(super) fn write_u64(&mut self, at: u32, value: u64) -> Result<(), Errno> {
        self.write(at, &value.to_le_bytes())
    }

    /// A path or symlink target: measured before it is looked at, then checked to be UTF-8.
    /// What its names may be is the file tree's rule.
    pub(super) fn path(&self, at: u32, len: u32) -> Result<&str, Errno> {
        let bytes = self.slice(at, len)?;
        if bytes.len() > GuestPath::MAX_BYTES {
            return Err(Errno::NameTooLong);
        }
        std::str::from_utf8(bytes).map_err(|_| Errno::Ilseq)
    }

    /// Checks an array of `count` buffers and each of them.
    pub(super) fn iovecs(&self, at: u32, count: u32) -> Result<Iovecs, Errno> {
        if count > MAX_IOVECS {
            return Err(Errno::Inval);
        }
        self.range(at, count * IOVEC_BYTES)?;
        let mut iovecs = Iovecs { at, count, total: 0 };
        for index in 0..count {
            let (buffer, len) = self.iovec(iovecs, index)?;
            self.range(buffer, len)?;
            // The result of the call is a u32.
            iovecs.total = iovecs.total.checked_add(len).ok_or(Errno::Inval)?;
        }
        Ok(iovecs)
    }

    /// Pointer and length of one buffer. The call itself may have overwritten the array since
    /// it was checked, so what comes back must be checked like any other pointer.
    pub(super) fn iovec(&self, iovecs: Iovecs, index: u32) -> Result<(u32, u32), Errno> {
        let [a, b, c, d, e, f, g, h] = self.array(iovecs.at + index * IOVEC_BYTES)?;
        Ok((u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])))
    }
}

/// An array of buffers that was inside memory when it was checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Iovecs {
    at: u32,
    pub(super) count: u32,
    /// Bytes in all buffers together.
    pub(super) total: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iovec(memory: &mut GuestMemory<'_>, at: u32, buffer: u32, len: u32) {
        memory.write_u32(at, buffer).unwrap();
        memory.write_u32(at + 4, len).unwrap();
    }

    #[test]
    fn the_last_byte_is_inside_and_the_next_is_not() {
        let mut bytes = vec![0; 64];
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.range(60, 4), Ok(60..64));
        for (at, len) in [(60, 5), (64, 1), (u32::MAX, 1), (0, u32::MAX), (u32::MAX, u32::MAX)] {
            assert_eq!(memory.range(at, len), Err(Errno::Fault), "{at} {len}");
        }
        assert_eq!(memory.range(u32::MAX, 0), Ok(0..0));
    }

    #[test]
    fn unaligned_pointers_are_allowed() {
        let mut bytes = vec![0; 16];
        let mut memory = GuestMemory::new(&mut bytes);
        memory.write_u64(3, 0x0807_0605_0403_0201).unwrap();
        assert_eq!(memory.array(3), Ok([1, 2, 3, 4, 5, 6, 7, 8]));
    }

    #[test]
    fn buffer_arrays_are_bounded_in_number_and_sum() {
        let mut bytes = vec![0; 64 << 10];
        let mut memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.iovecs(0, MAX_IOVECS).unwrap().count, MAX_IOVECS);
        for count in [MAX_IOVECS + 1, 1 << 29, u32::MAX] {
            assert_eq!(memory.iovecs(0, count).unwrap_err(), Errno::Inval);
        }
        assert_eq!(memory.iovecs((64 << 10) - 15, 2).unwrap_err(), Errno::Fault);
        iovec(&mut memory, 0, 16, u32::MAX);
        assert_eq!(memory.iovecs(0, 1).unwrap_err(), Errno::Fault);
    }

    #[test]
    fn paths_are_measured_before_they_are_read() {
        let mut bytes = vec![0xff; 8192];
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.path(0, 4097), Err(Errno::NameTooLong));
        assert_eq!(memory.path(0, 4096), Err(Errno::Ilseq));
        assert_eq!(memory.path(0, u32::MAX), Err(Errno::Fault));
        assert_eq!(memory.path(9999, 0), Ok(""));
    }

    #[test]
    fn a_memory_that_is_not_exported_faults() {
        let mut memory = GuestMemory::new(&mut []);
        assert_eq!(memory.write_u32(0, 1), Err(Errno::Fault));
        assert_eq!(memory.path(0, 1), Err(Errno::Fault));
    }
}

//! Listing directories.

use super::abi::{self, Rights};
use super::context::cost;
use super::{Failure, GuestMemory, WasiCtx};
use crate::vfs::Errno;
use std::ops::ControlFlow;

impl WasiCtx {
    /// Fills the guest's buffer with entries from `cookie` on. The last one is cut where the
    /// buffer ends: a buffer that is full means that there may be more, and the guest goes on
    /// from the last whole entry.
    pub(super) fn fd_readdir(
        &mut self,
        mut memory: GuestMemory<'_>,
        fd: u32,
        at: u32,
        len: u32,
        cookie: u64,
        out: u32,
    ) -> Result<(), Failure> {
        memory.range(out, 4)?;
        let buffer = memory.slice_mut(at, len)?;
        let WasiCtx { table, vfs, credit, .. } = self;
        credit.spend(cost::DISK)?;
        let dir = table.descriptor(fd)?.dir(Rights::FD_READDIR)?;
        let mut used = 0;
        let mut stopped = Ok(());
        vfs.read_dir(&dir.handle, cookie, &mut |entry| {
            stopped = credit.spend(cost::CALL);
            if stopped.is_err() {
                return ControlFlow::Break(());
            }
            let header = abi::dirent(entry.next, entry.ino, entry.name.len() as u32, entry.filetype);
            for part in [&header[..], entry.name.as_bytes()] {
                let fits = part.len().min(buffer.len() - used);
                buffer[used..used + fits].copy_from_slice(&part[..fits]);
                used += fits;
            }
            if used == buffer.len() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        stopped?;
        let used = u32::try_from(used).map_err(|_| Errno::Overflow)?;
        Ok(memory.write_u32(out, used)?)
    }
}

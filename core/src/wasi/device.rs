//! `/dev/urandom`, the one device that programs count on: SQLite, for one, seeds itself from the
//! time of day where it is missing, which two guests may share.
//!
//! It is there for guests that have a folder at `/`, unless a file of the tree has its name, and
//! shows in no listing. What is read is the guest's own randomness, as `random_get` gives it.

use super::abi::{FdFlags, Rights};
use super::descriptor::{Descriptor, Kind};
use super::guest::Iovecs;
use super::{Failure, GuestMemory, WasiCtx};
use crate::vfs::Errno;

const ROOT: &str = "/";
const PATH: &str = "dev/urandom";

impl WasiCtx {
    /// Opens the device if that is what `path` names.
    pub(super) fn open_device(&mut self, fd: u32, path: &str, base: Rights) -> Result<u32, Errno> {
        let named = match &self.table.descriptor(fd)?.kind {
            Kind::Dir(dir) => dir.preopen.as_deref() == Some(ROOT) && path == PATH,
            _ => false,
        };
        if !named || base.contains(Rights::FD_WRITE) {
            return Err(Errno::Noent);
        }
        let vacancy = self.table.reserve()?;
        let base = base & (Rights::FD_READ | Rights::FD_FILESTAT_GET);
        let inheriting = Rights::NONE;
        let descriptor = Descriptor { kind: Kind::Random, base, inheriting, flags: FdFlags::default() };
        Ok(self.table.fill(vacancy, descriptor))
    }

    pub(super) fn read_device(&mut self, memory: &mut GuestMemory<'_>, iovecs: Iovecs) -> Result<u32, Failure> {
        let mut done = 0u32;
        for index in 0..iovecs.count {
            let (at, len) = memory.iovec(iovecs, index)?;
            let Ok(buffer) = memory.slice_mut(at, len) else { break };
            self.fill_random(buffer)?;
            done += len;
        }
        Ok(done)
    }
}

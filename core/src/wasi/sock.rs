//! Sockets: there are none, so every descriptor is something else.

use super::abi::{FdFlags, SdFlags};
use super::{Failure, GuestMemory, WasiCtx};
use crate::vfs::Errno;

impl WasiCtx {
    pub(super) fn sock_accept(&mut self, _: GuestMemory<'_>, fd: u32, flags: u32, _out: u32) -> Result<(), Failure> {
        FdFlags::try_from(flags)?;
        self.not_a_socket(fd)
    }

    #[allow(clippy::too_many_arguments)] // The ABI's own.
    pub(super) fn sock_recv(
        &mut self,
        _: GuestMemory<'_>,
        fd: u32,
        _iovs: u32,
        _iovs_len: u32,
        _flags: u32,
        _len: u32,
        _roflags: u32,
    ) -> Result<(), Failure> {
        self.not_a_socket(fd)
    }

    pub(super) fn sock_send(
        &mut self,
        _: GuestMemory<'_>,
        fd: u32,
        _iovs: u32,
        _iovs_len: u32,
        _flags: u32,
        _len: u32,
    ) -> Result<(), Failure> {
        self.not_a_socket(fd)
    }

    pub(super) fn sock_shutdown(&mut self, _: GuestMemory<'_>, fd: u32, how: u32) -> Result<(), Failure> {
        SdFlags::try_from(how)?;
        self.not_a_socket(fd)
    }

    fn not_a_socket(&self, fd: u32) -> Result<(), Failure> {
        self.table.descriptor(fd)?;
        Err(Errno::Notsock.into())
    }
}

//! Preview 1 over the sandbox's own file tree: all 46 functions of `wasi_snapshot_preview1`.
//!
//! Each function is a method of [`WasiCtx`] over the guest's memory, one family per file;
//! `link.rs` joins them to a linker and is the only file that knows wasmtime. Everything that
//! comes from the guest is hostile: pointers are checked before anything happens, so that a
//! refused call changes nothing, and no argument chooses the size of a host allocation.
//!
//! A call's answer is an [`Errno`], which the guest sees, or a [`Stop`] that ends the run. Host
//! functions use no fuel; they spend credit instead, and look at the deadline when it is used
//! up.

mod abi;
mod clock;
mod context;
mod denials;
mod descriptor;
mod device;
mod dir;
mod fd;
mod file;
mod form;
mod guest;
mod interrupt;
mod link;
mod outlet;
mod path;
mod poll;
mod process;
mod random;
mod sock;
mod state;
mod stdin;
mod stdio;
mod table;

pub(crate) use clock::{Clock, clock};
pub(crate) use context::{Setup, Streams, WasiCtx};
pub(crate) use guest::GuestMemory;
pub(crate) use interrupt::{Interrupt, Stop};
pub(crate) use link::{Host, add_to_linker};
pub(crate) use outlet::Outlet;
pub(crate) use process::Exit;
pub(crate) use state::{Grants, WasiState};
pub use stdin::Stdin;
pub(crate) use stdio::Captured;

use crate::vfs::Errno;

/// Why a call did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The guest's to handle.
    Errno(Errno),
    /// The run is over.
    Stop(Stop),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Failure {
        Failure::Errno(errno)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Failure {
        Failure::Stop(stop)
    }
}

#[cfg(test)]
mod tests;

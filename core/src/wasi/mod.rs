//! Preview 1 over the sandbox's own file tree: all 46 functions of `wasi_snapshot_preview1`.
//!
//! Each function is a method of `WasiCtx` over the guest's memory, one family per file;
//! `link.rs` joins them to a linker and is the only file that knows wasmtime. Everything that
//! comes from the guest is hostile: pointers are checked before anything happens, so that a
//! refused call changes nothing, and no argument chooses the size of a host allocation.

mod abi;
mod guest;
mod interrupt;
mod stdin;
mod stdio;

pub(crate) use guest::GuestMemory;
pub(crate) use interrupt::{Interrupt, Stop};
pub use stdin::Stdin;
pub(crate) use stdio::Captured;

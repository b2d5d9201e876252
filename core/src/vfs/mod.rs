//! One file tree per sandbox, made of mounts.
//!
//! The tree knows nothing of WebAssembly or descriptors: preview 1 (`wasi/`) keeps those and
//! calls in here with a directory handle and a relative path. Every path a guest gives is
//! resolved in one place, component by component, whatever kind of mount it passes.
//!
//! What a guest meets where standards leave a choice:
//! - A path that is absolute, climbs above its handle, or passes a symlink that would: `NotCapable`,
//!   never a `Perm` that could mean something else.
//! - Mount points, and directories on the way to one, cannot be removed, renamed or replaced: `Busy`.
//!   Directories that exist only because a mount lies below them are read-only. Between mounts
//!   renaming and linking fail with `Xdev`; so does renaming a directory of an overlay's folder.
//! - In memory mounts and overlays no path below the mount is longer than a [`GuestPath`]:
//!   `NameTooLong`.
//! - Devices, FIFOs and sockets are seen and never opened: `Acces`.
//! - Everywhere else the kernel is the model; `tests/agreement.rs` compares.

mod calls;
mod errno;
mod handles;
mod host;
mod ledger;
mod mounts;
mod namespace;
mod pace;
mod resolve;
mod state;
#[cfg(test)]
mod tests;
mod tree;
mod wire;

pub(crate) use errno::Errno;
pub(crate) use host::{FolderCaps, FolderProblem, open_folder, read_folder};
pub(crate) use mounts::mount_points;
pub(crate) use pace::Pace;
pub(crate) use state::{Take, VfsState};
pub(crate) use wire::{Caps, Malformed, Reader, malformed, put_count, put_flags, put_text, put_u8, put_u32, put_u64};

use calls::Placed;
use handles::{OpenDir, OpenFile, Slab};
use host::Inodes;
use ledger::Ledger;
use mounts::{Backend, Mount};
use namespace::{MountId, Namespace, Place};

use crate::policy::{Access, GuestPath};
use std::sync::Arc;

/// Where the tree's time stamps come from: the policy's clock, in nanoseconds since 1970.
pub(crate) trait Now: Send + Sync {
    /// The wall clock.
    fn now_ns(&self) -> u64;
}

/// Immutable content shared by many sandboxes, such as a memory map of an image's file.
pub(crate) type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A mount ready to be joined to a tree.
pub(crate) struct MountPoint {
    pub(crate) guest: GuestPath,
    pub(crate) source: Source,
}

/// What lies behind a mount.
pub(crate) enum Source {
    /// A folder of the host.
    Host { dir: cap_std::fs::Dir, access: Access, symlinks: bool },
    /// A folder of the host that is never written, under a layer in memory.
    Overlay { dir: cap_std::fs::Dir },
    /// Read-only files of an image, which no state carries along. Detached, they lie below a file
    /// of another mount: a guest reaches them as a preopened directory only.
    Image { files: Vec<(String, Bytes)>, detached: bool },
    /// A folder in memory that starts with these files, by their path below the mount.
    Memory { files: Vec<(String, Bytes)>, access: Access },
}

/// The quotas of all writable mounts of one tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota {
    pub(crate) fs_bytes: u64,
    pub(crate) fs_nodes: u64,
    pub(crate) file_bytes: u64,
}

/// `filetype` of preview 1; the numbers are the ABI. A socket of the host shows as a stream
/// whatever it is: it cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FileType {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketStream = 6,
    SymbolicLink = 7,
}

/// `filestat` of preview 1; times in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) filetype: FileType,
    pub(crate) nlink: u64,
    pub(crate) size: u64,
    pub(crate) atim: u64,
    pub(crate) mtim: u64,
    pub(crate) ctim: u64,
}

/// How to open.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OpenFlags {
    /// Follow a symlink in the last component.
    pub(crate) follow: bool,
    pub(crate) create: bool,
    pub(crate) exclusive: bool,
    pub(crate) truncate: bool,
    /// Fail with `Notdir` unless it is a directory.
    pub(crate) directory: bool,
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// A new value for a time stamp.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SetTime {
    Keep,
    Now,
    At(u64),
}

/// An open directory. Give it back with [`Vfs::close_dir`].
#[derive(Debug)]
pub(crate) struct DirHandle(u32);

impl DirHandle {
    /// The number that a state knows it by.
    pub(crate) fn number(&self) -> u32 {
        self.0
    }
}

/// An open file. Give it back with [`Vfs::close_file`].
#[derive(Debug)]
pub(crate) struct FileHandle(u32);

impl FileHandle {
    /// The number that a state knows it by.
    pub(crate) fn number(&self) -> u32 {
        self.0
    }
}

/// What opening a path gave.
#[derive(Debug)]
pub(crate) enum Opened {
    Dir(DirHandle),
    File(FileHandle),
}

/// One entry of a directory listing.
#[derive(Debug)]
pub(crate) struct DirEntry<'a> {
    /// The cookie that continues after this entry.
    pub(crate) next: u64,
    pub(crate) ino: u64,
    pub(crate) filetype: FileType,
    pub(crate) name: &'a str,
}

/// The file tree of one sandbox.
pub(crate) struct Vfs {
    namespace: Arc<Namespace>,
    mounts: Vec<Mount>,
    dirs: Slab<OpenDir>,
    files: Slab<OpenFile>,
    ledger: Ledger,
    inodes: Inodes,
    now: Arc<dyn Now>,
    /// When the tree was made: the time stamps of directories that no mount has.
    born_ns: u64,
    /// The directories of the walk under way; kept so that a walk allocates nothing.
    visited: Vec<Place>,
    /// The program's own files, as they were given.
    placed: Placed,
    /// The one of them that came by itself.
    script: Option<String>,
}

//! One file tree per sandbox, made of mounts.
//!
//! The tree knows nothing of WebAssembly or descriptors: preview 1 (`wasi/`) keeps those and
//! calls in here with a directory handle and a relative path. Every path a guest gives is
//! resolved in one place, component by component, whatever kind of mount it passes.

mod errno;

pub(crate) use errno::Errno;

use crate::limits::Budget;
use crate::outcome::FilesDiff;
use crate::policy::{Access, GuestPath};
use std::ops::ControlFlow;
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

/// `filetype` of preview 1; the numbers are the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FileType {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketDgram = 5,
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

/// An open file. Give it back with [`Vfs::close_file`].
#[derive(Debug)]
pub(crate) struct FileHandle(u32);

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
pub(crate) struct Vfs {}

#[allow(unused_variables, clippy::unimplemented)]
impl Vfs {
    /// Joins `mounts` to one tree.
    ///
    /// # Errors
    /// `mount_invalid` when two mounts share a path.
    pub(crate) fn new(
        mounts: Vec<MountPoint>,
        quota: Quota,
        host_bytes: Arc<Budget>,
        now: Arc<dyn Now>,
    ) -> crate::Result<Vfs> {
        unimplemented!()
    }

    /// One open directory per mount, in the order of the mounts.
    pub(crate) fn preopens(&mut self) -> Vec<(GuestPath, DirHandle)> {
        unimplemented!()
    }

    pub(crate) fn open(&mut self, base: &DirHandle, path: &str, flags: OpenFlags) -> Result<Opened, Errno> {
        unimplemented!()
    }

    pub(crate) fn path_stat(&mut self, base: &DirHandle, path: &str, follow: bool) -> Result<Stat, Errno> {
        unimplemented!()
    }

    pub(crate) fn path_set_times(
        &mut self,
        base: &DirHandle,
        path: &str,
        follow: bool,
        atim: SetTime,
        mtim: SetTime,
    ) -> Result<(), Errno> {
        unimplemented!()
    }

    pub(crate) fn create_directory(&mut self, base: &DirHandle, path: &str) -> Result<(), Errno> {
        unimplemented!()
    }

    pub(crate) fn remove_directory(&mut self, base: &DirHandle, path: &str) -> Result<(), Errno> {
        unimplemented!()
    }

    pub(crate) fn unlink_file(&mut self, base: &DirHandle, path: &str) -> Result<(), Errno> {
        unimplemented!()
    }

    pub(crate) fn rename(
        &mut self,
        from: &DirHandle,
        from_path: &str,
        to: &DirHandle,
        to_path: &str,
    ) -> Result<(), Errno> {
        unimplemented!()
    }

    pub(crate) fn link(
        &mut self,
        from: &DirHandle,
        from_path: &str,
        follow: bool,
        to: &DirHandle,
        to_path: &str,
    ) -> Result<(), Errno> {
        unimplemented!()
    }

    pub(crate) fn symlink(&mut self, target: &str, base: &DirHandle, path: &str) -> Result<(), Errno> {
        unimplemented!()
    }

    pub(crate) fn read_link(&mut self, base: &DirHandle, path: &str) -> Result<String, Errno> {
        unimplemented!()
    }

    pub(crate) fn file_stat(&mut self, file: &FileHandle) -> Result<Stat, Errno> {
        unimplemented!()
    }

    pub(crate) fn dir_stat(&mut self, dir: &DirHandle) -> Result<Stat, Errno> {
        unimplemented!()
    }

    pub(crate) fn file_set_times(&mut self, file: &FileHandle, atim: SetTime, mtim: SetTime) -> Result<(), Errno> {
        unimplemented!()
    }

    pub(crate) fn dir_set_times(&mut self, dir: &DirHandle, atim: SetTime, mtim: SetTime) -> Result<(), Errno> {
        unimplemented!()
    }

    /// Lists a directory from `cookie` on (0 is the start) until `visit` breaks. Entries `.` and
    /// `..` come first. Entries added or removed meanwhile never make another one appear twice
    /// or not at all.
    pub(crate) fn read_dir(
        &mut self,
        dir: &DirHandle,
        cookie: u64,
        visit: &mut dyn FnMut(&DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        unimplemented!()
    }

    /// Reads at `offset`; 0 at the end.
    pub(crate) fn read_at(&mut self, file: &FileHandle, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        unimplemented!()
    }

    /// Writes at `offset`; fewer bytes than given only when a quota ends in between.
    pub(crate) fn write_at(&mut self, file: &FileHandle, offset: u64, data: &[u8]) -> Result<usize, Errno> {
        unimplemented!()
    }

    /// Writes at the end; returns the bytes written and the new end.
    pub(crate) fn append(&mut self, file: &FileHandle, data: &[u8]) -> Result<(usize, u64), Errno> {
        unimplemented!()
    }

    pub(crate) fn set_size(&mut self, file: &FileHandle, size: u64) -> Result<(), Errno> {
        unimplemented!()
    }

    /// `fd_allocate`: extends the file to `offset + len` if it is shorter.
    pub(crate) fn allocate(&mut self, file: &FileHandle, offset: u64, len: u64) -> Result<(), Errno> {
        unimplemented!()
    }

    pub(crate) fn sync(&mut self, file: &FileHandle, data_only: bool) -> Result<(), Errno> {
        unimplemented!()
    }

    pub(crate) fn close_file(&mut self, file: FileHandle) {
        unimplemented!()
    }

    pub(crate) fn close_dir(&mut self, dir: DirHandle) {
        unimplemented!()
    }

    /// True when a call on this file reaches the host's disk, so that it may take long.
    pub(crate) fn file_is_on_host(&self, file: &FileHandle) -> bool {
        unimplemented!()
    }

    /// Bytes in use against `fs_bytes`.
    pub(crate) fn fs_bytes_used(&self) -> u64 {
        unimplemented!()
    }

    /// What differs from the start in memory mounts and overlays.
    pub(crate) fn diff(&self) -> FilesDiff {
        unimplemented!()
    }

    /// Reads a whole file from outside, following symlinks inside the tree.
    ///
    /// # Errors
    /// `file_unavailable`.
    pub(crate) fn read_file(&mut self, path: &GuestPath) -> crate::Result<Vec<u8>> {
        unimplemented!()
    }

    /// Creates or replaces a file from outside, with the folders it needs; quotas apply.
    ///
    /// # Errors
    /// `file_unavailable`.
    pub(crate) fn write_file(&mut self, path: &GuestPath, data: &[u8]) -> crate::Result<()> {
        unimplemented!()
    }

    /// Writes the added and changed files of the overlay or memory mount at `mount` into the
    /// host folder `to` and returns the difference, so that the caller can remove what is gone.
    ///
    /// # Errors
    /// `mount_invalid`, `host_io`.
    pub(crate) fn export(&mut self, mount: &GuestPath, to: &cap_std::fs::Dir) -> crate::Result<FilesDiff> {
        unimplemented!()
    }
}

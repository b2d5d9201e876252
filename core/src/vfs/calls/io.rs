//! Reading and writing open files.

use crate::vfs::handles::{OpenFile, OpenOn};
use crate::vfs::host::HostFile;
use crate::vfs::ledger::Ledger;
use crate::vfs::{Access, Backend, Errno, FileHandle, MountId, Now, Vfs};
use std::sync::Arc;

impl Vfs {
    /// Reads at `offset`; 0 at the end.
    pub(crate) fn read_at(&mut self, file: &FileHandle, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        // As on Linux: reading marks nothing in a mount that is read-only.
        let is_marked = |mount: MountId| self.mounts[mount.0 as usize].access == Access::ReadWrite;
        let is_marked = self.files.find(file.0).is_some_and(|open| is_marked(open.mount));
        let (open, backend, _, now) = self.parts(file)?;
        if !open.read {
            return Err(Errno::Badf);
        }
        match (&open.on, backend) {
            (OpenOn::Tree { node, lower }, Backend::Tree(tree)) => {
                tree.read_at(*node, lower.as_ref().map(HostFile::as_file), offset, buffer, || {
                    is_marked.then(|| now.now_ns())
                })
            }
            (OpenOn::Host(file), _) => file.read_at(offset, buffer),
            _ => Err(Errno::Io),
        }
    }

    /// Writes at `offset`; fewer bytes than given only when a quota ends in between.
    pub(crate) fn write_at(&mut self, file: &FileHandle, offset: u64, data: &[u8]) -> Result<usize, Errno> {
        let (open, backend, ledger, now) = self.parts_to_write(file)?;
        match (&open.on, backend) {
            (OpenOn::Tree { node, .. }, Backend::Tree(tree)) => {
                tree.write_at(*node, offset, data, now.now_ns(), ledger)
            }
            (OpenOn::Host(file), Backend::Host(folder)) => folder.write_at(file, offset, data, ledger),
            _ => Err(Errno::Io),
        }
    }

    /// Writes at the end; returns the bytes written and the new end.
    pub(crate) fn append(&mut self, file: &FileHandle, data: &[u8]) -> Result<(usize, u64), Errno> {
        let end = self.size(file)?;
        let count = self.write_at(file, end, data)?;
        Ok((count, end + count as u64))
    }

    pub(crate) fn set_size(&mut self, file: &FileHandle, size: u64) -> Result<(), Errno> {
        let (open, backend, ledger, now) = self.parts_to_write(file)?;
        match (&open.on, backend) {
            (OpenOn::Tree { node, .. }, Backend::Tree(tree)) => tree.set_size(*node, size, now.now_ns(), ledger),
            (OpenOn::Host(file), Backend::Host(folder)) => folder.set_size(file, size, ledger),
            _ => Err(Errno::Io),
        }
    }

    /// `fd_allocate`: extends the file to `offset + len` if it is shorter.
    pub(crate) fn allocate(&mut self, file: &FileHandle, offset: u64, len: u64) -> Result<(), Errno> {
        if len == 0 {
            return Err(Errno::Inval);
        }
        let end = offset.checked_add(len).ok_or(Errno::Fbig)?;
        let (open, ..) = self.parts(file)?;
        if !open.write {
            return Err(Errno::Badf);
        }
        if end > self.size(file)? { self.set_size(file, end) } else { Ok(()) }
    }

    pub(crate) fn sync(&mut self, file: &FileHandle, data_only: bool) -> Result<(), Errno> {
        let (open, ..) = self.parts(file)?;
        match &open.on {
            OpenOn::Tree { .. } => Ok(()),
            OpenOn::Host(file) => file.sync(data_only),
        }
    }

    /// Bytes in use against `fs_bytes`.
    pub(crate) fn fs_bytes_used(&self) -> u64 {
        self.ledger.fs_bytes()
    }

    fn size(&self, file: &FileHandle) -> Result<u64, Errno> {
        let open = self.files.find(file.0).ok_or(Errno::Badf)?;
        match (&open.on, &self.mounts[open.mount.0 as usize].backend) {
            (OpenOn::Tree { node, .. }, Backend::Tree(tree)) => Ok(tree.size(*node)),
            (OpenOn::Host(file), _) => Ok(file.stat()?.size),
            _ => Err(Errno::Io),
        }
    }

    fn parts_to_write(&mut self, file: &FileHandle) -> Result<Parts<'_>, Errno> {
        let parts = self.parts(file)?;
        if parts.0.write { Ok(parts) } else { Err(Errno::Badf) }
    }

    fn parts(&mut self, file: &FileHandle) -> Result<Parts<'_>, Errno> {
        let open = self.files.find(file.0).ok_or(Errno::Badf)?;
        let backend = &mut self.mounts[open.mount.0 as usize].backend;
        Ok((open, backend, &mut self.ledger, &self.now))
    }
}

/// What a call on an open file works with.
type Parts<'v> = (&'v OpenFile, &'v mut Backend, &'v mut Ledger, &'v Arc<dyn Now>);

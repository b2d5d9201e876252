//! What the embedder reads, writes and takes out of the tree.

use crate::error::{Error, Result};
use crate::outcome::FilesDiff;
use crate::policy::GuestPath;
use crate::vfs::host::Target;
use crate::vfs::namespace::{At, Namespace, Place};
use crate::vfs::tree::{Change, Differences};
use crate::vfs::{Backend, Errno, FileHandle, MountId, OpenFlags, Opened, Vfs};
use std::ops::ControlFlow;

/// The longest file that is read from outside in one piece.
const MOST_READ_BYTES: u64 = 1 << 30;

impl Vfs {
    /// What differs from the start in memory mounts and overlays.
    pub(crate) fn diff(&self) -> FilesDiff {
        let mut differences = Differences::default();
        for mount in &self.mounts {
            if let Backend::Tree(tree) = &mount.backend {
                differences.add_all(&mount.guest, tree);
            }
        }
        differences.finish()
    }

    /// Reads a whole file from outside, following symlinks inside the tree.
    ///
    /// # Errors
    /// `file_unavailable`, also when it is longer than 1 GiB.
    pub(crate) fn read_file(&mut self, path: &GuestPath) -> Result<Vec<u8>> {
        let flags = OpenFlags { follow: true, read: true, ..OpenFlags::default() };
        self.with_file(path, flags, |vfs, file| vfs.read_to_end(file))
    }

    /// Creates or replaces a file from outside, with the folders it needs; quotas apply.
    ///
    /// # Errors
    /// `file_unavailable`.
    pub(crate) fn write_file(&mut self, path: &GuestPath, data: &[u8]) -> Result<()> {
        self.create_folders(path).map_err(|errno| unavailable(path, errno))?;
        let flags = OpenFlags { follow: true, create: true, truncate: true, write: true, ..OpenFlags::default() };
        self.with_file(path, flags, |vfs, file| match vfs.write_at(file, 0, data)? {
            count if count == data.len() => Ok(()),
            _ => Err(Errno::Nospc),
        })
    }

    /// Writes the added and changed files of the overlay or memory mount at `mount` into the
    /// host folder `to` and returns the difference, so that the caller can remove what is gone.
    /// A symlink that would point out of `to` is left out. Where `to` has a directory and the tree a
    /// file, nothing is written.
    ///
    /// # Errors
    /// `mount_invalid`, `host_io`.
    pub(crate) fn export(&self, mount: &GuestPath, to: &cap_std::fs::Dir) -> Result<FilesDiff> {
        let no_tree = || Error::MountInvalid {
            guest: mount.to_string(),
            reason: "no overlay or memory mount has this path".to_owned(),
        };
        let found = self
            .mounts
            .iter()
            .find(|candidate| *candidate.guest == *mount && candidate.root(MountId(0)).is_some())
            .ok_or_else(no_tree)?;
        let Backend::Tree(tree) = &found.backend else { return Err(no_tree()) };
        let mut differences = Differences::default();
        let mut blocked = Ok(());
        let _ = tree.visit_changes(&mut |change, path, _| {
            if change != Change::Removed {
                blocked = Target::check(to, path).map_err(Error::host_io(format!("exporting {path}")));
            }
            if blocked.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        blocked?;
        differences.add_all(mount, tree);
        tree.export(to)?;
        Ok(differences.finish())
    }

    fn with_file<T>(
        &mut self,
        path: &GuestPath,
        flags: OpenFlags,
        work: impl FnOnce(&mut Vfs, &FileHandle) -> std::result::Result<T, Errno>,
    ) -> Result<T> {
        let (start, rest) = self.nearest_mount(path);
        let rest = if rest.is_empty() { "." } else { rest };
        let file = match self.open_from(start, rest, flags).map_err(|errno| unavailable(path, errno))? {
            Opened::File(file) => file,
            Opened::Dir(dir) => {
                self.close_dir(dir);
                return Err(unavailable(path, Errno::Isdir));
            }
        };
        let outcome = work(self, &file);
        self.close_file(file);
        outcome.map_err(|errno| unavailable(path, errno))
    }

    fn read_to_end(&mut self, file: &FileHandle) -> std::result::Result<Vec<u8>, Errno> {
        let size = self.file_stat(file)?.size;
        if size > MOST_READ_BYTES {
            return Err(Errno::Fbig);
        }
        let mut data = Vec::new();
        data.try_reserve_exact(size as usize).map_err(|_| Errno::Nomem)?;
        data.resize(size as usize, 0);
        let mut done = 0;
        while done < data.len() {
            match self.read_at(file, done as u64, &mut data[done..])? {
                0 => break,
                count => done += count,
            }
        }
        data.truncate(done);
        Ok(data)
    }

    fn create_folders(&mut self, path: &GuestPath) -> std::result::Result<(), Errno> {
        let (start, rest) = self.nearest_mount(path);
        for (end, _) in rest.match_indices('/') {
            match self.create_directory_from(start.clone(), &rest[..end]) {
                Ok(()) | Err(Errno::Exist) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// The mount that a path belongs to, as a guest's C library chooses it: the one with the
    /// longest path; and what is left of the path. Without any, the root of the namespace.
    fn nearest_mount<'p>(&self, path: &'p GuestPath) -> (Place, &'p str) {
        let mut nearest = (Place { point: Some(Namespace::ROOT), at: At::Synthetic }, &path.as_str()[1..]);
        let mut longest = 0;
        for (index, mount) in self.mounts.iter().enumerate() {
            let prefix = mount.guest.as_str().trim_end_matches('/');
            let rest = path.as_str().strip_prefix(prefix);
            let rest = rest.and_then(|rest| if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') });
            if let Some(rest) = rest
                && mount.guest.as_str().len() > longest
                && let Some(place) = self.root_of(MountId(index as u32))
            {
                longest = mount.guest.as_str().len();
                nearest = (place, rest);
            }
        }
        nearest
    }
}

pub(super) fn unavailable(path: &GuestPath, errno: Errno) -> Error {
    let reason = match errno {
        Errno::Noent => "it does not exist".to_owned(),
        Errno::Isdir => "it is a directory".to_owned(),
        Errno::Notdir => "part of its path is not a directory".to_owned(),
        Errno::Rofs => "its mount is read-only".to_owned(),
        Errno::Nospc | Errno::Nomem => "a quota of the sandbox is used up".to_owned(),
        Errno::Fbig => "it is longer than a file may be here".to_owned(),
        Errno::NotCapable => "its path leads out of its mount".to_owned(),
        Errno::Loop => "its path has too many symlinks".to_owned(),
        Errno::Acces => "it may not be opened".to_owned(),
        other => format!("the call failed ({other:?})"),
    };
    Error::FileUnavailable { path: path.to_string(), reason }
}

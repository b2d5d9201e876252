//! One place in a folder that is exported to.

use super::at::{Name, look_up, open_dir};
use crate::vfs::{Errno, FileType};
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, Mode, OFlags};
use std::fs::File;
use std::io;

/// A name to write in a directory of the folder.
pub(in crate::vfs) struct Target<'a> {
    dir: Dir,
    name: Name<'a>,
}

/// Written under this name first. Left behind only when the process dies.
const PARTIAL: &str = ".sandcell-partial";

impl<'a> Target<'a> {
    /// Makes the folders above `path`; a file or symlink in the way of one is replaced.
    pub(in crate::vfs) fn at(to: &Dir, path: &'a str) -> io::Result<Target<'a>> {
        let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut dir = to.try_clone()?;
        for parent in parents.split('/').filter(|parent| !parent.is_empty()) {
            dir = make_folder(&dir, Name::parse(parent).map_err(refused)?)?;
        }
        Ok(Target { dir, name: Name::parse(name).map_err(refused)? })
    }

    /// Replaces the name by a file with what `write` gives it; permissions of a file that was
    /// there are kept.
    pub(in crate::vfs) fn file(&self, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        self.clear_partial()?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.dir, PARTIAL, flags, Mode::from_raw_mode(0o666))?;
        let mut file = File::from(opened);
        let written = write(&mut file).and_then(|()| self.keep_mode(&file));
        self.settle(written)
    }

    pub(in crate::vfs) fn symlink(&self, target: &str) -> io::Result<()> {
        self.clear_partial()?;
        rustix::fs::symlinkat(target, &self.dir, PARTIAL)?;
        self.settle(Ok(()))
    }

    fn settle(&self, written: io::Result<()>) -> io::Result<()> {
        let settled = written.and_then(|()| {
            rustix::fs::renameat(&self.dir, PARTIAL, &self.dir, self.name.as_str()).map_err(io::Error::from)
        });
        settled.inspect_err(|_| {
            let _ = self.clear_partial();
        })
    }

    fn keep_mode(&self, file: &File) -> io::Result<()> {
        match rustix::fs::statat(&self.dir, self.name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(old) if rustix::fs::FileType::from_raw_mode(old.st_mode).is_file() => {
                // Never more than permissions: no set-user-id on what a guest wrote.
                Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(old.st_mode & 0o777))?)
            }
            _ => Ok(()),
        }
    }

    fn clear_partial(&self) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.dir, PARTIAL, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn make_folder(dir: &Dir, name: Name<'_>) -> io::Result<Dir> {
    match look_up(dir, name).map_err(refused)?.map(|stat| stat.filetype) {
        Some(FileType::Directory) => {}
        Some(_) => {
            rustix::fs::unlinkat(dir, name.as_str(), AtFlags::empty())?;
            rustix::fs::mkdirat(dir, name.as_str(), Mode::from_raw_mode(0o777))?;
        }
        None => rustix::fs::mkdirat(dir, name.as_str(), Mode::from_raw_mode(0o777))?,
    }
    open_dir(dir, name).map_err(refused)
}

fn refused(errno: Errno) -> io::Error {
    io::Error::other(format!("the folder's entries are in the way ({errno:?})"))
}

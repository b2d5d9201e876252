//! One place in a folder that is exported to.

use super::at::{Name, look_up, open_dir};
use crate::vfs::{Errno, FileType};
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, Mode, OFlags};
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io;

/// A name to write in a directory of the folder.
pub(in crate::vfs) struct Target<'a> {
    dir: Dir,
    name: Name<'a>,
}

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

    /// Makes a folder, and those above it.
    pub(in crate::vfs) fn folder(to: &Dir, path: &str) -> io::Result<()> {
        let Target { dir, name } = Target::at(to, path)?;
        make_folder(&dir, name).map(drop)
    }

    /// Fails where nothing can be written at `path`: a directory has its name. Changes nothing.
    pub(in crate::vfs) fn check(to: &Dir, path: &str) -> io::Result<()> {
        let mut dir = to.try_clone()?;
        let mut names = path.split('/').peekable();
        while let Some(name) = names.next() {
            let name = Name::parse(name).map_err(refused)?;
            match look_up(&dir, name).map_err(refused)?.map(|stat| stat.filetype) {
                Some(FileType::Directory) if names.peek().is_none() => return Err(io::ErrorKind::IsADirectory.into()),
                Some(FileType::Directory) => dir = open_dir(&dir, name).map_err(refused)?,
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Replaces the name by a file with what `write` gives it; permissions of a file that was
    /// there are kept.
    pub(in crate::vfs) fn file(&self, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let (opened, partial) =
            Partial::make(&self.dir, |name| rustix::fs::openat(&self.dir, name, flags, Mode::from_raw_mode(0o666)))?;
        let mut file = File::from(opened);
        write(&mut file)?;
        self.keep_mode(&file)?;
        partial.rename(self.name)
    }

    pub(in crate::vfs) fn symlink(&self, target: &str) -> io::Result<()> {
        let ((), partial) = Partial::make(&self.dir, |name| rustix::fs::symlinkat(target, &self.dir, name))?;
        partial.rename(self.name)
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
}

/// Something under a name that nobody can foresee, until it is renamed; else it is removed. Left
/// behind only when the process dies.
struct Partial<'d> {
    dir: &'d Dir,
    name: Option<String>,
}

/// A name is taken once in 2^64 times; what takes it more often is no accident.
const MOST_NAMES: usize = 4;

impl<'d> Partial<'d> {
    /// Makes it with `make`, which must refuse a name that is taken.
    fn make<T>(dir: &'d Dir, make: impl Fn(&str) -> rustix::io::Result<T>) -> io::Result<(T, Partial<'d>)> {
        for _ in 0..MOST_NAMES {
            // The standard library's hash keys are the operating system's randomness.
            let name = format!(".sandcell-{:016x}", RandomState::new().hash_one(()));
            match make(&name) {
                Ok(made) => return Ok((made, Partial { dir, name: Some(name) })),
                Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(rustix::io::Errno::EXIST.into())
    }

    fn rename(mut self, to: Name<'_>) -> io::Result<()> {
        if let Some(name) = &self.name {
            rustix::fs::renameat(self.dir, name.as_str(), self.dir, to.as_str())?;
        }
        self.name = None;
        Ok(())
    }
}

impl Drop for Partial<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = rustix::fs::unlinkat(self.dir, name.as_str(), AtFlags::empty());
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

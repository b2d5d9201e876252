//! One host folder that is mounted: what a guest may change in it, and what that is charged.

use super::at::{Name, create_regular, look_up, open_dir, open_regular, stat_file};
use super::charges::Charges;
use super::errors::from_kernel;
use super::file::HostFile;
use crate::vfs::ledger::Ledger;
use crate::vfs::{Errno, FileType, SetTime, Stat};
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, Mode, Timespec, Timestamps};
use std::sync::Arc;

/// A mounted host folder.
pub(in crate::vfs) struct Folder {
    pub(in crate::vfs) root: Arc<Dir>,
    /// Whether any relative symlink may be created.
    symlinks: bool,
    pub(super) charges: Charges,
}

impl Folder {
    pub(in crate::vfs) fn new(root: Dir, symlinks: bool) -> Folder {
        Folder { root: Arc::new(root), symlinks, charges: Charges::default() }
    }

    /// Opens a regular file; truncates it after the check that it is one.
    pub(in crate::vfs) fn open(
        &mut self,
        dir: &Dir,
        name: &str,
        read: bool,
        write: bool,
        truncate: bool,
        ledger: &mut Ledger,
    ) -> Result<HostFile, Errno> {
        let file = open_regular(dir, Name::parse(name)?, read, write || truncate)?;
        let file = self.host_file(file, write || truncate, ledger)?;
        if truncate && let Err(errno) = self.set_size(&file, 0, ledger) {
            self.close(file, ledger);
            return Err(errno);
        }
        Ok(file)
    }

    /// Creates a regular file; `Exist` when the name is taken.
    pub(in crate::vfs) fn create(
        &mut self,
        dir: &Dir,
        name: &str,
        read: bool,
        write: bool,
        ledger: &mut Ledger,
    ) -> Result<HostFile, Errno> {
        let name = Name::parse(name)?;
        ledger.take_node()?;
        let created = create_regular(dir, name, read, write);
        let file = created.inspect_err(|_| ledger.give_node())?;
        let file = self.host_file(file, write, ledger)?;
        self.charges.named(file.key, ledger);
        Ok(file)
    }

    fn host_file(&mut self, file: std::fs::File, write: bool, ledger: &mut Ledger) -> Result<HostFile, Errno> {
        let stat = stat_file(&file)?;
        let key = (stat.dev, stat.ino);
        if write {
            self.charges.opened(key, ledger);
        }
        Ok(HostFile { file, key, counted: write })
    }

    pub(in crate::vfs) fn close(&mut self, file: HostFile, ledger: &mut Ledger) {
        let HostFile { file, key, counted } = file;
        drop(file);
        if counted {
            self.charges.closed(key, ledger);
        }
    }

    pub(in crate::vfs) fn create_directory(&mut self, dir: &Dir, name: &str, ledger: &mut Ledger) -> Result<(), Errno> {
        let name = Name::parse(name)?;
        self.create_named(dir, name, ledger, |name| rustix::fs::mkdirat(dir, name, Mode::from_raw_mode(0o777)))
    }

    /// Creates a symlink that cannot point out of the folder, or any relative one where granted.
    pub(in crate::vfs) fn symlink(
        &mut self,
        target: &str,
        dir: &Dir,
        name: &str,
        ledger: &mut Ledger,
    ) -> Result<(), Errno> {
        if !self.symlinks && target.split('/').any(|part| part == "..") {
            return Err(Errno::Perm);
        }
        let name = Name::parse(name)?;
        self.create_named(dir, name, ledger, |name| rustix::fs::symlinkat(target, dir, name))
    }

    pub(in crate::vfs) fn link(
        &mut self,
        from: &Dir,
        from_name: &str,
        to: &Dir,
        to_name: &str,
        ledger: &mut Ledger,
    ) -> Result<(), Errno> {
        let (from_name, to_name) = (Name::parse(from_name)?, Name::parse(to_name)?);
        self.create_named(to, to_name, ledger, |name| {
            rustix::fs::linkat(from, from_name.as_str(), to, name, AtFlags::empty())
        })
    }

    pub(in crate::vfs) fn unlink(&mut self, dir: &Dir, name: &str, ledger: &mut Ledger) -> Result<(), Errno> {
        self.remove_named(dir, Name::parse(name)?, AtFlags::empty(), ledger)
    }

    pub(in crate::vfs) fn remove_directory(&mut self, dir: &Dir, name: &str, ledger: &mut Ledger) -> Result<(), Errno> {
        self.remove_named(dir, Name::parse(name)?, AtFlags::REMOVEDIR, ledger)
    }

    pub(in crate::vfs) fn rename(
        &mut self,
        from: &Dir,
        from_name: &str,
        to: &Dir,
        to_name: &str,
        ledger: &mut Ledger,
    ) -> Result<(), Errno> {
        let (from_name, to_name) = (Name::parse(from_name)?, Name::parse(to_name)?);
        let moved = look_up(from, from_name)?;
        let replaced = look_up(to, to_name)?;
        rustix::fs::renameat(from, from_name.as_str(), to, to_name.as_str()).map_err(from_kernel)?;
        let key = |stat: &Stat| (stat.dev, stat.ino);
        if let Some(replaced) = replaced.filter(|replaced| moved.as_ref().map(key) != Some(key(replaced))) {
            self.charges.unnamed(key(&replaced), is_last_name(&replaced), ledger);
        }
        Ok(())
    }

    /// Sets the times of an entry itself, also when it is a symlink.
    pub(in crate::vfs) fn set_times(
        &self,
        dir: &Dir,
        name: Option<&str>,
        atim: SetTime,
        mtim: SetTime,
    ) -> Result<(), Errno> {
        let name = name.map(Name::parse).transpose()?.map_or(".", Name::as_str);
        rustix::fs::utimensat(dir, name, &timestamps(atim, mtim), AtFlags::SYMLINK_NOFOLLOW).map_err(from_kernel)
    }

    fn create_named(
        &mut self,
        dir: &Dir,
        name: Name<'_>,
        ledger: &mut Ledger,
        make: impl FnOnce(&str) -> rustix::io::Result<()>,
    ) -> Result<(), Errno> {
        ledger.take_node()?;
        make(name.as_str()).map_err(|error| {
            ledger.give_node();
            from_kernel(error)
        })?;
        if let Ok(Some(stat)) = look_up(dir, name) {
            self.charges.named((stat.dev, stat.ino), ledger);
        }
        Ok(())
    }

    fn remove_named(&mut self, dir: &Dir, name: Name<'_>, flags: AtFlags, ledger: &mut Ledger) -> Result<(), Errno> {
        let stat = look_up(dir, name)?.ok_or(Errno::Noent)?;
        rustix::fs::unlinkat(dir, name.as_str(), flags).map_err(from_kernel)?;
        self.charges.unnamed((stat.dev, stat.ino), is_last_name(&stat), ledger);
        Ok(())
    }

    /// Opens a directory below, to walk on from.
    pub(in crate::vfs) fn enter(dir: &Dir, name: &str) -> Result<Arc<Dir>, Errno> {
        open_dir(dir, Name::parse(name)?).map(Arc::new)
    }
}

fn is_last_name(stat: &Stat) -> bool {
    stat.filetype == FileType::Directory || stat.nlink <= 1
}

pub(super) fn timestamps(atim: SetTime, mtim: SetTime) -> Timestamps {
    let time = |time: SetTime| match time {
        SetTime::Keep => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
        SetTime::Now => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
        SetTime::At(ns) => Timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as _ },
    };
    Timestamps { last_access: time(atim), last_modification: time(mtim) }
}

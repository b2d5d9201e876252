//! One host folder that is mounted: what a guest may change in it, and what that is charged.

use super::at::{Name, create_regular, look_up, open_dir, open_regular, read_link, stat_dir};
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
}

impl Folder {
    pub(in crate::vfs) fn new(root: Dir, symlinks: bool) -> Folder {
        Folder { root: Arc::new(root), symlinks }
    }

    /// Opens a regular file; truncates it after the check that it is one.
    pub(in crate::vfs) fn open(
        &self,
        dir: &Dir,
        name: &str,
        read: bool,
        write: bool,
        truncate: bool,
        ledger: &mut Ledger,
    ) -> Result<HostFile, Errno> {
        let file = HostFile::hold(open_regular(dir, Name::parse(name)?, read, write || truncate)?, ledger)?;
        if truncate && let Err(errno) = self.set_size(&file, 0, ledger) {
            file.close(ledger);
            return Err(errno);
        }
        Ok(file)
    }

    /// Creates a regular file; `Exist` when the name is taken.
    pub(in crate::vfs) fn create(
        &self,
        dir: &Dir,
        name: &str,
        read: bool,
        write: bool,
        ledger: &mut Ledger,
    ) -> Result<HostFile, Errno> {
        let name = Name::parse(name)?;
        ledger.take_node()?;
        let created = ledger.take_charge().and_then(|()| {
            let file = create_regular(dir, name, read, write).and_then(|file| HostFile::hold_paid(file, ledger));
            file.inspect_err(|_| ledger.give_charge())
        });
        let file = created.inspect_err(|_| ledger.give_node())?;
        ledger.named(file.key);
        Ok(file)
    }

    pub(in crate::vfs) fn create_directory(&self, dir: &Dir, name: &str, ledger: &mut Ledger) -> Result<(), Errno> {
        let name = Name::parse(name)?;
        self.create_named(dir, name, ledger, |name| rustix::fs::mkdirat(dir, name, Mode::from_raw_mode(0o777)))
    }

    /// Creates a symlink that cannot point out of the folder, or any relative one where granted.
    pub(in crate::vfs) fn symlink(
        &self,
        target: &str,
        dir: &Dir,
        name: &str,
        ledger: &mut Ledger,
    ) -> Result<(), Errno> {
        if !self.symlinks && climbs(target) {
            return Err(Errno::Perm);
        }
        let name = Name::parse(name)?;
        self.create_named(dir, name, ledger, |name| rustix::fs::symlinkat(target, dir, name))
    }

    pub(in crate::vfs) fn link(
        &self,
        from: &Dir,
        from_name: &str,
        to: &Dir,
        to_name: &str,
        ledger: &mut Ledger,
    ) -> Result<(), Errno> {
        let (from_name, to_name) = (Name::parse(from_name)?, Name::parse(to_name)?);
        if let Some(linked) = look_up(from, from_name)? {
            self.check_moving(&linked, from, from_name, to)?;
        }
        self.create_named(to, to_name, ledger, |name| {
            rustix::fs::linkat(from, from_name.as_str(), to, name, AtFlags::empty())
        })
    }

    pub(in crate::vfs) fn unlink(&self, dir: &Dir, name: &str, ledger: &mut Ledger) -> Result<(), Errno> {
        self.remove_named(dir, Name::parse(name)?, AtFlags::empty(), ledger)
    }

    pub(in crate::vfs) fn remove_directory(&self, dir: &Dir, name: &str, ledger: &mut Ledger) -> Result<(), Errno> {
        self.remove_named(dir, Name::parse(name)?, AtFlags::REMOVEDIR, ledger)
    }

    pub(in crate::vfs) fn rename(
        &self,
        from: &Dir,
        from_name: &str,
        to: &Dir,
        to_name: &str,
        ledger: &mut Ledger,
    ) -> Result<(), Errno> {
        let (from_name, to_name) = (Name::parse(from_name)?, Name::parse(to_name)?);
        let moved = look_up(from, from_name)?;
        if let Some(moved) = &moved {
            self.check_moving(moved, from, from_name, to)?;
        }
        let replaced = look_up(to, to_name)?;
        rustix::fs::renameat(from, from_name.as_str(), to, to_name.as_str()).map_err(from_kernel)?;
        let key = |stat: &Stat| (stat.dev, stat.ino);
        if let Some(replaced) = replaced.filter(|replaced| moved.as_ref().map(key) != Some(key(replaced))) {
            ledger.unnamed(key(&replaced), is_last_name(&replaced));
        }
        Ok(())
    }

    /// Refuses to move a symlink that could point out of the folder from its new place: programs
    /// of the host would follow it there.
    fn check_moving(&self, moved: &Stat, from: &Dir, name: Name<'_>, to: &Dir) -> Result<(), Errno> {
        if self.symlinks || moved.filetype != FileType::SymbolicLink {
            return Ok(());
        }
        let (from_stat, to_stat) = (stat_dir(from)?, stat_dir(to)?);
        if (from_stat.dev, from_stat.ino) == (to_stat.dev, to_stat.ino) {
            return Ok(());
        }
        match read_link(from, name) {
            Ok(target) if !climbs(&target) && !target.starts_with('/') => Ok(()),
            // What is not UTF-8 may have any target.
            Ok(_) | Err(Errno::Ilseq) => Err(Errno::Perm),
            Err(errno) => Err(errno),
        }
    }

    /// Refuses to move a directory nearer to the root or away from it: nobody looks through it for
    /// symlinks that climb, and what a handle knows of its own depth stays true. `Xdev` makes
    /// programs copy instead.
    pub(in crate::vfs) fn check_change_of_depth(&self) -> Result<(), Errno> {
        if self.symlinks { Ok(()) } else { Err(Errno::Xdev) }
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
        &self,
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
            ledger.named((stat.dev, stat.ino));
        }
        Ok(())
    }

    fn remove_named(&self, dir: &Dir, name: Name<'_>, flags: AtFlags, ledger: &mut Ledger) -> Result<(), Errno> {
        let stat = look_up(dir, name)?.ok_or(Errno::Noent)?;
        rustix::fs::unlinkat(dir, name.as_str(), flags).map_err(from_kernel)?;
        ledger.unnamed((stat.dev, stat.ino), is_last_name(&stat));
        Ok(())
    }

    /// Opens a directory below, to walk on from.
    pub(in crate::vfs) fn enter(dir: &Dir, name: &str) -> Result<Arc<Dir>, Errno> {
        open_dir(dir, Name::parse(name)?).map(Arc::new)
    }
}

fn climbs(target: &str) -> bool {
    target.split('/').any(|part| part == "..")
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

//! The functions that take a path.
//!
//! What a path means, and where it may lead, is the file tree's business alone. Here only its
//! bytes are taken out of the guest's memory, rights are checked, and refusals are recorded.

// The number of arguments is the ABI's.
#![allow(clippy::too_many_arguments)]

use super::abi::{self, FdFlags, LookupFlags, OFlags, Rights};
use super::context::cost;
use super::denials::absolute;
use super::descriptor::{Descriptor, Dir, File, Followed, Kind};
use super::fd::times;
use super::table::Vacancy;
use super::{Failure, GuestMemory, WasiCtx};
use crate::outcome::FileChange;
use crate::vfs::{DirHandle, Errno, OpenFlags, Opened, Vfs};

/// A path in the guest's memory and the descriptor that it is relative to.
#[derive(Debug, Clone, Copy)]
struct Place {
    fd: u32,
    at: u32,
    len: u32,
}

impl WasiCtx {
    pub(super) fn path_open(
        &mut self,
        mut memory: GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        at: u32,
        len: u32,
        oflags: u32,
        base: u64,
        inheriting: u64,
        fdflags: u32,
        out: u32,
    ) -> Result<(), Failure> {
        self.credit.spend(cost::DISK)?;
        let follow = LookupFlags::try_from(lookup)?.contains(LookupFlags::SYMLINK_FOLLOW);
        let (oflags, fdflags) = (OFlags::try_from(oflags)?, FdFlags::try_from(fdflags)?);
        memory.range(out, 4)?;
        let path = memory.path(at, len)?;
        let wanted = Wanted {
            follow,
            oflags,
            fdflags,
            base: Rights::from_bits_truncate(base),
            inheriting: Rights::from_bits_truncate(inheriting),
        };
        let opened = match self.open(fd, path, wanted) {
            Err(Errno::Noent) => self.open_device(fd, path, wanted.base),
            opened => opened,
        };
        let fd = self.answer("path_open", fd, path, opened)?;
        Ok(memory.write_u32(out, fd)?)
    }

    pub(super) fn path_create_directory(
        &mut self,
        memory: GuestMemory<'_>,
        fd: u32,
        at: u32,
        len: u32,
    ) -> Result<(), Failure> {
        self.at_path(
            "path_create_directory",
            &memory,
            Place { fd, at, len },
            Rights::PATH_CREATE_DIRECTORY,
            |vfs, dir, path| vfs.create_directory(dir, path),
        )?;
        self.tell(&memory, Place { fd, at, len }, FileChange::Written);
        Ok(())
    }

    pub(super) fn path_remove_directory(
        &mut self,
        memory: GuestMemory<'_>,
        fd: u32,
        at: u32,
        len: u32,
    ) -> Result<(), Failure> {
        self.at_path(
            "path_remove_directory",
            &memory,
            Place { fd, at, len },
            Rights::PATH_REMOVE_DIRECTORY,
            |vfs, dir, path| vfs.remove_directory(dir, path),
        )?;
        self.tell(&memory, Place { fd, at, len }, FileChange::Removed);
        Ok(())
    }

    pub(super) fn path_unlink_file(
        &mut self,
        memory: GuestMemory<'_>,
        fd: u32,
        at: u32,
        len: u32,
    ) -> Result<(), Failure> {
        self.at_path(
            "path_unlink_file",
            &memory,
            Place { fd, at, len },
            Rights::PATH_UNLINK_FILE,
            |vfs, dir, path| vfs.unlink_file(dir, path),
        )?;
        self.tell(&memory, Place { fd, at, len }, FileChange::Removed);
        Ok(())
    }

    pub(super) fn path_filestat_get(
        &mut self,
        mut memory: GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        at: u32,
        len: u32,
        out: u32,
    ) -> Result<(), Failure> {
        let follow = LookupFlags::try_from(lookup)?.contains(LookupFlags::SYMLINK_FOLLOW);
        memory.range(out, abi::FILESTAT_BYTES)?;
        let stat = self.at_path(
            "path_filestat_get",
            &memory,
            Place { fd, at, len },
            Rights::PATH_FILESTAT_GET,
            |vfs, dir, path| vfs.path_stat(dir, path, follow),
        )?;
        Ok(memory.write(out, &abi::filestat(&stat))?)
    }

    pub(super) fn path_filestat_set_times(
        &mut self,
        memory: GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        at: u32,
        len: u32,
        atim: u64,
        mtim: u64,
        flags: u32,
    ) -> Result<(), Failure> {
        let follow = LookupFlags::try_from(lookup)?.contains(LookupFlags::SYMLINK_FOLLOW);
        let (atim, mtim) = times(atim, mtim, flags)?;
        self.at_path(
            "path_filestat_set_times",
            &memory,
            Place { fd, at, len },
            Rights::PATH_FILESTAT_SET_TIMES,
            |vfs, dir, path| vfs.path_set_times(dir, path, follow, atim, mtim),
        )
    }

    pub(super) fn path_readlink(
        &mut self,
        mut memory: GuestMemory<'_>,
        fd: u32,
        at: u32,
        len: u32,
        buffer: u32,
        buffer_len: u32,
        out: u32,
    ) -> Result<(), Failure> {
        memory.range(out, 4)?;
        memory.range(buffer, buffer_len)?;
        let target =
            self.at_path("path_readlink", &memory, Place { fd, at, len }, Rights::PATH_READLINK, |vfs, dir, path| {
                vfs.read_link(dir, path)
            })?;
        // A target longer than the buffer is cut, as in POSIX.
        let target = &target.as_bytes()[..target.len().min(buffer_len as usize)];
        memory.write(buffer, target)?;
        Ok(memory.write_u32(out, target.len() as u32)?)
    }

    pub(super) fn path_symlink(
        &mut self,
        memory: GuestMemory<'_>,
        target: u32,
        target_len: u32,
        fd: u32,
        at: u32,
        len: u32,
    ) -> Result<(), Failure> {
        let target = memory.path(target, target_len)?;
        self.at_path("path_symlink", &memory, Place { fd, at, len }, Rights::PATH_SYMLINK, |vfs, dir, path| {
            vfs.symlink(target, dir, path)
        })?;
        self.tell(&memory, Place { fd, at, len }, FileChange::Written);
        Ok(())
    }

    pub(super) fn path_link(
        &mut self,
        memory: GuestMemory<'_>,
        old_fd: u32,
        lookup: u32,
        old_at: u32,
        old_len: u32,
        new_fd: u32,
        new_at: u32,
        new_len: u32,
    ) -> Result<(), Failure> {
        let follow = LookupFlags::try_from(lookup)?.contains(LookupFlags::SYMLINK_FOLLOW);
        self.between_paths(
            "path_link",
            &memory,
            (Place { fd: old_fd, at: old_at, len: old_len }, Rights::PATH_LINK_SOURCE),
            (Place { fd: new_fd, at: new_at, len: new_len }, Rights::PATH_LINK_TARGET),
            |vfs, from, from_path, to, to_path| vfs.link(from, from_path, follow, to, to_path),
        )?;
        self.tell(&memory, Place { fd: new_fd, at: new_at, len: new_len }, FileChange::Written);
        Ok(())
    }

    pub(super) fn path_rename(
        &mut self,
        memory: GuestMemory<'_>,
        old_fd: u32,
        old_at: u32,
        old_len: u32,
        new_fd: u32,
        new_at: u32,
        new_len: u32,
    ) -> Result<(), Failure> {
        self.between_paths(
            "path_rename",
            &memory,
            (Place { fd: old_fd, at: old_at, len: old_len }, Rights::PATH_RENAME_SOURCE),
            (Place { fd: new_fd, at: new_at, len: new_len }, Rights::PATH_RENAME_TARGET),
            |vfs, from, from_path, to, to_path| vfs.rename(from, from_path, to, to_path),
        )?;
        self.tell(&memory, Place { fd: old_fd, at: old_at, len: old_len }, FileChange::Removed);
        self.tell(&memory, Place { fd: new_fd, at: new_at, len: new_len }, FileChange::Written);
        Ok(())
    }

    /// Does `act` with one path, if the descriptor is a directory with `right`.
    fn at_path<T>(
        &mut self,
        operation: &'static str,
        memory: &GuestMemory<'_>,
        place: Place,
        right: Rights,
        act: impl FnOnce(&mut Vfs, &DirHandle, &str) -> Result<T, Errno>,
    ) -> Result<T, Failure> {
        self.credit.spend(cost::DISK)?;
        let path = memory.path(place.at, place.len)?;
        let dir = self.table.descriptor(place.fd)?.dir(right);
        let done = dir.and_then(|dir| act(&mut self.vfs, &dir.handle, path));
        self.answer(operation, place.fd, path, done)
    }

    /// Does `act` with two paths. A refusal is recorded under the second: it is the one to be
    /// made.
    fn between_paths(
        &mut self,
        operation: &'static str,
        memory: &GuestMemory<'_>,
        (from, from_right): (Place, Rights),
        (to, to_right): (Place, Rights),
        act: impl FnOnce(&mut Vfs, &DirHandle, &str, &DirHandle, &str) -> Result<(), Errno>,
    ) -> Result<(), Failure> {
        self.credit.spend(cost::DISK)?;
        let (from_path, to_path) = (memory.path(from.at, from.len)?, memory.path(to.at, to.len)?);
        let (from_fd, to_fd) = (self.table.descriptor(from.fd)?, self.table.descriptor(to.fd)?);
        let done = match (from_fd.dir(from_right), to_fd.dir(to_right)) {
            (Ok(from), Ok(to)) => act(&mut self.vfs, &from.handle, from_path, &to.handle, to_path),
            (Err(errno), _) | (_, Err(errno)) => Err(errno),
        };
        self.answer(operation, to.fd, to_path, done)
    }

    /// Records a refusal on its way to the guest.
    fn answer<T>(
        &mut self,
        operation: &'static str,
        fd: u32,
        path: &str,
        done: Result<T, Errno>,
    ) -> Result<T, Failure> {
        if let Err(errno) = done {
            let preopen = preopen_of(&self.table, fd);
            self.denials.record(errno, operation, preopen, path);
        }
        Ok(done?)
    }

    /// Tells whoever follows the run what the guest did to a file.
    fn tell(&self, memory: &GuestMemory<'_>, place: Place, change: FileChange) {
        if let (Some(outlet), Ok(path)) = (&self.outlet, memory.path(place.at, place.len)) {
            outlet.file(change, absolute(preopen_of(&self.table, place.fd), path));
        }
    }

    fn open(&mut self, fd: u32, path: &str, wanted: Wanted) -> Result<u32, Errno> {
        let descriptor = self.table.descriptor(fd)?;
        if matches!(descriptor.kind, Kind::File(_)) {
            return Err(Errno::Notdir);
        }
        descriptor.dir(wanted.needed())?;
        let inheriting = descriptor.inheriting;
        // Room first: a descriptor that is open has a number.
        let vacancy = self.table.reserve()?;
        match self.open_at(fd, path, wanted, inheriting) {
            Ok(descriptor) => Ok(self.table.fill(vacancy, descriptor)),
            Err(errno) => self.no_room_needed(vacancy, errno),
        }
    }

    #[cold]
    fn no_room_needed(&mut self, vacancy: Vacancy, errno: Errno) -> Result<u32, Errno> {
        self.table.cancel(vacancy);
        Err(errno)
    }

    fn open_at(&mut self, fd: u32, path: &str, wanted: Wanted, granted: Rights) -> Result<Descriptor, Errno> {
        let base = wanted.base & granted;
        let flags = wanted.open_flags(base);
        let dir = self.table.descriptor(fd)?.dir(Rights::PATH_OPEN)?;
        let (kind, useful) = match self.vfs.open(&dir.handle, path, flags)? {
            Opened::Dir(handle) => (Kind::Dir(Dir { handle, preopen: None }), Rights::DIRECTORY),
            Opened::File(handle) => {
                let on_host = self.vfs.file_is_on_host(&handle);
                let useless = if base.contains(Rights::FD_WRITE) { Rights::NONE } else { Rights::FILE_WRITING };
                let followed = self.outlet.as_ref().filter(|_| flags.write).map(|_| Followed {
                    name: absolute(preopen_of(&self.table, fd), path).into(),
                    written: flags.create || flags.truncate,
                });
                (Kind::File(File { handle, position: 0, on_host, followed }), Rights::FILE.without(useless))
            }
        };
        let flags = if matches!(kind, Kind::Dir(_)) { FdFlags::default() } else { wanted.fdflags };
        // A descriptor has the rights it can use, and says so.
        Ok(Descriptor { kind, base: base & useful, inheriting: wanted.inheriting & granted, flags })
    }
}

/// Where the guest sees a directory that was open from the start.
fn preopen_of(table: &super::table::Table, fd: u32) -> Option<&str> {
    match table.descriptor(fd) {
        Ok(Descriptor { kind: Kind::Dir(Dir { preopen, .. }), .. }) => preopen.as_deref(),
        _ => None,
    }
}

/// What `path_open` is asked for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    follow: bool,
    oflags: OFlags,
    fdflags: FdFlags,
    base: Rights,
    inheriting: Rights,
}

impl Wanted {
    /// What the directory must allow.
    fn needed(self) -> Rights {
        let mut needed = Rights::PATH_OPEN;
        if self.oflags.contains(OFlags::CREAT) {
            needed = needed | Rights::PATH_CREATE_FILE;
        }
        if self.oflags.contains(OFlags::TRUNC) {
            needed = needed | Rights::PATH_FILESTAT_SET_SIZE;
        }
        needed
    }

    fn open_flags(self, base: Rights) -> OpenFlags {
        OpenFlags {
            follow: self.follow,
            create: self.oflags.contains(OFlags::CREAT),
            exclusive: self.oflags.contains(OFlags::EXCL),
            truncate: self.oflags.contains(OFlags::TRUNC),
            directory: self.oflags.contains(OFlags::DIRECTORY),
            read: base.intersects(Rights::FD_READ | Rights::FD_READDIR),
            write: base.contains(Rights::FD_WRITE),
        }
    }
}

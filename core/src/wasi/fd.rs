//! What a descriptor is: its rights, flags, status and number.

use super::abi::{self, FdFlags, FstFlags, Rights};
use super::context::{close, cost};
use super::descriptor::{Descriptor, Dir, File, Followed, Kind};
use super::{Failure, GuestMemory, WasiCtx};
use crate::outcome::FileChange;
use crate::vfs::{Errno, FileType, SetTime, Stat};

impl WasiCtx {
    pub(super) fn fd_close(&mut self, _: GuestMemory<'_>, fd: u32) -> Result<(), Failure> {
        self.pay_to_close(fd)?;
        let descriptor = self.table.remove(fd)?;
        self.tell_closed(&descriptor);
        close(&mut self.vfs, descriptor);
        Ok(())
    }

    pub(super) fn fd_renumber(&mut self, _: GuestMemory<'_>, from: u32, to: u32) -> Result<(), Failure> {
        self.pay_to_close(to)?;
        if let Some(replaced) = self.table.renumber(from, to)? {
            self.tell_closed(&replaced);
            close(&mut self.vfs, replaced);
        }
        Ok(())
    }

    pub(super) fn fd_fdstat_get(&mut self, mut memory: GuestMemory<'_>, fd: u32, out: u32) -> Result<(), Failure> {
        let descriptor = self.table.descriptor(fd)?;
        let filetype = match descriptor.kind {
            Kind::Stdin | Kind::Stdout | Kind::Stderr => STREAM,
            Kind::Random => FileType::CharacterDevice,
            Kind::File(_) => FileType::RegularFile,
            Kind::Dir(_) => FileType::Directory,
            Kind::Gone => return Err(Errno::Badf.into()),
        };
        let stat = abi::fdstat(filetype, descriptor.flags, descriptor.base, descriptor.inheriting);
        Ok(memory.write(out, &stat)?)
    }

    /// Appending and non-blocking can be switched; the three kinds of synchronous writing are
    /// chosen when a file is opened.
    pub(super) fn fd_fdstat_set_flags(&mut self, _: GuestMemory<'_>, fd: u32, flags: u32) -> Result<(), Failure> {
        const SWITCHABLE: FdFlags = FdFlags::APPEND.union(FdFlags::NONBLOCK);
        let flags = FdFlags::try_from(flags)?;
        let descriptor = self.table.descriptor_mut(fd)?;
        if matches!(descriptor.kind, Kind::Dir(_)) {
            return Err(Errno::Badf.into());
        }
        descriptor.require(Rights::FD_FDSTAT_SET_FLAGS)?;
        if !SWITCHABLE.contains(flags) {
            return Err(Errno::Inval.into());
        }
        descriptor.flags = descriptor.flags.without(SWITCHABLE) | flags;
        Ok(())
    }

    /// Rights can only be given up.
    pub(super) fn fd_fdstat_set_rights(
        &mut self,
        _: GuestMemory<'_>,
        fd: u32,
        base: u64,
        inheriting: u64,
    ) -> Result<(), Failure> {
        let descriptor = self.table.descriptor_mut(fd)?;
        let adds = |have: Rights, want: u64| want & !have.bits() != 0;
        if adds(descriptor.base, base) || adds(descriptor.inheriting, inheriting) {
            return Err(Errno::NotCapable.into());
        }
        descriptor.base = Rights::from_bits_truncate(base);
        descriptor.inheriting = Rights::from_bits_truncate(inheriting);
        Ok(())
    }

    pub(super) fn fd_filestat_get(&mut self, mut memory: GuestMemory<'_>, fd: u32, out: u32) -> Result<(), Failure> {
        memory.range(out, abi::FILESTAT_BYTES)?;
        let descriptor = self.table.descriptor(fd)?;
        descriptor.require(Rights::FD_FILESTAT_GET)?;
        let stat = match &descriptor.kind {
            Kind::Stdin => stream_stat(0),
            Kind::Stdout => stream_stat(1),
            Kind::Stderr => stream_stat(2),
            Kind::Random => Stat { filetype: FileType::CharacterDevice, ..stream_stat(3) },
            Kind::File(file) => {
                self.credit.spend(if file.on_host { cost::DISK } else { 0 })?;
                self.vfs.file_stat(&file.handle)?
            }
            Kind::Dir(dir) => {
                self.credit.spend(cost::DISK)?;
                self.vfs.dir_stat(&dir.handle)?
            }
            Kind::Gone => return Err(Errno::Badf.into()),
        };
        Ok(memory.write(out, &abi::filestat(&stat))?)
    }

    pub(super) fn fd_filestat_set_times(
        &mut self,
        _: GuestMemory<'_>,
        fd: u32,
        atim: u64,
        mtim: u64,
        flags: u32,
    ) -> Result<(), Failure> {
        self.credit.spend(cost::DISK)?;
        let (atim, mtim) = times(atim, mtim, flags)?;
        let descriptor = self.table.descriptor(fd)?;
        match &descriptor.kind {
            Kind::Stdin | Kind::Stdout | Kind::Stderr | Kind::Random | Kind::Gone => Err(Errno::Badf.into()),
            _ if !descriptor.base.contains(Rights::FD_FILESTAT_SET_TIMES) => Err(Errno::NotCapable.into()),
            Kind::File(file) => Ok(self.vfs.file_set_times(&file.handle, atim, mtim)?),
            Kind::Dir(dir) => Ok(self.vfs.dir_set_times(&dir.handle, atim, mtim)?),
        }
    }

    pub(super) fn fd_prestat_get(&mut self, mut memory: GuestMemory<'_>, fd: u32, out: u32) -> Result<(), Failure> {
        let Some(path) = self.preopen(fd)? else { return Err(Errno::Badf.into()) };
        // A guest path is at most 4096 bytes.
        let stat = abi::prestat(path.len() as u32);
        Ok(memory.write(out, &stat)?)
    }

    pub(super) fn fd_prestat_dir_name(
        &mut self,
        mut memory: GuestMemory<'_>,
        fd: u32,
        at: u32,
        len: u32,
    ) -> Result<(), Failure> {
        let Some(path) = self.preopen(fd)? else { return Err(Errno::Notdir.into()) };
        if path.len() > len as usize {
            return Err(Errno::NameTooLong.into());
        }
        Ok(memory.write(at, path.as_bytes())?)
    }

    /// Tells whoever follows the run that a file was written.
    pub(super) fn tell_closed(&self, descriptor: &Descriptor) {
        if let (Some(outlet), Kind::File(File { followed: Some(Followed { name, written: true }), .. })) =
            (&self.outlet, &descriptor.kind)
        {
            outlet.file(FileChange::Written, name.to_string());
        }
    }

    /// The last handle of a file that was removed on the host frees its content.
    fn pay_to_close(&mut self, fd: u32) -> Result<(), Failure> {
        match self.table.descriptor(fd).map(|descriptor| &descriptor.kind) {
            Ok(Kind::File(File { on_host: true, .. })) => Ok(self.credit.spend(cost::UNBOUNDED)?),
            _ => Ok(()),
        }
    }

    /// Where the guest sees a directory that was open from the start.
    fn preopen(&self, fd: u32) -> Result<Option<&str>, Errno> {
        match &self.table.descriptor(fd)?.kind {
            Kind::Dir(Dir { preopen, .. }) => Ok(preopen.as_deref()),
            _ => Ok(None),
        }
    }
}

/// What the standard streams are: nothing preview 1 has a number for. A character device would
/// be a terminal to the C library, and programs would flush every line.
const STREAM: FileType = FileType::Unknown;

/// Streams have no status but that they differ.
fn stream_stat(ino: u64) -> Stat {
    Stat { dev: 0, ino, filetype: STREAM, nlink: 0, size: 0, atim: 0, mtim: 0, ctim: 0 }
}

/// The new time stamps that a call asks for.
pub(super) fn times(atim: u64, mtim: u64, flags: u32) -> Result<(SetTime, SetTime), Errno> {
    let flags = FstFlags::try_from(flags)?;
    let time = |at: FstFlags, now: FstFlags, value| match (flags.contains(at), flags.contains(now)) {
        (true, true) => Err(Errno::Inval),
        (true, false) => Ok(SetTime::At(value)),
        (false, true) => Ok(SetTime::Now),
        (false, false) => Ok(SetTime::Keep),
    };
    Ok((time(FstFlags::ATIM, FstFlags::ATIM_NOW, atim)?, time(FstFlags::MTIM, FstFlags::MTIM_NOW, mtim)?))
}

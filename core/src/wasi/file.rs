//! Reading, writing and positions: files, and the streams where a call allows them.

use super::abi::{ADVICE_MAX, FdFlags, Rights, Whence};
use super::context::cost;
use super::descriptor::{File, Kind};
use super::guest::{Iovecs, MAX_IOVECS};
use super::stdin::Ready;
use super::{Failure, GuestMemory, WasiCtx};
use crate::outcome::{Event, Stream};
use crate::vfs::{Errno, FileHandle, Vfs};

/// The largest position, as in POSIX: offsets are signed.
const MAX_POSITION: u64 = i64::MAX as u64;

/// How far a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The call is complete.
    Done,
    /// Standard input has nothing yet, or whoever follows the run has not read what is there; the call
    /// has had no effect.
    Wait,
}

impl WasiCtx {
    /// `fd_read`, as far as it goes without waiting.
    pub(super) fn fd_read(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        out: u32,
    ) -> Result<Progress, Failure> {
        let iovecs = self.iovecs(memory, iovs, iovs_len)?;
        memory.range(out, 4)?;
        let descriptor = self.table.descriptor_mut(fd)?;
        let flags = descriptor.flags;
        let len = match &descriptor.kind {
            // EBADF, not ENOTCAPABLE, is what reading a write-only file gives everywhere.
            _ if !descriptor.base.contains(Rights::FD_READ) => return Err(Errno::Badf.into()),
            Kind::Stdin => match self.read_stdin(memory, iovecs)? {
                Some(len) => len,
                None if flags.contains(FdFlags::NONBLOCK) => return Err(Errno::Again.into()),
                None => return Ok(Progress::Wait),
            },
            Kind::File(File { position, .. }) => {
                let position = *position;
                let (len, end) = self.read_file(memory, fd, iovecs, position)?;
                self.move_to(fd, end)?;
                len
            }
            Kind::Random => self.read_device(memory, iovecs)?,
            Kind::Stdout | Kind::Stderr | Kind::Dir(_) | Kind::Gone => return Err(Errno::Badf.into()),
        };
        memory.write_u32(out, len)?;
        Ok(Progress::Done)
    }

    pub(super) fn fd_pread(
        &mut self,
        mut memory: GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        offset: u64,
        out: u32,
    ) -> Result<(), Failure> {
        let iovecs = self.iovecs(&memory, iovs, iovs_len)?;
        memory.range(out, 4)?;
        let descriptor = self.table.descriptor_mut(fd)?;
        if matches!(descriptor.kind, Kind::Stdin) {
            return Err(Errno::Spipe.into());
        }
        descriptor.file(Rights::FD_READ, Errno::Badf)?;
        descriptor.file(Rights::FD_SEEK, Errno::NotCapable)?;
        let (len, _) = self.read_file(&mut memory, fd, iovecs, offset)?;
        Ok(memory.write_u32(out, len)?)
    }

    /// `fd_write`, as far as it goes without waiting for a reader of the guest's output.
    pub(super) fn fd_write(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        out: u32,
    ) -> Result<Progress, Failure> {
        let iovecs = self.iovecs(memory, iovs, iovs_len)?;
        memory.range(out, 4)?;
        let descriptor = self.table.descriptor_mut(fd)?;
        let len = match &descriptor.kind {
            _ if !descriptor.base.contains(Rights::FD_WRITE) => return Err(Errno::Badf.into()),
            Kind::Stdout | Kind::Stderr => match self.write_stream(memory, fd, iovecs)? {
                Some(len) => len,
                None => return Ok(Progress::Wait),
            },
            Kind::File(File { position, .. }) => {
                let position = *position;
                let (len, end) = self.write_file(memory, fd, iovecs, position)?;
                self.move_to(fd, end)?;
                len
            }
            Kind::Stdin | Kind::Random | Kind::Dir(_) | Kind::Gone => return Err(Errno::Badf.into()),
        };
        memory.write_u32(out, len)?;
        Ok(Progress::Done)
    }

    /// Like Linux, and unlike POSIX, this appends to a file opened for appending.
    pub(super) fn fd_pwrite(
        &mut self,
        mut memory: GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        offset: u64,
        out: u32,
    ) -> Result<(), Failure> {
        let iovecs = self.iovecs(&memory, iovs, iovs_len)?;
        memory.range(out, 4)?;
        let descriptor = self.table.descriptor_mut(fd)?;
        if matches!(descriptor.kind, Kind::Stdout | Kind::Stderr) {
            return Err(Errno::Spipe.into());
        }
        descriptor.file(Rights::FD_WRITE, Errno::Badf)?;
        descriptor.file(Rights::FD_SEEK, Errno::NotCapable)?;
        let (len, _) = self.write_file(&mut memory, fd, iovecs, offset)?;
        Ok(memory.write_u32(out, len)?)
    }

    pub(super) fn fd_seek(
        &mut self,
        mut memory: GuestMemory<'_>,
        fd: u32,
        offset: i64,
        whence: u32,
        out: u32,
    ) -> Result<(), Failure> {
        let whence = Whence::try_from(whence)?;
        memory.range(out, 8)?;
        let descriptor = self.table.descriptor_mut(fd)?;
        // Asking for the position needs no right to change it.
        let tells = whence == Whence::Current && offset == 0 && !descriptor.base.contains(Rights::FD_SEEK);
        let right = if tells { Rights::FD_TELL } else { Rights::FD_SEEK };
        let (file, _) = descriptor.seekable(right, Errno::NotCapable)?;
        let base = match whence {
            Whence::Set => 0,
            Whence::Current => file.position,
            Whence::End => {
                self.credit.spend(cost::DISK)?;
                self.vfs.file_stat(&file.handle)?.size
            }
        };
        let position =
            base.checked_add_signed(offset).filter(|position| *position <= MAX_POSITION).ok_or(Errno::Inval)?;
        file.position = position;
        Ok(memory.write_u64(out, position)?)
    }

    pub(super) fn fd_tell(&mut self, mut memory: GuestMemory<'_>, fd: u32, out: u32) -> Result<(), Failure> {
        let descriptor = self.table.descriptor_mut(fd)?;
        let right = if descriptor.base.contains(Rights::FD_SEEK) { Rights::FD_SEEK } else { Rights::FD_TELL };
        let (file, _) = descriptor.seekable(right, Errno::NotCapable)?;
        Ok(memory.write_u64(out, file.position)?)
    }

    /// Advice is checked and ignored: nothing here reads ahead of the guest.
    pub(super) fn fd_advise(
        &mut self,
        _: GuestMemory<'_>,
        fd: u32,
        _offset: u64,
        _len: u64,
        advice: u32,
    ) -> Result<(), Failure> {
        self.table.descriptor_mut(fd)?.file(Rights::FD_ADVISE, Errno::NotCapable)?;
        if advice > ADVICE_MAX { Err(Errno::Inval.into()) } else { Ok(()) }
    }

    pub(super) fn fd_allocate(&mut self, _: GuestMemory<'_>, fd: u32, offset: u64, len: u64) -> Result<(), Failure> {
        self.credit.spend(cost::UNBOUNDED)?;
        let (file, _) = self.table.descriptor_mut(fd)?.file(Rights::FD_ALLOCATE, Errno::NotCapable)?;
        if len == 0 {
            return Err(Errno::Inval.into());
        }
        let end = offset.checked_add(len).filter(|end| *end <= MAX_POSITION).ok_or(Errno::Fbig)?;
        Ok(self.vfs.allocate(&file.handle, offset, end - offset)?)
    }

    pub(super) fn fd_filestat_set_size(&mut self, _: GuestMemory<'_>, fd: u32, size: u64) -> Result<(), Failure> {
        self.credit.spend(cost::UNBOUNDED)?;
        let (file, _) = self.table.descriptor_mut(fd)?.file(Rights::FD_FILESTAT_SET_SIZE, Errno::NotCapable)?;
        if size > MAX_POSITION {
            return Err(Errno::Fbig.into());
        }
        Ok(self.vfs.set_size(&file.handle, size)?)
    }

    pub(super) fn fd_sync(&mut self, _: GuestMemory<'_>, fd: u32) -> Result<(), Failure> {
        self.sync(fd, Rights::FD_SYNC, false)
    }

    pub(super) fn fd_datasync(&mut self, _: GuestMemory<'_>, fd: u32) -> Result<(), Failure> {
        self.sync(fd, Rights::FD_DATASYNC, true)
    }

    /// Directories have nothing to write back; programs that sync them after a rename must not
    /// fail for it.
    fn sync(&mut self, fd: u32, right: Rights, data_only: bool) -> Result<(), Failure> {
        self.credit.spend(cost::UNBOUNDED)?;
        let descriptor = self.table.descriptor_mut(fd)?;
        if matches!(descriptor.kind, Kind::Dir(_)) {
            return Ok(descriptor.require(right)?);
        }
        let (file, _) = descriptor.file(right, Errno::NotCapable)?;
        Ok(self.vfs.sync(&file.handle, data_only)?)
    }

    /// Checks the buffers of a call, each of which costs as much as a call by itself.
    fn iovecs(&mut self, memory: &GuestMemory<'_>, at: u32, count: u32) -> Result<Iovecs, Failure> {
        self.credit.spend(count.min(MAX_IOVECS))?;
        Ok(memory.iovecs(at, count)?)
    }

    /// Reads what is there; `None` if that is nothing yet.
    fn read_stdin(&mut self, memory: &mut GuestMemory<'_>, iovecs: Iovecs) -> Result<Option<u32>, Failure> {
        if iovecs.total == 0 {
            return Ok(Some(0));
        }
        match self.stdin.ready()? {
            None => return Ok(None),
            Some(Ready::End) => return Ok(Some(0)),
            Some(Ready::Failed) => return Err(Errno::Io.into()),
            Some(Ready::Bytes(_)) => {}
        }
        let mut done = 0u32;
        for index in 0..iovecs.count {
            let (at, len) = memory.iovec(iovecs, index)?;
            let Ok(buffer) = memory.slice_mut(at, len) else { break };
            let read = self.stdin.read(buffer);
            self.credit.spend_bytes(read as u32)?;
            done += read as u32;
            if read < len as usize {
                break;
            }
        }
        Ok(Some(done))
    }

    fn read_file(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        iovecs: Iovecs,
        offset: u64,
    ) -> Result<(u32, u64), Failure> {
        self.transfer(memory, fd, iovecs, offset, |vfs, file, offset, buffer| {
            let read = vfs.read_at(file, offset, buffer)?;
            Ok((read, offset.saturating_add(read as u64)))
        })
    }

    fn write_file(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        iovecs: Iovecs,
        offset: u64,
    ) -> Result<(u32, u64), Failure> {
        let descriptor = self.table.descriptor_mut(fd)?;
        let flags = descriptor.flags;
        if let Kind::File(File { followed: Some(followed), .. }) = &mut descriptor.kind {
            followed.written = true;
        }
        let append = flags.contains(FdFlags::APPEND);
        let written = self.transfer(memory, fd, iovecs, offset, |vfs, file, offset, data| {
            if append {
                return vfs.append(file, data);
            }
            let written = vfs.write_at(file, offset, data)?;
            Ok((written, offset.saturating_add(written as u64)))
        })?;
        if flags.intersects(FdFlags::SYNC | FdFlags::DSYNC) {
            self.credit.spend(cost::UNBOUNDED)?;
            let (file, _) = self.table.descriptor_mut(fd)?.file(Rights::FD_WRITE, Errno::Badf)?;
            self.vfs.sync(&file.handle, !flags.contains(FdFlags::SYNC))?;
        }
        Ok(written)
    }

    /// Moves bytes between the guest's buffers and a file, in chunks, until one falls short.
    /// Returns the bytes moved and the position after them. Once bytes have moved, an error
    /// ends the transfer and is left to the next call, as in POSIX.
    fn transfer(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: u32,
        iovecs: Iovecs,
        mut offset: u64,
        mut step: impl FnMut(&mut Vfs, &FileHandle, u64, &mut [u8]) -> Result<(usize, u64), Errno>,
    ) -> Result<(u32, u64), Failure> {
        let WasiCtx { table, vfs, credit, .. } = self;
        let Kind::File(file) = &table.descriptor(fd)?.kind else { return Err(Errno::Badf.into()) };
        if offset > MAX_POSITION {
            return Err(Errno::Inval.into());
        }
        let disk = if file.on_host { cost::UNBOUNDED } else { 0 };
        let mut done = 0u32;
        for index in 0..iovecs.count {
            let (mut at, mut left) = memory.iovec(iovecs, index)?;
            while left > 0 {
                let chunk = left.min(cost::CHUNK_BYTES);
                credit.spend(disk)?;
                credit.spend_bytes(chunk)?;
                let moved = memory.slice_mut(at, chunk).and_then(|buffer| step(vfs, &file.handle, offset, buffer));
                let (moved, after) = match moved {
                    Ok((moved, after)) => (moved as u32, after),
                    Err(errno) if done == 0 || errno == Errno::Intr => return Err(errno.into()),
                    Err(_) => return Ok((done, offset)),
                };
                offset = after;
                // Reading may have overwritten the array, and with it the sum that was checked.
                done = done.saturating_add(moved);
                if moved < chunk {
                    return Ok((done, offset));
                }
                at = at.wrapping_add(moved);
                left -= moved;
            }
        }
        Ok((done, offset))
    }

    /// `None` if whoever follows the run must read first.
    fn write_stream(&mut self, memory: &GuestMemory<'_>, fd: u32, iovecs: Iovecs) -> Result<Option<u32>, Failure> {
        let WasiCtx { table, stdout, stderr, credit, outlet, .. } = self;
        let (stream, capture) = match table.descriptor(fd)?.kind {
            Kind::Stdout => (Stream::Stdout, stdout),
            _ => (Stream::Stderr, stderr),
        };
        // While output is passed on, no more of it is taken than may wait: a short write.
        let mut room = match outlet {
            Some(outlet) if iovecs.total > 0 && capture.room_in_head() > 0 => match outlet.room() {
                0 => return Ok(None),
                room => u32::try_from(room).unwrap_or(u32::MAX),
            },
            _ => u32::MAX,
        };
        let mut done = 0;
        for index in 0..iovecs.count {
            let (at, len) = memory.iovec(iovecs, index)?;
            let data = memory.slice(at, len.min(room))?;
            for data in data.chunks(cost::CHUNK_BYTES as usize) {
                credit.spend_bytes(data.len() as u32)?;
                let kept = capture.write(data);
                if let Some(outlet) = outlet {
                    outlet.output(stream, &data[..kept]);
                    if kept < data.len() && capture.cut_now() {
                        outlet.push(Event::OutputCut { stream });
                    }
                }
            }
            done += data.len() as u32;
            room -= data.len() as u32;
        }
        Ok(Some(done))
    }

    fn move_to(&mut self, fd: u32, position: u64) -> Result<(), Errno> {
        if let Kind::File(file) = &mut self.table.descriptor_mut(fd)?.kind {
            file.position = position;
        }
        Ok(())
    }
}

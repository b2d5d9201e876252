//! Reading and writing an open file of the host inside the quotas.

use super::at::{read_fully_at, stat_file};
use super::charges::FileKey;
use super::errors::{from_io, from_kernel};
use super::folder::{Folder, timestamps};
use crate::vfs::ledger::Ledger;
use crate::vfs::pace::cost;
use crate::vfs::{Errno, SetTime, Stat};
use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// An open regular file of the host.
pub(in crate::vfs) struct HostFile {
    pub(super) file: File,
    pub(super) key: FileKey,
}

impl HostFile {
    /// Takes an open file into the books: it may be removed and fill the disk all the same.
    pub(in crate::vfs) fn hold(file: File, ledger: &mut Ledger) -> Result<HostFile, Errno> {
        ledger.take_charge()?;
        HostFile::hold_paid(file, ledger).inspect_err(|_| ledger.give_charge())
    }

    /// Like [`HostFile::hold`], when [`Ledger::take_charge`] has been called.
    pub(super) fn hold_paid(file: File, ledger: &mut Ledger) -> Result<HostFile, Errno> {
        let stat = stat_file(&file)?;
        let key = (stat.dev, stat.ino);
        ledger.opened(key);
        Ok(HostFile { file, key })
    }

    pub(in crate::vfs) fn close(self, ledger: &mut Ledger) {
        let HostFile { file, key } = self;
        drop(file);
        ledger.closed(key);
    }

    pub(in crate::vfs) fn as_file(&self) -> &File {
        &self.file
    }

    pub(in crate::vfs) fn stat(&self) -> Result<Stat, Errno> {
        stat_file(&self.file)
    }

    pub(in crate::vfs) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        if i64::try_from(offset).is_err() {
            return Ok(0);
        }
        read_fully_at(&self.file, offset, buffer)
    }

    pub(in crate::vfs) fn set_times(&self, atim: SetTime, mtim: SetTime) -> Result<(), Errno> {
        rustix::fs::futimens(&self.file, &timestamps(atim, mtim)).map_err(from_kernel)
    }

    pub(in crate::vfs) fn sync(&self, data_only: bool) -> Result<(), Errno> {
        if data_only { self.file.sync_data() } else { self.file.sync_all() }.map_err(from_io)
    }
}

impl Folder {
    /// Writes what the quotas allow; what the file grows by is charged before.
    pub(in crate::vfs) fn write_at(
        &self,
        file: &HostFile,
        offset: u64,
        data: &[u8],
        ledger: &mut Ledger,
    ) -> Result<usize, Errno> {
        let allowed = ledger.length_allowed(offset, data.len())?;
        if allowed == 0 {
            return Ok(0);
        }
        let size = file.stat()?.size;
        let grows = |len: usize| (offset + len as u64).saturating_sub(size);
        let fits = match grows(allowed).checked_sub(ledger.growth_left()) {
            None | Some(0) => allowed,
            Some(excess) => {
                let fits = (allowed as u64).saturating_sub(excess);
                if fits == 0 {
                    return Err(Errno::Nospc);
                }
                fits as usize
            }
        };
        let growth = grows(fits);
        ledger.take_growth(growth)?;
        let (done, outcome) = write_fully_at(&file.file, offset, &data[..fits]);
        let grown = if done == 0 { 0 } else { grows(done) };
        ledger.give_growth(growth - grown);
        if grown > 0 {
            ledger.grew(file.key, grown);
        }
        outcome.map(|()| done)
    }

    pub(in crate::vfs) fn set_size(&self, file: &HostFile, size: u64, ledger: &mut Ledger) -> Result<(), Errno> {
        ledger.check_length(size)?;
        ledger.spend(cost::LOOK)?;
        let before = file.stat()?.size;
        let growth = size.saturating_sub(before);
        ledger.take_growth(growth)?;
        if let Err(error) = rustix::fs::ftruncate(&file.file, size) {
            ledger.give_growth(growth);
            return Err(from_kernel(error));
        }
        if growth > 0 {
            ledger.grew(file.key, growth);
        } else if before > size {
            ledger.shrank(file.key, before - size);
        }
        Ok(())
    }
}

/// Writes until all is written or an error comes; an error after some bytes is left for the
/// next call to meet.
fn write_fully_at(file: &File, offset: u64, data: &[u8]) -> (usize, Result<(), Errno>) {
    let mut done = 0;
    while done < data.len() {
        match file.write_at(&data[done..], offset + done as u64) {
            Ok(0) => return (done, if done == 0 { Err(Errno::Nospc) } else { Ok(()) }),
            Ok(count) => done += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) if done > 0 => break,
            Err(error) => return (0, Err(from_io(error))),
        }
    }
    (done, Ok(()))
}

//! The names of a host folder at one moment, so that cookies stay true while it changes.

use super::at::{Name, filetype, look_up, reopen_to_list};
use super::errors::from_kernel;
use crate::vfs::ledger::Ledger;
use crate::vfs::{Errno, FileType};
use cap_std::fs::Dir;

/// A sorted listing; its memory is charged until it is [given back](Listing::release).
pub(in crate::vfs) struct Listing {
    pub(in crate::vfs) entries: Vec<Listed>,
    charged: u64,
}

/// One name of a host folder.
pub(in crate::vfs) struct Listed {
    pub(in crate::vfs) name: Box<str>,
    pub(in crate::vfs) ino: u64,
    pub(in crate::vfs) filetype: FileType,
}

/// What an entry costs beside its name.
const ENTRY_BYTES: u64 = 64;

impl Listing {
    pub(in crate::vfs) fn take(dir: &Dir, ledger: &mut Ledger) -> Result<Listing, Errno> {
        let mut listing = Listing { entries: Vec::new(), charged: 0 };
        match listing.fill(dir, ledger) {
            Ok(()) => Ok(listing),
            Err(errno) => {
                listing.release(ledger);
                Err(errno)
            }
        }
    }

    fn fill(&mut self, dir: &Dir, ledger: &mut Ledger) -> Result<(), Errno> {
        for entry in reopen_to_list(dir)? {
            let entry = entry.map_err(from_kernel)?;
            let Ok(text) = entry.file_name().to_str() else { continue };
            let Ok(name) = Name::parse(text) else { continue };
            let cost = ENTRY_BYTES + text.len() as u64;
            ledger.take_host(cost)?;
            self.charged += cost;
            let filetype = match entry.file_type() {
                rustix::fs::FileType::Unknown => match look_up(dir, name)? {
                    Some(stat) => stat.filetype,
                    None => continue,
                },
                kind => filetype(kind),
            };
            self.entries.push(Listed { name: text.into(), ino: entry.ino(), filetype });
        }
        self.entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    }

    pub(in crate::vfs) fn release(self, ledger: &mut Ledger) {
        ledger.give_host(self.charged);
    }
}

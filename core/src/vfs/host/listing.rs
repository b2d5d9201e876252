//! The names of a host folder at one moment, so that cookies stay true while it changes.

use super::at::{Name, filetype, look_up, reopen_to_list, stat_dir};
use super::errors::from_kernel;
use crate::vfs::ledger::Ledger;
use crate::vfs::pace::cost;
use crate::vfs::{Errno, FileType};
use cap_std::fs::Dir;
use std::collections::BTreeMap;

/// A sorted listing; its memory is charged until it is [given back](Listing::release).
pub(in crate::vfs) struct Listing {
    /// The host's device of the folder.
    pub(in crate::vfs) dev: u64,
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
const ENTRY_BYTES: u64 = 96;

impl Listing {
    pub(in crate::vfs) fn take(dir: &Dir, ledger: &mut Ledger) -> Result<Listing, Errno> {
        let mut listing = Listing { dev: stat_dir(dir)?.dev, entries: Vec::new(), charged: 0 };
        match listing.fill(dir, ledger) {
            Ok(()) => Ok(listing),
            Err(errno) => {
                listing.release(ledger);
                Err(errno)
            }
        }
    }

    /// Sorts while it reads: sorting a large folder at the end would be one long step.
    fn fill(&mut self, dir: &Dir, ledger: &mut Ledger) -> Result<(), Errno> {
        let mut sorted = BTreeMap::new();
        for entry in reopen_to_list(dir)? {
            ledger.spend(cost::LISTED)?;
            let entry = entry.map_err(from_kernel)?;
            let Ok(text) = entry.file_name().to_str() else { continue };
            let Ok(name) = Name::parse(text) else { continue };
            let bytes = ENTRY_BYTES + text.len() as u64;
            ledger.take_host(bytes)?;
            self.charged += bytes;
            let filetype = match entry.file_type() {
                rustix::fs::FileType::Unknown => {
                    ledger.spend(cost::HOST_STEP)?;
                    match look_up(dir, name)? {
                        Some(stat) => stat.filetype,
                        None => continue,
                    }
                }
                kind => filetype(kind),
            };
            sorted.insert(Box::<str>::from(text), (entry.ino(), filetype));
        }
        self.entries.reserve_exact(sorted.len());
        while let Some((name, (ino, filetype))) = sorted.pop_first() {
            ledger.spend(cost::STEP)?;
            self.entries.push(Listed { name, ino, filetype });
        }
        Ok(())
    }

    pub(in crate::vfs) fn release(self, ledger: &mut Ledger) {
        ledger.give_host(self.charged);
    }
}

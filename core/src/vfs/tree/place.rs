//! What the embedder does to a tree in memory: emptying it, and putting files into it.

use super::node::NodeId;
use super::{Ledger, Tree};
use crate::policy::FileName;
use crate::vfs::Errno;
use std::sync::Arc;

impl Tree {
    /// Removes everything that is in it. Handles that are open stay good, as after any removal.
    pub(in crate::vfs) fn clear(&mut self, now: u64, ledger: &mut Ledger) -> Result<(), Errno> {
        // Folder in folder; the first name of each is the next to go.
        let mut at = vec![NodeId::ROOT];
        while let Some(dir) = at.last().copied() {
            let first = self.directory(dir).and_then(|found| found.entries().next());
            let Some((name, node)) = first.map(|(name, slot)| (Arc::clone(name), slot.node)) else {
                at.pop();
                continue;
            };
            match self.directory(node).map(|found| found.entries().next().is_none()) {
                None => self.unlink(dir, &name, now, ledger)?,
                Some(true) => self.remove_directory(dir, &name, now, ledger)?,
                Some(false) => at.push(node),
            }
        }
        Ok(())
    }

    /// Puts a file where nothing is yet, with the folders it needs.
    pub(in crate::vfs) fn put(
        &mut self,
        name: &FileName,
        content: &[u8],
        now: u64,
        ledger: &mut Ledger,
    ) -> Result<(), Errno> {
        let (folders, last) = name.as_str().rsplit_once('/').unwrap_or(("", name.as_str()));
        let mut dir = NodeId::ROOT;
        for folder in folders.split('/').filter(|folder| !folder.is_empty()) {
            if self.look_up(dir, folder, ledger)?.is_none() {
                self.create_directory(dir, folder, now, ledger)?;
            }
            dir = self.look_up(dir, folder, ledger)?.ok_or(Errno::Io)?;
        }
        let file = self.create_file(dir, last, now, ledger)?;
        let mut done = 0;
        while done < content.len() {
            match self.write_at(file, done as u64, &content[done..], now, ledger)? {
                0 => return Err(Errno::Nospc),
                count => done += count,
            }
        }
        Ok(())
    }
}

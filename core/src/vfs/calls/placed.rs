//! Files that the embedder puts into the tree for a program: the program's own.

use super::outside::unavailable;
use crate::error::{Error, Result};
use crate::policy::{FileName, GuestPath};
use crate::vfs::ledger::Ledger;
use crate::vfs::tree::Tree;
use crate::vfs::{Backend, Errno, Vfs};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Vfs {
    /// Makes the memory mount at `folder` hold these files and nothing else; quotas apply. Nothing that
    /// an earlier guest left there is followed: it is gone before the first file is written.
    ///
    /// # Errors
    /// `file_unavailable`; the folder is then empty.
    pub(crate) fn place_project(&mut self, folder: &GuestPath, files: &BTreeMap<FileName, Arc<[u8]>>) -> Result<()> {
        let prefix = folder.as_str().trim_end_matches('/');
        self.check_other_mounts(prefix, files)?;
        let (tree, ledger, now) = self.memory_mount(folder)?;
        let emptied = tree.clear(now, ledger);
        emptied.map_err(|errno| unavailable(folder, errno))?;
        for (name, content) in files {
            if let Err(errno) = tree.put(name, content, now, ledger) {
                let _ = tree.clear(now, ledger);
                return Err(unavailable(&GuestPath::parse(&format!("{prefix}/{name}"))?, errno));
            }
        }
        Ok(())
    }

    /// The tree of the memory mount at `folder`, with what a change of it needs.
    fn memory_mount(&mut self, folder: &GuestPath) -> Result<(&mut Tree, &mut Ledger, u64)> {
        let now = self.now.now_ns();
        let Vfs { mounts, ledger, .. } = self;
        let found = mounts.iter_mut().filter(|mount| *mount.guest == *folder);
        let tree = found.filter_map(|mount| match &mut mount.backend {
            Backend::Tree(tree) if tree.lower_root().is_none() => Some(tree),
            _ => None,
        });
        match tree.last() {
            Some(tree) => Ok((tree, ledger, now)),
            None => Err(unavailable(folder, Errno::Rofs)),
        }
    }

    /// A file that would lie where another mount is would not be seen, or be written there.
    fn check_other_mounts(&self, prefix: &str, files: &BTreeMap<FileName, Arc<[u8]>>) -> Result<()> {
        let joined = self.mounts.iter().filter(|mount| mount.is_joined());
        for mount in joined.filter_map(|mount| below(mount.guest.as_str(), prefix)) {
            let clashes = |name: &&FileName| {
                let name = name.as_str();
                name == mount || below(name, mount).is_some() || below(mount, name).is_some()
            };
            if let Some(name) = files.keys().find(clashes) {
                return Err(Error::ProjectInvalid {
                    file: name.to_string(),
                    reason: "a mount of the sandbox is there",
                });
            }
        }
        Ok(())
    }
}

/// What of `path` lies below `folder`, if it does.
fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    path.strip_prefix(folder.trim_end_matches('/'))?.strip_prefix('/').filter(|rest| !rest.is_empty())
}

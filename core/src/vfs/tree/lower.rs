//! The folder of the host below an overlay: read, never written.
//!
//! A node remembers where the host has it, not where the guest sees it, so that a renamed file
//! keeps its content; directories stay where they are. Directories of the host are opened when
//! they are needed and only the last few stay open.

use super::change::{entry_cost, home_cost};
use super::content::Content;
use super::directory::Directory;
use super::node::{Body, Node, NodeId};
use super::{Ledger, Tree};
use crate::policy::GuestPath;
use crate::vfs::host::{self, Listing, Name};
use crate::vfs::pace::cost;
use crate::vfs::{Errno, FileType, Stat};
use cap_std::fs::Dir;
use std::fs::File;
use std::sync::Arc;

/// The folder, with the directories of it that were used last.
#[derive(Clone)]
pub(super) struct LowerFolder {
    root: Arc<Dir>,
    recent: Vec<(Arc<str>, Arc<Dir>)>,
}

const MOST_RECENT: usize = 16;

/// The host's device and inode number of a folder.
pub(in crate::vfs) fn lower_identity(dir: &Dir) -> Result<(u64, u64), Errno> {
    host::stat_dir(dir).map(|stat| (stat.dev, stat.ino))
}

impl LowerFolder {
    pub(super) fn new(root: Dir) -> LowerFolder {
        LowerFolder { root: Arc::new(root), recent: Vec::new() }
    }

    pub(super) fn stat_root(&self) -> Result<Stat, Errno> {
        host::stat_dir(&self.root)
    }

    /// Opens the directory at `home`; names and no symlinks.
    pub(super) fn dir(&mut self, home: &Arc<str>) -> Result<Arc<Dir>, Errno> {
        if home.is_empty() {
            return Ok(self.root.clone());
        }
        if let Some(at) = self.recent.iter().position(|(path, _)| path == home) {
            self.recent[at..].rotate_left(1);
        } else {
            let opened = self.open_from_nearest(home)?;
            if self.recent.len() == MOST_RECENT {
                self.recent.remove(0);
            }
            self.recent.push((home.clone(), opened));
        }
        self.recent.last().map(|(_, dir)| dir.clone()).ok_or(Errno::Io)
    }

    pub(super) fn open_file(&mut self, home: &str) -> Result<File, Errno> {
        let (parent, name) = home.rsplit_once('/').unwrap_or(("", home));
        let dir = self.dir(&parent.into())?;
        host::open_regular(&dir, Name::parse(name)?, true, false)
    }

    fn open_from_nearest(&self, home: &str) -> Result<Arc<Dir>, Errno> {
        let below = |path: &str| home.strip_prefix(path).and_then(|rest| rest.strip_prefix('/'));
        let known = self.recent.iter().filter_map(|(path, dir)| Some((below(path)?, dir)));
        let (rest, start) = known.min_by_key(|(rest, _)| rest.len()).unwrap_or((home, &self.root));
        let mut at = start.clone();
        for name in rest.split('/') {
            at = Arc::new(host::open_dir(&at, Name::parse(name)?)?);
        }
        Ok(at)
    }
}

impl Tree {
    /// Looks a name up in the folder below and takes it into the tree.
    pub(super) fn adopt_lower(
        &mut self,
        dir: NodeId,
        name: &str,
        ledger: &mut Ledger,
    ) -> Result<Option<NodeId>, Errno> {
        let Some(home) = self.node(dir)?.home.clone() else { return Ok(None) };
        ledger.spend(cost::HOST_STEP)?;
        let lower = self.lower.as_mut().ok_or(Errno::Io)?.dir(&home)?;
        match host::look_up(&lower, Name::parse(name)?)? {
            Some(stat) => self.adopt(dir, &home, name, &lower, &stat, ledger).map(Some),
            None => Ok(None),
        }
    }

    /// Takes every name of the folder below into the tree.
    pub(super) fn complete(&mut self, dir: NodeId, ledger: &mut Ledger) -> Result<(), Errno> {
        if !self.directory(dir).ok_or(Errno::Notdir)?.is_incomplete() {
            return Ok(());
        }
        let Some(home) = self.node(dir)?.home.clone() else { return Ok(()) };
        let lower = self.lower.as_mut().ok_or(Errno::Io)?.dir(&home)?;
        let listing = Listing::take(&lower, ledger)?;
        let mut outcome = Ok(());
        for listed in &listing.entries {
            let is_new =
                |directory: &Directory| directory.find(&listed.name).is_none() && directory.may_have_more(&listed.name);
            outcome = match self.directory(dir).is_some_and(is_new) {
                true => self.adopt_lower(dir, &listed.name, ledger).map(drop),
                false => ledger.spend(cost::STEP),
            };
            if outcome.is_err() {
                break;
            }
        }
        listing.release(ledger);
        outcome?;
        self.directory_mut(dir)?.mark_complete();
        Ok(())
    }

    fn adopt(
        &mut self,
        dir: NodeId,
        dir_home: &str,
        name: &str,
        lower: &Dir,
        stat: &Stat,
        ledger: &mut Ledger,
    ) -> Result<NodeId, Errno> {
        let key = (stat.dev, stat.ino);
        let known = self.layer.shared.get(&key).copied().filter(|node| self.filetype(*node) == stat.filetype);
        if let Some(node) = known {
            ledger.take_host(entry_cost(name))?;
            self.add_entry(dir, name, node, true, false)?;
            let node_seen = self.node_mut(node)?;
            node_seen.unseen = node_seen.unseen.saturating_sub(1);
            return Ok(node);
        }
        let home = if dir_home.is_empty() { name.to_owned() } else { format!("{dir_home}/{name}") };
        if home.len() > GuestPath::MAX_BYTES {
            return Err(Errno::NameTooLong);
        }
        let body = match stat.filetype {
            FileType::RegularFile => Body::File(Content::Lower { size: stat.size }),
            FileType::Directory => {
                let mut directory = Directory::new();
                directory.put_over_lower();
                Body::Dir(directory)
            }
            FileType::SymbolicLink => match host::read_link(lower, Name::parse(name)?) {
                Ok(target) => Body::Link(target.into()),
                Err(Errno::Ilseq) => Body::Special(FileType::SymbolicLink),
                Err(errno) => return Err(errno),
            },
            other => Body::Special(other),
        };
        ledger.take_host(Node::BYTES + body.host_bytes() + home_cost(&home) + entry_cost(name))?;
        let node = self.layer_mut().nodes.insert(body, stat.mtim);
        let adopted = self.node_mut(node)?;
        (adopted.atim, adopted.mtim, adopted.ctim) = (stat.atim, stat.mtim, stat.ctim);
        adopted.links = stat.nlink.max(1);
        adopted.home = Some(home.into());
        if stat.filetype != FileType::Directory && stat.nlink > 1 {
            adopted.lower_key = Some(key);
            adopted.unseen = stat.nlink - 1;
            self.layer_mut().shared.insert(key, node);
        }
        self.add_entry(dir, name, node, true, false)?;
        Ok(node)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::limits::Budget;
    use crate::vfs::Quota;

    /// Btrfs and overlayfs say 1 for every directory; a hostile file system says anything.
    #[test]
    fn a_directory_lives_as_long_as_it_has_a_name_whatever_link_count_the_host_gives() {
        for nlink in [0, 1, 2, 3, u64::MAX] {
            let host = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(host.path().join("d/s")).unwrap();
            std::fs::create_dir_all(host.path().join("d/t")).unwrap();
            let quota = Quota { fs_bytes: 1 << 20, fs_nodes: 100, file_bytes: 1 << 20 };
            let mut ledger = Ledger::new(quota, Arc::new(Budget::new(1 << 20)));
            let mut tree = Tree::over(host::open_folder(host.path()).unwrap(), 0, &mut ledger).unwrap();
            let lower = tree.lower.as_mut().unwrap().dir(&"".into()).unwrap();
            let stat = host::look_up(&lower, Name::parse("d").unwrap()).unwrap().unwrap();
            let dir = tree.adopt(NodeId::ROOT, "", "d", &lower, &Stat { nlink, ..stat }, &mut ledger).unwrap();
            assert_eq!(tree.stat(dir, 1).unwrap().nlink, nlink.max(1));
            tree.remove_directory(dir, "s", 0, &mut ledger).unwrap();
            tree.remove_directory(dir, "t", 0, &mut ledger).unwrap();
            tree.open(dir);
            tree.list(dir, 0, &mut ledger, &mut |_, _, _, _| panic!("it is empty")).unwrap();
            tree.close(dir, &mut ledger);
            assert_eq!(tree.look_up(NodeId::ROOT, "d", &mut ledger), Ok(Some(dir)));
            tree.create_directory(dir, "new", 0, &mut ledger).unwrap();
            tree.create_file(dir, "file", 0, &mut ledger).unwrap();
            tree.unlink(dir, "file", 0, &mut ledger).unwrap();
            tree.remove_directory(dir, "new", 0, &mut ledger).unwrap();
            tree.remove_directory(NodeId::ROOT, "d", 0, &mut ledger).unwrap();
            assert_eq!(tree.stat(dir, 1), Err(Errno::Io), "it is gone");
        }
    }
}

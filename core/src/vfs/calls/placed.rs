//! Files that the embedder puts into the tree for a program: the program's own.
//!
//! They are no work of the guest's, so a run's difference does not list them, unless the guest changed
//! or removed them.

use super::outside::unavailable;
use crate::error::{Error, Result};
use crate::outcome::FilesDiff;
use crate::policy::{FileName, GuestPath};
use crate::vfs::ledger::Ledger;
use crate::vfs::mounts::Mount;
use crate::vfs::tree::{Change, Differences, NodeId, Tree};
use crate::vfs::{Backend, Errno, FileType, Vfs};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a program's files hold, by their path in the tree.
pub(in crate::vfs) type Placed = BTreeMap<String, Arc<[u8]>>;

/// How much is compared at once.
const COMPARED_BYTES: usize = 64 << 10;

impl Vfs {
    /// Puts a script of its own into the tree, with the folders it needs; quotas apply.
    ///
    /// # Errors
    /// `file_unavailable`.
    pub(crate) fn place_script(&mut self, path: &GuestPath, source: &[u8]) -> Result<()> {
        if let Some(last) = self.script.take() {
            self.placed.remove(&last);
        }
        self.write_file(path, source)?;
        self.placed.insert(path.to_string(), source.into());
        self.script = Some(path.to_string());
        Ok(())
    }

    /// Makes the memory mount at `folder` hold these files and nothing else; quotas apply. Nothing that
    /// an earlier guest left there is followed: it is gone before the first file is written.
    ///
    /// # Errors
    /// `file_unavailable`; the folder is then empty.
    pub(crate) fn place_project(&mut self, folder: &GuestPath, files: &BTreeMap<FileName, Arc<[u8]>>) -> Result<()> {
        self.placed.clear();
        self.script = None;
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
        self.placed = files.iter().map(|(name, content)| (format!("{prefix}/{name}"), Arc::clone(content))).collect();
        Ok(())
    }

    /// What differs from the start, but for the program's own files as they were given.
    pub(crate) fn changes_of_run(&mut self) -> FilesDiff {
        if self.placed.is_empty() {
            return self.diff();
        }
        let placed = std::mem::take(&mut self.placed);
        let mut differences = Differences::beside(&placed);
        for (path, content) in &placed {
            match self.holds(path, content) {
                Holds::This => {}
                Holds::Another => differences.add_path(Change::Changed, path),
                Holds::Nothing => differences.add_path(Change::Removed, path),
            }
        }
        for mount in &self.mounts {
            if let Backend::Tree(tree) = &mount.backend {
                differences.add_all(&mount.guest, tree);
            }
        }
        let found = differences.finish();
        self.placed = placed;
        found
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

    /// What is at the path of a placed file now; symlinks are not followed.
    fn holds(&mut self, path: &str, content: &[u8]) -> Holds {
        let Vfs { mounts, ledger, .. } = self;
        let holds_it = |mount: &&mut Mount| below(path, mount.guest.as_str()).is_some() && mount.is_joined();
        let nearest = mounts.iter_mut().filter(holds_it).max_by_key(|mount| mount.guest.as_str().len());
        // Nobody tells what changed in a folder of the host.
        let Some(Mount { guest, backend: Backend::Tree(tree), .. }) = nearest else { return Holds::This };
        let mut names = below(path, guest.as_str()).unwrap_or(path).split('/');
        let node = names.try_fold(NodeId::ROOT, |at, name| tree.look_up(at, name, ledger).ok().flatten());
        let Some(node) = node else { return Holds::Nothing };
        match tree.filetype(node) {
            FileType::Directory => return Holds::Nothing,
            FileType::RegularFile if tree.size(node) == content.len() as u64 => {}
            _ => return Holds::Another,
        }
        let mut buffer = vec![0; COMPARED_BYTES.min(content.len())];
        for (index, expected) in content.chunks(COMPARED_BYTES).enumerate() {
            let found = &mut buffer[..expected.len()];
            let read = tree.read_at(node, None, (index * COMPARED_BYTES) as u64, found, || None);
            if read != Ok(expected.len()) || *found != *expected {
                return Holds::Another;
            }
        }
        Holds::This
    }
}

/// What of `path` lies below `folder`, if it does.
fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    path.strip_prefix(folder.trim_end_matches('/'))?.strip_prefix('/').filter(|rest| !rest.is_empty())
}

/// What is where a file was put.
enum Holds {
    This,
    Another,
    /// Nothing, or a folder.
    Nothing,
}

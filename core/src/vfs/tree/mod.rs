//! A file tree in memory: memory mounts, and the layer of an overlay that takes its writes.
//!
//! Nodes refer to each other by number and content is shared in counted blocks, so that a copy
//! of a tree costs its nodes and not its bytes. In an overlay a directory's names are looked up
//! in the host's folder when they are first asked for; the host's folder is never written.
//! Nothing grows here before the [`Ledger`] has agreed to it.

mod change;
mod content;
mod diff;
mod directory;
mod export;
mod file;
mod lower;
mod node;
mod spare;

pub(super) use diff::{Change, Differences};
pub(super) use node::NodeId;

use super::ledger::Ledger;
use super::{Bytes, Errno, FileType, SetTime, Stat};
use crate::policy::GuestPath;
use content::Content;
use directory::Directory;
use lower::LowerFolder;
use node::{Body, Node, Nodes};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the path of an initial file costs the host beside its bytes.
const INITIAL_BYTES: u64 = 80;

/// One tree of files in memory.
#[derive(Clone)]
pub(super) struct Tree {
    nodes: Nodes,
    root: NodeId,
    /// The host's folder below an overlay.
    lower: Option<LowerFolder>,
    /// Nodes of lower files with several names, by the host's device and inode number.
    shared: BTreeMap<(u64, u64), NodeId>,
    /// The files that a memory mount started with.
    initial: BTreeSet<Arc<str>>,
    /// Which directories differ is not known: one of the start was moved, or a file written that
    /// has several names below.
    touched_everywhere: bool,
}

impl Tree {
    /// An empty tree with these files, by their path below its root.
    pub(super) fn in_memory(files: Vec<(String, Bytes)>, now: u64, ledger: &mut Ledger) -> Result<Tree, String> {
        let mut tree = Tree::empty(None, now, ledger).map_err(|_| over_budget())?;
        if let Ok(root) = tree.directory_mut(tree.root) {
            root.remember_start();
        }
        for (path, bytes) in files {
            tree.add_initial(&path, bytes, now, ledger)?;
        }
        Ok(tree)
    }

    /// A layer over a folder of the host.
    pub(super) fn over(dir: cap_std::fs::Dir, now: u64, ledger: &mut Ledger) -> Result<Tree, String> {
        let lower = LowerFolder::new(dir);
        let stat = lower.stat_root().map_err(|errno| format!("the folder cannot be read ({errno:?})"))?;
        let mut tree = Tree::empty(Some(lower), now, ledger).map_err(|_| over_budget())?;
        if let Ok(root) = tree.nodes.find_mut(tree.root) {
            (root.atim, root.mtim, root.ctim) = (stat.atim, stat.mtim, stat.ctim);
            root.links = stat.nlink.max(1);
        }
        if let Ok(root) = tree.directory_mut(tree.root) {
            root.put_over_lower();
        }
        Ok(tree)
    }

    fn empty(lower: Option<LowerFolder>, now: u64, ledger: &mut Ledger) -> Result<Tree, Errno> {
        let mut nodes = Nodes::new();
        ledger.take_host(Node::BYTES + Directory::BYTES)?;
        let root = nodes.insert(Body::new_directory(), now);
        let node = nodes.find_mut(root)?;
        // The root has no entry; this keeps it.
        node.names = 1;
        node.home = Some("".into());
        let (shared, initial) = (BTreeMap::new(), BTreeSet::new());
        Ok(Tree { nodes, root, lower, shared, initial, touched_everywhere: false })
    }

    fn add_initial(&mut self, path: &str, bytes: Bytes, now: u64, ledger: &mut Ledger) -> Result<(), String> {
        let checked = GuestPath::parse(&format!("/{path}")).map_err(|error| error.to_string())?;
        let home = &checked.as_str()[1..];
        let clash = || format!("`{path}` is given twice, or is both a file and a folder");
        let mut at = self.root;
        let mut walked = 0;
        for name in home.split('/') {
            walked += name.len() + 1;
            let is_last = walked > home.len();
            let found = self.directory(at).and_then(|dir| dir.find(name).map(|slot| slot.node));
            match found {
                Some(node) if !is_last && self.is_dir(node) => at = node,
                Some(_) => return Err(clash()),
                None => {
                    let content = || Body::File(Content::Shared(bytes.clone()));
                    let body = if is_last { content() } else { Body::initial_directory() };
                    let stands_at = &home[..walked - 1];
                    at = self.insert_initial(at, name, stands_at, body, now, ledger).map_err(|_| over_budget())?;
                }
            }
        }
        // Not given back: the difference needs it as long as the tree lives.
        ledger.take_host(INITIAL_BYTES + home.len() as u64).map_err(|_| over_budget())?;
        if !self.initial.insert(home.into()) {
            return Err(clash());
        }
        Ok(())
    }

    pub(super) fn root(&self) -> NodeId {
        self.root
    }

    /// Finds a name in a directory.
    pub(super) fn look_up(&mut self, dir: NodeId, name: &str, ledger: &mut Ledger) -> Result<Option<NodeId>, Errno> {
        let directory = self.directory(dir).ok_or(Errno::Notdir)?;
        if let Some(slot) = directory.find(name) {
            return Ok(Some(slot.node));
        }
        if !directory.may_have_more(name) {
            return Ok(None);
        }
        self.adopt_lower(dir, name, ledger)
    }

    pub(super) fn filetype(&self, node: NodeId) -> FileType {
        self.nodes.find(node).map_or(FileType::Unknown, |node| node.body.filetype())
    }

    pub(super) fn is_dir(&self, node: NodeId) -> bool {
        self.directory(node).is_some()
    }

    /// The target of a symlink.
    pub(super) fn target(&self, node: NodeId) -> Result<Arc<str>, Errno> {
        match &self.nodes.find(node)?.body {
            Body::Link(target) => Ok(target.clone()),
            Body::Special(FileType::SymbolicLink) => Err(Errno::Ilseq),
            _ => Err(Errno::Inval),
        }
    }

    pub(super) fn stat(&self, node: NodeId, dev: u64) -> Result<Stat, Errno> {
        let found = self.nodes.find(node)?;
        let size = match &found.body {
            Body::File(content) => content.size(),
            Body::Link(target) => target.len() as u64,
            // How many names an overlay's directory has is not known before it is listed.
            Body::Dir(_) | Body::Special(_) => 0,
        };
        let nlink = match found.names {
            0 => found.links.min(found.unseen),
            _ => found.links.max(1),
        };
        let (atim, mtim, ctim) = (found.atim, found.mtim, found.ctim);
        Ok(Stat { dev, ino: node.ino(), filetype: found.body.filetype(), nlink, size, atim, mtim, ctim })
    }

    pub(super) fn set_times(&mut self, node: NodeId, atim: SetTime, mtim: SetTime, now: u64) {
        let Ok(node) = self.nodes.find_mut(node) else { return };
        let apply = |time: SetTime, old: u64| match time {
            SetTime::Keep => old,
            SetTime::Now => now,
            SetTime::At(at) => at,
        };
        node.atim = apply(atim, node.atim);
        node.mtim = apply(mtim, node.mtim);
        node.ctim = now;
    }

    /// Lists a directory from the entry cookie `from` on.
    pub(super) fn list(
        &mut self,
        dir: NodeId,
        from: u64,
        ledger: &mut Ledger,
        visit: &mut dyn FnMut(u64, u64, FileType, &str) -> std::ops::ControlFlow<()>,
    ) -> Result<(), Errno> {
        self.complete(dir, ledger)?;
        let directory = self.directory(dir).ok_or(Errno::Notdir)?;
        for (cookie, name, node) in directory.listed_from(from) {
            if visit(cookie, node.ino(), self.filetype(node), name).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The inode number of the directory that holds `dir`.
    pub(super) fn parent_ino(&self, dir: NodeId) -> u64 {
        let parent = self.directory(dir).map(|directory| directory.parent);
        parent.filter(|parent| self.is_dir(*parent)).unwrap_or(dir).ino()
    }

    /// Keeps a node alive while a handle is open.
    pub(super) fn open(&mut self, node: NodeId) {
        if let Ok(node) = self.nodes.find_mut(node) {
            node.opens += 1;
        }
    }

    /// Gives a handle back; the last one of a removed node frees it.
    pub(super) fn close(&mut self, node: NodeId, ledger: &mut Ledger) {
        if let Ok(node) = self.nodes.find_mut(node) {
            node.opens = node.opens.saturating_sub(1);
        }
        self.free_if_unused(node, ledger);
    }

    fn directory(&self, node: NodeId) -> Option<&Directory> {
        match &self.nodes.find(node).ok()?.body {
            Body::Dir(dir) => Some(dir),
            _ => None,
        }
    }

    fn directory_mut(&mut self, node: NodeId) -> Result<&mut Directory, Errno> {
        match &mut self.nodes.find_mut(node)?.body {
            Body::Dir(dir) => Ok(dir),
            _ => Err(Errno::Notdir),
        }
    }
}

impl Body {
    fn filetype(&self) -> FileType {
        match self {
            Body::File(_) => FileType::RegularFile,
            Body::Dir(_) => FileType::Directory,
            Body::Link(_) => FileType::SymbolicLink,
            Body::Special(filetype) => *filetype,
        }
    }
}

fn over_budget() -> String {
    "its files need more than `host_bytes` allows".to_owned()
}

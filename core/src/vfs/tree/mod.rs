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
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// One tree of files in memory.
#[derive(Clone)]
pub(super) struct Tree {
    nodes: Nodes,
    root: NodeId,
    /// The host's folder below an overlay.
    lower: Option<LowerFolder>,
    /// Nodes of lower files with several names, by the host's device and inode number.
    shared: HashMap<(u64, u64), NodeId>,
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
        tree.nodes[tree.root].home = Some("".into());
        if let Body::Dir(root) = &mut tree.nodes[tree.root].body {
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
        let root = &mut tree.nodes[tree.root];
        (root.atim, root.mtim, root.ctim) = (stat.atim, stat.mtim, stat.ctim);
        root.home = Some("".into());
        if let Body::Dir(dir) = &mut root.body {
            dir.put_over_lower();
        }
        Ok(tree)
    }

    fn empty(lower: Option<LowerFolder>, now: u64, ledger: &mut Ledger) -> Result<Tree, Errno> {
        let mut nodes = Nodes::new();
        ledger.take_host(Node::BYTES)?;
        let root = nodes.insert(Body::Dir(Directory::new(None)), now);
        if let Body::Dir(dir) = &mut nodes[root].body {
            dir.parent = root;
        }
        let (shared, initial) = (HashMap::new(), BTreeSet::new());
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
                    let body = if is_last { content() } else { Body::initial_directory(at) };
                    let stands_at = &home[..walked - 1];
                    at = self.insert_initial(at, name, stands_at, body, now, ledger).map_err(|_| over_budget())?;
                }
            }
        }
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
        match &self.nodes[node].body {
            Body::File(_) => FileType::RegularFile,
            Body::Dir(_) => FileType::Directory,
            Body::Link(_) => FileType::SymbolicLink,
            Body::Special(filetype) => *filetype,
        }
    }

    pub(super) fn is_dir(&self, node: NodeId) -> bool {
        matches!(self.nodes[node].body, Body::Dir(_))
    }

    /// The target of a symlink.
    pub(super) fn target(&self, node: NodeId) -> Result<Arc<str>, Errno> {
        match &self.nodes[node].body {
            Body::Link(target) => Ok(target.clone()),
            Body::Special(FileType::SymbolicLink) => Err(Errno::Ilseq),
            _ => Err(Errno::Inval),
        }
    }

    pub(super) fn stat(&self, node: NodeId, dev: u64) -> Stat {
        let found = &self.nodes[node];
        let size = match &found.body {
            Body::File(content) => content.size(),
            Body::Link(target) => target.len() as u64,
            // How many names an overlay's directory has is not known before it is listed.
            Body::Dir(_) | Body::Special(_) => 0,
        };
        Stat {
            dev,
            ino: found.ino,
            filetype: self.filetype(node),
            nlink: found.links,
            size,
            atim: found.atim,
            mtim: found.mtim,
            ctim: found.ctim,
        }
    }

    pub(super) fn set_times(&mut self, node: NodeId, atim: SetTime, mtim: SetTime, now: u64) {
        let node = &mut self.nodes[node];
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
            if visit(cookie, self.nodes[node].ino, self.filetype(node), name).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The inode number of the directory that holds `dir`.
    pub(super) fn parent_ino(&self, dir: NodeId) -> u64 {
        let parent = self.directory(dir).map_or(dir, |directory| directory.parent);
        self.nodes.find(parent).map_or(self.nodes[dir].ino, |parent| parent.ino)
    }

    /// Keeps a node alive while a handle is open.
    pub(super) fn open(&mut self, node: NodeId) {
        self.nodes[node].opens += 1;
    }

    /// Gives a handle back; the last one of a removed node frees it.
    pub(super) fn close(&mut self, node: NodeId, ledger: &mut Ledger) {
        self.nodes[node].opens -= 1;
        self.free_if_unused(node, ledger);
    }

    fn directory(&self, node: NodeId) -> Option<&Directory> {
        match &self.nodes[node].body {
            Body::Dir(dir) => Some(dir),
            _ => None,
        }
    }

    fn directory_mut(&mut self, node: NodeId) -> Result<&mut Directory, Errno> {
        match &mut self.nodes[node].body {
            Body::Dir(dir) => Ok(dir),
            _ => Err(Errno::Notdir),
        }
    }
}

fn over_budget() -> String {
    "its files need more than `host_bytes` allows".to_owned()
}

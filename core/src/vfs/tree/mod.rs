//! A file tree in memory: memory mounts, and the layer of an overlay that takes its writes.
//!
//! Nodes refer to each other by number and content is shared in counted blocks, so that a copy
//! of a tree costs its nodes and not its bytes, and no more than a count before either is written. In an overlay a directory's names are looked up
//! in the host's folder when they are first asked for; the host's folder is never written.
//! Nothing grows here before the [`Ledger`] has agreed to it.

mod change;
mod content;
mod diff;
mod directory;
mod export;
mod file;
mod form;
mod knit;
mod lower;
mod node;
mod place;
mod spare;
mod start;
mod weight;

pub(super) use diff::{Change, Differences};
pub(super) use lower::lower_identity;
pub(super) use node::NodeId;
pub(super) use weight::Weight;

use super::ledger::Ledger;
use super::{Bytes, Errno, FileType, SetTime, Stat};
use crate::policy::GuestPath;
use content::Content;
use directory::Directory;
use lower::LowerFolder;
use node::{Body, Node, Nodes};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

/// What the path of an initial file costs the host beside its bytes.
const INITIAL_BYTES: u64 = 80;

/// One tree of files in memory.
pub(super) struct Tree {
    /// Shared with every state taken of the tree until one of them writes.
    layer: Arc<Layer>,
    /// The host's folder below an overlay.
    lower: Option<LowerFolder>,
    /// Open handles by node, without those of the root: it cannot go.
    opens: BTreeMap<NodeId, u32>,
}

/// All of a tree that is in memory.
#[derive(Clone)]
pub(super) struct Layer {
    nodes: Nodes,
    /// Nodes of lower files with several names, by the host's device and inode number.
    shared: BTreeMap<(u64, u64), NodeId>,
    /// The files that a memory mount started with.
    initial: Arc<BTreeSet<Arc<str>>>,
    /// Which directories differ is not known: one of the start was moved, or a file written that
    /// has several names below.
    touched_everywhere: bool,
    /// What it is charged, once somebody asked.
    weight: OnceLock<Weight>,
}

impl Tree {
    /// An empty tree with these files, by their path below its root.
    pub(super) fn in_memory(files: Vec<(String, Bytes)>, now: u64, ledger: &mut Ledger) -> Result<Tree, String> {
        let mut tree = Tree::empty(None, now, ledger).map_err(|_| over_budget())?;
        if let Ok(root) = tree.directory_mut(NodeId::ROOT) {
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
        if let Ok(root) = tree.node_mut(NodeId::ROOT) {
            (root.atim, root.mtim, root.ctim) = (stat.atim, stat.mtim, stat.ctim);
            root.links = stat.nlink.max(1);
        }
        if let Ok(root) = tree.directory_mut(NodeId::ROOT) {
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
        let layer = Layer {
            nodes,
            shared: BTreeMap::new(),
            initial: Arc::default(),
            touched_everywhere: false,
            weight: OnceLock::new(),
        };
        Ok(Tree { layer: Arc::new(layer), lower, opens: BTreeMap::new() })
    }

    /// A tree that goes on from a state taken before, over `lower` where it is an overlay's.
    pub(super) fn from_layer(layer: Arc<Layer>, lower: Option<cap_std::fs::Dir>) -> Tree {
        Tree { layer, lower: lower.map(LowerFolder::new), opens: BTreeMap::new() }
    }

    /// The state of the tree now.
    pub(super) fn layer(&self) -> &Arc<Layer> {
        &self.layer
    }

    /// The host's device and inode number of the folder below, if this is an overlay.
    pub(super) fn lower_root(&self) -> Option<Result<(u64, u64), Errno>> {
        Some(self.lower.as_ref()?.stat_root().map(|stat| (stat.dev, stat.ino)))
    }

    fn node(&self, id: NodeId) -> Result<&Node, Errno> {
        self.layer.nodes.find(id)
    }

    fn node_mut(&mut self, id: NodeId) -> Result<&mut Node, Errno> {
        self.layer_mut().nodes.find_mut(id)
    }

    /// The layer, to be changed: from here on it is this tree's own.
    fn layer_mut(&mut self) -> &mut Layer {
        let layer = Arc::make_mut(&mut self.layer);
        layer.weight.take();
        layer
    }

    fn add_initial(&mut self, path: &str, bytes: Bytes, now: u64, ledger: &mut Ledger) -> Result<(), String> {
        let checked = GuestPath::parse(&format!("/{path}")).map_err(|error| error.to_string())?;
        let home = &checked.as_str()[1..];
        let clash = || format!("`{path}` is given twice, or is both a file and a folder");
        let mut at = NodeId::ROOT;
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
        if !Arc::make_mut(&mut self.layer_mut().initial).insert(home.into()) {
            return Err(clash());
        }
        Ok(())
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
        self.node(node).map_or(FileType::Unknown, |node| node.body.filetype())
    }

    pub(super) fn is_dir(&self, node: NodeId) -> bool {
        self.directory(node).is_some()
    }

    /// The target of a symlink.
    pub(super) fn target(&self, node: NodeId) -> Result<Arc<str>, Errno> {
        match &self.node(node)?.body {
            Body::Link(target) => Ok(target.clone()),
            Body::Special(FileType::SymbolicLink) => Err(Errno::Ilseq),
            _ => Err(Errno::Inval),
        }
    }

    pub(super) fn stat(&self, node: NodeId, dev: u64) -> Result<Stat, Errno> {
        let found = self.node(node)?;
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
        let Ok(node) = self.node_mut(node) else { return };
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
        if node != NodeId::ROOT {
            *self.opens.entry(node).or_default() += 1;
        }
    }

    /// Gives a handle back; the last one of a removed node frees it.
    pub(super) fn close(&mut self, node: NodeId, ledger: &mut Ledger) {
        let Some(opens) = self.opens.get_mut(&node) else { return };
        *opens -= 1;
        if *opens == 0 {
            self.opens.remove(&node);
            self.free_if_unused(node, ledger);
        }
    }

    fn directory(&self, node: NodeId) -> Option<&Directory> {
        match &self.layer.nodes.find(node).ok()?.body {
            Body::Dir(dir) => Some(dir),
            _ => None,
        }
    }

    fn directory_mut(&mut self, node: NodeId) -> Result<&mut Directory, Errno> {
        match &mut self.node_mut(node)?.body {
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

//! Nodes by number.

use super::content::Content;
use super::directory::Directory;
use crate::vfs::{Errno, FileType};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The number of a node in its tree, and its inode number. Never used again, so that a number
/// that outlives its node finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::vfs) struct NodeId(u64);

impl NodeId {
    pub(in crate::vfs) const ROOT: NodeId = NodeId(1);

    pub(in crate::vfs) fn ino(self) -> u64 {
        self.0
    }

    pub(in crate::vfs) fn numbered(number: u64) -> NodeId {
        NodeId(number)
    }
}

/// A file, directory, symlink or a device of the folder below.
#[derive(Clone)]
pub(super) struct Node {
    /// Entries of this tree that name it; 0 once it is removed.
    pub(super) names: u64,
    /// Names that the host counted and nobody has looked up yet: they must lead to this node,
    /// also after the names that were looked up are gone.
    pub(super) unseen: u64,
    /// What `stat` reports: the host's count and what the guest did since. The host can be wrong,
    /// so nothing else may depend on it.
    pub(super) links: u64,
    pub(super) atim: u64,
    pub(super) mtim: u64,
    pub(super) ctim: u64,
    /// The path below the mount at which it stood at the start; in an overlay, where the host
    /// has it.
    pub(super) home: Option<Arc<str>>,
    /// The host's device and inode number, when the host has several names for it.
    pub(super) lower_key: Option<(u64, u64)>,
    /// How often it was written to; 0 is never. Two looks that find the same number found the same content.
    pub(super) writes: u32,
    pub(super) body: Body,
}

#[derive(Clone)]
pub(super) enum Body {
    File(Content),
    Dir(Directory),
    Link(Arc<str>),
    /// Seen in an overlay, never opened.
    Special(FileType),
}

impl Node {
    /// What a node costs the host beside names and content: its block, and its share of the map
    /// of nodes and of that of files with several names.
    pub(super) const BYTES: u64 = 320;
    /// What a text in a block of its own costs beside its bytes.
    pub(super) const TEXT_BYTES: u64 = 32;

    /// Counts a subdirectory that came. A file system that does not count them says 1.
    pub(super) fn gain_directory(&mut self) {
        if self.links > 1 {
            self.links = self.links.saturating_add(1);
        }
    }

    /// Counts a subdirectory that went.
    pub(super) fn lose_directory(&mut self) {
        if self.links > 2 {
            self.links -= 1;
        }
    }
}

impl Body {
    pub(super) fn new_directory() -> Body {
        Body::Dir(Directory::new())
    }

    /// A directory that the initial files of a memory mount need.
    pub(super) fn initial_directory() -> Body {
        let mut directory = Directory::new();
        directory.remember_start();
        Body::Dir(directory)
    }
}

const _: () = assert!(size_of::<Node>() + 16 <= 208, "`Node::BYTES` counts a node's block with 208 bytes");

/// All nodes of a tree. Copies share each node until one of them changes it.
#[derive(Clone)]
pub(super) struct Nodes {
    by_id: BTreeMap<NodeId, Arc<Node>>,
    next: NodeId,
}

impl Nodes {
    pub(super) fn new() -> Nodes {
        Nodes { by_id: BTreeMap::new(), next: NodeId::ROOT }
    }

    /// No nodes, to be [appended](Nodes::append); new ones are numbered from `next` on.
    pub(super) fn starting_at(next: NodeId) -> Nodes {
        Nodes { by_id: BTreeMap::new(), next }
    }

    /// The number of the next new node.
    pub(super) fn next(&self) -> NodeId {
        self.next
    }

    /// Adds a node that has a number; false unless it is above all before and below the next.
    pub(super) fn append(&mut self, id: NodeId, node: Node) -> bool {
        let after = self.by_id.last_key_value().map_or(NodeId(0), |(last, _)| *last);
        let is_next = after < id && id < self.next;
        if is_next {
            self.by_id.insert(id, Arc::new(node));
        }
        is_next
    }

    /// A node without a name.
    pub(super) fn insert(&mut self, body: Body, now: u64) -> NodeId {
        let id = self.next;
        self.next = NodeId(id.0 + 1);
        let node = Node {
            names: 0,
            unseen: 0,
            links: if matches!(body, Body::Dir(_)) { 2 } else { 1 },
            atim: now,
            mtim: now,
            ctim: now,
            home: None,
            lower_key: None,
            writes: 0,
            body,
        };
        self.by_id.insert(id, Arc::new(node));
        id
    }

    /// # Errors
    /// `Io` when the node is gone.
    pub(super) fn find(&self, id: NodeId) -> Result<&Node, Errno> {
        self.by_id.get(&id).map(|node| &**node).ok_or(Errno::Io)
    }

    /// # Errors
    /// `Io` when the node is gone.
    pub(super) fn find_mut(&mut self, id: NodeId) -> Result<&mut Node, Errno> {
        self.by_id.get_mut(&id).map(Arc::make_mut).ok_or(Errno::Io)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (NodeId, &Node)> {
        self.by_id.iter().map(|(id, node)| (*id, &**node))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (NodeId, &mut Node)> {
        self.by_id.iter_mut().map(|(id, node)| (*id, Arc::make_mut(node)))
    }

    pub(super) fn remove(&mut self, id: NodeId) -> Option<Node> {
        self.by_id.remove(&id).map(Arc::unwrap_or_clone)
    }
}

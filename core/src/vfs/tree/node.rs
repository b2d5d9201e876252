//! Nodes by number.

use super::content::Content;
use super::directory::Directory;
use crate::vfs::FileType;
use crate::vfs::handles::Slab;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

/// The number of a node in its tree. Used again after the node is freed; an inode number is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vfs) struct NodeId(u32);

/// A file, directory, symlink or a device of the folder below.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) ino: u64,
    /// Names (and for a directory its own and its children's); 0 once it is removed.
    pub(super) links: u64,
    pub(super) opens: u32,
    pub(super) atim: u64,
    pub(super) mtim: u64,
    pub(super) ctim: u64,
    /// The path below the mount at which it stood at the start; in an overlay, where the host
    /// has it.
    pub(super) home: Option<Arc<str>>,
    /// The host's device and inode number, when the host has several names for it.
    pub(super) lower_key: Option<(u64, u64)>,
    /// Whether the guest wrote to it.
    pub(super) written: bool,
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
    /// What a node costs the host beside names and content.
    pub(super) const BYTES: u64 = 320;
}

impl Body {
    pub(super) fn new_directory(parent: NodeId) -> Body {
        Body::Dir(Directory::new(Some(parent)))
    }

    /// A directory that the initial files of a memory mount need.
    pub(super) fn initial_directory(parent: NodeId) -> Body {
        let mut directory = Directory::new(Some(parent));
        directory.remember_start();
        Body::Dir(directory)
    }
}

/// All nodes of a tree.
#[derive(Clone)]
pub(super) struct Nodes {
    slab: Slab<Node>,
    next_ino: u64,
}

impl Nodes {
    pub(super) fn new() -> Nodes {
        Nodes { slab: Slab::new(), next_ino: 1 }
    }

    pub(super) fn insert(&mut self, body: Body, now: u64) -> NodeId {
        let ino = self.next_ino;
        self.next_ino += 1;
        let links = if matches!(body, Body::Dir(_)) { 2 } else { 1 };
        NodeId(self.slab.insert(Node {
            ino,
            links,
            opens: 0,
            atim: now,
            mtim: now,
            ctim: now,
            home: None,
            lower_key: None,
            written: false,
            body,
        }))
    }

    pub(super) fn find(&self, id: NodeId) -> Option<&Node> {
        self.slab.find(id.0)
    }

    pub(super) fn remove(&mut self, id: NodeId) -> Option<Node> {
        self.slab.remove(id.0)
    }
}

/// A node number is only held while its node lives: entries, handles and the walk of one call.
impl Index<NodeId> for Nodes {
    type Output = Node;

    fn index(&self, id: NodeId) -> &Node {
        self.slab.find(id.0).expect("a node lives as long as an entry or handle names it")
    }
}

impl IndexMut<NodeId> for Nodes {
    fn index_mut(&mut self, id: NodeId) -> &mut Node {
        self.slab.find_mut(id.0).expect("a node lives as long as an entry or handle names it")
    }
}

impl NodeId {
    /// Stands in until the root knows its own number.
    pub(super) const UNKNOWN: NodeId = NodeId(u32::MAX);
}

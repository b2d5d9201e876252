//! What a tree is charged: the same sums that making it name by name would have taken.

use super::Layer;
use super::change::{entry_cost, home_cost};
use super::content::Content;
use super::node::{Body, Node, NodeId};

/// Sums over a whole tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::vfs) struct Weight {
    pub(in crate::vfs) fs_bytes: u64,
    pub(in crate::vfs) fs_nodes: u64,
    /// Content, nodes and names.
    pub(in crate::vfs) host_bytes: u64,
    /// The size of the longest file that was written.
    pub(in crate::vfs) longest_file: u64,
}

impl Weight {
    pub(in crate::vfs) fn add(&mut self, other: Weight) {
        self.fs_bytes += other.fs_bytes;
        self.fs_nodes += other.fs_nodes;
        self.host_bytes += other.host_bytes;
        self.longest_file = self.longest_file.max(other.longest_file);
    }
}

impl Layer {
    /// What a sandbox is charged for it. Counted once per change.
    pub(in crate::vfs) fn weight(&self) -> Weight {
        *self.weight.get_or_init(|| self.count())
    }

    fn count(&self) -> Weight {
        let initial = self.initial.iter().map(|path| super::INITIAL_BYTES + path.len() as u64);
        let mut weight = Weight { host_bytes: initial.sum(), ..Weight::default() };
        for (id, node) in self.nodes.iter() {
            weight.host_bytes += node.host_bytes();
            match &node.body {
                Body::Dir(directory) => {
                    for (name, slot) in directory.entries() {
                        weight.host_bytes += entry_cost(name);
                        weight.fs_nodes += u64::from(slot.counted);
                    }
                    weight.host_bytes += directory.hidden().map(|(name, _)| entry_cost(name)).sum::<u64>();
                }
                Body::File(Content::Chunks(chunks)) => {
                    let (bytes, overhead) = chunks.charged();
                    weight.fs_bytes += bytes;
                    weight.host_bytes += bytes + overhead;
                    if node.writes > 0 {
                        weight.longest_file = weight.longest_file.max(chunks.size());
                    }
                }
                _ => {}
            }
            if id == NodeId::ROOT {
                // Nothing was taken for the root's own place.
                weight.host_bytes -= home_cost("");
            }
        }
        weight
    }
}

const _: () = assert!(Node::BYTES > Node::TEXT_BYTES, "the root weighs something");

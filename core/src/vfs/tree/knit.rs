//! Proving that nodes that were read are a tree, and finding what follows from that.

use super::Layer;
use super::node::{Body, NodeId};
use crate::policy::GuestPath;
use crate::vfs::wire::{Malformed, malformed};
use std::collections::BTreeMap;

impl Layer {
    /// Counts every node's names and finds every directory's parent.
    pub(super) fn knit(&mut self, over_lower: bool) -> Result<(), Malformed> {
        match self.nodes.find_mut(NodeId::ROOT).map(|root| &mut root.body) {
            // Walks upwards end at a directory that is its own parent.
            Ok(Body::Dir(root)) => root.parent = NodeId::ROOT,
            _ => return malformed("it has no root"),
        }
        let mut names: BTreeMap<NodeId, u64> = BTreeMap::from([(NodeId::ROOT, 1)]);
        // Every directory with a name, those above it first, with the length of its path.
        let mut order = vec![(NodeId::ROOT, 0)];
        let mut at = 0;
        while let Some((dir, path_bytes)) = order.get(at).copied() {
            at += 1;
            let (mut subdirectories, mut longest) = (0, 0);
            for (name, node) in self.entries_of(dir) {
                longest = longest.max(name.len());
                if path_bytes + name.len() > GuestPath::MAX_BYTES {
                    return malformed("a path is too long");
                }
                let named = names.entry(node).or_default();
                *named += 1;
                if !self.is_directory(node) {
                    continue;
                }
                if *named > 1 {
                    return malformed("a directory has two names");
                }
                subdirectories += 1;
                if let Ok(Body::Dir(below)) = self.nodes.find_mut(node).map(|node| &mut node.body) {
                    (below.parent, below.name_bytes) = (dir, name.len());
                }
                order.push((node, path_bytes + name.len() + 1));
            }
            let Ok(node) = self.nodes.find_mut(dir) else { return malformed("a name leads nowhere") };
            if !over_lower {
                node.links = 2 + subdirectories;
            }
            if let Body::Dir(directory) = &mut node.body {
                directory.below_bytes = longest;
            }
        }
        self.lengthen(&order);
        if names.keys().any(|id| self.nodes.find(*id).is_err()) {
            return malformed("a name leads nowhere");
        }
        self.count_names(&names, over_lower)
    }

    /// How long paths below each directory are, from the bottom up.
    fn lengthen(&mut self, order: &[(NodeId, usize)]) {
        for (dir, _) in order.iter().skip(1).rev() {
            let Ok(Body::Dir(directory)) = self.nodes.find(*dir).map(|node| &node.body) else { continue };
            let (parent, below) = (directory.parent, directory.below_bytes);
            let longest = directory.name_bytes + below + usize::from(below > 0);
            if let Ok(Body::Dir(parent)) = self.nodes.find_mut(parent).map(|node| &mut node.body) {
                parent.below_bytes = parent.below_bytes.max(longest);
            }
        }
    }

    fn count_names(&mut self, names: &BTreeMap<NodeId, u64>, over_lower: bool) -> Result<(), Malformed> {
        for (id, node) in self.nodes.iter_mut() {
            node.names = names.get(&id).copied().unwrap_or(0);
            match &node.body {
                // It would have been emptied first; and it cannot be below itself.
                Body::Dir(directory) if node.names == 0 && !directory.is_empty() => {
                    return malformed("a directory without a name is not empty");
                }
                Body::Dir(_) => {}
                _ if !over_lower => node.links = node.names,
                _ => {}
            }
        }
        Ok(())
    }

    /// Refuses nodes that nothing leads to: no name, no handle.
    pub(in crate::vfs) fn check_reachable(&self, is_open: impl Fn(NodeId) -> bool) -> Result<(), Malformed> {
        let is_lost = |(id, node): (NodeId, &super::node::Node)| node.names == 0 && node.unseen == 0 && !is_open(id);
        if self.nodes.iter().any(is_lost) { malformed("nothing leads to a file") } else { Ok(()) }
    }

    /// Forgets the host's numbers of files: the folder below is another one now. Files without a
    /// name here that may have had one there are gone.
    pub(in crate::vfs) fn forget_lower_keys(&mut self, is_open: impl Fn(NodeId) -> bool) {
        self.shared.clear();
        let mut lost = Vec::new();
        for (id, node) in self.nodes.iter_mut() {
            (node.lower_key, node.unseen) = (None, 0);
            if node.names == 0 && !is_open(id) {
                lost.push(id);
            }
        }
        for id in lost {
            self.nodes.remove(id);
        }
        self.weight.take();
    }

    /// Whether something of the folder below is known by the host's numbers.
    pub(in crate::vfs) fn knows_lower_keys(&self) -> bool {
        self.nodes.iter().any(|(_, node)| node.lower_key.is_some())
    }

    pub(in crate::vfs) fn is_directory(&self, id: NodeId) -> bool {
        matches!(self.nodes.find(id).map(|node| &node.body), Ok(Body::Dir(_)))
    }

    pub(in crate::vfs) fn is_file(&self, id: NodeId) -> bool {
        matches!(self.nodes.find(id).map(|node| &node.body), Ok(Body::File(_)))
    }

    /// When its root was last changed.
    pub(in crate::vfs) fn root_mtim(&self) -> u64 {
        self.nodes.find(NodeId::ROOT).map_or(0, |root| root.mtim)
    }
}

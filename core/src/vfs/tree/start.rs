//! Making what a tree holds its start.

use super::Layer;
use super::content::Content;
use super::node::{Body, NodeId};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Layer {
    /// Makes what is there now the start of every sandbox that begins with it: differences count
    /// from here, and neither names nor content count against a quota. For memory mounts.
    pub(in crate::vfs) fn into_start(mut self) -> Layer {
        let mut initial = BTreeSet::new();
        let mut homes = BTreeSet::new();
        let mut pending: Vec<(NodeId, Arc<str>)> = vec![(NodeId::ROOT, "".into())];
        while let Some((dir, path)) = pending.pop() {
            for (name, node) in self.entries_of(dir) {
                let below: Arc<str> = if path.is_empty() { name } else { format!("{path}/{name}").into() };
                let Ok(found) = self.nodes.find_mut(node) else { continue };
                match found.body {
                    Body::Dir(_) => pending.push((node, below.clone())),
                    _ => _ = initial.insert(below.clone()),
                }
                if homes.insert(node) {
                    found.home = Some(below);
                }
            }
        }
        homes.insert(NodeId::ROOT);
        for (id, node) in self.nodes.iter_mut() {
            node.writes = 0;
            if !homes.contains(&id) {
                node.home = None;
            }
            match &mut node.body {
                Body::Dir(directory) => directory.become_start(),
                Body::File(Content::Chunks(chunks)) => chunks.disown(),
                _ => {}
            }
        }
        self.initial = Arc::new(initial);
        self.touched_everywhere = false;
        self.weight.take();
        self
    }

    pub(super) fn entries_of(&self, dir: NodeId) -> Vec<(Arc<str>, NodeId)> {
        match self.nodes.find(dir).map(|node| &node.body) {
            Ok(Body::Dir(directory)) => directory.entries().map(|(name, slot)| (name.clone(), slot.node)).collect(),
            _ => Vec::new(),
        }
    }
}

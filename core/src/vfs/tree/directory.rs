//! A directory: names to nodes, and the order in which they are listed.

use super::node::NodeId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What stands behind one name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) node: NodeId,
    cookie: u64,
    /// It stood here at the start.
    pub(super) original: bool,
    /// It counts against `fs_nodes`.
    pub(super) counted: bool,
}

/// The entries of one directory. Every entry has a cookie above all earlier ones, so that a
/// listing goes on after it whatever came and went.
#[derive(Clone)]
pub(super) struct Directory {
    pub(super) parent: NodeId,
    by_name: HashMap<Arc<str>, Slot>,
    by_cookie: BTreeMap<u64, (Arc<str>, NodeId)>,
    next_cookie: u64,
    /// Something in it or below it differs from the start, or did.
    pub(super) touched: bool,
    start: Option<Box<Start>>,
}

/// What a directory held at the start: an overlay's folder below it, or the initial files of a
/// memory mount.
#[derive(Clone, Default)]
struct Start {
    /// Every name below has been looked up.
    complete: bool,
    /// Names of the start that were removed or replaced.
    hidden: BTreeSet<Arc<str>>,
}

impl Directory {
    /// What an entry costs the host beside its name.
    pub(super) const ENTRY_BYTES: u64 = 128;

    /// An empty directory; its parent is known once it has a name there.
    pub(super) fn new() -> Directory {
        Directory {
            parent: NodeId::ROOT,
            by_name: HashMap::new(),
            by_cookie: BTreeMap::new(),
            next_cookie: 0,
            touched: false,
            start: None,
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<Slot> {
        self.by_name.get(name).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&Arc<str>, &Slot)> {
        self.by_name.iter()
    }

    pub(super) fn listed_from(&self, cookie: u64) -> impl Iterator<Item = (u64, &str, NodeId)> {
        self.by_cookie.range(cookie..).map(|(cookie, (name, node))| (*cookie, &**name, *node))
    }

    /// Adds a name that is not there.
    pub(super) fn insert(&mut self, name: &str, node: NodeId, original: bool, counted: bool) {
        let name: Arc<str> = name.into();
        let cookie = self.next_cookie;
        self.next_cookie += 1;
        self.by_cookie.insert(cookie, (name.clone(), node));
        self.by_name.insert(name, Slot { node, cookie, original, counted });
    }

    /// Takes a name away; one of the start is remembered as hidden.
    pub(super) fn remove(&mut self, name: &str) -> Option<Slot> {
        let (name, slot) = self.by_name.remove_entry(name)?;
        self.by_cookie.remove(&slot.cookie);
        if let Some(start) = self.start.as_mut().filter(|_| slot.original) {
            start.hidden.insert(name);
        }
        Some(slot)
    }

    /// Puts it over a folder of the host whose names are not known yet.
    pub(super) fn put_over_lower(&mut self) {
        self.start = Some(Box::default());
    }

    /// Remembers which of its initial entries go.
    pub(super) fn remember_start(&mut self) {
        self.start = Some(Box::new(Start { complete: true, hidden: BTreeSet::new() }));
    }

    /// True when the folder below may have this name and nobody has looked yet.
    pub(super) fn may_have_more(&self, name: &str) -> bool {
        self.start.as_ref().is_some_and(|start| !start.complete && !start.hidden.contains(name))
    }

    /// True when the folder below may have names that nobody has looked up yet.
    pub(super) fn is_incomplete(&self) -> bool {
        self.start.as_ref().is_some_and(|start| !start.complete)
    }

    pub(super) fn mark_complete(&mut self) {
        if let Some(start) = &mut self.start {
            start.complete = true;
        }
    }

    pub(super) fn hides(&self, name: &str) -> bool {
        self.start.as_ref().is_some_and(|start| start.hidden.contains(name))
    }

    pub(super) fn hidden(&self) -> impl Iterator<Item = &Arc<str>> {
        self.start.iter().flat_map(|start| start.hidden.iter())
    }
}

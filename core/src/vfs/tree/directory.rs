//! A directory: names to nodes, and the order in which they are listed.

use super::node::NodeId;
use crate::vfs::wire::{Malformed, Reader, malformed, put_count, put_flags, put_text, put_u64};
use std::collections::{BTreeMap, btree_map};
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

/// The entries of one directory, in maps that give memory back as entries go. Every entry has a cookie above all earlier ones, so that a
/// listing goes on after it whatever came and went.
#[derive(Clone)]
pub(super) struct Directory {
    pub(super) parent: NodeId,
    /// How long its own name is.
    pub(super) name_bytes: usize,
    /// No path below it is longer; what was removed may still count.
    pub(super) below_bytes: usize,
    by_name: BTreeMap<Arc<str>, Slot>,
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
    /// Names of the start that were removed or replaced, and whether they were directories.
    hidden: BTreeMap<Arc<str>, bool>,
}

impl Directory {
    /// What an entry costs the host beside its name: its share of two maps whose blocks are half
    /// full, and what the name's own block has beside it.
    pub(super) const ENTRY_BYTES: u64 = 224;
    /// What a directory costs beside a node: the blocks that its maps have for a single entry.
    pub(super) const BYTES: u64 = 1024;

    /// An empty directory; its parent is known once it has a name there.
    pub(super) fn new() -> Directory {
        Directory {
            parent: NodeId::ROOT,
            name_bytes: 0,
            below_bytes: 0,
            by_name: BTreeMap::new(),
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

    /// The entries in the order of their names.
    pub(super) fn entries(&self) -> btree_map::Iter<'_, Arc<str>, Slot> {
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
    pub(super) fn remove(&mut self, name: &str, is_dir: bool) -> Option<Slot> {
        let (name, slot) = self.by_name.remove_entry(name)?;
        self.by_cookie.remove(&slot.cookie);
        if let Some(start) = self.start.as_mut().filter(|_| slot.original) {
            start.hidden.insert(name, is_dir);
        }
        if self.by_name.is_empty() {
            self.below_bytes = 0;
        }
        Some(slot)
    }

    /// The longest path that begins with `name` when that is the directory's name.
    pub(super) fn longest(&self, name: &str) -> usize {
        name.len() + self.below_bytes + usize::from(self.below_bytes > 0)
    }

    /// Puts it over a folder of the host whose names are not known yet.
    pub(super) fn put_over_lower(&mut self) {
        self.start = Some(Box::default());
    }

    /// Remembers which of its initial entries go.
    pub(super) fn remember_start(&mut self) {
        self.start = Some(Box::new(Start { complete: true, hidden: BTreeMap::new() }));
    }

    /// Makes what it holds now what it had at the start.
    pub(super) fn become_start(&mut self) {
        self.remember_start();
        self.touched = false;
        for slot in self.by_name.values_mut() {
            (slot.original, slot.counted) = (true, false);
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.parent.ino());
        put_u64(out, self.next_cookie);
        put_flags(out, &[self.touched, self.start.is_some(), self.is_incomplete()]);
        put_count(out, self.hidden().count());
        for (name, is_dir) in self.hidden() {
            put_flags(out, &[is_dir]);
            put_text(out, name);
        }
        put_count(out, self.by_cookie.len());
        for (cookie, (name, node)) in &self.by_cookie {
            let slot = self.find(name);
            put_u64(out, *cookie);
            put_u64(out, node.ino());
            put_flags(out, &[slot.is_some_and(|slot| slot.original), slot.is_some_and(|slot| slot.counted)]);
            put_text(out, name);
        }
    }

    pub(super) fn decode(from: &mut Reader<'_>, over_lower: bool) -> Result<Directory, Malformed> {
        let mut directory = Directory { parent: NodeId::numbered(from.u64()?), ..Directory::new() };
        let next_cookie = from.counted()?;
        let [touched, has_start, is_incomplete] = from.flags()?;
        directory.touched = touched;
        let mut hidden = BTreeMap::new();
        for _ in 0..from.count(6)? {
            let [is_dir] = from.flags()?;
            hidden.insert(Arc::from(from.name()?), is_dir);
        }
        if (is_incomplete && !(has_start && over_lower)) || (!hidden.is_empty() && !has_start) {
            return malformed("a directory has a start that it cannot have");
        }
        directory.start = has_start.then(|| Box::new(Start { complete: !is_incomplete, hidden }));
        for _ in 0..from.count(22)? {
            let (cookie, node) = (from.u64()?, NodeId::numbered(from.u64()?));
            let [original, counted] = from.flags()?;
            let name: Arc<str> = from.name()?.into();
            if cookie < directory.next_cookie || cookie >= next_cookie {
                return malformed("the entries of a directory are not in order");
            }
            directory.next_cookie = cookie + 1;
            directory.by_cookie.insert(cookie, (name.clone(), node));
            if directory.by_name.insert(name, Slot { node, cookie, original, counted }).is_some() {
                return malformed("a directory has a name twice");
            }
        }
        directory.next_cookie = next_cookie;
        Ok(directory)
    }

    /// True when the folder below may have this name and nobody has looked yet.
    pub(super) fn may_have_more(&self, name: &str) -> bool {
        self.start.as_ref().is_some_and(|start| !start.complete && !start.hidden.contains_key(name))
    }

    /// True when it was there at the start.
    pub(super) fn is_of_the_start(&self) -> bool {
        self.start.is_some()
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
        self.hidden_kind(name).is_some()
    }

    /// Whether the hidden name is that of a directory.
    pub(super) fn hidden_kind(&self, name: &str) -> Option<bool> {
        self.start.as_ref()?.hidden.get(name).copied()
    }

    pub(super) fn hidden(&self) -> impl Iterator<Item = (&Arc<str>, bool)> {
        self.start.iter().flat_map(|start| start.hidden.iter().map(|(name, is_dir)| (name, *is_dir)))
    }
}

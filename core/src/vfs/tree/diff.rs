//! What differs from the start: by path, files and symlinks only.
//!
//! A path is *added* when nothing but a directory was there, *changed* when a file or symlink
//! was there and another stands there now or was written to (writing the same bytes counts),
//! *removed* when a file or symlink was there and none is. Directories are not listed, but for
//! a removed directory of an overlay's folder: what lay beneath it is removed with it and not
//! listed, and what stands there now is added. So whoever applies a difference removes first.
//! Times and copied-up content that nobody wrote to are no difference.
//!
//! Nothing here asks the host: a difference costs what the guest changed or looked at, and its
//! size is bounded. A second name that the folder below has for a written file is listed once
//! somebody looked it up.

use super::Tree;
use super::directory::{Directory, Slot};
use super::node::NodeId;
use crate::outcome::FilesDiff;
use crate::policy::GuestPath;
use crate::vfs::Placed;
use std::collections::{BTreeSet, btree_map};
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

/// How one path differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vfs) enum Change {
    Added,
    Changed,
    Removed,
}

/// Takes a change and its path below the mount, with the node that is there now.
pub(in crate::vfs) type Visit<'v> = dyn FnMut(Change, &str, Option<NodeId>) -> ControlFlow<()> + 'v;

/// Collects paths up to the bounds of [`FilesDiff`]: the first ones that are visited.
#[derive(Default)]
pub(in crate::vfs) struct Differences<'p> {
    added: BTreeSet<String>,
    changed: BTreeSet<String>,
    removed: BTreeSet<String>,
    text_bytes: usize,
    truncated: bool,
    /// Files of which somebody else tells how they differ.
    beside: Option<&'p Placed>,
}

impl<'p> Differences<'p> {
    /// Takes what differs beside these files.
    pub(in crate::vfs) fn beside(placed: &'p Placed) -> Differences<'p> {
        Differences { beside: Some(placed), ..Differences::default() }
    }

    /// Collects what differs in the tree of one mount.
    pub(in crate::vfs) fn add_all(&mut self, mount: &GuestPath, tree: &Tree) {
        let prefix = mount.as_str().trim_end_matches('/');
        let _ = tree.visit_changes(&mut |change, path, _| self.add(change, prefix, path));
    }

    /// Takes a change of one of the files that it is beside.
    pub(in crate::vfs) fn add_path(&mut self, change: Change, path: &str) {
        let _ = self.insert(change, path.to_owned());
    }

    fn add(&mut self, change: Change, prefix: &str, path: &str) -> ControlFlow<()> {
        let path = format!("{prefix}/{path}");
        match self.beside {
            Some(placed) if placed.contains_key(&path) => ControlFlow::Continue(()),
            _ => self.insert(change, path),
        }
    }

    fn insert(&mut self, change: Change, path: String) -> ControlFlow<()> {
        let paths = match change {
            Change::Added => &mut self.added,
            Change::Changed => &mut self.changed,
            Change::Removed => &mut self.removed,
        };
        if paths.len() == FilesDiff::MAX_LISTED {
            self.truncated = true;
            return ControlFlow::Continue(());
        }
        let bytes = path.len();
        if self.text_bytes + bytes > FilesDiff::MAX_TEXT_BYTES {
            self.truncated = true;
            return ControlFlow::Break(());
        }
        if paths.insert(path) {
            self.text_bytes += bytes;
        }
        ControlFlow::Continue(())
    }

    pub(in crate::vfs) fn finish(self) -> FilesDiff {
        FilesDiff {
            added: self.added.into_iter().collect(),
            changed: self.changed.into_iter().collect(),
            removed: self.removed.into_iter().collect(),
            truncated: self.truncated,
        }
    }
}

/// A directory that the walk stands in.
struct Level<'t> {
    directory: &'t Directory,
    entries: btree_map::Iter<'t, Arc<str>, Slot>,
    /// It is where it was at the start.
    in_place: bool,
    path_bytes: usize,
}

impl Tree {
    /// Visits every difference, directory by directory and each in the order of its names. A
    /// removed path can come twice.
    pub(in crate::vfs) fn visit_changes(&self, visit: &mut Visit<'_>) -> ControlFlow<()> {
        let mut path = String::new();
        let mut levels = Vec::from_iter(self.enter(NodeId::ROOT, &path));
        while let Some(level) = levels.last_mut() {
            path.truncate(level.path_bytes);
            let (directory, in_place) = (level.directory, level.in_place);
            let Some((name, slot)) = level.entries.next() else {
                levels.pop();
                if in_place {
                    self.visit_hidden(directory, &mut path, visit)?;
                }
                continue;
            };
            push_name(&mut path, name);
            if self.is_dir(slot.node) {
                levels.extend(self.enter(slot.node, &path));
                continue;
            }
            let original = self.is_original(slot, in_place, &path);
            if original && !self.node(slot.node).is_ok_and(|node| node.written) {
                continue;
            }
            let existed = original
                || self.layer.initial.contains(&*path)
                || (in_place && directory.hidden_kind(name) == Some(false));
            visit(if existed { Change::Changed } else { Change::Added }, &path, Some(slot.node))?;
        }
        ControlFlow::Continue(())
    }

    fn enter(&self, dir: NodeId, path: &str) -> Option<Level<'_>> {
        let directory = self.directory(dir)?;
        let in_place = self.stands_at(dir, path);
        let is_as_it_was = in_place && !directory.touched && !self.layer.touched_everywhere;
        let level = || Level { directory, entries: directory.entries(), in_place, path_bytes: path.len() };
        (!is_as_it_was).then(level)
    }

    /// Whether an entry is what was there at the start. Where a directory of the folder below was
    /// removed, everything beneath counts as removed, also what came back to its place.
    fn is_original(&self, slot: &Slot, in_place: bool, path: &str) -> bool {
        (slot.original && in_place) || ((in_place || self.lower.is_none()) && self.stands_at(slot.node, path))
    }

    /// Visits what was in a directory at the start and is not there any more.
    fn visit_hidden(&self, directory: &Directory, path: &mut String, visit: &mut Visit<'_>) -> ControlFlow<()> {
        let path_bytes = path.len();
        for (name, was_dir) in directory.hidden() {
            path.truncate(path_bytes);
            push_name(path, name);
            let now = directory.find(name).map(|slot| slot.node);
            match (was_dir, &self.lower) {
                (true, None) if now.is_some_and(|node| self.stands_at(node, path)) => {}
                (true, None) => self.visit_initial_below(path, visit)?,
                (true, Some(_)) => visit(Change::Removed, path, None)?,
                (false, _) if now.is_none_or(|node| self.is_dir(node)) => visit(Change::Removed, path, None)?,
                (false, _) => {}
            }
        }
        ControlFlow::Continue(())
    }

    /// Visits the initial files of a memory mount below `path` that are gone.
    fn visit_initial_below(&self, path: &str, visit: &mut Visit<'_>) -> ControlFlow<()> {
        let beneath = format!("{path}/");
        let initial = self.layer.initial.range::<str, _>((Bound::Included(&*beneath), Bound::Unbounded));
        for file in initial.take_while(|file| file.starts_with(&beneath)) {
            if !self.has_leaf(file) {
                visit(Change::Removed, file, None)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn stands_at(&self, node: NodeId, path: &str) -> bool {
        self.node(node).is_ok_and(|node| node.home.as_deref() == Some(path))
    }

    /// Whether something that is no directory is at `path` now, in a tree without a folder below.
    fn has_leaf(&self, path: &str) -> bool {
        let step = |at, name| self.directory(at).and_then(|dir| dir.find(name)).map(|slot| slot.node);
        path.split('/').try_fold(NodeId::ROOT, step).is_some_and(|node| !self.is_dir(node))
    }
}

fn push_name(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('/');
    }
    path.push_str(name);
}

//! What differs from the start: by path, files and symlinks only.
//!
//! A path is *added* when nothing but a directory was there, *changed* when a file or symlink
//! was there and another stands there now or was written to (writing the same bytes counts),
//! *removed* when a file or symlink was there and none is. Directories are not listed, but for
//! a removed directory of an overlay's folder: it is listed beside all that was in it, so that
//! whoever applies the difference can remove it too. Times and copied-up content that nobody
//! wrote to are no difference.

use super::node::{Body, NodeId};
use super::{Errno, Tree};
use crate::outcome::FilesDiff;
use std::collections::BTreeSet;

/// How one path differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vfs) enum Change {
    Added,
    Changed,
    Removed,
}

/// Collects paths in order, at most [`FilesDiff::MAX_LISTED`] of each kind: the first ones.
#[derive(Default)]
pub(in crate::vfs) struct Differences {
    added: BTreeSet<String>,
    changed: BTreeSet<String>,
    removed: BTreeSet<String>,
}

impl Differences {
    pub(in crate::vfs) fn add(&mut self, change: Change, path: String) {
        let paths = match change {
            Change::Added => &mut self.added,
            Change::Changed => &mut self.changed,
            Change::Removed => &mut self.removed,
        };
        paths.insert(path);
        if paths.len() > FilesDiff::MAX_LISTED {
            paths.pop_last();
        }
    }

    pub(in crate::vfs) fn finish(self) -> FilesDiff {
        FilesDiff {
            added: self.added.into_iter().collect(),
            changed: self.changed.into_iter().collect(),
            removed: self.removed.into_iter().collect(),
        }
    }
}

impl Tree {
    /// Visits every difference, by path below the mount, in no order. A directory of the folder
    /// below that cannot be read any more is passed over.
    pub(in crate::vfs) fn visit_changes(&self, visit: &mut dyn FnMut(Change, String)) {
        if self.touched {
            self.visit_present(visit);
            self.visit_removed(visit);
        }
    }

    /// Compares what is there now.
    fn visit_present(&self, visit: &mut dyn FnMut(Change, String)) {
        let mut pending = vec![(self.root, String::new())];
        while let Some((dir, path)) = pending.pop() {
            let Some(directory) = self.directory(dir) else { continue };
            let in_place = self.stands_at(dir, &path);
            for (name, slot) in directory.entries() {
                let at = join(&path, name);
                if self.is_dir(slot.node) {
                    pending.push((slot.node, at));
                    continue;
                }
                let original = (slot.original && in_place) || self.stands_at(slot.node, &at);
                if original && !self.nodes[slot.node].written {
                    continue;
                }
                let existed = original || self.was_file(&at);
                visit(if existed { Change::Changed } else { Change::Added }, at);
            }
            if directory.is_incomplete() && !in_place {
                self.visit_moved(dir, &path, visit);
            }
        }
    }

    /// Visits the names of a moved directory that only the folder below knows so far.
    fn visit_moved(&self, dir: NodeId, path: &str, visit: &mut dyn FnMut(Change, String)) {
        let (Some(directory), Some(home)) = (self.directory(dir), self.nodes[dir].home.as_ref()) else { return };
        let mut pending = vec![(home.to_string(), path.to_owned(), true)];
        while let Some((home, path, is_top)) = pending.pop() {
            for (name, is_dir) in self.lower_names(&home) {
                if is_top && (directory.find(&name).is_some() || directory.hides(&name)) {
                    continue;
                }
                let at = join(&path, &name);
                if is_dir {
                    pending.push((join(&home, &name), at, false));
                } else {
                    visit(if self.was_file(&at) { Change::Changed } else { Change::Added }, at);
                }
            }
        }
    }

    fn visit_removed(&self, visit: &mut dyn FnMut(Change, String)) {
        for path in &self.initial {
            if self.peek(path) != Some(false) {
                visit(Change::Removed, path.to_string());
            }
        }
        let mut in_place = vec![(self.root, String::new())];
        while let Some((dir, path)) = in_place.pop() {
            let Some(directory) = self.directory(dir) else { continue };
            for (name, slot) in directory.entries() {
                let at = join(&path, name);
                if self.is_dir(slot.node) && self.stands_at(slot.node, &at) {
                    in_place.push((slot.node, at));
                }
            }
            for name in directory.hidden() {
                self.visit_hidden(join(&path, name), visit);
            }
        }
    }

    /// Visits what the folder below has at a path that the overlay hides.
    fn visit_hidden(&self, path: String, visit: &mut dyn FnMut(Change, String)) {
        let was_dir = |path: &str| self.lower_stat(path).map(|stat| stat.filetype == crate::vfs::FileType::Directory);
        let Some(is_dir) = was_dir(&path) else { return };
        let mut pending = vec![(path, is_dir)];
        while let Some((path, is_dir)) = pending.pop() {
            if is_dir {
                pending.extend(self.lower_names(&path).into_iter().map(|(name, is_dir)| (join(&path, &name), is_dir)));
            }
            if self.peek(&path) != Some(is_dir) {
                visit(Change::Removed, path);
            }
        }
    }

    fn stands_at(&self, node: NodeId, path: &str) -> bool {
        self.nodes[node].home.as_deref() == Some(path)
    }

    /// True when a file or symlink was at `path` at the start.
    fn was_file(&self, path: &str) -> bool {
        self.initial.contains(path)
            || self.lower_stat(path).is_some_and(|stat| stat.filetype != crate::vfs::FileType::Directory)
    }

    /// Whether what is at `path` now is a directory; `None` when nothing is there.
    fn peek(&self, path: &str) -> Option<bool> {
        let mut at = self.root;
        let mut rest = path;
        loop {
            let (name, after) = rest.split_once('/').map_or((rest, None), |(name, after)| (name, Some(after)));
            let directory = self.directory(at)?;
            match directory.find(name) {
                Some(slot) => at = slot.node,
                None if directory.may_have_more(name) => {
                    let home = self.nodes[at].home.as_ref()?;
                    let stat = self.lower_stat(&join(home, rest))?;
                    return Some(stat.filetype == crate::vfs::FileType::Directory);
                }
                None => return None,
            }
            match after {
                Some(after) => rest = after,
                None => return Some(matches!(self.nodes[at].body, Body::Dir(_))),
            }
        }
    }

    fn lower_stat(&self, path: &str) -> Option<crate::vfs::Stat> {
        self.lower.as_ref()?.stat(path).ok().flatten()
    }

    fn lower_names(&self, path: &str) -> Vec<(String, bool)> {
        let names = |lower: &super::LowerFolder| -> Result<_, Errno> { lower.names(path) };
        self.lower.as_ref().map(names).and_then(Result::ok).unwrap_or_default()
    }
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

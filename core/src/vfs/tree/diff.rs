//! What differs from the start: by path, files and symlinks only.
//!
//! A path is *added* when nothing but a directory was there, *changed* when a file or symlink
//! was there and another stands there now or was written to (writing the same bytes counts),
//! *removed* when a file or symlink was there and none is. Directories are not listed, but for
//! a removed directory of an overlay's folder: it is listed beside all that was in it, so that
//! whoever applies the difference can remove it too. Times and copied-up content that nobody
//! wrote to are no difference.

use super::Tree;
use super::node::{Body, NodeId};
use crate::outcome::FilesDiff;
use crate::policy::GuestPath;
use crate::vfs::FileType;
use crate::vfs::host::{self, Name};
use cap_std::fs::Dir;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

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
    /// Visits every difference, by path below the mount, in no order. Costs what was changed and
    /// what was moved, not what is there. A directory of the folder below that cannot be read any
    /// more is passed over, and so is what has no path of at most [`GuestPath::MAX_BYTES`].
    pub(in crate::vfs) fn visit_changes(&self, visit: &mut dyn FnMut(Change, String)) {
        let mut pending = vec![(self.root, String::new())];
        while let Some((dir, path)) = pending.pop() {
            let Some(directory) = self.directory(dir) else { continue };
            let in_place = self.stands_at(dir, &path);
            if in_place && !directory.touched && !self.touched_everywhere {
                continue;
            }
            let origin = if in_place { None } else { self.lower_dir(&path) };
            for (name, slot) in directory.entries() {
                // Nobody can name what lies deeper, and a guest must not choose how much text this
                // becomes.
                if path.len() + name.len() >= GuestPath::MAX_BYTES {
                    continue;
                }
                let at = join(&path, name);
                if self.is_dir(slot.node) {
                    pending.push((slot.node, at));
                    continue;
                }
                let original = (slot.original && in_place) || self.stands_at(slot.node, &at);
                if original && !self.nodes[slot.node].written {
                    continue;
                }
                let existed = original
                    || self.initial.contains(&*at)
                    || (directory.hides(name) && in_place && self.lower_kind(&at) == Some(false))
                    || origin.as_ref().is_some_and(|dir| is_file(dir, name));
                visit(if existed { Change::Changed } else { Change::Added }, at);
            }
            if in_place {
                directory.hidden().for_each(|name| self.visit_hidden(join(&path, name), visit));
            } else if directory.is_incomplete() {
                self.visit_moved(dir, &path, visit);
            }
        }
    }

    /// Visits the names of a moved directory that only the folder below knows so far.
    fn visit_moved(&self, dir: NodeId, path: &str, visit: &mut dyn FnMut(Change, String)) {
        let (Some(directory), Some(home)) = (self.directory(dir), self.nodes[dir].home.as_ref()) else { return };
        let mut pending = vec![(home.to_string(), path.to_owned(), true)];
        while let Some((home, path, is_top)) = pending.pop() {
            let origin = self.lower_dir(&path);
            for (name, is_dir) in self.lower_names(&home) {
                if is_top && (directory.find(&name).is_some() || directory.hides(&name)) {
                    continue;
                }
                let at = join(&path, &name);
                if is_dir {
                    pending.push((join(&home, &name), at, false));
                    continue;
                }
                let existed = origin.as_ref().is_some_and(|dir| is_file(dir, &name));
                visit(if existed { Change::Changed } else { Change::Added }, at);
            }
        }
    }

    /// Visits what was at a path at the start whose entry is gone.
    fn visit_hidden(&self, path: String, visit: &mut dyn FnMut(Change, String)) {
        let beneath = format!("{path}/");
        let initial = self.initial.range::<str, _>((Bound::Included(&*beneath), Bound::Unbounded));
        let initial = initial.take_while(|file| file.starts_with(&beneath)).chain(self.initial.get(&*path));
        for file in initial.filter(|file| self.peek(file) != Some(false)) {
            visit(Change::Removed, file.to_string());
        }
        let mut pending: Vec<_> = self.lower_kind(&path).map(|is_dir| (path, is_dir)).into_iter().collect();
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
                    return self.lower_kind(&join(home, rest));
                }
                None => return None,
            }
            match after {
                Some(after) => rest = after,
                None => return Some(matches!(self.nodes[at].body, Body::Dir(_))),
            }
        }
    }

    /// Whether what the folder below has at `path` is a directory.
    fn lower_kind(&self, path: &str) -> Option<bool> {
        let stat = self.lower.as_ref()?.stat(path).ok().flatten()?;
        Some(stat.filetype == FileType::Directory)
    }

    fn lower_dir(&self, path: &str) -> Option<Arc<Dir>> {
        self.lower.as_ref()?.open(path).ok()
    }

    fn lower_names(&self, path: &str) -> Vec<(String, bool)> {
        self.lower.as_ref().and_then(|lower| lower.names(path).ok()).unwrap_or_default()
    }
}

fn is_file(dir: &Dir, name: &str) -> bool {
    let stat = Name::parse(name).and_then(|name| host::look_up(dir, name)).ok().flatten();
    stat.is_some_and(|stat| stat.filetype != FileType::Directory)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

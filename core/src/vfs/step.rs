//! What one run changes: the difference between what differs from the start before it and after it.
//!
//! Files that the embedder puts into the tree before a run are no work of the guest's, so a run's
//! difference does not list them, unless the guest writes to them or removes them.

use super::mounts::Mount;
use super::tree::{Change, Differences, Stamp};
use super::{Backend, Vfs};
use crate::outcome::FilesDiff;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// The most paths that are remembered of the time before a run, and their most bytes: some megabytes.
const MOST_PATHS: usize = 20_000;
const MOST_TEXT_BYTES: usize = 4 << 20;

/// What differs from the start at one moment.
#[derive(Default)]
pub(super) struct Seen {
    there: BTreeMap<String, (Change, Option<Stamp>)>,
    removed: BTreeSet<String>,
    text_bytes: usize,
    truncated: bool,
}

impl Vfs {
    /// A run begins: what it changes counts from here.
    pub(crate) fn begin_run(&mut self) {
        self.before = Seen::of(&self.mounts);
    }

    /// What the run has changed so far.
    pub(crate) fn changes_of_run(&self) -> FilesDiff {
        let now = Seen::of(&self.mounts);
        self.before.until(&now)
    }
}

impl Seen {
    fn of(mounts: &[Mount]) -> Seen {
        let mut seen = Seen::default();
        for mount in mounts {
            let Backend::Tree(tree) = &mount.backend else { continue };
            let prefix = mount.guest.as_str().trim_end_matches('/');
            let _ = tree.visit_changes(&mut |change, path, node| {
                let stamp = node.and_then(|node| tree.stamp(node));
                seen.add(change, format!("{prefix}/{path}"), stamp)
            });
        }
        seen
    }

    fn add(&mut self, change: Change, path: String, stamp: Option<Stamp>) -> ControlFlow<()> {
        self.text_bytes += path.len();
        if self.there.len() + self.removed.len() >= MOST_PATHS || self.text_bytes > MOST_TEXT_BYTES {
            self.truncated = true;
            return ControlFlow::Break(());
        }
        match change {
            Change::Removed => _ = self.removed.insert(path),
            Change::Added | Change::Changed => _ = self.there.insert(path, (change, stamp)),
        }
        ControlFlow::Continue(())
    }

    /// How `later` differs from this.
    fn until(&self, later: &Seen) -> FilesDiff {
        let mut differences = Differences::default();
        if self.truncated || later.truncated {
            differences.truncate();
        }
        for (path, (change, stamp)) in &later.there {
            let change = match self.there.get(path) {
                Some((_, before)) if before == stamp => continue,
                Some(_) => Change::Changed,
                None if self.removed.contains(path) => Change::Added,
                None => *change,
            };
            _ = differences.add(change, path.clone());
        }
        for path in later.removed.iter().filter(|path| !self.removed.contains(*path)) {
            _ = differences.add(Change::Removed, path.clone());
        }
        // What is no difference any more is gone, or is again what it was at the start.
        for (path, (change, _)) in self.there.iter().filter(|(path, _)| !later.there.contains_key(*path)) {
            let is_back = matches!(change, Change::Changed) && !later.has_removed(path);
            _ = differences.add(if is_back { Change::Changed } else { Change::Removed }, path.clone());
        }
        let back = |path: &&String| !later.removed.contains(*path) && !later.there.contains_key(*path);
        for path in self.removed.iter().filter(back) {
            _ = differences.add(Change::Added, path.clone());
        }
        differences.finish()
    }

    /// Whether a path is gone, by itself or with a folder above it.
    fn has_removed(&self, path: &str) -> bool {
        let above = path.match_indices('/').map(|(end, _)| &path[..end]);
        above.chain([path]).any(|path| self.removed.contains(path))
    }
}

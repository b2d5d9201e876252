//! Where the mounts meet: the points of the one namespace, and places in it.
//!
//! A point is a path that a mount has, or that leads to one. A place is a directory that a walk
//! stands in; it knows its point, if it has one, so that a walk crosses into the mounts below.

use super::tree::NodeId;
use crate::policy::GuestPath;
use cap_std::fs::Dir;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Index of a mount; its device number is one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MountId(pub(super) u32);

/// Index of a point; 0 is `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PointId(pub(super) u32);

/// A directory that a walk stands in.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) point: Option<PointId>,
    pub(super) at: At,
}

/// What is behind a place.
#[derive(Clone)]
pub(super) enum At {
    /// Nothing: the directory exists because a mount lies below it.
    Synthetic,
    /// A directory in memory.
    Tree { mount: MountId, node: NodeId },
    /// A directory of the host.
    Host {
        mount: MountId,
        dir: Arc<Dir>,
        /// Directories between it and the mount's root.
        depth: u32,
    },
}

/// All points.
#[derive(Clone)]
pub(super) struct Namespace {
    points: Vec<Point>,
}

/// The point that another lies below, and its name there.
pub(super) type Above<'a> = (PointId, &'a str);

#[derive(Clone, Default)]
struct Point {
    children: BTreeMap<Box<str>, PointId>,
    mount: Option<MountId>,
}

impl Namespace {
    pub(super) const ROOT: PointId = PointId(0);

    pub(super) fn new() -> Namespace {
        Namespace { points: vec![Point::default()] }
    }

    /// Gives `path` to `mount`; false when another mount has it.
    pub(super) fn join(&mut self, path: &GuestPath, mount: MountId) -> bool {
        let mut at = Self::ROOT;
        for name in path.names() {
            at = match self.child(at, name) {
                Some(child) => child,
                None => {
                    let child = PointId(self.points.len() as u32);
                    self.points.push(Point::default());
                    self.points[at.0 as usize].children.insert(name.into(), child);
                    child
                }
            };
        }
        let slot = &mut self.points[at.0 as usize].mount;
        let is_free = slot.is_none();
        slot.get_or_insert(mount);
        is_free
    }

    /// No points, not even the root, to be [appended](Namespace::append).
    pub(super) fn empty() -> Namespace {
        Namespace { points: Vec::new() }
    }

    /// Adds a point below one that is there, or one that nothing leads to; false when its name is
    /// taken.
    pub(super) fn append(&mut self, above: Option<Above<'_>>, mount: Option<MountId>) -> bool {
        let point = PointId(self.points.len() as u32);
        self.points.push(Point { children: BTreeMap::new(), mount });
        match above {
            Some((above, name)) => self.points[above.0 as usize].children.insert(name.into(), point).is_none(),
            None => true,
        }
    }

    /// Every point: what it lies below and is named there, and its mount.
    pub(super) fn points(&self) -> Vec<(Option<Above<'_>>, Option<MountId>)> {
        let mut points: Vec<_> = self.points.iter().map(|point| (None, point.mount)).collect();
        for (above, point) in (0..).zip(&self.points) {
            for (name, child) in &point.children {
                points[child.0 as usize].0 = Some((PointId(above), &**name));
            }
        }
        points
    }

    pub(super) fn has(&self, point: PointId) -> bool {
        (point.0 as usize) < self.points.len()
    }

    /// Takes the path of a mount from it.
    pub(super) fn give_up(&mut self, path: &GuestPath) -> Option<PointId> {
        let point = self.point_of(path)?;
        self.points[point.0 as usize].mount = None;
        Some(point)
    }

    /// True when nothing needs a point: no mount has it, and none lies below it.
    pub(super) fn is_idle(&self, point: PointId) -> bool {
        let point = &self.points[point.0 as usize];
        point.mount.is_none() && point.children.is_empty()
    }

    /// Makes a point one that nothing leads to; it keeps its number.
    pub(super) fn cut(&mut self, above: PointId, name: &str) {
        self.points[above.0 as usize].children.remove(name);
    }

    pub(super) fn point_of(&self, path: &GuestPath) -> Option<PointId> {
        path.names().try_fold(Self::ROOT, |at, name| self.child(at, name))
    }

    pub(super) fn child(&self, point: PointId, name: &str) -> Option<PointId> {
        self.points[point.0 as usize].children.get(name).copied()
    }

    pub(super) fn children(&self, point: PointId) -> impl ExactSizeIterator<Item = (&str, PointId)> {
        self.points[point.0 as usize].children.iter().map(|(name, child)| (&**name, *child))
    }

    pub(super) fn mount_at(&self, point: PointId) -> Option<MountId> {
        self.points[point.0 as usize].mount
    }

    /// The inode number of a directory that no mount has.
    pub(super) fn ino(point: PointId) -> u64 {
        u64::from(point.0) + 1
    }
}

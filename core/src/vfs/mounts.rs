//! From the mounts of a policy to one tree.

use super::handles::Slab;
use super::host::{Folder, Inodes, open_folder};
use super::ledger::Ledger;
use super::namespace::{At, MountId, Namespace};
use super::tree::{NodeId, Tree};
use super::{Bytes, Errno, MountPoint, Now, Pace, Placed, Quota, SetTime, Source, Vfs};
use crate::error::{Error, Result};
use crate::limits::Budget;
use crate::policy::{self, Access, GuestPath};
use cap_std::fs::Dir;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// One mount of a tree.
pub(super) struct Mount {
    pub(super) guest: Arc<GuestPath>,
    pub(super) access: Access,
    pub(super) origin: Origin,
    pub(super) backend: Backend,
}

/// Who brought a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Sandbox,
    /// The image's own files, which no state carries.
    Image {
        detached: bool,
    },
}

/// Where a mount's files are.
pub(super) enum Backend {
    Tree(Tree),
    Host(Folder),
    /// Nothing any more: it was not granted again. The mount keeps its number.
    Absent,
}

impl Mount {
    /// The mount's own root, as a place of `mount`, unless it is gone.
    pub(super) fn root(&self, mount: MountId) -> Option<At> {
        match &self.backend {
            Backend::Tree(_) => Some(At::Tree { mount, node: NodeId::ROOT }),
            Backend::Host(folder) => Some(At::Host { mount, dir: folder.root.clone(), depth: 0 }),
            Backend::Absent => None,
        }
    }

    /// Whether it lies below a file, so that no path from another mount leads to it.
    pub(super) fn is_detached(&self) -> bool {
        self.origin == Origin::Image { detached: true }
    }

    /// Whether the namespace has it.
    pub(super) fn is_joined(&self) -> bool {
        !self.is_detached() && !matches!(self.backend, Backend::Absent)
    }
}

impl Vfs {
    /// Joins `mounts` to one tree.
    ///
    /// # Errors
    /// `mount_invalid` when two mounts share a path, when the files of a memory mount contradict
    /// each other or need more than `host_bytes`, and when a folder cannot be read.
    pub(crate) fn new(
        mounts: Vec<MountPoint>,
        quota: Quota,
        host_bytes: Arc<Budget>,
        now: Arc<dyn Now>,
    ) -> Result<Vfs> {
        let born_ns = now.now_ns();
        let mut ledger = Ledger::new(quota, host_bytes);
        let mut problems = Problems::default();
        let mut namespace = Namespace::new();
        let mut joined = Vec::with_capacity(mounts.len());
        for point in mounts {
            join(point, born_ns, &mut joined, &mut namespace, &mut ledger, &mut problems);
        }
        problems.finish()?;
        Ok(Vfs {
            namespace: Arc::new(namespace),
            mounts: joined,
            dirs: Slab::new(),
            files: Slab::new(),
            ledger,
            inodes: Inodes::default(),
            now,
            born_ns,
            visited: Vec::new(),
            placed: Placed::new(),
            script: None,
        })
    }

    /// Sets who may end a call in the middle of its work; nobody, to begin with.
    pub(crate) fn set_pace(&mut self, pace: Option<Box<dyn Pace>>) {
        self.ledger.pace = pace;
    }

    /// The tree of a mount, with what a change of it needs.
    pub(super) fn tree(&mut self, mount: MountId) -> std::result::Result<TreeAtTime<'_>, Errno> {
        match &mut self.mounts[mount.0 as usize].backend {
            Backend::Tree(tree) => Ok(TreeAtTime { tree, now: &*self.now }),
            Backend::Host(_) | Backend::Absent => Err(Errno::Io),
        }
    }
}

/// A tree and the clock that stamps it.
pub(super) struct TreeAtTime<'v> {
    tree: &'v mut Tree,
    now: &'v dyn Now,
}

impl TreeAtTime<'_> {
    pub(super) fn set_times(self, node: super::tree::NodeId, atim: SetTime, mtim: SetTime) {
        self.tree.set_times(node, atim, mtim, self.now.now_ns());
    }
}

/// Adds a mount behind the others.
pub(super) fn join(
    MountPoint { guest, source }: MountPoint,
    now: u64,
    joined: &mut Vec<Mount>,
    namespace: &mut Namespace,
    ledger: &mut Ledger,
    problems: &mut Problems,
) {
    let origin = origin(&source);
    let is_free = match origin {
        Origin::Image { detached: true } => joined.iter().all(|mount| *mount.guest != guest),
        _ => namespace.join(&guest, MountId(joined.len() as u32)),
    };
    if !is_free {
        problems.add(&guest, "another mount has this path");
        return;
    }
    match backend(source, now, ledger) {
        Ok((backend, access)) => joined.push(Mount { guest: Arc::new(guest), access, origin, backend }),
        Err(reason) => problems.add(&guest, reason),
    }
}

pub(super) fn origin(source: &Source) -> Origin {
    match source {
        Source::Image { detached, .. } => Origin::Image { detached: *detached },
        _ => Origin::Sandbox,
    }
}

pub(super) fn backend(source: Source, now: u64, ledger: &mut Ledger) -> std::result::Result<(Backend, Access), String> {
    Ok(match source {
        Source::Host { dir, access, symlinks } => (Backend::Host(Folder::new(dir, symlinks)), access),
        Source::Overlay { dir } => (Backend::Tree(Tree::over(dir, now, ledger)?), Access::ReadWrite),
        Source::Memory { files, access } => (Backend::Tree(Tree::in_memory(files, now, ledger)?), access),
        Source::Image { files, .. } => (Backend::Tree(Tree::in_memory(files, now, ledger)?), Access::ReadOnly),
    })
}

/// Opens the host folders of a policy's mounts.
///
/// # Errors
/// `mount_invalid`, which names every mount that cannot be used: its folder is missing, is not a
/// directory or cannot be opened, or its path is that of another mount.
pub(crate) fn mount_points(mounts: &[policy::Mount]) -> Result<Vec<MountPoint>> {
    let mut problems = Problems::default();
    let mut seen = BTreeSet::new();
    let mut points = Vec::with_capacity(mounts.len());
    for mount in mounts {
        let guest = mount.guest();
        if !seen.insert(guest) {
            problems.add(guest, "another mount has this path");
        }
        let source = match mount {
            policy::Mount::Host { host, access, symlinks, .. } => {
                folder(host).map(|dir| Source::Host { dir, access: *access, symlinks: *symlinks })
            }
            policy::Mount::Overlay { host, .. } => folder(host).map(|dir| Source::Overlay { dir }),
            policy::Mount::Memory { files, access, .. } => {
                let files = files.iter().map(|(path, bytes)| (path.clone(), Arc::new(bytes.clone()) as Bytes));
                Ok(Source::Memory { files: files.collect(), access: *access })
            }
        };
        match source {
            Ok(source) => points.push(MountPoint { guest: guest.clone(), source }),
            Err(reason) => problems.add(guest, reason),
        }
    }
    problems.finish()?;
    Ok(points)
}

fn folder(path: &Path) -> std::result::Result<Dir, String> {
    open_folder(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("the host has no folder {}", path.display()),
        std::io::ErrorKind::NotADirectory => format!("{} is not a directory", path.display()),
        _ => format!("the folder {} cannot be opened: {error}", path.display()),
    })
}

/// Everything that is wrong with a list of mounts.
#[derive(Default)]
pub(super) struct Problems {
    first: Option<String>,
    reasons: Vec<String>,
}

impl Problems {
    pub(super) fn add(&mut self, guest: &GuestPath, reason: impl Into<String>) {
        let reason = reason.into();
        if self.first.is_none() {
            self.first = Some(guest.to_string());
            self.reasons.push(reason);
        } else {
            self.reasons.push(format!("mount at `{guest}`: {reason}"));
        }
    }

    pub(super) fn finish(self) -> Result<()> {
        match self.first {
            None => Ok(()),
            Some(guest) => Err(Error::MountInvalid { guest, reason: self.reasons.join("; ") }),
        }
    }
}

//! A file tree at one moment, and trees that go on from it.
//!
//! A state shares all content with the tree it was taken from; both copy what they write. It
//! holds what lives in memory: memory mounts, the layers of overlays, and what was open of them.
//! Folders of the host and the image's own files are only named: whoever restores grants them
//! again. What was open on the host is closed.

mod form;
mod restore;

use super::handles::{OpenOn, Slab};
use super::host::Inodes;
use super::mounts::{Backend, Mount, Origin};
use super::namespace::{At, MountId, Namespace, PointId};
use super::tree::{Layer, NodeId, Tree};
use super::{Access, DirHandle, FileHandle, GuestPath, Vfs};
use std::sync::Arc;

/// How a restored sandbox relates to the one that the state was taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// It is a new one, from the state of an image: a mount that is granted takes the place of
    /// the image's folder in memory, and time and randomness start anew.
    Start,
    /// It goes on where the other one was: folders in memory are those of the state.
    Continue,
}

/// What of a file tree lives in memory, and what of it is open.
#[derive(Clone)]
pub(crate) struct VfsState {
    namespace: Arc<Namespace>,
    mounts: Vec<MountState>,
    dirs: Slab<DirState>,
    files: Slab<FileState>,
    inodes: Inodes,
    born_ns: u64,
}

#[derive(Clone)]
struct MountState {
    guest: Arc<GuestPath>,
    access: Access,
    held: Held,
}

/// What a state holds of one mount.
#[derive(Clone)]
enum Held {
    Memory(Arc<Layer>),
    /// The layer, and the host's device and inode number of the folder below.
    Overlay(Arc<Layer>, Option<(u64, u64)>),
    Host,
    /// The image's files; not there when the state was read and nobody has handed them in.
    Image {
        detached: bool,
        born_ns: u64,
        layer: Option<Arc<Layer>>,
    },
    Absent,
}

/// An open directory. The root of a mount is open whatever the mount is made of.
#[derive(Debug, Clone, Copy)]
enum DirState {
    Synthetic(PointId),
    Root(MountId),
    Node { mount: MountId, node: NodeId, point: Option<PointId> },
}

/// An open file in memory.
#[derive(Debug, Clone, Copy)]
struct FileState {
    mount: MountId,
    node: NodeId,
    read: bool,
    write: bool,
}

impl Vfs {
    /// The tree as it is now. What is open on the host is left out.
    pub(crate) fn capture(&self) -> VfsState {
        VfsState {
            namespace: self.namespace.clone(),
            mounts: self.mounts.iter().map(MountState::of).collect(),
            dirs: self.dirs.convert(|open| DirState::of(open.place.point, &open.place.at)),
            files: self.files.convert(|open| match &open.on {
                OpenOn::Tree { node, .. } => {
                    Some(FileState { mount: open.mount, node: *node, read: open.read, write: open.write })
                }
                OpenOn::Host(_) => None,
            }),
            inodes: self.inodes.clone(),
            born_ns: self.born_ns,
        }
    }

    /// The handle of an open directory of the state that this tree was restored from, if it is
    /// there still. Each is to be taken once.
    pub(crate) fn dir_again(&self, number: u32) -> Option<DirHandle> {
        self.dirs.find(number).map(|_| DirHandle(number))
    }

    /// The handle of an open file of the state that this tree was restored from, if it is there
    /// still. Each is to be taken once.
    pub(crate) fn file_again(&self, number: u32) -> Option<FileHandle> {
        self.files.find(number).map(|_| FileHandle(number))
    }
}

impl VfsState {
    /// Makes what memory mounts hold the start of every tree made from the state: it is no
    /// difference and counts against no quota, as with the initial files of a mount. For images.
    pub(crate) fn into_start(mut self) -> VfsState {
        for mount in &mut self.mounts {
            if let Held::Memory(layer) = &mut mount.held {
                *layer = Arc::new(Arc::unwrap_or_clone(layer.clone()).into_start());
            }
        }
        self
    }

    /// How many mounts it has, with those that are gone.
    pub(crate) fn mounts(&self) -> usize {
        self.mounts.len()
    }

    /// Whether a directory is open under this number.
    pub(crate) fn has_dir(&self, number: u32) -> bool {
        self.dirs.find(number).is_some()
    }

    /// Whether a file is open under this number.
    pub(crate) fn has_file(&self, number: u32) -> bool {
        self.files.find(number).is_some()
    }

    /// How many directories and files are open in it.
    pub(crate) fn open(&self) -> usize {
        self.dirs.len() + self.files.len()
    }
}

impl MountState {
    fn of(mount: &Mount) -> MountState {
        let held = match (&mount.backend, mount.origin) {
            (Backend::Tree(tree), Origin::Image { detached }) => {
                let layer = tree.layer().clone();
                Held::Image { detached, born_ns: layer.root_mtim(), layer: Some(layer) }
            }
            (Backend::Tree(tree), Origin::Sandbox) => Held::of_tree(tree),
            (Backend::Host(_), _) => Held::Host,
            (Backend::Away | Backend::Absent, _) => Held::Absent,
        };
        MountState { guest: mount.guest.clone(), access: mount.access, held }
    }
}

impl Held {
    fn of_tree(tree: &Tree) -> Held {
        let layer = tree.layer().clone();
        match tree.lower_root() {
            None => Held::Memory(layer),
            Some(root) => Held::Overlay(layer, root.ok()),
        }
    }
}

impl DirState {
    fn of(point: Option<PointId>, at: &At) -> Option<DirState> {
        match at {
            At::Synthetic => Some(DirState::Synthetic(point?)),
            At::Tree { mount, node: NodeId::ROOT } | At::Host { mount, depth: 0, .. } => Some(DirState::Root(*mount)),
            At::Tree { mount, node } => Some(DirState::Node { mount: *mount, node: *node, point }),
            At::Host { .. } => None,
        }
    }
}

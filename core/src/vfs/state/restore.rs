//! From a state to a tree, over what the restorer grants.

use super::{DirState, Held, MountState, Take, VfsState};
use crate::error::Result;
use crate::limits::Budget;
use crate::policy::Access;
use crate::vfs::handles::{OpenDir, OpenFile, OpenOn, Slab};
use crate::vfs::host::{Folder, HostFile, Inodes};
use crate::vfs::ledger::Ledger;
use crate::vfs::mounts::{Backend, Mount, Origin, Problems, backend, join};
use crate::vfs::namespace::{At, MountId, Namespace, Place};
use crate::vfs::tree::{Layer, NodeId, Tree, Weight};
use crate::vfs::{Errno, MountPoint, Now, Quota, Source, Vfs};
use cap_std::fs::Dir;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A mount made again.
struct Restored {
    backend: Backend,
    access: Access,
    /// It has the nodes of the state.
    goes_on: bool,
}

impl VfsState {
    /// Makes a tree from the state. `mounts` are what is granted now, matched by path; what no
    /// captured mount has is added behind. A folder of the host that is not granted again is gone,
    /// with the layer over it; its mount keeps its number.
    ///
    /// What the tree holds is charged as if it had been written here, also what it shares; the
    /// image's own files cost nothing.
    ///
    /// # Errors
    /// `mount_invalid` when a mount contradicts the state's or another, or the image's files are
    /// missing; `snapshot_exceeds` when the state needs more than a limit allows.
    pub(crate) fn restore(
        &self,
        mounts: Vec<MountPoint>,
        take: Take,
        quota: Quota,
        host_bytes: Arc<Budget>,
        now: Arc<dyn Now>,
    ) -> Result<Vfs> {
        let mut granted = mounts;
        let mut ledger = Ledger::new(quota, host_bytes);
        let mut problems = Problems::default();
        let mut weight = Weight::default();
        let mut joined = Vec::with_capacity(self.mounts.len() + granted.len());
        for (index, mount) in self.mounts.iter().enumerate() {
            let is_here = |point: &MountPoint| point.guest == *mount.guest && !matches!(mount.held, Held::Absent);
            let source = granted.iter().position(is_here).map(|at| granted.remove(at).source);
            let is_open = |node| self.holds_open(MountId(index as u32), node);
            match mount.restore(source, take, &*now, &mut ledger, &mut weight, is_open) {
                Ok(restored) => joined.push((mount, restored)),
                Err(reason) => problems.add(&mount.guest, reason),
            }
        }
        problems.finish()?;
        ledger.take_state(weight)?;
        let mut problems = Problems::default();
        let mut namespace = self.namespace.clone();
        let goes_on: Vec<bool> = joined.iter().map(|(_, restored)| restored.goes_on).collect();
        let mut mounts = Vec::with_capacity(joined.len() + granted.len());
        for (mount, restored) in joined {
            let was_joined = mount.is_joined();
            let mount = Mount {
                guest: mount.guest.clone(),
                access: restored.access,
                origin: mount.origin(),
                backend: restored.backend,
            };
            if was_joined && !mount.is_joined() {
                Arc::make_mut(&mut namespace).leave(&mount.guest);
            }
            mounts.push(mount);
        }
        for point in granted {
            join(point, now.now_ns(), &mut mounts, Arc::make_mut(&mut namespace), &mut ledger, &mut problems);
        }
        problems.finish()?;
        let inodes = match take {
            Take::Start => Inodes::default(),
            Take::Continue => self.inodes.clone(),
        };
        let mut vfs = Vfs {
            namespace,
            mounts,
            dirs: Slab::new(),
            files: Slab::new(),
            ledger,
            inodes,
            now,
            born_ns: self.born_ns,
            visited: Vec::new(),
            placed: BTreeMap::new(),
            script: None,
        };
        vfs.open_again(self, &goes_on);
        Ok(vfs)
    }

    /// Hands the image's own files in, once for all trees that are made from the state.
    ///
    /// # Errors
    /// `mount_invalid` when the state has a folder of the image that is not among `mounts`.
    pub(crate) fn hand_in(&mut self, mounts: Vec<MountPoint>) -> Result<()> {
        let mut problems = Problems::default();
        let mut sources: Vec<_> = mounts.into_iter().map(|point| (point.guest, Some(point.source))).collect();
        for mount in &mut self.mounts {
            let Held::Image { born_ns, layer: layer @ None, .. } = &mut mount.held else { continue };
            let found = sources.iter_mut().find(|(guest, _)| *guest == *mount.guest);
            let made = match found.and_then(|(_, source)| source.take()) {
                Some(Source::Image { files, .. }) => {
                    // Every sandbox shares it: it is no sandbox's to pay for.
                    let quota = Quota { fs_bytes: 0, fs_nodes: 0, file_bytes: 0 };
                    let mut ledger = Ledger::new(quota, Arc::new(Budget::new(u64::MAX)));
                    Tree::in_memory(files, *born_ns, &mut ledger)
                }
                _ => Err(MISSING.to_owned()),
            };
            match made {
                Ok(tree) => *layer = Some(tree.layer().clone()),
                Err(reason) => problems.add(&mount.guest, reason),
            }
        }
        problems.finish()
    }

    fn holds_open(&self, mount: MountId, node: NodeId) -> bool {
        self.files.iter().any(|(_, open)| open.mount == mount && open.node == node)
            || self.dirs.iter().any(
                |(_, open)| matches!(open, DirState::Node { mount: at, node: held, .. } if *at == mount && *held == node),
            )
    }
}

const MISSING: &str = "the image's own files are not there";
const TAKEN: &str = "another mount has this path";
const OTHER_KIND: &str = "the state has a mount of another kind there";

impl MountState {
    pub(super) fn is_joined(&self) -> bool {
        !matches!(self.held, Held::Absent | Held::Image { detached: true, .. })
    }

    fn origin(&self) -> Origin {
        match self.held {
            Held::Image { detached, .. } => Origin::Image { detached },
            _ => Origin::Sandbox,
        }
    }

    fn restore(
        &self,
        granted: Option<Source>,
        take: Take,
        now: &dyn Now,
        ledger: &mut Ledger,
        weight: &mut Weight,
        is_open: impl Fn(NodeId) -> bool,
    ) -> Result<Restored, String> {
        let goes_on = |layer: Arc<Layer>, lower| Restored {
            backend: Backend::Tree(Tree::from_layer(layer, lower)),
            access: self.access,
            goes_on: true,
        };
        let anew = |(backend, access)| Restored { backend, access, goes_on: false };
        match (&self.held, granted) {
            (Held::Image { .. }, Some(source)) if !matches!(source, Source::Image { .. }) => Err(TAKEN.to_owned()),
            (Held::Image { layer: Some(layer), .. }, _) => Ok(goes_on(layer.clone(), None)),
            (Held::Image { born_ns, .. }, Some(source)) => {
                // The same files in the same order get the same numbers.
                Ok(Restored { goes_on: true, ..anew(backend(source, *born_ns, ledger)?) })
            }
            (Held::Image { .. }, None) => Err(MISSING.to_owned()),
            (Held::Memory(_), Some(Source::Image { .. })) => Err(TAKEN.to_owned()),
            (Held::Memory(_), Some(source)) if take == Take::Start => Ok(anew(backend(source, now.now_ns(), ledger)?)),
            (Held::Memory(layer), None | Some(Source::Memory { .. })) => {
                weight.add(layer.weight());
                Ok(goes_on(layer.clone(), None))
            }
            (Held::Overlay(layer, root), Some(Source::Overlay { dir })) => {
                let layer = over(layer, *root, &dir, is_open);
                weight.add(layer.weight());
                Ok(goes_on(layer, Some(dir)))
            }
            (Held::Host, Some(Source::Host { dir, access, symlinks })) => {
                Ok(anew((Backend::Host(Folder::new(dir, symlinks)), access)))
            }
            (Held::Overlay(..) | Held::Host | Held::Absent, None) => Ok(anew((Backend::Absent, self.access))),
            _ => Err(OTHER_KIND.to_owned()),
        }
    }
}

/// A layer over `dir`. Files keep the host's numbers only over the folder that gave them.
fn over(layer: &Arc<Layer>, root: Option<(u64, u64)>, dir: &Dir, is_open: impl Fn(NodeId) -> bool) -> Arc<Layer> {
    if !layer.knows_lower_keys() || (root.is_some() && crate::vfs::tree::lower_identity(dir).ok() == root) {
        return layer.clone();
    }
    let mut layer = (**layer).clone();
    layer.forget_lower_keys(is_open);
    Arc::new(layer)
}

impl Vfs {
    /// Opens what was open, under the same numbers, as far as it is there still.
    fn open_again(&mut self, state: &VfsState, goes_on: &[bool]) {
        let goes_on = |mount: MountId| goes_on.get(mount.0 as usize).copied().unwrap_or(false);
        self.dirs = state.dirs.convert(|open| {
            let place = match *open {
                DirState::Synthetic(point) => Place { point: Some(point), at: At::Synthetic },
                DirState::Root(mount) => self.root_of(mount)?,
                DirState::Node { mount, node, point } if goes_on(mount) => {
                    Place { point, at: At::Tree { mount, node } }
                }
                DirState::Node { .. } => return None,
            };
            Some(OpenDir { place, listing: None })
        });
        self.files = state.files.convert(|open| {
            let on = OpenOn::Tree { node: open.node, lower: None };
            goes_on(open.mount).then_some(OpenFile { mount: open.mount, on, read: open.read, write: open.write })
        });
        for (_, open) in self.dirs.iter() {
            if let At::Tree { mount, node } = open.place.at
                && let Backend::Tree(tree) = &mut self.mounts[mount.0 as usize].backend
            {
                tree.open(node);
            }
        }
        let mut lost = Vec::new();
        for (number, open) in self.files.iter_mut() {
            let (OpenOn::Tree { node, lower }, Backend::Tree(tree)) =
                (&mut open.on, &mut self.mounts[open.mount.0 as usize].backend)
            else {
                continue;
            };
            tree.open(*node);
            match open_lower(tree, *node, &mut self.ledger) {
                Ok(opened) => *lower = opened,
                Err(_) => lost.push(number),
            }
        }
        for number in lost {
            self.close_file(crate::vfs::FileHandle(number));
        }
    }
}

fn open_lower(tree: &mut Tree, node: NodeId, ledger: &mut Ledger) -> std::result::Result<Option<HostFile>, Errno> {
    tree.open_lower(node)?.map(|file| HostFile::hold(file, ledger)).transpose()
}

impl Namespace {
    /// Takes a mount's path away, and what only led to it.
    fn leave(&mut self, path: &crate::policy::GuestPath) {
        let Some(mut at) = self.give_up(path) else { return };
        let names: Vec<&str> = path.names().collect();
        for depth in (0..names.len()).rev() {
            if !self.is_idle(at) {
                return;
            }
            let above = names[..depth].iter().try_fold(Namespace::ROOT, |at, name| self.child(at, name));
            let Some(above) = above else { return };
            self.cut(above, names[depth]);
            at = above;
        }
    }
}

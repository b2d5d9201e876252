//! Looking without changing content: stat, symlinks, times, listings.

use crate::vfs::handles::OpenOn;
use crate::vfs::host::{self, Listing};
use crate::vfs::namespace::{At, Namespace, Place};
use crate::vfs::resolve::{Follow, Found, Last, Leaf, Spot};
use crate::vfs::{Access, Backend, DirEntry, DirHandle, Errno, FileHandle, FileType, MountId, SetTime, Stat, Vfs};
use std::ops::ControlFlow;

impl Vfs {
    pub(crate) fn path_stat(&mut self, base: &DirHandle, path: &str, follow: bool) -> Result<Stat, Errno> {
        let spot = self.resolve(base, path, Follow::last(follow))?;
        match spot.existing()? {
            Found::Dir(place) => self.stat_place(place),
            Found::Leaf(leaf) => self.stat_leaf(&spot.parent, leaf),
        }
    }

    pub(crate) fn path_set_times(
        &mut self,
        base: &DirHandle,
        path: &str,
        follow: bool,
        atim: SetTime,
        mtim: SetTime,
    ) -> Result<(), Errno> {
        let spot = self.resolve(base, path, Follow::last(follow))?;
        match (spot.existing()?, &spot.parent.at, &spot.last) {
            (Found::Dir(place), _, _) => self.set_place_times(place, atim, mtim),
            (Found::Leaf(Leaf::Node { node, .. }), At::Tree { mount, .. }, _) => {
                self.check_writable(&spot.parent)?;
                self.tree(*mount)?.set_times(*node, atim, mtim);
                Ok(())
            }
            (Found::Leaf(_), At::Host { mount, dir, .. }, Last::Name(name)) => {
                self.check_writable(&spot.parent)?;
                match &self.mounts[mount.0 as usize].backend {
                    Backend::Host(folder) => folder.set_times(dir, Some(name), atim, mtim),
                    _ => Err(Errno::Io),
                }
            }
            _ => Err(Errno::Io),
        }
    }

    pub(crate) fn read_link(&mut self, base: &DirHandle, path: &str) -> Result<String, Errno> {
        let start = self.dirs.find(base.0).ok_or(Errno::Badf)?.place.clone();
        self.read_link_from(start, path)
    }

    pub(super) fn read_link_from(&mut self, start: Place, path: &str) -> Result<String, Errno> {
        let spot = self.resolve_from(start, path, Follow::BeforeSlash)?;
        match (spot.existing()?, &spot.last) {
            (Found::Leaf(leaf), Last::Name(name)) if leaf.filetype() == FileType::SymbolicLink => {
                self.read_target(&spot.parent, name, leaf).map(|target| target.to_string())
            }
            _ => Err(Errno::Inval),
        }
    }

    pub(crate) fn file_stat(&mut self, file: &FileHandle) -> Result<Stat, Errno> {
        let open = self.files.find(file.0).ok_or(Errno::Badf)?;
        let dev = device(open.mount);
        match (&open.on, &self.mounts[open.mount.0 as usize].backend) {
            (OpenOn::Tree { node, .. }, Backend::Tree(tree)) => tree.stat(*node, dev),
            (OpenOn::Host(file), _) => Ok(self.shown(open.mount, &file.stat()?)),
            _ => Err(Errno::Io),
        }
    }

    pub(crate) fn dir_stat(&mut self, dir: &DirHandle) -> Result<Stat, Errno> {
        self.stat_place(&self.dirs.find(dir.0).ok_or(Errno::Badf)?.place)
    }

    pub(crate) fn file_set_times(&mut self, file: &FileHandle, atim: SetTime, mtim: SetTime) -> Result<(), Errno> {
        let open = self.files.find(file.0).ok_or(Errno::Badf)?;
        let mount = &mut self.mounts[open.mount.0 as usize];
        if mount.access == Access::ReadOnly {
            return Err(Errno::Rofs);
        }
        match (&open.on, &mut mount.backend) {
            (OpenOn::Tree { node, .. }, Backend::Tree(tree)) => {
                tree.set_times(*node, atim, mtim, self.now.now_ns());
                Ok(())
            }
            (OpenOn::Host(file), _) => file.set_times(atim, mtim),
            _ => Err(Errno::Io),
        }
    }

    pub(crate) fn dir_set_times(&mut self, dir: &DirHandle, atim: SetTime, mtim: SetTime) -> Result<(), Errno> {
        let place = self.dirs.find(dir.0).ok_or(Errno::Badf)?.place.clone();
        self.set_place_times(&place, atim, mtim)
    }

    /// Lists a directory from `cookie` on (0 is the start) until `visit` breaks. Entries `.` and
    /// `..` come first. Entries added or removed meanwhile never make another one appear twice
    /// or not at all.
    pub(crate) fn read_dir(
        &mut self,
        dir: &DirHandle,
        cookie: u64,
        visit: &mut dyn FnMut(&DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        let place = self.dirs.find(dir.0).ok_or(Errno::Badf)?.place.clone();
        let ino = self.stat_place(&place)?.ino;
        for (at, name, ino) in [(0, ".", ino), (1, "..", self.parent_ino(&place, ino))] {
            let entry = DirEntry { next: at + 1, ino, filetype: FileType::Directory, name };
            if cookie <= at && visit(&entry).is_break() {
                return Ok(());
            }
        }
        let mounted = self.mounted_below(&place)?;
        let first = DOTS + mounted.len() as u64;
        for (at, entry) in (DOTS..).zip(&mounted) {
            let Some((name, ino)) = entry else { continue };
            let entry = DirEntry { next: at + 1, ino: *ino, filetype: FileType::Directory, name };
            if cookie <= at && visit(&entry).is_break() {
                return Ok(());
            }
        }
        self.list_real(dir, &place, cookie, first, visit)
    }

    /// The names of points directly below a place, in order; `None` where something real of the
    /// place has the name and is listed instead.
    fn mounted_below(&mut self, place: &Place) -> Result<Vec<Option<(String, u64)>>, Errno> {
        let Some(point) = place.point else { return Ok(Vec::new()) };
        let children: Vec<_> = self.namespace.children(point).map(|(name, child)| (name.to_owned(), child)).collect();
        let mut below = Vec::with_capacity(children.len());
        for (name, child) in children {
            let shown = match self.look_up(place, &name) {
                Err(Errno::Intr) => return Err(Errno::Intr),
                Ok(Some(Found::Dir(found))) if self.namespace.mount_at(child).is_some() => {
                    let ino = self.stat_place(&found).map_or(Namespace::ino(child), |stat| stat.ino);
                    Some((name, ino))
                }
                Ok(Some(Found::Dir(Place { at: At::Synthetic, .. }))) => Some((name, Namespace::ino(child))),
                _ => None,
            };
            below.push(shown);
        }
        Ok(below)
    }

    /// Lists what the mount itself has in a place; its cookies start at `first`.
    fn list_real(
        &mut self,
        dir: &DirHandle,
        place: &Place,
        cookie: u64,
        first: u64,
        visit: &mut dyn FnMut(&DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        let Vfs { namespace, mounts, dirs, ledger, inodes, .. } = self;
        let is_covered = |name: &str| {
            let child = place.point.and_then(|point| namespace.child(point, name));
            child.is_some_and(|child| namespace.mount_at(child).is_some())
        };
        let from = cookie.saturating_sub(first);
        let mut show = |at: u64, ino: u64, filetype: FileType, name: &str| {
            if is_covered(name) {
                return ControlFlow::Continue(());
            }
            visit(&DirEntry { next: first + at + 1, ino, filetype, name })
        };
        match &place.at {
            At::Synthetic => Ok(()),
            At::Tree { mount, node } => match &mut mounts[mount.0 as usize].backend {
                Backend::Tree(tree) => tree.list(*node, from, ledger, &mut show),
                _ => Err(Errno::Io),
            },
            At::Host { dir: folder, .. } => {
                let open = dirs.find_mut(dir.0).ok_or(Errno::Badf)?;
                if cookie == 0
                    && let Some(old) = open.listing.take()
                {
                    old.release(ledger);
                }
                let listing = match open.listing.take() {
                    Some(listing) => listing,
                    None => Listing::take(folder, ledger)?,
                };
                let listing = open.listing.insert(listing);
                for (at, listed) in listing.entries.iter().enumerate().skip(usize::try_from(from).unwrap_or(usize::MAX))
                {
                    let ino = inodes.number((listing.dev, listed.ino));
                    if show(at as u64, ino, listed.filetype, &listed.name).is_break() {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    pub(in crate::vfs) fn stat_place(&self, place: &Place) -> Result<Stat, Errno> {
        match &place.at {
            At::Synthetic => Ok(self.stat_synthetic(place)),
            At::Tree { mount, node } => match &self.mounts[mount.0 as usize].backend {
                Backend::Tree(tree) => tree.stat(*node, device(*mount)),
                _ => Err(Errno::Io),
            },
            At::Host { mount, dir, .. } => Ok(self.shown(*mount, &host::stat_dir(dir)?)),
        }
    }

    fn stat_leaf(&self, parent: &Place, leaf: &Leaf) -> Result<Stat, Errno> {
        match (leaf, &parent.at) {
            (Leaf::Node { node, .. }, At::Tree { mount, .. }) => match &self.mounts[mount.0 as usize].backend {
                Backend::Tree(tree) => tree.stat(*node, device(*mount)),
                _ => Err(Errno::Io),
            },
            (Leaf::Host(stat), At::Host { mount, .. }) => Ok(self.shown(*mount, stat)),
            _ => Err(Errno::Io),
        }
    }

    /// What a guest sees of a file of the host.
    fn shown(&self, mount: MountId, stat: &Stat) -> Stat {
        Stat { dev: device(mount), ino: self.inodes.number((stat.dev, stat.ino)), ..*stat }
    }

    fn stat_synthetic(&self, place: &Place) -> Stat {
        let point = place.point.unwrap_or(Namespace::ROOT);
        Stat {
            dev: self.mounts.len() as u64 + 1,
            ino: Namespace::ino(point),
            filetype: FileType::Directory,
            nlink: 2 + self.namespace.children(point).len() as u64,
            size: 0,
            atim: self.born_ns,
            mtim: self.born_ns,
            ctim: self.born_ns,
        }
    }

    fn parent_ino(&self, place: &Place, own: u64) -> u64 {
        match &place.at {
            At::Tree { mount, node } => match &self.mounts[mount.0 as usize].backend {
                Backend::Tree(tree) => tree.parent_ino(*node),
                _ => own,
            },
            _ => own,
        }
    }

    fn set_place_times(&mut self, place: &Place, atim: SetTime, mtim: SetTime) -> Result<(), Errno> {
        self.check_writable(place)?;
        match &place.at {
            At::Synthetic => Err(Errno::Rofs),
            At::Tree { mount, node } => {
                self.tree(*mount)?.set_times(*node, atim, mtim);
                Ok(())
            }
            At::Host { mount, dir, .. } => match &self.mounts[mount.0 as usize].backend {
                Backend::Host(folder) => folder.set_times(dir, None, atim, mtim),
                _ => Err(Errno::Io),
            },
        }
    }
}

/// The cookies of `.` and `..`.
const DOTS: u64 = 2;

/// Mounts have device numbers of their own: the host's stay unknown.
fn device(mount: MountId) -> u64 {
    u64::from(mount.0) + 1
}

impl Spot<'_> {
    /// What is there; `Notdir` when a slash follows something that is no directory.
    pub(in crate::vfs) fn existing(&self) -> Result<&Found, Errno> {
        match &self.found {
            None => Err(Errno::Noent),
            Some(Found::Leaf(_)) if self.slash => Err(Errno::Notdir),
            Some(found) => Ok(found),
        }
    }
}

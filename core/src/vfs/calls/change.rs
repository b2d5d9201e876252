//! Making, removing and renaming.

use crate::policy::GuestPath;
use crate::vfs::host::Folder;
use crate::vfs::ledger::Ledger;
use crate::vfs::namespace::{At, Place};
use crate::vfs::pace::cost;
use crate::vfs::resolve::{Follow, Found, Last, Leaf, Spot};
use crate::vfs::tree::{NodeId, Tree};
use crate::vfs::{Access, Backend, DirHandle, Errno, MountId, Vfs};
use cap_std::fs::Dir;
use std::sync::Arc;

impl Vfs {
    pub(crate) fn create_directory(&mut self, base: &DirHandle, path: &str) -> Result<(), Errno> {
        let start = self.dirs.find(base.0).ok_or(Errno::Badf)?.place.clone();
        self.create_directory_from(start, path)
    }

    pub(in crate::vfs) fn create_directory_from(&mut self, start: Place, path: &str) -> Result<(), Errno> {
        let spot = self.resolve_from(start, path, Follow::Never)?;
        let name = spot.free_name()?;
        self.check_writable(&spot.parent)?;
        let now = self.now.now_ns();
        match self.within(&spot.parent)? {
            Within::Tree(tree, node, ledger) => tree.create_directory(node, name, now, ledger),
            Within::Host(folder, dir, ledger) => folder.create_directory(&dir, name, ledger),
        }
    }

    pub(crate) fn remove_directory(&mut self, base: &DirHandle, path: &str) -> Result<(), Errno> {
        let spot = self.resolve(base, path, Follow::Never)?;
        let name = match &spot.last {
            Last::Name(name) => name,
            Last::Dot => return Err(Errno::Inval),
            Last::DotDot => return Err(Errno::Notempty),
        };
        if matches!(&spot.found, Some(Found::Dir(Place { point: Some(_), .. }))) {
            return Err(Errno::Busy);
        }
        self.check_writable(&spot.parent)?;
        match &spot.found {
            None => return Err(Errno::Noent),
            Some(Found::Leaf(_)) => return Err(Errno::Notdir),
            Some(Found::Dir(_)) => {}
        }
        let now = self.now.now_ns();
        match self.within(&spot.parent)? {
            Within::Tree(tree, node, ledger) => tree.remove_directory(node, name, now, ledger),
            Within::Host(folder, dir, ledger) => folder.remove_directory(&dir, name, ledger),
        }
    }

    pub(crate) fn unlink_file(&mut self, base: &DirHandle, path: &str) -> Result<(), Errno> {
        let spot = self.resolve(base, path, Follow::Never)?;
        let Last::Name(name) = &spot.last else { return Err(Errno::Isdir) };
        self.check_writable(&spot.parent)?;
        if let Found::Dir(_) = spot.existing()? {
            return Err(Errno::Isdir);
        }
        let now = self.now.now_ns();
        match self.within(&spot.parent)? {
            Within::Tree(tree, node, ledger) => tree.unlink(node, name, now, ledger),
            Within::Host(folder, dir, ledger) => folder.unlink(&dir, name, ledger),
        }
    }

    pub(crate) fn rename(
        &mut self,
        from: &DirHandle,
        from_path: &str,
        to: &DirHandle,
        to_path: &str,
    ) -> Result<(), Errno> {
        let from = self.resolve(from, from_path, Follow::Never)?;
        let to = self.resolve(to, to_path, Follow::Never)?;
        let (Last::Name(from_name), Last::Name(to_name)) = (&from.last, &to.last) else { return Err(Errno::Busy) };
        let is_point = |spot: &Spot<'_>| matches!(&spot.found, Some(Found::Dir(Place { point: Some(_), .. })));
        if is_point(&from) || is_point(&to) {
            return Err(Errno::Busy);
        }
        if mount_of(&from.parent) != mount_of(&to.parent) {
            from.existing()?;
            return Err(Errno::Xdev);
        }
        self.check_writable(&from.parent)?;
        let moves_dir = matches!(from.existing()?, Found::Dir(_));
        if to.slash && !moves_dir {
            return Err(Errno::Notdir);
        }
        let now = self.now.now_ns();
        match (self.within(&from.parent)?, &to.parent.at) {
            (Within::Tree(tree, node, ledger), At::Tree { node: to, .. }) => {
                tree.rename(node, from_name, *to, to_name, now, ledger)
            }
            (Within::Host(folder, dir, ledger), At::Host { dir: to, depth: to_depth, .. }) => {
                let stays = matches!(&from.parent.at, At::Host { depth, .. } if depth == to_depth);
                if moves_dir && !stays {
                    folder.check_change_of_depth()?;
                }
                folder.rename(&dir, from_name, to, to_name, ledger)
            }
            _ => Err(Errno::Xdev),
        }
    }

    pub(crate) fn link(
        &mut self,
        from: &DirHandle,
        from_path: &str,
        follow: bool,
        to: &DirHandle,
        to_path: &str,
    ) -> Result<(), Errno> {
        let from = self.resolve(from, from_path, Follow::last(follow))?;
        let leaf = match from.existing()? {
            Found::Dir(_) => return Err(Errno::Perm),
            Found::Leaf(leaf) => leaf,
        };
        let to = self.resolve(to, to_path, Follow::Never)?;
        let to_name = to.free_name()?;
        if to.slash {
            return Err(Errno::Noent);
        }
        if mount_of(&from.parent) != mount_of(&to.parent) {
            return Err(Errno::Xdev);
        }
        self.check_writable(&to.parent)?;
        let now = self.now.now_ns();
        match (self.within(&to.parent)?, leaf, &from.parent.at, &from.last) {
            (Within::Tree(tree, dir, ledger), Leaf::Node { node, .. }, _, _) => {
                tree.link(*node, dir, to_name, now, ledger)
            }
            (Within::Host(folder, dir, ledger), _, At::Host { dir: from, .. }, Last::Name(from_name)) => {
                folder.link(from, from_name, &dir, to_name, ledger)
            }
            _ => Err(Errno::Xdev),
        }
    }

    /// Creates a symlink. Its target is relative: an absolute one could only mean the host's tree.
    pub(crate) fn symlink(&mut self, target: &str, base: &DirHandle, path: &str) -> Result<(), Errno> {
        match target.as_bytes() {
            [] => return Err(Errno::Noent),
            [b'/', ..] => return Err(Errno::NotCapable),
            bytes if bytes.len() > GuestPath::MAX_BYTES => return Err(Errno::NameTooLong),
            bytes if bytes.contains(&0) => return Err(Errno::Inval),
            _ => {}
        }
        let spot = self.resolve(base, path, Follow::Never)?;
        let name = spot.free_name()?;
        if spot.slash {
            return Err(Errno::Noent);
        }
        self.check_writable(&spot.parent)?;
        let now = self.now.now_ns();
        match self.within(&spot.parent)? {
            Within::Tree(tree, node, ledger) => tree.symlink(target, node, name, now, ledger),
            Within::Host(folder, dir, ledger) => folder.symlink(target, &dir, name, ledger),
        }
    }

    /// `Rofs` unless the mount of a place is writable; what no mount has is not.
    pub(in crate::vfs) fn check_writable(&self, place: &Place) -> Result<(), Errno> {
        match mount_of(place).map(|mount| self.mounts[mount.0 as usize].access) {
            Some(Access::ReadWrite) => Ok(()),
            Some(Access::ReadOnly) | None => Err(Errno::Rofs),
        }
    }

    fn within(&mut self, place: &Place) -> Result<Within<'_>, Errno> {
        let ledger = &mut self.ledger;
        let mount = mount_of(place).ok_or(Errno::Rofs)?;
        match (&mut self.mounts[mount.0 as usize].backend, &place.at) {
            (Backend::Tree(tree), At::Tree { node, .. }) => Ok(Within::Tree(tree, *node, ledger)),
            (Backend::Host(folder), At::Host { dir, .. }) => {
                // Removing a large file takes the host long, and a full journal any change.
                ledger.spend(cost::LOOK)?;
                Ok(Within::Host(folder, dir.clone(), ledger))
            }
            _ => Err(Errno::Io),
        }
    }
}

/// A directory to change, with its mount.
enum Within<'v> {
    Tree(&'v mut Tree, NodeId, &'v mut Ledger),
    Host(&'v mut Folder, Arc<Dir>, &'v mut Ledger),
}

fn mount_of(place: &Place) -> Option<MountId> {
    match &place.at {
        At::Synthetic => None,
        At::Tree { mount, .. } | At::Host { mount, .. } => Some(*mount),
    }
}

impl Spot<'_> {
    /// The last name, when nothing has it yet.
    fn free_name(&self) -> Result<&str, Errno> {
        match (&self.last, &self.found) {
            (Last::Name(name), None) => Ok(name),
            (_, Some(Found::Leaf(_))) if self.slash => Err(Errno::Notdir),
            _ => Err(Errno::Exist),
        }
    }
}

//! Opening and closing.

use crate::vfs::handles::{OpenDir, OpenFile, OpenOn};
use crate::vfs::host::{HostFile, Inodes};
use crate::vfs::namespace::{At, Place};
use crate::vfs::resolve::{Follow, Found, Last, Leaf};
use crate::vfs::tree::NodeId;
use crate::vfs::{Backend, DirHandle, Errno, FileHandle, FileType, GuestPath, MountId, OpenFlags, Opened, Vfs};
use std::sync::Arc;

/// How often to look again when a name comes and goes under a call.
const MOST_TRIES: usize = 4;

impl Vfs {
    /// Makes the inode numbers of host mounts repeat; to be called before any is shown.
    pub(crate) fn seed_inodes(&mut self, seed: u64) {
        self.inodes = Inodes::seeded(seed);
    }

    /// One open directory for each mount but the `first` ones, in the order of the mounts.
    pub(crate) fn preopens_from(&mut self, first: usize) -> Vec<(Arc<GuestPath>, DirHandle)> {
        let mounts = self.mounts.len();
        let root = |vfs: &mut Vfs, index: usize| {
            let place = vfs.root_of(MountId(index as u32))?;
            Some((vfs.mounts[index].guest.clone(), vfs.open_place(place)))
        };
        (first..mounts).filter_map(|index| root(self, index)).collect()
    }

    /// The root of a mount, unless it is gone.
    pub(in crate::vfs) fn root_of(&self, mount: MountId) -> Option<Place> {
        let found = &self.mounts[mount.0 as usize];
        let point = if found.is_joined() { self.namespace.point_of(&found.guest) } else { None };
        Some(Place { point, at: found.root(mount)? })
    }

    pub(crate) fn open(&mut self, base: &DirHandle, path: &str, flags: OpenFlags) -> Result<Opened, Errno> {
        let start = self.dirs.find(base.0).ok_or(Errno::Badf)?.place.clone();
        self.open_from(start, path, flags)
    }

    pub(in crate::vfs) fn open_from(&mut self, start: Place, path: &str, flags: OpenFlags) -> Result<Opened, Errno> {
        if flags.directory && (flags.create || flags.exclusive || flags.truncate) {
            return Err(Errno::Inval);
        }
        for _ in 1..MOST_TRIES {
            match self.try_open(start.clone(), path, flags) {
                Err(Errno::Exist) if flags.create && !flags.exclusive => {}
                outcome => return outcome,
            }
        }
        self.try_open(start, path, flags)
    }

    fn try_open(&mut self, start: Place, path: &str, flags: OpenFlags) -> Result<Opened, Errno> {
        let exclusive = flags.create && flags.exclusive;
        let follow = if exclusive { Follow::Never } else { Follow::last(flags.follow) };
        let spot = self.resolve_from(start, path, follow)?;
        match spot.found {
            Some(_) if exclusive => Err(Errno::Exist),
            Some(Found::Dir(_)) if flags.write || flags.truncate || flags.create => Err(Errno::Isdir),
            Some(Found::Dir(place)) => Ok(Opened::Dir(self.open_place(place))),
            Some(Found::Leaf(_)) if spot.slash || flags.directory => Err(Errno::Notdir),
            Some(Found::Leaf(leaf)) => {
                let Last::Name(name) = spot.last else { return Err(Errno::Io) };
                self.open_leaf(&spot.parent, &name, &leaf, flags).map(Opened::File)
            }
            None if !flags.create => Err(Errno::Noent),
            None if spot.slash => Err(Errno::Isdir),
            None => {
                let Last::Name(name) = spot.last else { return Err(Errno::Noent) };
                self.create_file(&spot.parent, &name, flags).map(Opened::File)
            }
        }
    }

    pub(crate) fn close_file(&mut self, file: FileHandle) {
        let Some(open) = self.files.remove(file.0) else { return };
        match open.on {
            OpenOn::Tree { node, lower } => {
                lower.into_iter().for_each(|file| file.close(&mut self.ledger));
                self.close_node(open.mount, node);
            }
            OpenOn::Host(file) => file.close(&mut self.ledger),
        }
    }

    pub(crate) fn close_dir(&mut self, dir: DirHandle) {
        let Some(open) = self.dirs.remove(dir.0) else { return };
        if let Some(listing) = open.listing {
            listing.release(&mut self.ledger);
        }
        if let At::Tree { mount, node } = open.place.at {
            self.close_node(mount, node);
        }
    }

    fn close_node(&mut self, mount: MountId, node: NodeId) {
        match &mut self.mounts[mount.0 as usize].backend {
            Backend::Tree(tree) => tree.close(node, &mut self.ledger),
            Backend::Away => self.close_away(mount, node),
            Backend::Host(_) | Backend::Absent => {}
        }
    }

    /// True when a call on this file reaches the host's disk, so that it may take long.
    pub(crate) fn file_is_on_host(&self, file: &FileHandle) -> bool {
        match self.files.find(file.0).map(|open| &open.on) {
            Some(OpenOn::Host(_)) => true,
            Some(OpenOn::Tree { lower, .. }) => lower.is_some(),
            None => false,
        }
    }

    pub(in crate::vfs) fn open_place(&mut self, place: Place) -> DirHandle {
        if let At::Tree { mount, node } = &place.at
            && let Backend::Tree(tree) = &mut self.mounts[mount.0 as usize].backend
        {
            tree.open(*node);
        }
        DirHandle(self.dirs.insert(OpenDir { place, listing: None }))
    }

    fn open_leaf(&mut self, parent: &Place, name: &str, leaf: &Leaf, flags: OpenFlags) -> Result<FileHandle, Errno> {
        match leaf.filetype() {
            FileType::RegularFile => {}
            FileType::SymbolicLink => return Err(Errno::Loop),
            _ => return Err(Errno::Acces),
        }
        if flags.write || flags.truncate {
            self.check_writable(parent)?;
        }
        let now = &self.now;
        match (&parent.at, leaf) {
            (At::Tree { mount, .. }, Leaf::Node { node, .. }) => {
                let Backend::Tree(tree) = &mut self.mounts[mount.0 as usize].backend else { return Err(Errno::Io) };
                if flags.truncate {
                    tree.set_size(*node, 0, now.now_ns(), &mut self.ledger)?;
                }
                let lower = tree.open_lower(*node)?;
                let lower = lower.map(|file| HostFile::hold(file, &mut self.ledger)).transpose()?;
                tree.open(*node);
                Ok(self.insert_file(*mount, OpenOn::Tree { node: *node, lower }, flags))
            }
            (At::Host { mount, dir, .. }, Leaf::Host(_)) => {
                let Backend::Host(folder) = &mut self.mounts[mount.0 as usize].backend else { return Err(Errno::Io) };
                let file = folder.open(dir, name, flags.read, flags.write, flags.truncate, &mut self.ledger)?;
                Ok(self.insert_file(*mount, OpenOn::Host(file), flags))
            }
            _ => Err(Errno::Io),
        }
    }

    fn create_file(&mut self, parent: &Place, name: &str, flags: OpenFlags) -> Result<FileHandle, Errno> {
        self.check_writable(parent)?;
        match &parent.at {
            At::Synthetic => Err(Errno::Rofs),
            At::Tree { mount, node } => {
                let Backend::Tree(tree) = &mut self.mounts[mount.0 as usize].backend else { return Err(Errno::Io) };
                let node = tree.create_file(*node, name, self.now.now_ns(), &mut self.ledger)?;
                tree.open(node);
                Ok(self.insert_file(*mount, OpenOn::Tree { node, lower: None }, flags))
            }
            At::Host { mount, dir, .. } => {
                let Backend::Host(folder) = &mut self.mounts[mount.0 as usize].backend else { return Err(Errno::Io) };
                let file = folder.create(dir, name, flags.read, flags.write, &mut self.ledger)?;
                Ok(self.insert_file(*mount, OpenOn::Host(file), flags))
            }
        }
    }

    fn insert_file(&mut self, mount: MountId, on: OpenOn, flags: OpenFlags) -> FileHandle {
        FileHandle(self.files.insert(OpenFile { mount, on, read: flags.read, write: flags.write }))
    }
}

//! The binary form of a state.

use super::{DirState, FileState, Held, MountState, VfsState};
use crate::policy::Access;
use crate::vfs::handles::Slab;
use crate::vfs::host::Inodes;
use crate::vfs::namespace::{MountId, Namespace, PointId};
use crate::vfs::tree::{Layer, NodeId};
use crate::vfs::wire::{Malformed, Reader, malformed, put_count, put_flags, put_text, put_u8, put_u32, put_u64};
use std::sync::Arc;

const MEMORY: u8 = 0;
const OVERLAY: u8 = 1;
const HOST: u8 = 2;
const IMAGE: u8 = 3;
const ABSENT: u8 = 4;

const FREE: u8 = 0;
const SYNTHETIC: u8 = 1;
const ROOT: u8 = 2;
const NODE: u8 = 3;

/// How a state holds a path that is none.
const NO_POINT: u32 = u32::MAX;

impl VfsState {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_count(out, self.mounts.len());
        self.mounts.iter().for_each(|mount| mount.encode(out));
        self.namespace.encode(out);
        self.dirs.encode(out, |open, out| match open {
            DirState::Synthetic(point) => {
                put_u8(out, SYNTHETIC);
                put_u32(out, point.0);
            }
            DirState::Root(mount) => {
                put_u8(out, ROOT);
                put_u32(out, mount.0);
            }
            DirState::Node { mount, node, point } => {
                put_u8(out, NODE);
                put_u32(out, mount.0);
                put_u64(out, node.ino());
                put_u32(out, point.map_or(NO_POINT, |point| point.0));
            }
        });
        self.files.encode(out, |open, out| {
            put_u8(out, NODE);
            put_u32(out, open.mount.0);
            put_u64(out, open.node.ino());
            put_flags(out, &[open.read, open.write]);
        });
        put_flags(out, &[self.inodes.seed().is_some()]);
        put_u64(out, self.inodes.seed().unwrap_or(0));
        put_u64(out, self.born_ns);
    }

    /// Reads a state from anybody: what it gives can be restored, whatever was read. The image's
    /// files are not in it: see [`VfsState::hand_in`].
    pub(crate) fn decode(from: &mut Reader<'_>) -> Result<VfsState, Malformed> {
        let count = from.count(6)?;
        from.take_descriptors(count)?;
        let mounts = (0..count).map(|_| MountState::decode(from)).collect::<Result<Vec<_>, _>>()?;
        let namespace = Namespace::decode(from, &mounts)?;
        let dirs = Slab::decode(from, |tag, from| {
            let open = match tag {
                SYNTHETIC => DirState::Synthetic(namespace.point(from.u32()?)?),
                ROOT => DirState::Root(mount(from.u32()?, &mounts)?),
                NODE => {
                    let (mount, node) = (mount(from.u32()?, &mounts)?, NodeId::numbered(from.u64()?));
                    let point = match from.u32()? {
                        NO_POINT => None,
                        point => Some(namespace.point(point)?),
                    };
                    if !is_there(&mounts, mount, |layer| layer.is_directory(node)) {
                        return malformed("a directory is open that is not there");
                    }
                    DirState::Node { mount, node, point }
                }
                _ => return malformed("a directory is open in an unknown way"),
            };
            Ok(open)
        })?;
        let files = Slab::decode(from, |tag, from| {
            let (mount, node) = (mount(from.u32()?, &mounts)?, NodeId::numbered(from.u64()?));
            let [read, write] = from.flags()?;
            if tag != NODE || !is_there(&mounts, mount, |layer| layer.is_file(node)) {
                return malformed("a file is open that is not there");
            }
            if write && mounts[mount.0 as usize].access == Access::ReadOnly {
                return malformed("a file is open for writing that is read-only");
            }
            Ok(FileState { mount, node, read, write })
        })?;
        let [is_seeded] = from.flags()?;
        let (seed, born_ns) = (from.u64()?, from.u64()?);
        let inodes = if is_seeded { Inodes::seeded(seed) } else { Inodes::default() };
        if !is_seeded && seed != 0 {
            return malformed("it has a seed and no use for it");
        }
        let state = VfsState { namespace: Arc::new(namespace), mounts, dirs, files, inodes, born_ns };
        state.check_reachable()?;
        Ok(state)
    }

    fn check_reachable(&self) -> Result<(), Malformed> {
        let dirs = self.dirs.iter().filter_map(|(_, open)| match open {
            DirState::Node { mount, node, .. } => Some((mount.0, *node)),
            _ => None,
        });
        let files = self.files.iter().map(|(_, open)| (open.mount.0, open.node));
        let open: std::collections::BTreeSet<_> = dirs.chain(files).collect();
        for (index, mount) in (0..).zip(&self.mounts) {
            if let Held::Memory(layer) | Held::Overlay(layer, _) = &mount.held {
                layer.check_reachable(|node| open.contains(&(index, node)))?;
            }
        }
        Ok(())
    }
}

/// A mount that something can be open in.
fn mount(number: u32, mounts: &[MountState]) -> Result<MountId, Malformed> {
    match mounts.get(number as usize).map(|mount| &mount.held) {
        None | Some(Held::Absent) => malformed("something is open in a mount that is not there"),
        Some(_) => Ok(MountId(number)),
    }
}

/// Nodes of an image are known once its files are handed in: they are looked for when used.
fn is_there(mounts: &[MountState], mount: MountId, check: impl Fn(&Layer) -> bool) -> bool {
    match &mounts[mount.0 as usize].held {
        Held::Memory(layer) | Held::Overlay(layer, _) => check(layer),
        Held::Image { .. } => true,
        Held::Host | Held::Absent => false,
    }
}

impl MountState {
    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, self.guest.as_str());
        put_flags(out, &[self.access == Access::ReadWrite]);
        match &self.held {
            Held::Memory(layer) => {
                put_u8(out, MEMORY);
                layer.encode(out);
            }
            Held::Overlay(layer, root) => {
                put_u8(out, OVERLAY);
                let (dev, ino) = root.unwrap_or_default();
                put_flags(out, &[root.is_some()]);
                put_u64(out, dev);
                put_u64(out, ino);
                layer.encode(out);
            }
            Held::Host => put_u8(out, HOST),
            Held::Image { detached, born_ns, .. } => {
                put_u8(out, IMAGE);
                put_flags(out, &[*detached]);
                put_u64(out, *born_ns);
            }
            Held::Absent => put_u8(out, ABSENT),
        }
    }

    fn decode(from: &mut Reader<'_>) -> Result<MountState, Malformed> {
        let guest = Arc::new(from.guest_path()?);
        let [is_writable] = from.flags()?;
        let access = if is_writable { Access::ReadWrite } else { Access::ReadOnly };
        let held = match from.u8()? {
            MEMORY => Held::Memory(Arc::new(Layer::decode(from, false)?)),
            OVERLAY => {
                let [has_root] = from.flags()?;
                let root = (from.u64()?, from.u64()?);
                Held::Overlay(Arc::new(Layer::decode(from, true)?), has_root.then_some(root))
            }
            HOST => Held::Host,
            IMAGE if !is_writable => {
                let [detached] = from.flags()?;
                Held::Image { detached, born_ns: from.u64()?, layer: None }
            }
            ABSENT => Held::Absent,
            _ => return malformed("it has an unknown kind of mount"),
        };
        Ok(MountState { guest, access, held })
    }
}

impl Namespace {
    fn encode(&self, out: &mut Vec<u8>) {
        let points = self.points();
        put_count(out, points.len());
        for (above, mount) in points {
            put_u32(out, mount.map_or(NO_POINT, |mount| mount.0));
            match above {
                Some((above, name)) => {
                    put_u32(out, above.0);
                    put_text(out, name);
                }
                None => put_u32(out, NO_POINT),
            }
        }
    }

    /// Reads the points and sees that they are those of the mounts.
    fn decode(from: &mut Reader<'_>, mounts: &[MountState]) -> Result<Namespace, Malformed> {
        let mut namespace = Namespace::empty();
        let mut joined = 0;
        for index in 0..from.count(8)? {
            let mount = from.u32()?;
            let above = match from.u32()? {
                NO_POINT => None,
                above if (above as usize) < index => Some((PointId(above), from.name()?)),
                _ => return malformed("its mounts are not in order"),
            };
            let mount = match mount {
                NO_POINT => None,
                mount => Some(MountId(mount)),
            };
            joined += usize::from(mount.is_some());
            if (index == 0 && above.is_some()) || !namespace.append(above, mount) {
                return malformed("its mounts are not in order");
            }
        }
        let has_its_point = |(index, mount): (u32, &MountState)| {
            let point = namespace.point_of(&mount.guest);
            !mount.is_joined() || point.and_then(|point| namespace.mount_at(point)) == Some(MountId(index))
        };
        let expected = mounts.iter().filter(|mount| mount.is_joined()).count();
        if namespace.points().is_empty() || joined != expected || !(0..).zip(mounts).all(has_its_point) {
            return malformed("its mounts are somewhere else");
        }
        Ok(namespace)
    }

    fn point(&self, number: u32) -> Result<PointId, Malformed> {
        if self.has(PointId(number)) { Ok(PointId(number)) } else { malformed("a mount point is not there") }
    }
}

impl<T> Slab<T> {
    fn encode(&self, out: &mut Vec<u8>, mut item: impl FnMut(&T, &mut Vec<u8>)) {
        put_count(out, self.slots().len());
        for slot in self.slots() {
            match slot {
                Some(open) => item(open, out),
                None => put_u8(out, FREE),
            }
        }
    }

    fn decode(
        from: &mut Reader<'_>,
        mut item: impl FnMut(u8, &mut Reader<'_>) -> Result<T, Malformed>,
    ) -> Result<Slab<T>, Malformed> {
        let count = from.count(1)?;
        from.take_descriptors(count)?;
        let mut slots = Vec::with_capacity(count);
        for _ in 0..count {
            slots.push(match from.u8()? {
                FREE => None,
                tag => Some(item(tag, from)?),
            });
        }
        Ok(Slab::of_slots(slots))
    }
}

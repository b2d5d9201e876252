//! Open directories and files, and the slots that hold them.

use super::host::{HostFile, Listing};
use super::namespace::{MountId, Place};
use super::tree::NodeId;

/// An open directory.
pub(super) struct OpenDir {
    pub(super) place: Place,
    /// The names of a host folder as they were when listing it began.
    pub(super) listing: Option<Listing>,
}

/// An open regular file.
pub(super) struct OpenFile {
    pub(super) mount: MountId,
    pub(super) on: OpenOn,
    pub(super) read: bool,
    pub(super) write: bool,
}

/// Where an open file's content is.
pub(super) enum OpenOn {
    /// A node of a tree, with the file below it while nothing was written.
    Tree { node: NodeId, lower: Option<HostFile> },
    /// A file of the host.
    Host(HostFile),
}

/// Values by small numbers that are used again.
#[derive(Clone)]
pub(super) struct Slab<T> {
    items: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(super) fn new() -> Slab<T> {
        Slab { items: Vec::new(), free: Vec::new() }
    }

    /// A slab with these slots.
    pub(super) fn of_slots(items: Vec<Option<T>>) -> Slab<T> {
        let free = (0..).zip(&items).filter(|(_, item)| item.is_none()).map(|(id, _)| id).collect();
        Slab { items, free }
    }

    pub(super) fn slots(&self) -> &[Option<T>] {
        &self.items
    }

    pub(super) fn len(&self) -> usize {
        self.items.len() - self.free.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.items).filter_map(|(id, item)| Some((id, item.as_ref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        (0..).zip(&mut self.items).filter_map(|(id, item)| Some((id, item.as_mut()?)))
    }

    /// What `convert` makes of each, under the same number.
    pub(super) fn convert<U>(&self, mut convert: impl FnMut(&T) -> Option<U>) -> Slab<U> {
        Slab::of_slots(self.items.iter().map(|item| convert(item.as_ref()?)).collect())
    }

    pub(super) fn insert(&mut self, item: T) -> u32 {
        match self.free.pop() {
            Some(id) => {
                self.items[id as usize] = Some(item);
                id
            }
            None => {
                self.items.push(Some(item));
                (self.items.len() - 1) as u32
            }
        }
    }

    pub(super) fn find(&self, id: u32) -> Option<&T> {
        self.items.get(id as usize)?.as_ref()
    }

    pub(super) fn find_mut(&mut self, id: u32) -> Option<&mut T> {
        self.items.get_mut(id as usize)?.as_mut()
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<T> {
        let item = self.items.get_mut(id as usize)?.take();
        if item.is_some() {
            self.free.push(id);
        }
        item
    }
}

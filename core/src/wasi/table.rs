//! The descriptor numbers of one guest.

use super::descriptor::Descriptor;
use crate::limits::{Budget, LimitKey};
use crate::vfs::Errno;
use std::sync::Arc;

/// What one descriptor counts against `host_bytes`: its slot, and what the file tree keeps.
const DESCRIPTOR_BYTES: u64 = 256;

/// Open descriptors by number. A new one gets the lowest free number, as in POSIX.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Option<Descriptor>>,
    open: usize,
    /// No slot below this one is free.
    lowest: usize,
    /// `open_files`.
    limit: usize,
    host_bytes: Arc<Budget>,
}

/// A number that is paid for, to be filled by [`Table::fill`] or given back by
/// [`Table::cancel`].
#[derive(Debug)]
pub(super) struct Vacancy(());

impl Table {
    pub(super) fn new(limit: u64, host_bytes: Arc<Budget>) -> Table {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Table { slots: Vec::new(), open: 0, lowest: 0, limit, host_bytes }
    }

    pub(super) fn descriptor(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.slots.get(fd as usize).and_then(Option::as_ref).filter(|found| !found.is_gone()).ok_or(Errno::Badf)
    }

    pub(super) fn descriptor_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        let found = self.slots.get_mut(fd as usize).and_then(Option::as_mut);
        found.filter(|found| !found.is_gone()).ok_or(Errno::Badf)
    }

    /// Every number up to the highest that was taken, and what it stands for.
    pub(super) fn slots(&self) -> &[Option<Descriptor>] {
        &self.slots
    }

    /// A table of `count` numbers with the descriptors that `restore` gives.
    ///
    /// # Errors
    /// The limit that does not allow them, what they need and what it allows.
    pub(super) fn restored(
        limit: u64,
        host_bytes: Arc<Budget>,
        count: usize,
        restore: impl FnMut(usize) -> Option<Descriptor>,
    ) -> Result<Table, (LimitKey, u64, u64)> {
        let slots: Vec<_> = (0..count).map(restore).collect();
        let open = slots.iter().flatten().count();
        if open as u64 > limit {
            return Err((LimitKey::OpenFiles, open as u64, limit));
        }
        let bytes = open as u64 * DESCRIPTOR_BYTES;
        let used = host_bytes.used();
        host_bytes.reserve(bytes).map_err(|_| (LimitKey::HostBytes, used.saturating_add(bytes), host_bytes.limit()))?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(Table { slots, open, lowest: 0, limit, host_bytes })
    }

    /// Makes sure that one more descriptor fits, before it is opened.
    pub(super) fn reserve(&mut self) -> Result<Vacancy, Errno> {
        if self.open >= self.limit {
            return Err(Errno::Mfile);
        }
        self.host_bytes.reserve(DESCRIPTOR_BYTES).map_err(|_| Errno::Nomem)?;
        self.open += 1;
        Ok(Vacancy(()))
    }

    /// Gives `descriptor` the lowest free number.
    pub(super) fn fill(&mut self, _: Vacancy, descriptor: Descriptor) -> u32 {
        let free = self.slots[self.lowest..].iter().position(Option::is_none);
        let fd = free.map_or(self.slots.len(), |offset| self.lowest + offset);
        if fd == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[fd] = Some(descriptor);
        self.lowest = fd + 1;
        // `open_files` bounds the number of slots far below u32.
        fd as u32
    }

    pub(super) fn cancel(&mut self, _: Vacancy) {
        self.open -= 1;
        self.host_bytes.release(DESCRIPTOR_BYTES);
    }

    /// Frees a number; what it stood for is the caller's to close, if it is there still.
    pub(super) fn remove(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        let descriptor = self.slots.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::Badf)?;
        self.lowest = self.lowest.min(fd as usize);
        self.cancel(Vacancy(()));
        if descriptor.is_gone() { Err(Errno::Badf) } else { Ok(descriptor) }
    }

    /// Moves `from` to the open number `to` and returns what `to` stood for, to be closed.
    /// Both must be open, so the guest cannot choose the size of the table.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<Option<Descriptor>, Errno> {
        self.descriptor(from)?;
        self.descriptor(to)?;
        if from == to {
            return Ok(None);
        }
        let moved = self.remove(from)?;
        Ok(self.slots[to as usize].replace(moved))
    }

    /// Closes the table; what is left in it is the caller's to close.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Descriptor> {
        self.host_bytes.release(self.open as u64 * DESCRIPTOR_BYTES);
        (self.open, self.lowest) = (0, 0);
        std::mem::take(&mut self.slots).into_iter().flatten()
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.host_bytes.release(self.open as u64 * DESCRIPTOR_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::super::descriptor::Kind;
    use super::*;

    fn table(limit: u64) -> (Table, Arc<Budget>) {
        let budget = Arc::new(Budget::new(1 << 20));
        let mut table = Table::new(limit, budget.clone());
        for descriptor in [Descriptor::stdin(), Descriptor::stdout(), Descriptor::stderr()] {
            let vacancy = table.reserve().unwrap();
            table.fill(vacancy, descriptor);
        }
        (table, budget)
    }

    fn open(table: &mut Table) -> Result<u32, Errno> {
        let vacancy = table.reserve()?;
        Ok(table.fill(vacancy, Descriptor::stderr()))
    }

    #[test]
    fn a_new_descriptor_gets_the_lowest_free_number() {
        let (mut table, _) = table(16);
        assert_eq!([open(&mut table), open(&mut table), open(&mut table)], [Ok(3), Ok(4), Ok(5)]);
        for fd in [4, 1, 3] {
            table.remove(fd).unwrap();
        }
        assert_eq!([open(&mut table), open(&mut table), open(&mut table)], [Ok(1), Ok(3), Ok(4)]);
        assert_eq!(open(&mut table), Ok(6));
    }

    #[test]
    fn past_open_files_opening_fails_and_closing_makes_room() {
        let (mut table, budget) = table(8);
        while open(&mut table).is_ok() {}
        assert_eq!(budget.used(), 8 * DESCRIPTOR_BYTES);
        assert_eq!(open(&mut table), Err(Errno::Mfile));
        table.remove(5).unwrap();
        assert_eq!(open(&mut table), Ok(5));
        assert_eq!(table.drain().count(), 8);
        assert_eq!(budget.used(), 0);
        drop(table);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn without_host_bytes_opening_fails_and_costs_nothing() {
        let mut table = Table::new(8, Arc::new(Budget::new(DESCRIPTOR_BYTES)));
        assert_eq!(open(&mut table), Ok(0));
        assert_eq!(open(&mut table), Err(Errno::Nomem));
        table.remove(0).unwrap();
        assert_eq!(open(&mut table), Ok(0));
    }

    #[test]
    fn renumbering_moves_and_frees() {
        let (mut table, budget) = table(8);
        assert_eq!(table.renumber(9, 1).unwrap_err(), Errno::Badf);
        assert_eq!(table.renumber(1, u32::MAX).unwrap_err(), Errno::Badf);
        assert!(table.renumber(1, 1).unwrap().is_none());
        let replaced = table.renumber(1, 2).unwrap().unwrap();
        assert!(matches!(replaced.kind, Kind::Stderr));
        assert!(matches!(table.descriptor(2).unwrap().kind, Kind::Stdout));
        assert_eq!(table.descriptor(1).unwrap_err(), Errno::Badf);
        assert_eq!(budget.used(), 2 * DESCRIPTOR_BYTES);
        assert_eq!(open(&mut table), Ok(1));
    }
}

//! Names that come, go and move. Every charge is taken before anything changes.

use super::content::Content;
use super::directory::{Directory, Slot};
use super::node::{Body, Node, NodeId};
use super::{Ledger, Tree};
use crate::policy::GuestPath;
use crate::vfs::Errno;

impl Tree {
    /// Creates an empty file; the name must be free.
    pub(in crate::vfs) fn create_file(
        &mut self,
        dir: NodeId,
        name: &str,
        now: u64,
        ledger: &mut Ledger,
    ) -> Result<NodeId, Errno> {
        self.create(dir, name, Body::File(Content::empty()), now, ledger)
    }

    pub(in crate::vfs) fn create_directory(
        &mut self,
        dir: NodeId,
        name: &str,
        now: u64,
        ledger: &mut Ledger,
    ) -> Result<(), Errno> {
        self.create(dir, name, Body::new_directory(), now, ledger)?;
        self.node_mut(dir)?.gain_directory();
        Ok(())
    }

    pub(in crate::vfs) fn symlink(
        &mut self,
        target: &str,
        dir: NodeId,
        name: &str,
        now: u64,
        ledger: &mut Ledger,
    ) -> Result<(), Errno> {
        self.create(dir, name, Body::Link(target.into()), now, ledger).map(drop)
    }

    /// Gives a file or symlink another name. A file of the folder below is copied up first.
    pub(in crate::vfs) fn link(
        &mut self,
        node: NodeId,
        dir: NodeId,
        name: &str,
        now: u64,
        ledger: &mut Ledger,
    ) -> Result<(), Errno> {
        if self.is_removed(dir) || self.is_removed(node) {
            return Err(Errno::Noent);
        }
        self.check_path(dir, name, None)?;
        ledger.take_node()?;
        let linked = self.copy_up(node, ledger).and_then(|()| {
            ledger.take_host(entry_cost(name)).map_err(|_| Errno::Nospc)?;
            self.add_entry(dir, name, node, false, true)
        });
        linked.inspect_err(|_| ledger.give_node())?;
        let linked = self.node_mut(node)?;
        linked.links = linked.links.saturating_add(1);
        linked.ctim = now;
        self.touch(dir, now);
        Ok(())
    }

    /// Removes the name of something that is not a directory.
    pub(in crate::vfs) fn unlink(
        &mut self,
        dir: NodeId,
        name: &str,
        now: u64,
        ledger: &mut Ledger,
    ) -> Result<(), Errno> {
        let node = self.look_up(dir, name, ledger)?.ok_or(Errno::Noent)?;
        if self.is_dir(node) {
            return Err(Errno::Isdir);
        }
        self.detach(dir, name, now, ledger)
    }

    pub(in crate::vfs) fn remove_directory(
        &mut self,
        dir: NodeId,
        name: &str,
        now: u64,
        ledger: &mut Ledger,
    ) -> Result<(), Errno> {
        let node = self.look_up(dir, name, ledger)?.ok_or(Errno::Noent)?;
        if !self.is_empty(node, ledger)? {
            return Err(Errno::Notempty);
        }
        self.detach(dir, name, now, ledger)
    }

    pub(in crate::vfs) fn rename(
        &mut self,
        from: NodeId,
        from_name: &str,
        to: NodeId,
        to_name: &str,
        now: u64,
        ledger: &mut Ledger,
    ) -> Result<(), Errno> {
        let moved = self.look_up(from, from_name, ledger)?.ok_or(Errno::Noent)?;
        if self.is_removed(to) {
            return Err(Errno::Noent);
        }
        let replaced = self.look_up(to, to_name, ledger)?;
        if replaced == Some(moved) {
            return Ok(());
        }
        let is_dir = self.is_dir(moved);
        if is_dir && self.is_within(to, moved) {
            return Err(Errno::Inval);
        }
        match replaced.map(|node| (node, self.is_dir(node))) {
            // As Linux: a directory on the way to what is moved cannot be empty.
            Some((node, true)) if self.is_within(from, node) => return Err(Errno::Notempty),
            Some((_, false)) if is_dir => return Err(Errno::Notdir),
            Some((_, true)) if !is_dir => return Err(Errno::Isdir),
            Some((node, true)) if !self.is_empty(node, ledger)? => return Err(Errno::Notempty),
            _ => {}
        }
        if self.is_over_lower(moved) {
            // As overlayfs: C libraries and Python copy then.
            return Err(Errno::Xdev);
        }
        self.check_path(to, to_name, Some(moved))?;
        ledger.take_host(entry_cost(to_name)).map_err(|_| Errno::Nospc)?;
        if replaced.is_some() {
            self.detach(to, to_name, now, ledger)?;
        }
        let counted = self.take_entry(from, from_name, ledger)?.is_some_and(|slot| slot.counted);
        self.add_entry(to, to_name, moved, false, counted)?;
        if is_dir {
            self.node_mut(from)?.lose_directory();
            self.node_mut(to)?.gain_directory();
        }
        let node = self.node_mut(moved)?;
        node.ctim = now;
        // What is written below while it is away would be missed once it is back in its place.
        let may_come_back = is_dir && node.home.is_some();
        self.layer_mut().touched_everywhere |= may_come_back;
        self.touch(from, now);
        self.touch(to, now);
        Ok(())
    }

    /// Adds a node of the start of a memory mount: it counts against no quota of the guest's.
    pub(super) fn insert_initial(
        &mut self,
        dir: NodeId,
        name: &str,
        home: &str,
        body: Body,
        now: u64,
        ledger: &mut Ledger,
    ) -> Result<NodeId, Errno> {
        ledger.take_host(Node::BYTES + body.host_bytes() + entry_cost(name) + home_cost(home))?;
        if matches!(body, Body::Dir(_)) {
            self.node_mut(dir)?.gain_directory();
        }
        let node = self.layer_mut().nodes.insert(body, now);
        self.node_mut(node)?.home = Some(home.into());
        self.add_entry(dir, name, node, true, false)?;
        Ok(node)
    }

    /// Frees a node that has neither name nor handle. The host's count of its names can only
    /// keep it, charged, for longer.
    pub(super) fn free_if_unused(&mut self, id: NodeId, ledger: &mut Ledger) {
        if self.node(id).is_ok_and(|node| node.names > 0 || node.unseen > 0) || self.opens.contains_key(&id) {
            return;
        }
        let Some(node) = self.layer_mut().nodes.remove(id) else { return };
        ledger.give_host(node.host_bytes());
        if let Some(key) = node.lower_key.filter(|key| self.layer.shared.get(key) == Some(&id)) {
            self.layer_mut().shared.remove(&key);
        }
        match node.body {
            Body::File(Content::Chunks(chunks)) => chunks.release(ledger),
            Body::Dir(directory) => directory.hidden().for_each(|(name, _)| ledger.give_host(entry_cost(name))),
            _ => {}
        }
    }

    fn create(&mut self, dir: NodeId, name: &str, body: Body, now: u64, ledger: &mut Ledger) -> Result<NodeId, Errno> {
        if self.is_removed(dir) {
            return Err(Errno::Noent);
        }
        self.check_path(dir, name, None)?;
        ledger.take_node()?;
        let cost = Node::BYTES + body.host_bytes() + entry_cost(name);
        ledger.take_host(cost).map_err(|_| {
            ledger.give_node();
            Errno::Nospc
        })?;
        let node = self.layer_mut().nodes.insert(body, now);
        self.add_entry(dir, name, node, false, true)?;
        self.touch(dir, now);
        Ok(node)
    }

    /// Removes an entry and what it alone kept alive.
    fn detach(&mut self, dir: NodeId, name: &str, now: u64, ledger: &mut Ledger) -> Result<(), Errno> {
        let Some(slot) = self.take_entry(dir, name, ledger)? else { return Ok(()) };
        if slot.counted {
            ledger.give_node();
        }
        if self.is_dir(slot.node) {
            self.node_mut(dir)?.lose_directory();
        } else {
            let node = self.node_mut(slot.node)?;
            node.links = node.links.saturating_sub(1);
            node.ctim = now;
        }
        self.touch(dir, now);
        self.free_if_unused(slot.node, ledger);
        Ok(())
    }

    /// Names a node. Every entry is made here and taken in [`Tree::take_entry`], so that a node
    /// knows how many it has.
    pub(super) fn add_entry(
        &mut self,
        dir: NodeId,
        name: &str,
        node: NodeId,
        original: bool,
        counted: bool,
    ) -> Result<(), Errno> {
        self.directory_mut(dir)?.insert(name, node, original, counted);
        let named = self.node_mut(node)?;
        named.names += 1;
        let mut bytes = name.len();
        if let Body::Dir(directory) = &mut named.body {
            (directory.parent, directory.name_bytes) = (dir, name.len());
            bytes = directory.longest(name);
        }
        let mut at = dir;
        while let Ok(directory) = self.directory_mut(at)
            && directory.below_bytes < bytes
        {
            directory.below_bytes = bytes;
            bytes += directory.name_bytes + 1;
            match directory.parent {
                parent if at != parent => at = parent,
                _ => break,
            }
        }
        Ok(())
    }

    /// Refuses a name whose path below the mount, or one below that, would be too long to be
    /// named from outside. `moved` is a directory that gets the name.
    fn check_path(&self, dir: NodeId, name: &str, moved: Option<NodeId>) -> Result<(), Errno> {
        let moved = moved.and_then(|moved| self.directory(moved));
        let mut bytes = moved.map_or(name.len(), |moved| moved.longest(name));
        let mut at = dir;
        while at != NodeId::ROOT {
            let directory = self.directory(at).ok_or(Errno::Io)?;
            bytes += directory.name_bytes + 1;
            at = directory.parent;
        }
        if bytes > GuestPath::MAX_BYTES { Err(Errno::NameTooLong) } else { Ok(()) }
    }

    /// Takes an entry out of its directory. A name that now hides one below stays charged.
    fn take_entry(&mut self, dir: NodeId, name: &str, ledger: &mut Ledger) -> Result<Option<Slot>, Errno> {
        let directory = self.directory(dir).ok_or(Errno::Notdir)?;
        let was_hidden = directory.hides(name);
        let is_dir = directory.find(name).is_some_and(|slot| self.is_dir(slot.node));
        let directory = self.directory_mut(dir)?;
        let Some(slot) = directory.remove(name, is_dir) else { return Ok(None) };
        if was_hidden || !directory.hides(name) {
            ledger.give_host(entry_cost(name));
        }
        let named = self.node_mut(slot.node)?;
        named.names = named.names.saturating_sub(1);
        Ok(Some(slot))
    }

    /// True when a node has no name left, or is gone altogether.
    fn is_removed(&self, node: NodeId) -> bool {
        self.node(node).map_or(true, |node| node.names == 0)
    }

    /// True for a directory that the folder below has. It stays where it is, so that nobody has to
    /// look below it to tell what moved along.
    fn is_over_lower(&self, node: NodeId) -> bool {
        self.lower.is_some() && self.directory(node).is_some_and(Directory::is_of_the_start)
    }

    fn is_empty(&mut self, node: NodeId, ledger: &mut Ledger) -> Result<bool, Errno> {
        self.complete(node, ledger)?;
        Ok(self.directory(node).ok_or(Errno::Notdir)?.is_empty())
    }

    /// True when `dir` is `ancestor` or lies below it.
    fn is_within(&self, dir: NodeId, ancestor: NodeId) -> bool {
        let mut at = dir;
        while at != ancestor {
            match self.directory(at) {
                Some(directory) if at != NodeId::ROOT => at = directory.parent,
                _ => return false,
            }
        }
        true
    }

    /// Stamps a directory whose entries changed, and leaves word on the way up from it.
    fn touch(&mut self, dir: NodeId, now: u64) {
        if let Ok(node) = self.node_mut(dir) {
            (node.mtim, node.ctim) = (now, now);
        }
        let mut at = dir;
        while let Ok(directory) = self.directory_mut(at)
            && !directory.touched
        {
            directory.touched = true;
            at = directory.parent;
        }
    }

    /// Leaves word on the way down to where a node stood at the start.
    pub(super) fn touch_home(&mut self, home: &str) {
        let mut at = NodeId::ROOT;
        for name in home.split('/') {
            let Ok(directory) = self.directory_mut(at) else { return };
            directory.touched = true;
            match directory.find(name) {
                Some(slot) => at = slot.node,
                None => return,
            }
        }
    }
}

impl Body {
    /// What the body costs the host beside its node, content and entries.
    pub(super) fn host_bytes(&self) -> u64 {
        match self {
            Body::Link(target) => Node::TEXT_BYTES + target.len() as u64,
            Body::Dir(_) => Directory::BYTES,
            _ => 0,
        }
    }
}

impl Node {
    pub(super) fn host_bytes(&self) -> u64 {
        Node::BYTES + self.body.host_bytes() + self.home.as_ref().map_or(0, |home| home_cost(home))
    }
}

/// What remembering where a node stood costs the host.
pub(super) fn home_cost(home: &str) -> u64 {
    Node::TEXT_BYTES + home.len() as u64
}

/// What an entry costs the host.
pub(super) fn entry_cost(name: &str) -> u64 {
    Directory::ENTRY_BYTES + name.len() as u64
}

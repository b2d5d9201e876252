//! Names that come, go and move. Every charge is taken before anything changes.

use super::content::Content;
use super::directory::Directory;
use super::node::{Body, Node, NodeId};
use super::{Ledger, Tree};
use crate::vfs::Errno;
use std::sync::Arc;

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
        self.create(dir, name, Body::new_directory(dir), now, ledger)?;
        self.nodes[dir].links += 1;
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
        if self.nodes[dir].links == 0 || self.nodes[node].links == 0 {
            return Err(Errno::Noent);
        }
        ledger.take_node()?;
        let linked = self.copy_up(node, ledger).and_then(|()| {
            ledger.take_host(entry_cost(name)).map_err(|_| Errno::Nospc)?;
            self.directory_mut(dir).map(|directory| directory.insert(name, node, false, true))
        });
        linked.inspect_err(|_| ledger.give_node())?;
        self.nodes[node].links += 1;
        self.nodes[node].ctim = now;
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
        if self.nodes[to].links == 0 {
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
        ledger.take_host(entry_cost(to_name)).map_err(|_| Errno::Nospc)?;
        if replaced.is_some() {
            self.detach(to, to_name, now, ledger)?;
        }
        let counted = self.take_entry(from, from_name, ledger)?.is_some_and(|slot| slot.counted);
        self.directory_mut(to)?.insert(to_name, moved, false, counted);
        if let Body::Dir(directory) = &mut self.nodes[moved].body {
            directory.parent = to;
            self.nodes[from].links = self.nodes[from].links.saturating_sub(1);
            self.nodes[to].links += 1;
        }
        // What is written below while it is away would be missed once it is back in its place.
        self.touched_everywhere |= is_dir && self.nodes[moved].home.is_some();
        self.nodes[moved].ctim = now;
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
        ledger.take_host(Node::BYTES + entry_cost(name) + home.len() as u64)?;
        if matches!(body, Body::Dir(_)) {
            self.nodes[dir].links += 1;
        }
        let node = self.nodes.insert(body, now);
        self.nodes[node].home = Some(home.into());
        self.directory_mut(dir)?.insert(name, node, true, false);
        Ok(node)
    }

    /// Frees a node that has neither name nor handle.
    pub(super) fn free_if_unused(&mut self, id: NodeId, ledger: &mut Ledger) {
        let node = &self.nodes[id];
        if node.links > 0 || node.opens > 0 || id == self.root {
            return;
        }
        let Some(node) = self.nodes.remove(id) else { return };
        ledger.give_host(node.host_bytes());
        if let Some(key) = node.lower_key {
            self.shared.remove(&key);
        }
        match node.body {
            Body::File(Content::Chunks(chunks)) => chunks.release(ledger),
            Body::Dir(directory) => directory.hidden().for_each(|name| ledger.give_host(entry_cost(name))),
            _ => {}
        }
    }

    fn create(&mut self, dir: NodeId, name: &str, body: Body, now: u64, ledger: &mut Ledger) -> Result<NodeId, Errno> {
        if self.nodes[dir].links == 0 {
            return Err(Errno::Noent);
        }
        ledger.take_node()?;
        let cost = Node::BYTES + body.host_bytes() + entry_cost(name);
        ledger.take_host(cost).map_err(|_| {
            ledger.give_node();
            Errno::Nospc
        })?;
        let node = self.nodes.insert(body, now);
        self.directory_mut(dir)?.insert(name, node, false, true);
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
            self.nodes[slot.node].links = 0;
            self.nodes[dir].links = self.nodes[dir].links.saturating_sub(1);
        } else {
            let node = &mut self.nodes[slot.node];
            node.links = node.links.saturating_sub(1);
            node.ctim = now;
        }
        self.touch(dir, now);
        self.free_if_unused(slot.node, ledger);
        Ok(())
    }

    /// Takes an entry out of its directory. A name that now hides one below stays charged.
    fn take_entry(
        &mut self,
        dir: NodeId,
        name: &str,
        ledger: &mut Ledger,
    ) -> Result<Option<super::directory::Slot>, Errno> {
        let directory = self.directory_mut(dir)?;
        let was_hidden = directory.hides(name);
        let slot = directory.remove(name);
        if slot.is_some() && (was_hidden || !directory.hides(name)) {
            ledger.give_host(entry_cost(name));
        }
        Ok(slot)
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
                Some(directory) if at != self.root => at = directory.parent,
                _ => return false,
            }
        }
        true
    }

    /// Stamps a directory whose entries changed, and leaves word on the way up from it.
    fn touch(&mut self, dir: NodeId, now: u64) {
        let node = &mut self.nodes[dir];
        (node.mtim, node.ctim) = (now, now);
        let mut at = dir;
        while let Body::Dir(directory) = &mut self.nodes[at].body
            && !directory.touched
        {
            directory.touched = true;
            at = directory.parent;
        }
    }

    /// Leaves word on the way down to where a node stood at the start.
    pub(super) fn touch_home(&mut self, home: &str) {
        let mut at = self.root;
        for name in home.split('/') {
            let Body::Dir(directory) = &mut self.nodes[at].body else { return };
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
            Body::Link(target) => target.len() as u64,
            _ => 0,
        }
    }
}

impl Node {
    pub(super) fn host_bytes(&self) -> u64 {
        let home: Option<&Arc<str>> = self.home.as_ref();
        Node::BYTES + self.body.host_bytes() + home.map_or(0, |home| home.len() as u64)
    }
}

/// What an entry costs the host.
pub(super) fn entry_cost(name: &str) -> u64 {
    Directory::ENTRY_BYTES + name.len() as u64
}

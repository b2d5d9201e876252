//! Memory mounts and overlays that several file trees have in turn.
//!
//! A tree moves as a whole from its home to the member whose run begins, and back when the run ends.
//! What the member has open stays open while the tree is away: the tree counts handles of all members,
//! so that a file that another one removes is there until its last handle goes. A member that goes
//! leaves nothing behind, wherever the tree is just then, and one that goes in the middle of a run
//! gives the tree back.

use super::mounts::{Backend, member_points};
use super::namespace::MountId;
use super::tree::{NodeId, Weight};
use super::{DirHandle, FileHandle, MountPoint, Now, Quota, Vfs};
use crate::error::{Error, Result};
use crate::limits::Budget;
use crate::policy;
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Where the trees are between runs.
pub(crate) struct Home {
    inner: Mutex<Inner>,
}

struct Inner {
    vfs: Vfs,
    is_lent: bool,
    /// What members had open that went while the trees were with another one.
    left_open: Vec<(MountId, NodeId)>,
}

/// What makes a file tree a member.
pub(super) struct Member {
    home: Arc<Home>,
    mounts: Vec<Shared>,
    /// The trees are here.
    is_host: bool,
}

/// The number of one shared mount at home and in the member's tree.
#[derive(Clone, Copy)]
struct Shared {
    home: MountId,
    here: MountId,
}

impl Home {
    /// A home with these mounts.
    ///
    /// # Errors
    /// As for [`Vfs::new`].
    pub(crate) fn new(
        mounts: Vec<MountPoint>,
        quota: Quota,
        host_bytes: Arc<Budget>,
        now: Arc<dyn Now>,
    ) -> Result<Arc<Home>> {
        Ok(Home::of(Vfs::new(mounts, quota, host_bytes, now)?))
    }

    fn of(vfs: Vfs) -> Arc<Home> {
        Arc::new(Home { inner: Mutex::new(Inner { vfs, is_lent: false, left_open: Vec::new() }) })
    }

    /// Another home whose trees hold the same, copy-on-write.
    ///
    /// # Errors
    /// `workspace_busy`; as for [`VfsState::restore`](super::VfsState::restore).
    pub(crate) fn fork(
        &self,
        mounts: Vec<MountPoint>,
        quota: Quota,
        host_bytes: Arc<Budget>,
        now: Arc<dyn Now>,
    ) -> Result<Arc<Home>> {
        let state = self.visit(|vfs| Ok(vfs.capture()))?;
        Ok(Home::of(state.restore(mounts, super::Take::Continue, quota, host_bytes, now)?))
    }

    /// The mounts of a new member: the home's in memory, and folders of the host by themselves.
    ///
    /// # Errors
    /// `mount_invalid`.
    pub(crate) fn mount_points(mounts: &[policy::Mount]) -> Result<Vec<MountPoint>> {
        member_points(mounts)
    }

    /// Looks at the trees between two runs.
    ///
    /// # Errors
    /// `workspace_busy`, and those of `work`.
    pub(crate) fn visit<T>(&self, work: impl FnOnce(&mut Vfs) -> Result<T>) -> Result<T> {
        let mut inner = self.inner.lock();
        if inner.is_lent {
            return Err(Error::WorkspaceBusy);
        }
        work(&mut inner.vfs)
    }
}

impl Inner {
    /// Closes a node of a tree that is at home, or remembers to.
    fn close(&mut self, mount: MountId, node: NodeId) {
        let Vfs { mounts, ledger, .. } = &mut self.vfs;
        match &mut mounts[mount.0 as usize].backend {
            Backend::Tree(tree) => tree.close(node, ledger),
            _ => self.left_open.push((mount, node)),
        }
    }
}

impl Vfs {
    /// Makes it a member: the mounts that [`Home::mount_points`] left vacant are those of `home`, and
    /// both spend the home's quotas together.
    ///
    /// # Errors
    /// `snapshot_exceeds` when the quotas do not allow what it has spent already.
    pub(crate) fn join(&mut self, home: &Arc<Home>) -> Result<()> {
        let inner = home.inner.lock();
        self.ledger.spend_with(&inner.vfs.ledger)?;
        let at_home = |mount: &super::Mount| inner.vfs.mounts.iter().position(|own| own.guest == mount.guest);
        let vacant = self.mounts.iter().enumerate().filter(|(_, mount)| matches!(mount.backend, Backend::Away));
        let mounts = vacant.filter_map(|(here, mount)| {
            Some(Shared { home: MountId(at_home(mount)? as u32), here: MountId(here as u32) })
        });
        self.member = Some(Member { home: Arc::clone(home), mounts: mounts.collect(), is_host: false });
        Ok(())
    }

    /// Takes the trees in, unless it has none to share.
    ///
    /// # Errors
    /// `workspace_busy` when another member has them.
    pub(crate) fn board(&mut self) -> Result<()> {
        let Vfs { member: Some(member), mounts, ledger, .. } = self else { return Ok(()) };
        let mut inner = member.home.inner.lock();
        if member.is_host {
            return Ok(());
        }
        if inner.is_lent {
            return Err(Error::WorkspaceBusy);
        }
        let mut weight = Weight::default();
        for shared in &member.mounts {
            let there = &mut inner.vfs.mounts[shared.home.0 as usize].backend;
            weight.add(weight_of(there));
            std::mem::swap(there, &mut mounts[shared.here.0 as usize].backend);
        }
        inner.vfs.ledger.hand_over(ledger, weight);
        inner.is_lent = true;
        member.is_host = true;
        Ok(())
    }

    /// Gives the trees back.
    pub(crate) fn leave(&mut self) {
        let Vfs { member: Some(member), mounts, ledger, .. } = self else { return };
        if !std::mem::take(&mut member.is_host) {
            return;
        }
        let mut inner = member.home.inner.lock();
        let mut weight = Weight::default();
        for shared in &member.mounts {
            let here = &mut mounts[shared.here.0 as usize].backend;
            weight.add(weight_of(here));
            std::mem::swap(here, &mut inner.vfs.mounts[shared.home.0 as usize].backend);
        }
        ledger.hand_over(&mut inner.vfs.ledger, weight);
        inner.is_lent = false;
        for (mount, node) in std::mem::take(&mut inner.left_open) {
            inner.close(mount, node);
        }
    }

    /// Closes a node of a tree that is not here.
    pub(super) fn close_away(&self, mount: MountId, node: NodeId) {
        let Some(member) = &self.member else { return };
        if let Some(shared) = member.mounts.iter().find(|shared| shared.here == mount) {
            member.home.inner.lock().close(shared.home, node);
        }
    }

    /// Closes whatever is open.
    fn close_all(&mut self) {
        for number in 0..self.files.slots().len() as u32 {
            self.close_file(FileHandle(number));
        }
        for number in 0..self.dirs.slots().len() as u32 {
            self.close_dir(DirHandle(number));
        }
    }
}

fn weight_of(backend: &Backend) -> Weight {
    match backend {
        Backend::Tree(tree) => tree.layer().weight(),
        _ => Weight::default(),
    }
}

/// However a member ends, in the middle of a run too, its handles are closed and the trees go home.
impl Drop for Vfs {
    fn drop(&mut self) {
        if self.member.is_some() {
            // After a defect of ours a tree may be in any state; the others' memory is still theirs.
            let _ = catch_unwind(AssertUnwindSafe(|| self.close_all()));
            self.leave();
        }
    }
}

//! What of a guest's calls outlives it: descriptors, files, time and randomness.
//!
//! A guest's C library keeps the numbers of its descriptors in memory, so each is the same after
//! a restore. One whose file or mount is gone keeps its number too: every call on it answers
//! `Badf`, and closing it frees the number, so that nothing written to it lands in another file.
//! Streams, denials and standard input belong to a run and are not kept.

use super::context::Setup;
use super::descriptor::{Descriptor, Dir, File, Kind};
use super::random::Position;
use super::table::Table;
use super::{Clock, Interrupt, Stdin, WasiCtx};
use crate::error::{Error, Result};
use crate::limits::{Budget, LimitKey, Limits};
use crate::policy::{self, Seed};
use crate::vfs::{DirHandle, FileHandle, MountPoint, Quota, Take, VfsState};
use std::sync::Arc;

/// A guest's side of preview 1 between two runs. Shares all file content with whatever it was
/// taken from.
#[derive(Clone)]
pub(crate) struct WasiState {
    pub(super) vfs: VfsState,
    pub(super) slots: Vec<Option<Open>>,
    /// What the monotonic clock showed.
    pub(super) elapsed_ns: u64,
    /// Where a seeded stream of randomness was. One without a seed is never kept.
    pub(super) random: Option<Position>,
}

/// A descriptor, with its handle by number.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) kind: OpenKind,
    pub(super) base: super::abi::Rights,
    pub(super) inheriting: super::abi::Rights,
    pub(super) flags: super::abi::FdFlags,
}

#[derive(Debug, Clone)]
pub(super) enum OpenKind {
    Stdin,
    Stdout,
    Stderr,
    File { handle: u32, position: u64 },
    Dir { handle: u32, preopen: Option<Arc<str>> },
    Gone,
}

/// What a restorer gives to a guest: as for a new one, with its mounts instead of a file tree.
pub(crate) struct Grants {
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    /// What the policy mounts, and the image's files unless they were
    /// [handed in](WasiState::hand_in).
    pub(crate) mounts: Vec<MountPoint>,
    pub(crate) clock: policy::Clock,
    pub(crate) seed: Option<Seed>,
    pub(crate) stdin: Stdin,
    pub(crate) limits: Limits,
    pub(crate) host_bytes: Arc<Budget>,
    pub(crate) interrupt: Arc<Interrupt>,
}

impl WasiCtx {
    /// The state between two runs.
    pub(crate) fn capture(&self) -> WasiState {
        let vfs = self.vfs.capture();
        let slots = self.table.slots().iter().map(|slot| Some(Open::of(slot.as_ref()?, &vfs))).collect();
        WasiState { vfs, slots, elapsed_ns: self.clock.elapsed_ns(), random: self.random.position() }
    }

    /// Makes a guest's side of preview 1 from a state. With [`Take::Continue`] a seeded stream of
    /// randomness and the clocks go on where they were, unless `seed` is another one; with
    /// [`Take::Start`] they begin as the grants say.
    ///
    /// # Errors
    /// `snapshot_exceeds` when a limit does not allow what the state holds; `mount_invalid`,
    /// `environment_invalid`, `host_io` as for a new guest.
    pub(crate) fn restore(state: &WasiState, grants: Grants, take: Take) -> Result<WasiCtx> {
        let Grants { args, env, mounts, clock, seed, stdin, limits, host_bytes, interrupt } = grants;
        let (elapsed_ns, random) = match take {
            Take::Start => (0, None),
            Take::Continue => (state.elapsed_ns, state.random.filter(|at| seed.is_none_or(|seed| seed == at.seed))),
        };
        let clock = Arc::new(Clock::going_on(clock, elapsed_ns));
        let quota = Quota::of(&limits);
        let mut vfs = state.vfs.restore(mounts, take, quota, host_bytes.clone(), clock.clone())?;
        if let (Take::Start, Some(seed)) = (take, seed) {
            vfs.seed_inodes(seed.0);
        }
        let table = Table::restored(limits.value(LimitKey::OpenFiles), host_bytes.clone(), state.slots.len(), |fd| {
            let open = state.slots.get(fd)?.as_ref()?;
            Some(open.restore(&vfs))
        });
        let table = table.map_err(|(limit, needed, allowed)| Error::SnapshotExceeds { limit, needed, allowed })?;
        let first_preopen = state.vfs.mounts();
        let setup = Setup { args, env, vfs, clock, seed, stdin, limits, host_bytes, interrupt };
        let mut ctx = WasiCtx::over(setup, table, first_preopen)?;
        if let Some(position) = random {
            ctx.random = position.stream();
        }
        Ok(ctx)
    }

    /// The guest's clock.
    pub(crate) fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }
}

impl WasiState {
    /// Makes it the start of new guests: see [`VfsState::into_start`].
    pub(crate) fn into_start(self) -> WasiState {
        WasiState { vfs: self.vfs.into_start(), ..self }
    }

    /// Hands the image's files in: see [`VfsState::hand_in`].
    ///
    /// # Errors
    /// `mount_invalid`.
    pub(crate) fn hand_in(&mut self, mounts: Vec<MountPoint>) -> Result<()> {
        self.vfs.hand_in(mounts)
    }
}

impl Open {
    /// A handle on what the file tree's state leaves out is gone.
    fn of(descriptor: &Descriptor, vfs: &VfsState) -> Open {
        let kind = match &descriptor.kind {
            Kind::Stdin => OpenKind::Stdin,
            Kind::Stdout => OpenKind::Stdout,
            Kind::Stderr => OpenKind::Stderr,
            Kind::File(file) if vfs.has_file(file.handle.number()) => {
                OpenKind::File { handle: file.handle.number(), position: file.position }
            }
            Kind::Dir(dir) if vfs.has_dir(dir.handle.number()) => {
                OpenKind::Dir { handle: dir.handle.number(), preopen: dir.preopen.clone() }
            }
            Kind::File(_) | Kind::Dir(_) | Kind::Random | Kind::Gone => OpenKind::Gone,
        };
        let Descriptor { base, inheriting, flags, .. } = *descriptor;
        Open { kind, base, inheriting, flags }
    }

    fn restore(&self, vfs: &crate::vfs::Vfs) -> Descriptor {
        let kind = match &self.kind {
            OpenKind::Stdin => Kind::Stdin,
            OpenKind::Stdout => Kind::Stdout,
            OpenKind::Stderr => Kind::Stderr,
            OpenKind::File { handle, position } => match vfs.file_again(*handle) {
                Some(handle) => file(vfs, handle, *position),
                None => Kind::Gone,
            },
            OpenKind::Dir { handle, preopen } => match vfs.dir_again(*handle) {
                Some(handle) => dir(handle, preopen.clone()),
                None => Kind::Gone,
            },
            OpenKind::Gone => Kind::Gone,
        };
        Descriptor { kind, base: self.base, inheriting: self.inheriting, flags: self.flags }
    }
}

fn file(vfs: &crate::vfs::Vfs, handle: FileHandle, position: u64) -> Kind {
    let on_host = vfs.file_is_on_host(&handle);
    Kind::File(File { handle, position, on_host, followed: None })
}

fn dir(handle: DirHandle, preopen: Option<Arc<str>>) -> Kind {
    Kind::Dir(Dir { handle, preopen })
}

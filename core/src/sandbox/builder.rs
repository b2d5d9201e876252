//! Making a sandbox: everything is checked here, before anything runs.

use super::session::Session;
use super::{Body, CancelHandle, Sandbox};
use crate::error::{Error, Result};
use crate::guest::{Driver, Live};
use crate::image::{Image, Kind};
use crate::language::How;
use crate::limits::{Budget, LimitKey, Limits};
use crate::policy::{Policy, ToolPolicy};
use crate::snapshot::Snapshot;
use crate::tools::{Decision, Gate, Threads, Tool, ToolCall, Toolbox};
use crate::vfs::{self, Home, MountPoint, Quota, Take, Vfs};
use crate::wasi::{self, Clock, Grants, Interrupt, Stdin, WasiCtx};
use crate::workspace::Workspace;
use std::sync::Arc;
use std::time::Duration;

/// Settings of a [`Sandbox`] to be made.
#[derive(Debug, Clone)]
pub struct SandboxBuilder {
    origin: Origin,
    policy: Policy,
    limits: Limits,
    compile_limits: Limits,
    reseed: bool,
    guest_turns: bool,
    tools: Vec<Tool>,
    gate: Option<Gate>,
    /// The tools and the gate of the sandbox that a snapshot was taken of: each holds unless another is
    /// given.
    toolbox: Option<Arc<Toolbox>>,
    workspace: Option<Workspace>,
}

/// What a sandbox starts from.
#[derive(Debug, Clone)]
enum Origin {
    Image(Image),
    Snapshot(Snapshot),
}

impl SandboxBuilder {
    pub(super) fn new(image: &Image) -> SandboxBuilder {
        SandboxBuilder::from_origin(Origin::Image(image.clone()), Policy::new(), Limits::new(), None)
    }

    pub(crate) fn from_snapshot(snapshot: &Snapshot) -> SandboxBuilder {
        let (policy, limits) = (snapshot.policy().clone(), snapshot.limits().clone());
        SandboxBuilder::from_origin(Origin::Snapshot(snapshot.clone()), policy, limits, snapshot.toolbox())
    }

    fn from_origin(origin: Origin, policy: Policy, limits: Limits, toolbox: Option<Arc<Toolbox>>) -> SandboxBuilder {
        let (reseed, guest_turns, tools, gate, workspace) = (false, false, Vec::new(), None, None);
        let compile_limits = Limits::for_compiling();
        SandboxBuilder { origin, policy, limits, compile_limits, reseed, guest_turns, tools, gate, toolbox, workspace }
    }

    /// A member of a workspace.
    pub(crate) fn within(image: &Image, workspace: &Workspace) -> SandboxBuilder {
        let (policy, limits) = (workspace.policy().clone(), workspace.limits().clone());
        let origin = Origin::Image(image.clone());
        SandboxBuilder {
            workspace: Some(workspace.clone()),
            ..SandboxBuilder::from_origin(origin, policy, limits, None)
        }
    }

    /// What the guest may touch; nothing unless set.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> SandboxBuilder {
        self.policy = policy;
        self
    }

    /// Hands a tool over: the guest can call it, as the policy's `tools` say.
    #[must_use]
    pub fn tool(mut self, tool: Tool) -> SandboxBuilder {
        self.tools.push(tool);
        self
    }

    /// Hands several tools over.
    #[must_use]
    pub fn tools(mut self, tools: impl IntoIterator<Item = Tool>) -> SandboxBuilder {
        self.tools.extend(tools);
        self
    }

    /// Has the last word on every call of a tool before it is made. It is called on the thread that
    /// drives the run; a gate that panics has denied the call.
    #[must_use]
    pub fn gate(mut self, gate: impl Fn(&ToolCall) -> Decision + Send + Sync + 'static) -> SandboxBuilder {
        self.gate = Some(Gate::new(gate));
        self
    }

    /// The ceilings; safe defaults unless set.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> SandboxBuilder {
        self.limits = limits;
        self
    }

    /// The ceilings of the compiler, for an image whose programs are compiled; unless set,
    /// [`Limits::for_compiling`]. The program itself has the sandbox's.
    #[must_use]
    pub fn compile_limits(mut self, limits: Limits) -> SandboxBuilder {
        self.compile_limits = limits;
        self
    }

    /// Gives a sandbox made from a snapshot randomness of its own before its first run. Otherwise
    /// it goes on with the session's. A sandbox made from an image always has its own.
    #[must_use]
    pub fn reseed(mut self, reseed: bool) -> SandboxBuilder {
        self.reseed = reseed;
        self
    }

    /// Turns go to the guest's own `turn` instead of our driver: for measuring one against the other.
    #[doc(hidden)]
    #[must_use]
    pub fn guest_turns(mut self, guest_turns: bool) -> SandboxBuilder {
        self.guest_turns = guest_turns;
        self
    }

    /// Does now what every sandbox made from this would do again: compiles schemas and rules of tools.
    ///
    /// # Errors
    /// `tool_invalid`, `tool_policy_invalid`.
    pub(crate) fn with_tools_ready(mut self) -> Result<SandboxBuilder> {
        let (tools, gate) = (std::mem::take(&mut self.tools), self.gate.take());
        self.toolbox = toolbox_of(self.toolbox.take(), tools, &self.policy.tools, gate)?;
        Ok(self)
    }

    /// Makes the sandbox: opens the host folders of its mounts and joins the file tree. For an
    /// interpreter it also forks the image's guest.
    ///
    /// # Errors
    /// `mount_invalid` (naming every mount that cannot be used), `environment_invalid`,
    /// `tool_invalid`, `tool_policy_invalid`,
    /// `module_exceeds` and `snapshot_exceeds` when the limits are smaller than what it starts with,
    /// `host_exhausted`.
    pub fn build(self) -> Result<Sandbox> {
        let SandboxBuilder {
            origin,
            mut policy,
            limits,
            compile_limits,
            reseed,
            guest_turns,
            tools,
            gate,
            toolbox,
            workspace,
        } = self;
        check_environment(&policy)?;
        let toolbox = toolbox_of(toolbox, tools, &policy.tools, gate)?;
        if let Some(workspace) = &workspace {
            policy.mounts.clone_from(&workspace.policy().mounts);
        }
        let mounts = match &workspace {
            Some(_) => Home::mount_points(&policy.mounts)?,
            None => vfs::mount_points(&policy.mounts)?,
        };
        let image = match &origin {
            Origin::Image(image) => image.clone(),
            Origin::Snapshot(snapshot) => snapshot.image().clone(),
        };
        let host_bytes = match &workspace {
            Some(workspace) => Arc::clone(workspace.host_bytes()),
            None => Arc::new(Budget::new(limits.value(LimitKey::HostBytes))),
        };
        let (body, clock) = match image.kind() {
            Kind::Command(_) => {
                // The compiler's own files are for the compiler.
                let compiles = image.language().is_some_and(|language| language.how() == How::Compile);
                let own = if compiles { image.files().writable() } else { image.files().mounts() };
                let mounts = beside(own, mounts);
                check_descriptors(&mounts, 3, &limits)?;
                let clock = wasi::clock(policy.clock);
                (
                    Body::Command { vfs: Some(Box::new(file_tree(mounts, &policy, &limits, &host_bytes, &clock)?)) },
                    clock,
                )
            }
            Kind::Reactor(start) => {
                let grants = Grants {
                    args: Vec::new(),
                    env: Vec::new(),
                    mounts,
                    clock: policy.clock,
                    seed: policy.seed,
                    stdin: Stdin::empty(),
                    limits: limits.clone(),
                    host_bytes: Arc::clone(&host_bytes),
                    interrupt: Arc::new(Interrupt::start(Duration::ZERO)),
                };
                let (mut live, fresh) = match &origin {
                    Origin::Image(_) => {
                        let wasi = WasiCtx::restore(&start.wasi, grants, Take::Start)?;
                        (Live::start(&start.reactor, &start.warm, wasi, &limits)?, true)
                    }
                    Origin::Snapshot(snapshot) => {
                        check_memory(snapshot, &limits)?;
                        let wasi = WasiCtx::restore(snapshot.wasi(), grants, Take::Continue)?;
                        (Live::start(&start.reactor, &snapshot.warm()?, wasi, &limits)?, snapshot.is_fresh())
                    }
                };
                if guest_turns {
                    live.set_driver(Driver::Own);
                }
                let clock = Arc::clone(live.state().wasi.clock());
                let snapshot = match origin {
                    Origin::Image(_) => None,
                    Origin::Snapshot(snapshot) => Some(snapshot),
                };
                (Body::Session(Session::new(live, snapshot, fresh || reseed)), clock)
            }
        };
        let cancel = CancelHandle::new();
        let mut sandbox = Sandbox {
            image,
            policy,
            limits,
            compile_limits,
            host_bytes,
            clock,
            task: None,
            body,
            cancel,
            toolbox,
            tool_threads: Threads::default(),
        };
        if let Some(files) = sandbox.vfs() {
            // No run's deadline stops the host's own look at the files before the first run.
            files.set_pace(None);
            if let Some(workspace) = &workspace {
                files.join(workspace.home())?;
            }
        }
        Ok(sandbox)
    }
}

/// The tools that were handed over, or those that were ready before.
fn toolbox_of(
    ready: Option<Arc<Toolbox>>,
    tools: Vec<Tool>,
    policy: &ToolPolicy,
    gate: Option<Gate>,
) -> Result<Option<Arc<Toolbox>>> {
    match ready {
        Some(toolbox) => toolbox.changed(tools, policy, gate),
        None => Toolbox::new(tools, policy, gate),
    }
}

fn file_tree(
    mounts: Vec<MountPoint>,
    policy: &Policy,
    limits: &Limits,
    host_bytes: &Arc<Budget>,
    clock: &Arc<Clock>,
) -> Result<Vfs> {
    let quota = Quota::of(limits);
    let mut vfs = Vfs::new(mounts, quota, Arc::clone(host_bytes), Arc::clone(clock) as Arc<dyn vfs::Now>)?;
    if let Some(seed) = policy.seed {
        vfs.seed_inodes(seed.0);
    }
    Ok(vfs)
}

/// Before anything is mapped.
fn check_memory(snapshot: &Snapshot, limits: &Limits) -> Result<()> {
    let (needed, allowed) = (snapshot.memory_bytes(), limits.value(LimitKey::MemoryBytes));
    if needed > allowed {
        return Err(Error::SnapshotExceeds { limit: LimitKey::MemoryBytes, needed, allowed });
    }
    Ok(())
}

/// The image's own mounts, then those of the policy, which take the place of the image's.
fn beside(image: Vec<MountPoint>, policy: Vec<MountPoint>) -> Vec<MountPoint> {
    let own = image.into_iter().filter(|own| policy.iter().all(|mount| mount.guest != own.guest));
    let own: Vec<_> = own.collect();
    own.into_iter().chain(policy).collect()
}

/// The guest starts with a descriptor for each mount beside its three streams.
fn check_descriptors(mounts: &[MountPoint], streams: u64, limits: &Limits) -> Result<()> {
    let allowed = limits.value(LimitKey::OpenFiles);
    let needed = mounts.len() as u64 + streams;
    match mounts.last() {
        Some(last) if needed > allowed => Err(Error::MountInvalid {
            guest: last.guest.to_string(),
            reason: format!("{needed} descriptors are open at the start, and `open_files` allows {allowed}"),
        }),
        _ => Ok(()),
    }
}

fn check_environment(policy: &Policy) -> Result<()> {
    for (name, value) in &policy.env {
        let what = || format!("environment variable `{}`", name.chars().take(64).collect::<String>());
        let reason = if name.is_empty() {
            "its name is empty"
        } else if name.contains('=') {
            "its name contains ="
        } else if name.contains('\0') || value.contains('\0') {
            "it contains NUL"
        } else {
            continue;
        };
        return Err(Error::EnvironmentInvalid { what: what(), reason });
    }
    Ok(())
}

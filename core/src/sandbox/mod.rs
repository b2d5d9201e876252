//! Sandboxes: one guest's file tree, limits and policy, and the runs in it.

mod builder;
mod cancel;
mod command;
mod follow;
mod hint;
mod outcome;
mod prepare;
mod program;
mod project;
mod run;
mod session;
mod task;
#[cfg(test)]
mod tests;
mod turn;

pub use builder::SandboxBuilder;
pub use cancel::CancelHandle;
pub use follow::Following;
pub use program::Program;

use crate::error::{Error, Result};
use crate::image::Image;
use crate::limits::{Budget, Limits};
use crate::outcome::{FilesDiff, Outcome};
use crate::policy::{GuestPath, Policy};
use crate::snapshot::{self, Snapshot};
use crate::store::block_on;
use crate::tools::{Threads, ToolError, Toolbox};
use crate::vfs::{self, Vfs};
use crate::wasi::Clock;
use run::Manner;
use serde_json::Value;
use session::Session;
use std::path::Path;
use std::sync::Arc;
use task::Task;

/// What is left of a sandbox whose file tree did not come back from a run.
const GONE: Error = Error::SandboxUnusable { reason: "an earlier run was dropped, failed to start or panicked" };

/// What is there while a run is suspended.
const AWAY: Error = Error::RunSuspended;

/// An isolated place to run programs in.
///
/// A sandbox of an interpreter's image is a *session*: a copy-on-write fork of the image's warm
/// guest, whose variables, imports and files stay from run to run. An exception ends its run and
/// not the session; a limit, a trap or a cancellation ends both, and every later run says so
/// (`session_ended`). In a sandbox of a command module each run gets a fresh instance, and the file
/// tree stays.
///
/// ```
/// use sandcell::{Engine, Image, LimitKey, Limits, Program, Sandbox, Status};
/// let engine = Engine::builder().build()?;
/// let forever = br#"(module (func (export "_start") (loop (br 0))))"#;
/// let image = Image::command(&engine, "forever", forever, &Limits::new())?;
/// let limits = Limits::new().with(LimitKey::Fuel, 1_000_000)?;
/// let mut sandbox = Sandbox::builder(&image).limits(limits).build()?;
/// let outcome = sandbox.run(Program::command())?;
/// assert_eq!(outcome.status, Status::Exceeded { limit: LimitKey::Fuel });
/// # Ok::<(), sandcell::Error>(())
/// ```
pub struct Sandbox {
    image: Image,
    policy: Policy,
    limits: Limits,
    host_bytes: Arc<Budget>,
    clock: Arc<Clock>,
    /// The run under way: one that is suspended, or that is being driven.
    task: Option<Task>,
    body: Body,
    cancel: CancelHandle,
    toolbox: Option<Arc<Toolbox>>,
    tool_threads: Threads,
}

/// What the image's kind makes of a sandbox.
enum Body {
    /// The file tree; away while a run is under way.
    Command {
        vfs: Option<Box<Vfs>>,
    },
    Session(Session),
}

impl Sandbox {
    /// A sandbox to be made from `image`, with nothing granted and all limits at their defaults.
    pub fn builder(image: &Image) -> SandboxBuilder {
        SandboxBuilder::new(image)
    }

    /// Runs one program and returns how it ended.
    ///
    /// The guest cannot outlive this call. What the host allocates for it counts against
    /// `host_bytes`, not `memory_bytes`. The guest runs on a stack of its own; the caller's is
    /// hardly used.
    ///
    /// # Errors
    /// `program_invalid`, `environment_invalid`, `signal_handlers_replaced`, `module_exceeds`,
    /// `host_exhausted`. A script that raises or exits non-zero is an [`Outcome`], not an error.
    pub fn run(&mut self, program: Program) -> Result<Outcome> {
        block_on(self.run_async(program))
    }

    /// Runs one program without blocking the thread while the guest sleeps or waits; while it
    /// computes, the future yields about every 0.2 ms. Works on any executor.
    ///
    /// Dropping the future ends the guest, its tools' futures, and with them a session; files can
    /// still be read.
    ///
    /// # Errors
    /// As for [`run`](Sandbox::run).
    pub async fn run_async(&mut self, program: Program) -> Result<Outcome> {
        self.begin(program, Manner::default())?;
        self.finish().await
    }

    /// Runs one program up to its very end and then ends the session: exit handlers run, and files
    /// that the program left open are written out. For scripts that run once.
    ///
    /// # Errors
    /// As for [`run`](Sandbox::run).
    pub fn run_to_end(&mut self, program: Program) -> Result<Outcome> {
        block_on(self.run_to_end_async(program))
    }

    /// [`run_to_end`](Sandbox::run_to_end) without blocking.
    ///
    /// # Errors
    /// As for [`run`](Sandbox::run).
    pub async fn run_to_end_async(&mut self, program: Program) -> Result<Outcome> {
        self.begin(program, Manner { to_end: true, ..Manner::default() })?;
        self.finish().await
    }

    /// Starts a program whose output, calls of tools, files and artifacts are told while it runs.
    ///
    /// A guest of the image `python` writes its standard output line by line, unless the program
    /// says otherwise ([`Program::line_buffered`]).
    ///
    /// # Errors
    /// As for [`run`](Sandbox::run).
    pub fn follow(&mut self, program: Program) -> Result<Following<'_>> {
        self.begin(program, Manner { followed: true, ..Manner::default() })?;
        Ok(Following::new(self))
    }

    /// Like [`follow`](Sandbox::follow), up to the program's very end, as
    /// [`run_to_end`](Sandbox::run_to_end).
    ///
    /// # Errors
    /// As for [`run`](Sandbox::run).
    pub fn follow_to_end(&mut self, program: Program) -> Result<Following<'_>> {
        self.begin(program, Manner { followed: true, to_end: true })?;
        Ok(Following::new(self))
    }

    /// Goes on with a run that is suspended: `results` are those of the calls in its outcome, by their
    /// numbers. A call without a result suspends the run anew. Nothing is run again.
    ///
    /// The outcome is that of the whole run, from its start.
    ///
    /// # Errors
    /// `resume_invalid` when no run is suspended, or with another token or other calls; as for
    /// [`run`](Sandbox::run).
    pub fn resume(&mut self, token: &str, results: Vec<(u64, Result<Value, ToolError>)>) -> Result<Outcome> {
        block_on(self.resume_async(token, results))
    }

    /// [`resume`](Sandbox::resume) without blocking.
    ///
    /// # Errors
    /// As for [`resume`](Sandbox::resume).
    pub async fn resume_async(
        &mut self,
        token: &str,
        results: Vec<(u64, Result<Value, ToolError>)>,
    ) -> Result<Outcome> {
        match self.take_results(token, results)? {
            Some(outcome) => Ok(outcome),
            None => self.finish().await,
        }
    }

    /// Follows a run that was followed before it was suspended: the events since then.
    ///
    /// # Errors
    /// As for [`resume`](Sandbox::resume).
    pub fn resume_following(
        &mut self,
        token: &str,
        results: Vec<(u64, Result<Value, ToolError>)>,
    ) -> Result<Following<'_>> {
        match self.take_results(token, results)? {
            Some(_) => Err(Error::ResumeInvalid { reason: "it was suspended for too long".to_owned() }),
            None => Ok(Following::new(self)),
        }
    }

    /// Ends the run that is suspended, if there is one, and with it a session.
    pub fn discard(&mut self) {
        self.abandon();
    }

    /// Ends the session as its interpreter would: exit handlers run, and files that were left open are
    /// written out, within two seconds, two more for tools, and five billion units of fuel. Its files can
    /// still be read.
    /// Dropping a sandbox does none of this, and never waits.
    ///
    /// # Errors
    /// `session_ended`; `program_invalid` for a sandbox of a command module.
    pub fn close(&mut self) -> Result<Outcome> {
        block_on(self.close_async())
    }

    /// [`close`](Sandbox::close) without blocking.
    ///
    /// # Errors
    /// As for [`close`](Sandbox::close).
    pub async fn close_async(&mut self) -> Result<Outcome> {
        self.begin_close()?;
        self.finish().await
    }

    /// Saves the session as it is now, between two runs. The session goes on; what it writes later
    /// is not part of the snapshot.
    ///
    /// # Errors
    /// `session_ended`, `run_suspended`; `program_invalid` for a sandbox of a command module.
    pub fn snapshot(&mut self) -> Result<Snapshot> {
        self.make_way()?;
        let Body::Session(session) = &mut self.body else { return Err(snapshot::not_a_session(&self.image)) };
        let captured = session.capture(&self.image, &self.limits)?;
        Ok(Snapshot::new(&self.image, &self.policy, &self.limits, captured).with_tools(self.toolbox.clone()))
    }

    /// A copy of the session, which goes on from here by itself. For several, take one
    /// [`snapshot`](Sandbox::snapshot).
    ///
    /// # Errors
    /// As for [`snapshot`](Sandbox::snapshot) and [`SandboxBuilder::build`].
    pub fn fork(&mut self) -> Result<Sandbox> {
        self.snapshot()?.fork()
    }

    /// A handle with which any thread can end the run under way.
    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    /// Reads a file of the sandbox's tree.
    ///
    /// # Errors
    /// `guest_path_invalid`, `file_unavailable`.
    pub fn read_file(&mut self, path: &str) -> Result<Vec<u8>> {
        let path = GuestPath::parse(path)?;
        self.vfs()?.read_file(&path)
    }

    /// Creates or replaces a file of the sandbox's tree, with the folders it needs. Quotas apply.
    ///
    /// # Errors
    /// `guest_path_invalid`, `file_unavailable`.
    pub fn write_file(&mut self, path: &str, content: &[u8]) -> Result<()> {
        let path = GuestPath::parse(path)?;
        self.vfs()?.write_file(&path, content)
    }

    /// What differs from the start in memory mounts and overlays.
    ///
    /// # Errors
    /// `sandbox_unusable`.
    pub fn files(&mut self) -> Result<FilesDiff> {
        Ok(self.vfs()?.diff())
    }

    /// Writes what was added or changed in the memory mount or overlay at `mount` into the folder
    /// `to` of the host, and returns the difference; files that were removed are only named.
    ///
    /// # Errors
    /// `guest_path_invalid`, `mount_invalid`, `host_io`.
    pub fn export(&mut self, mount: &str, to: &Path) -> Result<FilesDiff> {
        let mount = GuestPath::parse(mount)?;
        let folder = vfs::open_folder(to).map_err(Error::host_io("opening the folder to export to"))?;
        self.vfs()?.export(&mount, &folder)
    }

    /// The image it was made from.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    fn vfs(&mut self) -> Result<&mut Vfs> {
        self.make_way()?;
        let vfs = match &mut self.body {
            Body::Command { vfs } => vfs.as_deref_mut(),
            Body::Session(session) => session.vfs(),
        };
        vfs.ok_or(GONE)
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("image", &self.image).field("limits", &self.limits).finish_non_exhaustive()
    }
}

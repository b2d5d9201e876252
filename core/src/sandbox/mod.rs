//! Sandboxes: one guest's file tree, limits and policy, and the runs in it.

mod builder;
mod cancel;
mod command;
mod hint;
mod program;
mod run;
mod session;
#[cfg(test)]
mod tests;

pub use builder::SandboxBuilder;
pub use cancel::CancelHandle;
pub use program::Program;

use crate::error::{Error, Result};
use crate::image::Image;
use crate::limits::{Budget, Limits};
use crate::outcome::{FilesDiff, Outcome};
use crate::policy::{GuestPath, Policy};
use crate::snapshot::{self, Snapshot};
use crate::store::block_on;
use crate::vfs::{self, Vfs};
use crate::wasi::Clock;
use session::Session;
use std::path::Path;
use std::sync::Arc;

/// What is left of a sandbox whose file tree did not come back from a run.
const GONE: Error = Error::SandboxUnusable { reason: "an earlier run was dropped, failed to start or panicked" };

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
    body: Body,
    cancel: CancelHandle,
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
    /// Dropping the future ends the guest and with it this sandbox.
    ///
    /// # Errors
    /// As for [`run`](Sandbox::run).
    pub async fn run_async(&mut self, program: Program) -> Result<Outcome> {
        run::run(self, program, false).await
    }

    /// Runs one program up to its very end and then ends the session: exit handlers run, and files
    /// that the program left open are written out. For scripts that run once.
    ///
    /// # Errors
    /// As for [`run`](Sandbox::run).
    pub fn run_to_end(&mut self, program: Program) -> Result<Outcome> {
        block_on(self.run_to_end_async(program))
    }

    /// The same without blocking the thread, as [`run_async`](Sandbox::run_async) does it.
    ///
    /// # Errors
    /// As for [`run`](Sandbox::run).
    pub async fn run_to_end_async(&mut self, program: Program) -> Result<Outcome> {
        run::run(self, program, true).await
    }

    /// Ends the session as its interpreter would: exit handlers run, and files that were left open are
    /// written out, within two seconds and five billion units of fuel. Its files can still be read.
    /// Dropping a sandbox does none of this, and never waits.
    ///
    /// # Errors
    /// `session_ended`; `program_invalid` for a sandbox of a command module.
    pub fn close(&mut self) -> Result<Outcome> {
        block_on(self.close_async())
    }

    /// The same without blocking the thread, as [`run_async`](Sandbox::run_async) does it.
    ///
    /// # Errors
    /// As for [`close`](Sandbox::close).
    pub async fn close_async(&mut self) -> Result<Outcome> {
        run::close(self).await
    }

    /// Saves the session as it is now, between two runs. The session goes on; what it writes later
    /// is not part of the snapshot.
    ///
    /// # Errors
    /// `session_ended`; `program_invalid` for a sandbox of a command module.
    pub fn snapshot(&mut self) -> Result<Snapshot> {
        let Body::Session(session) = &mut self.body else { return Err(snapshot::not_a_session(&self.image)) };
        let captured = session.capture(&self.image, &self.limits)?;
        Ok(Snapshot::new(&self.image, &self.policy, &self.limits, captured))
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

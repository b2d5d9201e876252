//! Workspaces: one policy, one set of limits and one file tree for sandboxes of several languages.

use crate::error::{Error, Result};
use crate::image::Image;
use crate::limits::{Budget, LimitKey, Limits};
use crate::outcome::{FilesDiff, Listing};
use crate::policy::{GuestPath, Policy};
use crate::sandbox::SandboxBuilder;
use crate::vfs::{self, Home, Quota};
use crate::wasi;
use std::path::Path;
use std::sync::Arc;

/// A policy, limits, and files that several sandboxes have in turn.
///
/// The policy's memory mounts and overlays belong to the workspace. Each of its sandboxes has them
/// while one of its runs is under way or suspended, and no other has them then: a second run that is
/// started meanwhile is refused (`workspace_busy`). So a Python session, a JavaScript session and a
/// compiled program take turns on one tree, and sessions keep their variables. However a run or a
/// sandbox ends, the files go back. Folders of an image's own, such as Python's `/home`, are each
/// sandbox's own, unless a mount has their path.
///
/// `fs_bytes`, `fs_nodes` and `host_bytes` hold for all sandboxes of the workspace together. A clone is
/// a reference.
///
/// ```
/// use sandcell::{Engine, Image, Limits, Mount, Policy, Program, Workspace};
/// let engine = Engine::builder().build()?;
/// let hello = Image::command(&engine, "hello", br#"(module (func (export "_start")))"#, &Limits::new())?;
/// let workspace = Workspace::new(Policy::new().mount(Mount::memory("/work")?), Limits::new())?;
/// workspace.write_file("/work/in.txt", b"for the first step")?;
/// for _step in 0..2 {
///     assert!(workspace.sandbox(&hello).build()?.run(Program::command())?.is_success());
/// }
/// assert_eq!(workspace.files()?.added, ["/work/in.txt"]);
/// # Ok::<(), sandcell::Error>(())
/// ```
#[derive(Clone)]
pub struct Workspace {
    inner: Arc<Inner>,
}

struct Inner {
    home: Arc<Home>,
    policy: Policy,
    limits: Limits,
    host_bytes: Arc<Budget>,
}

impl Workspace {
    /// Opens the policy's folders and makes its memory mounts.
    ///
    /// # Errors
    /// `mount_invalid`.
    pub fn new(policy: Policy, limits: Limits) -> Result<Workspace> {
        Workspace::of(policy, limits, Home::new)
    }

    /// Another workspace that starts with the files of this one, copy-on-write, and has none of its
    /// sandboxes.
    ///
    /// # Errors
    /// `workspace_busy`, `mount_invalid`.
    pub fn fork(&self) -> Result<Workspace> {
        let Inner { home, policy, limits, .. } = &*self.inner;
        Workspace::of(policy.clone(), limits.clone(), |mounts, quota, host_bytes, now| {
            home.fork(mounts, quota, host_bytes, now)
        })
    }

    fn of(
        policy: Policy,
        limits: Limits,
        make: impl FnOnce(Vec<vfs::MountPoint>, Quota, Arc<Budget>, Arc<dyn vfs::Now>) -> Result<Arc<Home>>,
    ) -> Result<Workspace> {
        let host_bytes = Arc::new(Budget::new(limits.value(LimitKey::HostBytes)));
        let now = wasi::clock(policy.clock);
        let home = make(vfs::mount_points(&policy.mounts)?, Quota::of(&limits), Arc::clone(&host_bytes), now)?;
        Ok(Workspace { inner: Arc::new(Inner { home, policy, limits, host_bytes }) })
    }

    /// A sandbox of this workspace, to be made from `image`. Of another policy or other limits that
    /// its builder is given, the mounts, `fs_bytes`, `fs_nodes`, `file_bytes` and `host_bytes` do not
    /// count: they are the workspace's.
    pub fn sandbox(&self, image: &Image) -> SandboxBuilder {
        SandboxBuilder::within(image, self)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// `workspace_busy`, `guest_path_invalid`, `file_unavailable`.
    pub fn read_file(&self, path: &str) -> Result<Vec<u8>> {
        let path = GuestPath::parse(path)?;
        self.inner.home.visit(|files| files.read_file(&path))
    }

    /// Creates or replaces a file, with the folders it needs. Quotas apply.
    ///
    /// # Errors
    /// `workspace_busy`, `guest_path_invalid`, `file_unavailable`.
    pub fn write_file(&self, path: &str, content: &[u8]) -> Result<()> {
        let path = GuestPath::parse(path)?;
        self.inner.home.visit(|files| files.write_file(&path, content))
    }

    /// What is in a folder, as [`Sandbox::list_files`](crate::Sandbox::list_files) tells it.
    ///
    /// # Errors
    /// `workspace_busy`, `guest_path_invalid`, `file_unavailable`.
    pub fn list_files(&self, path: &str, recursive: bool) -> Result<Listing> {
        let path = GuestPath::parse(path)?;
        self.inner.home.visit(|files| files.list_files(&path, recursive))
    }

    /// Copies a folder to the host, as [`Sandbox::copy_files`](crate::Sandbox::copy_files) does.
    ///
    /// # Errors
    /// `workspace_busy`, `guest_path_invalid`, `file_unavailable`, `host_io`.
    pub fn copy_files(&self, path: &str, to: &Path) -> Result<Listing> {
        let path = GuestPath::parse(path)?;
        let folder = vfs::open_folder(to).map_err(Error::host_io("opening the folder to copy to"))?;
        self.inner.home.visit(|files| files.copy_files(&path, &folder))
    }

    /// What differs from the workspace's start, whoever changed it. What one run changed is in its
    /// outcome.
    ///
    /// # Errors
    /// `workspace_busy`.
    pub fn files(&self) -> Result<FilesDiff> {
        self.inner.home.visit(|files| Ok(files.diff()))
    }

    /// Writes what was added or changed in the memory mount or overlay at `mount` into the folder
    /// `to` of the host, as [`Sandbox::export`](crate::Sandbox::export) does.
    ///
    /// # Errors
    /// `workspace_busy`, `guest_path_invalid`, `mount_invalid`, `host_io`.
    pub fn export(&self, mount: &str, to: &Path) -> Result<FilesDiff> {
        let mount = GuestPath::parse(mount)?;
        let folder = vfs::open_folder(to).map_err(Error::host_io("opening the folder to export to"))?;
        self.inner.home.visit(|files| files.export(&mount, &folder))
    }

    /// What its sandboxes are granted.
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    pub(crate) fn home(&self) -> &Arc<Home> {
        &self.inner.home
    }

    pub(crate) fn host_bytes(&self) -> &Arc<Budget> {
        &self.inner.host_bytes
    }
}

impl std::fmt::Debug for Workspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workspace").field("limits", &self.inner.limits).finish_non_exhaustive()
    }
}

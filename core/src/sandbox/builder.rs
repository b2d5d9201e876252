//! Making a sandbox: everything is checked here, before anything runs.

use super::session::Session;
use super::{Body, CancelHandle, Sandbox};
use crate::error::{Error, Result};
use crate::guest::Live;
use crate::image::{Image, Kind};
use crate::limits::{Budget, LimitKey, Limits};
use crate::policy::Policy;
use crate::vfs::{self, MountPoint, Quota, Vfs};
use crate::wasi::{self, Interrupt, Setup, Stdin, WasiCtx};
use std::sync::Arc;
use std::time::Duration;

/// Settings of a [`Sandbox`] to be made.
#[derive(Debug, Clone)]
pub struct SandboxBuilder {
    image: Image,
    policy: Policy,
    limits: Limits,
}

impl SandboxBuilder {
    pub(super) fn new(image: &Image) -> SandboxBuilder {
        SandboxBuilder { image: image.clone(), policy: Policy::new(), limits: Limits::new() }
    }

    /// What the guest may touch; nothing unless set.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> SandboxBuilder {
        self.policy = policy;
        self
    }

    /// The ceilings; safe defaults unless set.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> SandboxBuilder {
        self.limits = limits;
        self
    }

    /// Makes the sandbox: opens the host folders of its mounts and joins the file tree.
    ///
    /// # Errors
    /// `mount_invalid` (naming every mount that cannot be used), `environment_invalid`.
    pub fn build(self) -> Result<Sandbox> {
        let SandboxBuilder { image, policy, limits } = self;
        check_environment(&policy)?;
        let clock = wasi::clock(policy.clock);
        let host_bytes = Arc::new(Budget::new(limits.value(LimitKey::HostBytes)));
        let quota = Quota {
            fs_bytes: limits.value(LimitKey::FsBytes),
            fs_nodes: limits.value(LimitKey::FsNodes),
            file_bytes: limits.value(LimitKey::FileBytes),
        };
        let mounts = mounts(&image, &policy)?;
        check_descriptors(&mounts, &limits)?;
        let mut vfs = Vfs::new(mounts, quota, Arc::clone(&host_bytes), Arc::clone(&clock) as Arc<dyn vfs::Now>)?;
        if let Some(seed) = policy.seed {
            vfs.seed_inodes(seed.0);
        }
        let body = match image.kind() {
            Kind::Command(_) => Body::Command { vfs: Some(vfs) },
            Kind::Reactor { reactor, warm } => {
                let wasi = WasiCtx::new(Setup {
                    args: Vec::new(),
                    env: Vec::new(),
                    vfs,
                    clock: Arc::clone(&clock),
                    seed: policy.seed,
                    stdin: Stdin::empty(),
                    limits: limits.clone(),
                    host_bytes: Arc::clone(&host_bytes),
                    interrupt: Arc::new(Interrupt::start(Duration::ZERO)),
                })?;
                Body::Session(Session::new(Live::start(reactor, warm, wasi, &limits)?, true))
            }
        };
        Ok(Sandbox { image, policy, limits, host_bytes, clock, body, cancel: CancelHandle::new() })
    }
}

/// The image's own folders first, in the order that its guest knows them by, then the policy's. A
/// mount of the policy at the place of one of the image's memory folders replaces it; the image's
/// read-only folders cannot be replaced.
fn mounts(image: &Image, policy: &Policy) -> Result<Vec<MountPoint>> {
    let files = image.files();
    let mut all = files.mounts();
    for point in vfs::mount_points(&policy.mounts)? {
        let is_memory = files.memory.contains(&point.guest);
        match all.iter_mut().find(|mount| is_memory && mount.guest == point.guest) {
            Some(replaced) => *replaced = point,
            None => all.push(point),
        }
    }
    Ok(all)
}

/// The guest starts with a descriptor for each mount beside its three streams.
fn check_descriptors(mounts: &[MountPoint], limits: &Limits) -> Result<()> {
    let allowed = limits.value(LimitKey::OpenFiles);
    let needed = mounts.len() as u64 + 3;
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

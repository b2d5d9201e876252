//! What a guest may touch. The default is nothing.

mod access;
mod clock;
mod file_name;
mod guest_path;
mod mount;
mod tools;

pub use access::Access;
pub use clock::{Clock, Seed};
pub use file_name::FileName;
pub use guest_path::GuestPath;
pub use mount::Mount;
pub use tools::{ArgumentRule, ToolPolicy, ToolRule};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything a sandbox grants its guest: mounts, environment, clock, randomness and tools.
///
/// A new policy grants nothing: no files beyond the image's own, no environment variable, the
/// real clock and the operating system's randomness.
///
/// ```
/// use sandcell::{Mount, Policy};
/// let policy = Policy::new().mount(Mount::memory("/out")?).env("LANG", "C.UTF-8");
/// let text = serde_json::to_string(&policy).unwrap();
/// assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
/// assert!(serde_json::from_str::<Policy>(r#"{"netwrok": []}"#).is_err());
/// # Ok::<(), sandcell::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// What is visible where in the guest's file tree.
    pub mounts: Vec<Mount>,
    /// The guest's environment variables, laid over the image's own. Nothing of the host's
    /// environment is ever added.
    pub env: BTreeMap<String, String>,
    /// Where the guest's time comes from.
    pub clock: Clock,
    /// Where the guest's randomness comes from; unset means the operating system.
    pub seed: Option<Seed>,
    /// Which of the tools that are handed over the guest may call, and how.
    pub tools: ToolPolicy,
}

impl Policy {
    /// A policy that grants nothing.
    pub fn new() -> Policy {
        Policy::default()
    }

    /// Adds a mount.
    #[must_use]
    pub fn mount(mut self, mount: Mount) -> Policy {
        self.mounts.push(mount);
        self
    }

    /// Sets one environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Policy {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Policy {
        self.clock = clock;
        self
    }

    /// Makes the guest's randomness a function of `seed`.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Policy {
        self.seed = Some(Seed(seed));
        self
    }

    /// Sets which tools may be called, and how.
    #[must_use]
    pub fn tools(mut self, tools: ToolPolicy) -> Policy {
        self.tools = tools;
        self
    }
}

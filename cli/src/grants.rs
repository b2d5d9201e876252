//! What a guest may touch and use: the options that every command has that runs guests.

use crate::failure::Failure;
use crate::{parse, report};
use clap::Args;
use sandcell::{Clock, Error, LimitKey, Limits, Mount, Policy};
use sandcell_mcp::{Server, Servers};
use std::path::{Path, PathBuf};

/// Options that grant and limit.
#[derive(Debug, Args)]
pub(crate) struct Grants {
    /// Show a folder of this machine to the guest, as HOST:GUEST[:ro|rw|rw+symlinks|overlay]
    ///
    /// `ro` is the default. `overlay` lets the guest write while the folder stays as it is.
    /// `rw+symlinks` also lets it create symlinks whose target has `..`.
    #[arg(long = "mount", value_name = "HOST:GUEST[:MODE]", value_parser = parse::mount)]
    mounts: Vec<Mount>,

    /// Give the guest an empty writable folder in memory
    #[arg(long = "memory-mount", value_name = "GUEST", value_parser = parse::memory_mount)]
    memory_mounts: Vec<Mount>,

    /// Set a variable of the guest's environment
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = parse::variable)]
    env: Vec<(String, String)>,

    /// Set a limit; `--help` lists all of them with their defaults
    #[arg(long = "limit", value_name = "KEY=VALUE", value_parser = parse::limit)]
    limits: Vec<(LimitKey, u64)>,

    /// Wall-clock seconds the run may take, the same as `--limit deadline_ms=…`
    #[arg(long, value_name = "SECONDS", value_parser = parse::seconds)]
    timeout: Option<u64>,

    /// Make the guest's randomness the same every time
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// The guest's time: `real`, `frozen`, or nanoseconds since 1970 to freeze at
    #[arg(long, value_name = "CLOCK", value_parser = parse::clock)]
    clock: Option<Clock>,

    /// A policy as JSON; options of the command line are added to it
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Hand over the tools of an MCP server: a command of this machine, or the URL of one
    ///
    /// Guests call them as NAME_tool. A command is split at spaces, which quotes keep; it runs with
    /// your rights, but of this environment gets only PATH, HOME, USER, LANG and TMPDIR.
    #[arg(long = "mcp", value_name = "NAME=COMMAND|URL", value_parser = parse::mcp_server)]
    mcp: Vec<Server>,
}

impl Grants {
    /// The limits that were set.
    pub(crate) fn limits(&self) -> Result<Limits, Error> {
        let timeout = self.timeout.map(|milliseconds| (LimitKey::DeadlineMs, milliseconds));
        self.limits
            .iter()
            .copied()
            .chain(timeout)
            .try_fold(Limits::new(), |limits, (key, value)| limits.with(key, value))
    }

    /// The policy file with what the options add.
    pub(crate) fn policy(&self) -> Result<Policy, Failure> {
        let mut policy = match &self.policy {
            Some(path) => read_policy(path)?,
            None => Policy::new(),
        };
        policy.mounts.extend(self.mounts.iter().chain(&self.memory_mounts).cloned());
        policy.env.extend(self.env.iter().cloned());
        if let Some(clock) = self.clock {
            policy.clock = clock;
        }
        if let Some(seed) = self.seed {
            policy = policy.seed(seed);
        }
        Ok(policy)
    }

    /// The MCP servers, connected; they end when this is dropped.
    pub(crate) fn servers(&self) -> Result<Option<Servers>, Failure> {
        match self.mcp.as_slice() {
            [] => Ok(None),
            servers => Ok(Some(Servers::connect(servers.iter().cloned())?)),
        }
    }
}

/// Examples and the table of limits.
pub(crate) fn long_help(examples: &str) -> String {
    let mut text =
        format!("{examples}\n\nLimits and their defaults; k, m and g mean KiB, MiB and GiB where the unit is bytes:\n");
    for key in LimitKey::ALL {
        text.push_str(&format!("\n  {key}  {}\n", report::with_unit(key, key.default_value())));
        for line in report::wrapped(&report::first_sentence(key.doc()), 90) {
            text.push_str(&format!("      {line}\n"));
        }
    }
    text
}

fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let text = std::fs::read_to_string(path).map_err(Failure::io(format!("reading {}", path.display())))?;
    serde_json::from_str(&text).map_err(|error| {
        let what = format!("policy {}", path.display());
        Failure::Library(Error::DocumentInvalid { what, reason: error.to_string() })
    })
}

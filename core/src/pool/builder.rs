//! Settings of a pool, checked once before it is made.

use super::shared::{Rules, Shared};
use super::{Handle, Pool};
use crate::error::{Error, PoolCap, Result};
use crate::limits::{LimitKey, Limits};
use crate::sandbox::SandboxBuilder;
use std::sync::Arc;
use std::time::Duration;

const MAX_SANDBOXES: usize = 64;
/// Five sandboxes with default limits; most machines have that much to spare.
const MAX_HOST_BYTES: u64 = 4 << 30;
const MAX_READY: usize = 16;
/// A reference to a function or to an object of the host.
const TABLE_ELEMENT_BYTES: u64 = 8;
/// A ready sandbox may use up this part of `idle_ms` and `lifetime_ms`; the rest is its holder's.
const READY_SHARE: u32 = 10;

/// Settings of a [`Pool`] to be made.
#[derive(Debug, Clone)]
pub struct PoolBuilder {
    prototype: SandboxBuilder,
    max_sandboxes: usize,
    max_host_bytes: u64,
    max_ready: usize,
}

impl PoolBuilder {
    pub(super) fn new(prototype: SandboxBuilder) -> PoolBuilder {
        PoolBuilder { prototype, max_sandboxes: MAX_SANDBOXES, max_host_bytes: MAX_HOST_BYTES, max_ready: MAX_READY }
    }

    /// How many sandboxes may exist at once, in use and ready; 64 unless set.
    #[must_use]
    pub fn max_sandboxes(mut self, max_sandboxes: usize) -> PoolBuilder {
        self.max_sandboxes = max_sandboxes;
        self
    }

    /// How much memory of the host all sandboxes together may come to take; 4 GiB unless set.
    ///
    /// Each counts, from before it is made until after it is gone, with the most that its limits
    /// let it take: `memory_bytes`, `host_bytes`, and eight bytes for each of `table_elements`.
    /// Pages that it shares with its image are counted too, for it may write to all of them; so no
    /// guest's behaviour makes the sum wrong, and none is refused memory that its limits
    /// promise because of its neighbours. To admit more, lower these limits.
    ///
    /// Not counted is what does not belong to one sandbox of the pool: compiled code and images,
    /// address space and stacks that the engine keeps for the next guests, the stack of each run
    /// under way (the engine's `stack_bytes`), and outcomes, which belong to the caller.
    #[must_use]
    pub fn max_host_bytes(mut self, max_host_bytes: u64) -> PoolBuilder {
        self.max_host_bytes = max_host_bytes;
        self
    }

    /// How many sandboxes may be kept ready, however high the demand; 16 unless set. With 0 each
    /// is made when it is asked for, and the pool only admits.
    #[must_use]
    pub fn max_ready(mut self, max_ready: usize) -> PoolBuilder {
        self.max_ready = max_ready;
        self
    }

    /// Makes the pool and its first ready sandbox, so that what is wrong with the prototype is
    /// found here.
    ///
    /// # Errors
    /// `document_invalid` when the caps admit no sandbox at all; as for [`SandboxBuilder::build`].
    pub fn build(self) -> Result<Pool> {
        let prototype = self.prototype.clone().with_tools_ready()?;
        let first = prototype.clone().build()?;
        let limits = first.limits();
        let sandbox_bytes = most_bytes(limits);
        let by_memory = usize::try_from(self.max_host_bytes / sandbox_bytes).unwrap_or(usize::MAX);
        let capacity = self.max_sandboxes.min(by_memory);
        if capacity == 0 {
            return Err(self.admits_none(sandbox_bytes));
        }
        let cap = match by_memory < self.max_sandboxes {
            true => (PoolCap::MaxHostBytes, self.max_host_bytes),
            false => (PoolCap::MaxSandboxes, self.max_sandboxes as u64),
        };
        let age = limits.value(LimitKey::IdleMs).min(limits.value(LimitKey::LifetimeMs));
        let rules = Rules {
            cap,
            capacity,
            sandbox_bytes,
            max_ready: self.max_ready,
            max_ready_age: Duration::from_millis(age) / READY_SHARE,
        };
        Ok(Pool { handle: Arc::new(Handle { shared: Shared::new(prototype, rules, Box::new(first)) }) })
    }

    fn admits_none(&self, sandbox_bytes: u64) -> Error {
        let reason = match self.max_sandboxes {
            0 => "`max_sandboxes` is 0".to_owned(),
            _ => format!(
                "`max_host_bytes` is {}, and the limits of one sandbox let it take {sandbox_bytes} bytes",
                self.max_host_bytes
            ),
        };
        Error::DocumentInvalid { what: "settings of a pool".into(), reason }
    }
}

/// The most that a sandbox with these limits can make the host hold for it.
fn most_bytes(limits: &Limits) -> u64 {
    let tables = limits.value(LimitKey::TableElements).saturating_mul(TABLE_ELEMENT_BYTES);
    limits.value(LimitKey::MemoryBytes).saturating_add(limits.value(LimitKey::HostBytes)).saturating_add(tables)
}

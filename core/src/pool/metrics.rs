//! What a pool tells of itself.

use serde::Serialize;

/// What a [`Pool`](crate::Pool) holds, and what it has done so far.
///
/// All numbers are of one moment. `forks` is the sum of `resets`, `live` and `ready` whenever no
/// sandbox is just being made or dropped, and nobody who was given a place has yet to use it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PoolMetrics {
    /// Sandboxes that wait to be handed out.
    pub ready: usize,
    /// Sandboxes in use, or being made or dropped for somebody who asked.
    pub live: usize,
    /// Callers that wait in line.
    pub waiting: usize,
    /// How many sandboxes the caps admit at once.
    pub capacity: usize,
    /// What one sandbox counts with against `max_host_bytes`.
    pub sandbox_bytes: u64,
    /// What counts against `max_host_bytes` now.
    pub host_bytes: u64,
    /// Sandboxes handed out.
    pub acquired: u64,
    /// Of these, the ones that were ready.
    pub acquired_ready: u64,
    /// Sandboxes made.
    pub forks: u64,
    /// Sandboxes dropped, whose memory was reset for another guest.
    pub resets: u64,
    /// Calls that had to wait in line.
    pub waits: u64,
    /// Calls that were refused as `pool_busy`, at once or after waiting.
    pub refused: u64,
    /// Sandboxes that could not be made.
    pub failures: u64,
}

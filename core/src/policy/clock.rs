//! Time and randomness as data of the policy.

use serde::{Deserialize, Serialize};

/// Where the guest's clocks come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Clock {
    /// The host's wall clock, and a monotonic clock that starts at zero with the sandbox, so that
    /// a guest cannot learn how long the host has been up.
    #[default]
    Real,
    /// Time stands still and moves only when the guest sleeps, by exactly as long as it asked
    /// for, without waiting.
    Frozen {
        /// The wall clock at the start, in nanoseconds since 1970-01-01 UTC.
        #[serde(default = "Clock::frozen_default_ns")]
        realtime_ns: u64,
    },
}

impl Clock {
    /// A clock frozen at 2020-01-01T00:00:00Z.
    pub fn frozen() -> Clock {
        Clock::Frozen { realtime_ns: Clock::frozen_default_ns() }
    }

    fn frozen_default_ns() -> u64 {
        1_577_836_800_000_000_000
    }
}

/// The seed of a guest's randomness: equal seeds give equal streams on every platform
/// (ChaCha20, RFC 8439, keyed with SHA-256 of the seed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

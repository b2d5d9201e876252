//! Time and randomness as data of the policy.

use serde::{Deserialize, Serialize};

/// Where the guest's clocks come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", from = "ClockJson")]
pub enum Clock {
    /// The host's wall clock, and a monotonic clock that starts at zero with the sandbox, so that
    /// a guest cannot learn how long the host has been up.
    #[default]
    Real,
    /// Time stands still and moves only when the guest sleeps, by exactly as long as it asked
    /// for, without waiting.
    Frozen {
        /// The wall clock at the start, in nanoseconds since 1970-01-01 UTC.
        realtime_ns: u64,
    },
}

/// What is read: serde would ignore unknown fields of a variant that has none.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
enum ClockJson {
    Real {},
    Frozen {
        #[serde(default = "Clock::frozen_default_ns")]
        realtime_ns: u64,
    },
}

impl From<ClockJson> for Clock {
    fn from(json: ClockJson) -> Clock {
        match json {
            ClockJson::Real {} => Clock::Real,
            ClockJson::Frozen { realtime_ns } => Clock::Frozen { realtime_ns },
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_a_clock_does_not_have_is_refused() {
        let parse = |text: &str| serde_json::from_str::<Clock>(text);
        assert_eq!(parse(r#"{"kind": "real"}"#).unwrap(), Clock::Real);
        assert_eq!(parse(r#"{"kind": "frozen"}"#).unwrap(), Clock::frozen());
        assert_eq!(parse(r#"{"kind": "frozen", "realtime_ns": 5}"#).unwrap(), Clock::Frozen { realtime_ns: 5 });
        assert!(parse(r#"{"kind": "real", "realtime_ns": 5}"#).is_err());
        assert!(parse(r#"{"kind": "frozen", "realtime": 5}"#).is_err());
    }
}

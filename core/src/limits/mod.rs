//! Ceilings: one table names every limit, its unit, default, range and meaning.
//!
//! `docs/limits.md`, the command line's help and every binding derive from this table.
//! [`Limits::set`] is the only door; a limit that is not set has its default, and "unlimited"
//! cannot be expressed.

mod budget;
mod compiling;
mod table;

pub(crate) use budget::{Budget, Exceeded};
pub use table::{LimitKey, Unit};

use crate::error::{Error, Result};
use std::fmt;

/// The ceilings of one sandbox.
///
/// ```
/// use sandcell::{LimitKey, Limits};
/// let limits = Limits::new().with(LimitKey::Fuel, 1_000_000)?;
/// assert_eq!(limits.value(LimitKey::Fuel), 1_000_000);
/// assert_eq!(limits.value(LimitKey::OpenFiles), LimitKey::OpenFiles.default_value());
/// assert!(limits.with(LimitKey::Fuel, u64::MAX).is_err());
/// # Ok::<(), sandcell::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Limits {
    values: [u64; LimitKey::COUNT],
}

impl Limits {
    /// All limits at their defaults.
    pub fn new() -> Limits {
        Limits { values: LimitKey::ALL.map(LimitKey::default_value) }
    }

    /// Sets a limit by its name. Every language and the command line end here.
    ///
    /// # Errors
    /// `limit_unknown` (the message lists the known ones), `limit_range`.
    pub fn set(&mut self, name: &str, value: u64) -> Result<()> {
        let limit = LimitKey::parse(name).ok_or_else(|| Error::LimitUnknown { name: name.to_owned() })?;
        self.set_key(limit, value)
    }

    /// The same limits with one of them changed.
    ///
    /// # Errors
    /// `limit_range`.
    pub fn with(mut self, limit: LimitKey, value: u64) -> Result<Limits> {
        self.set_key(limit, value)?;
        Ok(self)
    }

    /// The value in force.
    pub fn value(&self, limit: LimitKey) -> u64 {
        self.values[limit as usize]
    }

    fn set_key(&mut self, limit: LimitKey, value: u64) -> Result<()> {
        if !limit.range().contains(&value) {
            return Err(Error::LimitRange { limit, value });
        }
        self.values[limit as usize] = value;
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::new()
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(LimitKey::ALL.map(|limit| (limit.as_str(), self.value(limit)))).finish()
    }
}

impl serde::Serialize for Limits {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(LimitKey::ALL.map(|limit| (limit.as_str(), self.value(limit))))
    }
}

impl<'de> serde::Deserialize<'de> for Limits {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Limits, D::Error> {
        let given = std::collections::BTreeMap::<String, u64>::deserialize(deserializer)?;
        let mut limits = Limits::new();
        for (name, value) in given {
            limits.set(&name, value).map_err(serde::de::Error::custom)?;
        }
        Ok(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_limit_is_refused_with_the_list_of_known_ones() {
        let error = serde_json::from_str::<Limits>(r#"{"fule": 3}"#).unwrap_err().to_string();
        assert!(error.contains("`fule`") && error.contains("memory_bytes"), "{error}");
    }

    #[test]
    fn limits_survive_their_json_form() {
        let limits = Limits::new().with(LimitKey::Fuel, 5).unwrap();
        let text = serde_json::to_string(&limits).unwrap();
        assert_eq!(serde_json::from_str::<Limits>(&text).unwrap(), limits);
    }

    #[test]
    fn every_default_lies_in_its_range() {
        for limit in LimitKey::ALL {
            assert!(limit.range().contains(&limit.default_value()), "{limit}");
            assert_eq!(LimitKey::parse(limit.as_str()), Some(limit));
        }
    }
}

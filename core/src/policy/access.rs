//! Read or read-write.

use serde::{Deserialize, Serialize};

/// What a guest may do with the files of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Access {
    /// Look and read. Every mutating call fails with `EROFS` and is recorded as a denial.
    #[default]
    #[serde(rename = "ro")]
    ReadOnly,
    /// Read, create, write, rename and remove, inside the quotas.
    #[serde(rename = "rw")]
    ReadWrite,
}

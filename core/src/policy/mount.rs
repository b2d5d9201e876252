//! What is visible where in the guest's file tree.

use super::{Access, GuestPath};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One mount of a sandbox.
///
/// ```
/// use sandcell::{Access, Mount};
/// let data = Mount::host("/srv/data", "/data", Access::ReadOnly)?;
/// let out = Mount::memory("/out")?;
/// assert_eq!(data.guest().as_str(), "/data");
/// assert!(Mount::memory("/a/../b").is_err());
/// # let _ = out; Ok::<(), sandcell::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Mount {
    /// A folder of the host. Nothing above it is reachable; only regular files, directories
    /// and symlinks inside it can be opened.
    Host {
        /// The folder on the host. It is opened once, when the sandbox is built.
        host: PathBuf,
        /// Where the guest sees it.
        guest: GuestPath,
        /// Read-only unless said otherwise.
        #[serde(default)]
        access: Access,
        /// Lets the guest create any relative symlink in a read-write mount. Without it only
        /// those are created whose target has no `..`, which cannot point out of the folder
        /// wherever they are moved.
        #[serde(default)]
        symlinks: bool,
    },
    /// A folder of the host underneath; everything the guest writes stays in memory and can be
    /// listed and exported as a difference. The host's folder is never changed.
    Overlay {
        /// The folder on the host.
        host: PathBuf,
        /// Where the guest sees it.
        guest: GuestPath,
    },
    /// An empty folder in memory, or one that holds the given files.
    Memory {
        /// Where the guest sees it.
        guest: GuestPath,
        /// Files it holds at the start, by their path below the mount.
        #[serde(default, with = "files_as_base64", skip_serializing_if = "BTreeMap::is_empty")]
        files: BTreeMap<String, Vec<u8>>,
        /// Read-write unless said otherwise.
        #[serde(default = "read_write")]
        access: Access,
    },
}

impl Mount {
    /// A folder of the host.
    ///
    /// # Errors
    /// `guest_path_invalid`. Whether the folder exists is checked when the sandbox is built.
    pub fn host(host: impl Into<PathBuf>, guest: &str, access: Access) -> Result<Mount> {
        Ok(Mount::Host { host: host.into(), guest: GuestPath::parse(guest)?, access, symlinks: false })
    }

    /// A folder of the host with all writes kept in memory.
    ///
    /// # Errors
    /// `guest_path_invalid`.
    pub fn overlay(host: impl Into<PathBuf>, guest: &str) -> Result<Mount> {
        Ok(Mount::Overlay { host: host.into(), guest: GuestPath::parse(guest)? })
    }

    /// An empty folder in memory that the guest may write.
    ///
    /// # Errors
    /// `guest_path_invalid`.
    pub fn memory(guest: &str) -> Result<Mount> {
        Mount::memory_with(guest, BTreeMap::new(), Access::ReadWrite)
    }

    /// A folder in memory that holds `files`, by their path below the mount.
    ///
    /// # Errors
    /// `guest_path_invalid`, for the mount or for a file's path.
    pub fn memory_with(guest: &str, files: BTreeMap<String, Vec<u8>>, access: Access) -> Result<Mount> {
        for path in files.keys() {
            GuestPath::parse(&format!("/{path}"))?;
        }
        Ok(Mount::Memory { guest: GuestPath::parse(guest)?, files, access })
    }

    /// Where the guest sees it.
    pub fn guest(&self) -> &GuestPath {
        match self {
            Mount::Host { guest, .. } | Mount::Overlay { guest, .. } | Mount::Memory { guest, .. } => guest,
        }
    }
}

fn read_write() -> Access {
    Access::ReadWrite
}

/// `{"path": "<base64>"}`: files are bytes, JSON has none.
mod files_as_base64 {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use std::collections::BTreeMap;

    pub(super) fn serialize<S: Serializer>(files: &BTreeMap<String, Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(files.iter().map(|(path, bytes)| (path, BASE64_STANDARD.encode(bytes))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Vec<u8>>, D::Error> {
        let text = BTreeMap::<String, String>::deserialize(from)?;
        let decode =
            |(path, data): (String, String)| Ok((path, BASE64_STANDARD.decode(data).map_err(D::Error::custom)?));
        text.into_iter().map(decode).collect()
    }
}

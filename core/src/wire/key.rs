//! The secret by which a service knows its own snapshots and archives.

use crate::error::{Error, Result};
use std::fmt;
use std::sync::Arc;

/// The fewest bytes that a key may have.
const MIN_KEY_BYTES: usize = 16;
/// The most: longer ones bring nothing, and are mistakes such as a whole file.
const MAX_KEY_BYTES: usize = 1024;

/// A secret for HMAC-SHA256 (RFC 2104): who has it can make snapshots that its other holders
/// accept, and accepts no others.
///
/// ```
/// let key = sandcell::SnapshotKey::new(&[7; 32])?;
/// assert_eq!(format!("{key:?}"), "SnapshotKey(..)");
/// assert!(sandcell::SnapshotKey::new(b"too short").is_err());
/// # Ok::<(), sandcell::Error>(())
/// ```
#[derive(Clone)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// A key of 16 to 1024 bytes, which should be random; 32 are best.
    ///
    /// # Errors
    /// `document_invalid` for another length.
    pub fn new(secret: &[u8]) -> Result<Key> {
        if !(MIN_KEY_BYTES..=MAX_KEY_BYTES).contains(&secret.len()) {
            let reason = format!("it has {} bytes; use {MIN_KEY_BYTES} to {MAX_KEY_BYTES}", secret.len());
            return Err(Error::DocumentInvalid { what: "snapshot key".into(), reason });
        }
        Ok(Key(secret.into()))
    }

    pub(super) fn secret(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SnapshotKey(..)")
    }
}

//! The last bytes of a format: SHA-256 (FIPS 180-4) over everything before them, or HMAC-SHA256
//! (RFC 2104) with the caller's key.
//!
//! A checksum finds damage and proves nothing about who wrote the bytes; anybody can make one.

use super::Key;
use crate::error::{Error, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// Length of a checksum or keyed seal.
pub(crate) const SEAL_BYTES: usize = 32;

/// A seal in the making.
#[derive(Clone)]
pub(crate) enum Seal {
    Checksum(Sha256),
    Keyed(Hmac<Sha256>),
}

impl Seal {
    pub(crate) fn new(key: Option<&Key>) -> Result<Seal> {
        Ok(match key {
            None => Seal::Checksum(Sha256::new()),
            // It takes keys of any length.
            Some(key) => Seal::Keyed(
                Hmac::new_from_slice(key.secret()).map_err(|error| Error::Internal { reason: error.to_string() })?,
            ),
        })
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Seal::Checksum(hasher) => hasher.update(bytes),
            Seal::Keyed(mac) => mac.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> [u8; SEAL_BYTES] {
        match self {
            Seal::Checksum(hasher) => hasher.finalize().into(),
            Seal::Keyed(mac) => mac.finalize().into_bytes().into(),
        }
    }

    /// Compares in a time that does not depend on where the first difference is.
    pub(crate) fn verify(self, found: &[u8; SEAL_BYTES]) -> bool {
        match self {
            Seal::Keyed(mac) => mac.verify_slice(found).is_ok(),
            Seal::Checksum(hasher) => {
                let expected: [u8; SEAL_BYTES] = hasher.finalize().into();
                expected.iter().zip(found).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
            }
        }
    }
}

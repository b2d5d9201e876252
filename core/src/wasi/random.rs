//! The guest's randomness. The only file that asks the operating system for entropy.

use super::{Failure, GuestMemory, WasiCtx};
use crate::error::{Error, Result};
use crate::policy::Seed;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// Separates this use of a seed from any other.
const DOMAIN: &[u8] = b"sandcell guest randomness 1";
/// Bytes between two looks at the deadline: about 100 µs of work.
const CHUNK_BYTES: usize = 64 << 10;

/// A ChaCha20 stream (RFC 8439) of one sandbox.
#[derive(Debug, Clone)]
pub(super) struct Random(ChaCha20Rng);

impl Random {
    /// A stream that is a function of the policy's seed, or one keyed by the operating system.
    pub(super) fn new(seed: Option<Seed>) -> Result<Random> {
        let mut key = [0; 32];
        match seed {
            Some(Seed(seed)) => {
                key.copy_from_slice(&Sha256::new().chain_update(DOMAIN).chain_update(seed.to_le_bytes()).finalize());
            }
            None => getrandom::fill(&mut key).map_err(|error| {
                let source = match error.raw_os_error() {
                    Some(code) => std::io::Error::from_raw_os_error(code),
                    None => std::io::Error::other(error.to_string()),
                };
                Error::host_io("reading the operating system's randomness")(source)
            })?,
        }
        Ok(Random(ChaCha20Rng::from_seed(key)))
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

impl WasiCtx {
    pub(super) fn random_get(
        &mut self,
        mut memory: GuestMemory<'_>,
        at: u32,
        len: u32,
    ) -> std::result::Result<(), Failure> {
        for chunk in memory.slice_mut(at, len)?.chunks_mut(CHUNK_BYTES) {
            if chunk.len() == CHUNK_BYTES {
                self.interrupt.check()?;
            }
            self.credit.spend_bytes(chunk.len() as u32)?;
            self.random.fill(chunk);
        }
        Ok(())
    }
}

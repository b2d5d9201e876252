//! The guest's randomness. The only file that asks the operating system for entropy.

use super::{Failure, GuestMemory, Stop, WasiCtx};
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
pub(super) struct Random {
    stream: ChaCha20Rng,
    /// What it is a function of; none when the operating system keyed it.
    seed: Option<Seed>,
}

/// Where a seeded stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) seed: Seed,
    /// How many words of 32 bits were taken from it.
    pub(super) words: u128,
}

impl Position {
    /// The stream repeats from here on.
    pub(super) const END: u128 = 1 << 68;

    /// The stream from here on.
    pub(super) fn stream(self) -> Random {
        let mut stream = ChaCha20Rng::from_seed(key(self.seed));
        stream.set_word_pos(self.words);
        Random { stream, seed: Some(self.seed) }
    }
}

impl Random {
    /// A stream that is a function of the policy's seed, or one keyed by the operating system.
    pub(super) fn new(seed: Option<Seed>) -> Result<Random> {
        let mut key = [0; 32];
        match seed {
            Some(seed) => key = self::key(seed),
            None => getrandom::fill(&mut key).map_err(|error| {
                let source = match error.raw_os_error() {
                    Some(code) => std::io::Error::from_raw_os_error(code),
                    None => std::io::Error::other(error.to_string()),
                };
                Error::host_io("reading the operating system's randomness")(source)
            })?,
        }
        Ok(Random { stream: ChaCha20Rng::from_seed(key), seed })
    }

    /// Where the stream is, if it has a seed: another's key is nobody's to keep.
    pub(super) fn position(&self) -> Option<Position> {
        Some(Position { seed: self.seed?, words: self.stream.get_word_pos() })
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        self.stream.fill_bytes(bytes);
    }
}

fn key(Seed(seed): Seed) -> [u8; 32] {
    Sha256::new().chain_update(DOMAIN).chain_update(seed.to_le_bytes()).finalize().into()
}

impl WasiCtx {
    pub(super) fn random_get(
        &mut self,
        mut memory: GuestMemory<'_>,
        at: u32,
        len: u32,
    ) -> std::result::Result<(), Failure> {
        let buffer = memory.slice_mut(at, len)?;
        Ok(self.fill_random(buffer)?)
    }

    /// Fills `buffer`, looking at the deadline now and then.
    pub(super) fn fill_random(&mut self, buffer: &mut [u8]) -> std::result::Result<(), Stop> {
        for chunk in buffer.chunks_mut(CHUNK_BYTES) {
            if chunk.len() == CHUNK_BYTES {
                self.interrupt.check()?;
            }
            self.credit.spend_bytes(chunk.len() as u32)?;
            self.random.fill(chunk);
        }
        Ok(())
    }
}

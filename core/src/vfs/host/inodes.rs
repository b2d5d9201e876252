//! The inode numbers that a guest sees of the host's files.

use super::charges::FileKey;
use std::hash::{BuildHasher as _, DefaultHasher, Hash as _, Hasher as _, RandomState};

/// Numbers that say which files are the same and nothing else. The host's own tell how its disk
/// is used and in which order files were made; these are a hash of them (SipHash-1-3) under a key
/// that every tree draws anew, or under the policy's seed, so that a seeded run repeats.
#[derive(Clone, Default)]
pub(in crate::vfs) struct Inodes {
    drawn: RandomState,
    seed: Option<u64>,
}

impl Inodes {
    pub(in crate::vfs) fn seeded(seed: u64) -> Inodes {
        Inodes { seed: Some(seed), ..Inodes::default() }
    }

    pub(in crate::vfs) fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// The number of a file. Two files share one with a probability of 2^-64.
    pub(in crate::vfs) fn number(&self, file: FileKey) -> u64 {
        // Zero marks an entry that is not there in many a C library.
        let hash = match self.seed {
            None => self.drawn.hash_one(file),
            Some(seed) => {
                let mut hasher = DefaultHasher::new();
                (seed, file).hash(&mut hasher);
                hasher.finish()
            }
        };
        hash.max(1)
    }
}

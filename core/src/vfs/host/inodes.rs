//! The inode numbers that a guest sees of the host's files.

use super::charges::FileKey;
use std::hash::{BuildHasher as _, RandomState};

/// Numbers that say which files are the same and nothing else. The host's own tell how its disk
/// is used and in which order files were made; these are a hash of them (SipHash-1-3) under a key
/// that every tree draws anew.
#[derive(Default)]
pub(in crate::vfs) struct Inodes(RandomState);

impl Inodes {
    /// The number of a file. Two files share one with a probability of 2^-64.
    pub(in crate::vfs) fn number(&self, file: FileKey) -> u64 {
        // Zero marks an entry that is not there in many a C library.
        self.0.hash_one(file).max(1)
    }
}

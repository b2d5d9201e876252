//! A read-only private map of a file that nobody else may change.

use std::fs::File;
use std::io;

/// The content of a file of the cache, shared by every sandbox that serves it.
pub(crate) struct FileMap {
    map: memmap2::Mmap,
}

impl FileMap {
    /// Maps `file`, which must be a sealed file of the private cache folder.
    pub(crate) fn of_sealed(file: &File) -> io::Result<FileMap> {
        // SAFETY: a mapped file must not be truncated or changed while it is mapped. Only files
        // of the cache come here: the folder is ours alone (0700, checked), files in it are
        // written under a temporary name, renamed into place and only ever unlinked afterwards
        // (`engine/cache.rs` keeps this). Whoever runs as the same user is trusted.
        let map = unsafe { memmap2::MmapOptions::new().map_copy_read_only(file)? };
        Ok(FileMap { map })
    }
}

impl AsRef<[u8]> for FileMap {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}

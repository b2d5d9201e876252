//! The saved linear memory that sandboxes share until they write.

use crate::memory::region::page_bytes;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// A memory as it was when its image or snapshot was taken: a multiple of the page size, and
/// never changed again.
pub(crate) struct MemoryImage {
    file: File,
    map: memmap2::Mmap,
}

impl MemoryImage {
    /// Keeps `content` in an anonymous file that is sealed against every change
    /// (`memfd_create(2)`, `F_SEAL_WRITE`), so that no map of it can fault.
    pub(crate) fn of_bytes(content: &[u8]) -> io::Result<Arc<MemoryImage>> {
        MemoryImage::of_parts(content.len() as u64, [(0, content)])
    }

    /// The same from parts, each at its offset; what no part covers is zero, and a later part
    /// overwrites an earlier one.
    pub(crate) fn of_parts<'a>(
        bytes: u64,
        parts: impl IntoIterator<Item = (u64, &'a [u8])>,
    ) -> io::Result<Arc<MemoryImage>> {
        use rustix::fs::{MemfdFlags, SealFlags};
        use std::os::unix::fs::FileExt as _;
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = File::from(rustix::fs::memfd_create(c"sandcell-image", flags)?);
        file.set_len(bytes)?;
        for (offset, part) in parts {
            file.write_all_at(part, offset)?;
        }
        rustix::fs::fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        MemoryImage::of_sealed(file)
    }

    /// Uses a file that nobody can change or truncate: a sealed memfd, or a verified file of the
    /// private cache folder.
    pub(crate) fn of_sealed(file: File) -> io::Result<Arc<MemoryImage>> {
        let bytes = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        if bytes == 0 || bytes % page_bytes() != 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a memory image is a positive number of whole pages",
            ));
        }
        // SAFETY: a mapped file must not be truncated or changed. The caller hands over one that
        // cannot be: sealed by the kernel, or part of the cache (see `map.rs`).
        let map = unsafe { memmap2::MmapOptions::new().len(bytes).map(&file)? };
        Ok(Arc::new(MemoryImage { file, map }))
    }

    /// The file behind it, to be mapped privately.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Its content.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }
}

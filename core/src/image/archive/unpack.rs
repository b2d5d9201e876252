//! Where the files of an archive go: new private files, in which long zeros take no room.

use super::Entry;
use crate::engine::create_private;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Zeros of this length and alignment are left out.
const PIECE_BYTES: usize = 64 << 10;

/// What [`read`](super::read) is to write to, so that all files lie in `folder`, which is private
/// and holds none of them yet.
pub(crate) fn unpack_into(folder: &Path) -> impl FnMut(&Entry) -> Result<SparseFile> {
    move |entry| {
        SparseFile::create(&folder.join(&entry.name), entry.raw_bytes)
            .map_err(Error::host_io("unpacking an image archive"))
    }
}

/// A file of known length that is written from its start to its end.
pub(crate) struct SparseFile {
    file: File,
    written: u64,
}

impl SparseFile {
    fn create(path: &Path, bytes: u64) -> io::Result<SparseFile> {
        let file = create_private(path)?;
        file.set_len(bytes)?;
        Ok(SparseFile { file, written: 0 })
    }
}

impl Write for SparseFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.chunks(PIECE_BYTES) {
            if piece.iter().any(|byte| *byte != 0) {
                self.file.write_all_at(piece, self.written)?;
            }
            self.written += piece.len() as u64;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

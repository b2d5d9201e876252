//! Writing an archive: every file is read once, compressed on several threads, and hashed on the
//! way.

use super::index::{Description, Entry, Index, Kind, MAX_INDEX_BYTES, allow};
use super::{BLOCK_BYTES, LENGTH_BYTES, prefix};
use crate::engine::Digest;
use crate::error::{Error, Result};
use crate::image::progress::{Progress, Stage};
use crate::wire::{Effort, Key, SEAL_BYTES, Seal, compressor};
use sha2::{Digest as _, Sha256};
use std::io::{self, Read, Write};

/// Measured on compiled CPython, 287 MB: level 3 gives 68.9 MB in 1.2 s, 9 gives 60.0 MB in 4.2 s, 12
/// gives 59.1 MB in 7.4 s; all unpack as fast. Exporting is rare and importing is not.
const LEVEL: i32 = 12;
/// Threads beyond these gain little and cost memory for their windows.
const MAX_THREADS: usize = 8;

/// A file to be packed.
pub(crate) struct Source<R> {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// How much `content` gives; anything else is an error.
    pub(crate) raw_bytes: u64,
    /// What it was sealed with, where that is known: the archive is not to hold anything else.
    pub(crate) sha256: Option<Digest>,
    pub(crate) content: R,
}

/// Writes an archive to `to`, from its current place on, and returns the SHA-256 of all of it.
/// `progress` sees the bytes of input dealt with.
///
/// # Errors
/// `image_exceeds`; `image_damaged` when a source is not what it was said to be; `host_io`. What
/// has been written by then is no archive.
pub(crate) fn write<R: Read>(
    to: impl Write,
    description: Description,
    sources: Vec<Source<R>>,
    key: Option<&Key>,
    max_bytes: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<Digest> {
    let mut index = Index { description, entries: sources.iter().map(planned).collect() };
    // What is written can be read: the same rules for both, and before any work.
    index.check(max_bytes)?;
    let total = index.entries.iter().map(|entry| entry.raw_bytes).sum();
    let mut done = 0;
    let mut to = Sealing { to, digest: Sha256::new(), seal: Seal::new(key)?, bytes: 0 };
    to.write_all(&prefix(key.is_some())).map_err(Error::host_io(WRITING))?;
    for (place, source) in sources.into_iter().enumerate() {
        let before = to.bytes;
        let found = pack(&mut to, source.content, source.raw_bytes, &mut |bytes| {
            done += bytes;
            progress(Progress { stage: Stage::Pack, done, total });
        });
        let found = found.map_err(|error| index.failure(place, error))?;
        if source.sha256.is_some_and(|expected| expected != found) {
            return Err(index.damaged(format!("{} does not have the digest it was recorded with", source.name)));
        }
        let entry = &mut index.entries[place];
        (entry.sha256, entry.stored_bytes) = (found, to.bytes - before);
    }
    let text = serde_json::to_vec(&index).map_err(|error| Error::Internal { reason: error.to_string() })?;
    let length = u32::try_from(text.len()).ok().filter(|_| text.len() <= MAX_INDEX_BYTES);
    let length = length.ok_or_else(|| index.damaged("its index is too long"))?;
    allow(to.bytes + (text.len() + LENGTH_BYTES + SEAL_BYTES) as u64, max_bytes)?;
    to.finish(&text, length).map_err(Error::host_io(WRITING))
}

const WRITING: &str = "writing an image archive";

fn planned<R>(source: &Source<R>) -> Entry {
    let Source { name, kind, raw_bytes, sha256, .. } = source;
    // Both are known when it has been packed.
    let (stored_bytes, sha256) = (0, sha256.unwrap_or(Digest::of(&[])));
    Entry { name: name.clone(), kind: *kind, stored_bytes, raw_bytes: *raw_bytes, sha256 }
}

impl Index {
    fn failure(&self, place: usize, error: io::Error) -> Error {
        if error.kind() == io::ErrorKind::InvalidData {
            return self.damaged(format!("{} has another length than it was recorded with", self.entries[place].name));
        }
        Error::HostIo { operation: WRITING.into(), source: error }
    }
}

/// Compresses exactly `raw_bytes` of `content` and returns their digest.
fn pack(to: impl Write, mut content: impl Read, raw_bytes: u64, progress: &mut dyn FnMut(u64)) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut limited = (&mut content).take(raw_bytes);
    if raw_bytes > 0 {
        let threads = std::thread::available_parallelism().map_or(1, |found| found.get().min(MAX_THREADS));
        let effort = Effort { level: LEVEL, threads: u32::try_from(threads).unwrap_or(1) };
        let mut packed = compressor(effort, raw_bytes, to)?;
        let mut block = vec![0; BLOCK_BYTES];
        while limited.limit() > 0 {
            let read = limited.read(&mut block)?;
            if read == 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
            hasher.update(&block[..read]);
            packed.write_all(&block[..read])?;
            progress(read as u64);
        }
        packed.finish()?;
    }
    if content.read(&mut [0])? > 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Digest::from(<[u8; 32]>::from(hasher.finalize())))
}

/// Digests and seals what passes through.
struct Sealing<W> {
    to: W,
    digest: Sha256,
    seal: Seal,
    bytes: u64,
}

impl<W: Write> Sealing<W> {
    fn finish(mut self, index: &[u8], length: u32) -> io::Result<Digest> {
        self.write_all(index)?;
        self.write_all(&length.to_le_bytes())?;
        let seal = self.seal.finish();
        self.to.write_all(&seal)?;
        self.to.flush()?;
        self.digest.update(seal);
        Ok(Digest::from(<[u8; 32]>::from(self.digest.finalize())))
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.seal.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

//! Private folders whose files are verified once and then trusted as long as nothing about them
//! changes.
//!
//! Hashing the code of a large image takes over a second. So its digest is taken when it is
//! written and recorded beside it, together with device, inode, size and times of the file. A
//! reader compares the record; any difference, or another owner or mode, means hashing again.
//! Damage below the file system is out of scope; `verify` hashes everything.

use super::digest::Digest;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

const RECORD: &str = "record.json";
const MAX_RECORD_BYTES: u64 = 1 << 20;

/// A folder whose files match its record.
#[derive(Debug)]
pub(crate) struct Sealed {
    folder: PathBuf,
    record: Record,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// The folder's own name: an entry that was moved to another's place is not that other one.
    entry: String,
    files: BTreeMap<String, FileRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRecord {
    sha256: Digest,
    facts: Facts,
}

/// What changes when a file is replaced or written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    device: u64,
    inode: u64,
    bytes: u64,
    modified_ns: i64,
    changed_ns: i64,
}

impl Sealed {
    /// Records the files of `folder`, whose digests were taken while writing them, as those of
    /// the entry it will become.
    pub(crate) fn seal(folder: &Path, entry: &str, digests: BTreeMap<String, Digest>) -> Result<()> {
        let mut files = BTreeMap::new();
        for (name, sha256) in digests {
            let file = File::open(folder.join(&name)).map_err(Error::host_io("sealing the cache"))?;
            file.sync_all().map_err(Error::host_io("writing the cache"))?;
            files.insert(name, FileRecord { sha256, facts: facts(&file)? });
        }
        write_record(folder, &Record { entry: entry.to_owned(), files })
    }

    /// Opens a folder and checks its record against its files.
    ///
    /// `Ok(None)`: there is no such folder. `Err(reason)`: it cannot be trusted.
    pub(crate) fn open(folder: &Path) -> Result<Option<Sealed>, String> {
        let found = match fs::symlink_metadata(folder) {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        if !found.is_dir() || !is_private(&found) {
            return Err("the folder is not private to this user (0700)".into());
        }
        let path = folder.join(RECORD);
        let text = fs::metadata(&path)
            .and_then(|found| {
                if found.len() > MAX_RECORD_BYTES {
                    return Err(std::io::Error::other("it is too large"));
                }
                fs::read(&path)
            })
            .map_err(|error| format!("{RECORD}: {error}"))?;
        let record: Record = serde_json::from_slice(&text).map_err(|error| format!("{RECORD}: {error}"))?;
        if folder.file_name().and_then(|name| name.to_str()) != Some(&record.entry) {
            return Err(format!("{RECORD} is that of another entry"));
        }
        let mut sealed = Sealed { folder: folder.to_owned(), record };
        sealed.check()?;
        Ok(Some(sealed))
    }

    /// Opens one of the files.
    pub(crate) fn file(&self, name: &str) -> Result<File, String> {
        let record = self.record.files.get(name).ok_or_else(|| format!("{name} is not in the record"))?;
        let file = open_nofollow(&self.folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
        // The same descriptor is compared and used, so nothing can be swapped in between.
        if facts(&file).ok().as_ref() != Some(&record.facts) {
            return Err(format!("{name} changed while it was opened"));
        }
        Ok(file)
    }

    /// The files by name, with the digest and the length that each was recorded with.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, Digest, u64)> {
        self.record.files.iter().map(|(name, file)| (name.as_str(), file.sha256, file.facts.bytes))
    }

    /// The sum of the sizes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.record.files.values().map(|file| file.facts.bytes).sum()
    }

    /// Hashes every file, whatever the record says about its times.
    pub(crate) fn verify(&self) -> Result<(), String> {
        self.record.files.iter().try_for_each(|(name, record)| self.rehash(name, &record.sha256).map(drop))
    }

    /// Marks the folder as used now, for eviction. Fails silently on a read-only cache.
    pub(crate) fn touch(&self) {
        if let Ok(record) = File::open(self.folder.join(RECORD)) {
            let _ = record.set_modified(std::time::SystemTime::now());
        }
    }

    fn check(&mut self) -> Result<(), String> {
        let mut changed = false;
        for (name, record) in self.record.files.clone() {
            let file = open_nofollow(&self.folder.join(&name)).map_err(|error| format!("{name}: {error}"))?;
            let found = file.metadata().map_err(|error| format!("{name}: {error}"))?;
            if !is_private(&found) {
                return Err(format!("{name} is not private to this user (0600)"));
            }
            if facts(&file).ok().as_ref() == Some(&record.facts) {
                continue;
            }
            let facts = self.rehash(&name, &record.sha256)?;
            self.record.files.insert(name, FileRecord { facts, ..record });
            changed = true;
        }
        if changed {
            // A copied cache: true content under new inodes. Keep the new facts if we can.
            let _ = write_record(&self.folder, &self.record);
        }
        Ok(())
    }

    fn rehash(&self, name: &str, expected: &Digest) -> Result<Facts, String> {
        let file = open_nofollow(&self.folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
        let facts = facts(&file).map_err(|error| format!("{name}: {error}"))?;
        let found = Digest::of_reader(&file).map_err(|error| format!("{name}: {error}"))?;
        if found != *expected {
            return Err(format!("{name} does not have the digest it was recorded with"));
        }
        Ok(facts)
    }
}

/// When a sealed folder was last used, and how large its files are.
pub(crate) fn last_use(folder: &Path) -> Option<(std::time::SystemTime, u64)> {
    let used = fs::metadata(folder.join(RECORD)).and_then(|found| found.modified()).ok()?;
    Some((used, bytes_in(folder)))
}

/// How large the files of a folder are.
pub(crate) fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
}

/// Makes a new private file.
pub(crate) fn create_private(path: &Path) -> std::io::Result<File> {
    private_options().create_new(true).open(path)
}

/// Writes a new private file and returns its digest.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<Digest> {
    let mut file = create_private(path)?;
    file.write_all(bytes)?;
    Ok(Digest::of(bytes))
}

/// The same for content that is zero in long stretches, which take no room on disk.
pub(crate) fn write_private_sparse(path: &Path, bytes: &[u8]) -> std::io::Result<Digest> {
    use std::os::unix::fs::FileExt as _;
    const PIECE: usize = 64 << 10;
    let file = private_options().create_new(true).open(path)?;
    file.set_len(bytes.len() as u64)?;
    for (index, piece) in bytes.chunks(PIECE).enumerate() {
        if piece.iter().any(|byte| *byte != 0) {
            file.write_all_at(piece, (index * PIECE) as u64)?;
        }
    }
    Ok(Digest::of(bytes))
}

/// Makes a folder that only this user can enter.
pub(crate) fn create_private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// True for what belongs to this user.
pub(crate) fn is_own(found: &fs::Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw()
}

/// True for what belongs to this user and is closed to everybody else.
pub(crate) fn is_private(found: &fs::Metadata) -> bool {
    is_own(found) && found.permissions().mode() & 0o077 == 0
}

/// How files of the cache are opened for writing: mode 0600, no symlinks.
pub(super) fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    options
}

fn open_nofollow(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

/// Replaces the record at once, so that a reader sees the old or the new one.
fn write_record(folder: &Path, record: &Record) -> Result<()> {
    let text = serde_json::to_vec(record).map_err(|error| Error::Internal { reason: error.to_string() })?;
    super::replace(&folder.join(RECORD), &text).map_err(Error::host_io("writing the cache"))
}

fn facts(file: &File) -> Result<Facts> {
    let found = file.metadata().map_err(Error::host_io("reading the cache"))?;
    let nanoseconds = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
    Ok(Facts {
        device: found.dev(),
        inode: found.ino(),
        bytes: found.len(),
        modified_ns: nanoseconds(found.mtime(), found.mtime_nsec()),
        changed_ns: nanoseconds(found.ctime(), found.ctime_nsec()),
    })
}

//! The cache folder: what was compiled or built once, under its content address.
//!
//! ```text
//! <cache>/artifacts/<digest>/   compiled code and its record
//! <cache>/images/<digest>/      read-only files of an image and its record
//! <cache>/names/<name>          which digest an image's name stands for
//! <cache>/locks/<digest>        held while something is being built
//! <cache>/sources/              packages fetched by the command line
//! ```
//! Entries are built in a temporary folder under a lock and renamed into place: a builder that is
//! killed leaves nothing that anybody would read, and the next one clears it away.

use super::digest::Digest;
use super::lock::FileLock;
use super::sealed::{self, Sealed};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a cache holds.
const FOLDERS: [&str; 5] = ["artifacts", "images", "names", "locks", "sources"];
/// What the names of folders begin with in which something is being built.
const BUILDING: &str = ".building-";
/// The default of [`CacheDir::max_bytes`].
const DEFAULT_MAX_BYTES: u64 = 8 << 30;

/// Where compiled code and images are kept.
///
/// The folder and everything in it belongs to one user and is closed to others; whoever can
/// write it can run code as that user.
#[derive(Debug, Clone)]
pub struct CacheDir {
    path: PathBuf,
    max_bytes: u64,
}

impl CacheDir {
    /// `$SANDCELL_CACHE`, else `sandcell` in the platform's cache folder.
    ///
    /// # Errors
    /// `cache_unwritable` when neither is known.
    pub fn user() -> Result<CacheDir> {
        use etcetera::BaseStrategy as _;
        if let Some(path) = std::env::var_os("SANDCELL_CACHE").filter(|path| !path.is_empty()) {
            return Ok(CacheDir::at(path));
        }
        let base = etcetera::choose_base_strategy().map_err(|error| Error::CacheUnwritable {
            path: PathBuf::new(),
            reason: format!("SANDCELL_CACHE is not set and there is no home folder ({error})"),
        })?;
        Ok(CacheDir::at(base.cache_dir().join("sandcell")))
    }

    /// This folder; it is made when it is first written to.
    pub fn at(path: impl Into<PathBuf>) -> CacheDir {
        CacheDir { path: path.into(), max_bytes: DEFAULT_MAX_BYTES }
    }

    /// How many bytes of compiled code are kept (8 GiB unless set). Past it, what was used least
    /// recently is removed; code of named images stays.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> CacheDir {
        self.max_bytes = bytes;
        self
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// An opened cache folder.
#[derive(Debug)]
pub(crate) struct Cache {
    root: PathBuf,
    max_bytes: u64,
}

impl Cache {
    /// Makes the folder private, or refuses one that belongs to somebody else. A folder that
    /// cannot be made is not an error yet: reading finds nothing, writing says so.
    pub(crate) fn open(dir: CacheDir) -> Result<Cache> {
        let cache = Cache { root: dir.path, max_bytes: dir.max_bytes };
        match fs::metadata(&cache.root) {
            Ok(found) if !found.is_dir() => Err(cache.unwritable("it is not a folder")),
            Ok(found) if !sealed::is_own(&found) => Err(cache.unwritable("it belongs to another user")),
            Ok(found) if !sealed::is_private(&found) => cache.close_to_others(),
            _ => Ok(cache),
        }
    }

    /// Takes the rights of others away from a folder that is a cache or still empty. Any other
    /// folder was named by mistake: changing its mode could break what it is for.
    fn close_to_others(self) -> Result<Cache> {
        use std::os::unix::fs::PermissionsExt as _;
        let mut entries = fs::read_dir(&self.root).map_err(|error| self.unwritable(&error.to_string()))?;
        if entries.any(|entry| !entry.is_ok_and(|entry| FOLDERS.iter().any(|name| entry.file_name() == *name))) {
            return Err(self.unwritable("it is open to others and holds files that are not a cache's"));
        }
        fs::set_permissions(&self.root, fs::Permissions::from_mode(0o700))
            .map_err(|error| self.unwritable(&error.to_string()))?;
        Ok(self)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Opens a finished entry. `Err(reason)` if it cannot be trusted.
    pub(crate) fn open_entry(&self, kind: &str, key: Digest) -> Result<Option<Sealed>, String> {
        Sealed::open(&self.entry(kind, key))
    }

    /// Builds an entry unless somebody else has finished it meanwhile. `build` fills a private
    /// temporary folder and returns the digests of its files.
    pub(crate) fn build(
        &self,
        kind: &str,
        key: Digest,
        build: impl FnOnce(&Path) -> Result<BTreeMap<String, Digest>>,
    ) -> Result<Sealed> {
        let parent = self.folder(kind)?;
        let _lock = self.lock(key)?;
        if let Ok(Some(finished)) = self.open_entry(kind, key) {
            return Ok(finished);
        }
        // Under the lock, whatever has this prefix was left by a builder that was killed.
        let temporary = parent.join(format!("{BUILDING}{key}"));
        remove_folder(&temporary)?;
        sealed::create_private_folder(&temporary).map_err(|error| self.unwritable(&error.to_string()))?;
        let built =
            build(&temporary).and_then(|digests| Sealed::seal(&temporary, &key.to_string(), digests)).and_then(|()| {
                let place = self.entry(kind, key);
                remove_folder(&place)?;
                fs::rename(&temporary, &place).map_err(Error::host_io("writing the cache"))
            });
        if let Err(error) = built {
            let _ = remove_folder(&temporary);
            return Err(error);
        }
        self.evict(kind, key);
        match self.open_entry(kind, key) {
            Ok(Some(sealed)) => Ok(sealed),
            Ok(None) => Err(self.unwritable("an entry vanished right after it was written")),
            Err(reason) => Err(self.unwritable(&reason)),
        }
    }

    /// Gives `work` an empty private folder on the cache's file system, and removes it afterwards with
    /// what is still in it. One caller at a time has it; what a killed one left is cleared by the next.
    pub(crate) fn stage<T>(&self, work: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        let _lock = FileLock::acquire(&self.folder("locks")?.join("stage"))?;
        let folder = self.folder("images")?.join(".staged");
        remove_folder(&folder)?;
        sealed::create_private_folder(&folder).map_err(|error| self.unwritable(&error.to_string()))?;
        let result = work(&folder);
        let _ = remove_folder(&folder);
        result
    }

    /// Removes an entry; who has it mapped keeps it.
    pub(crate) fn discard(&self, kind: &str, key: Digest) {
        let _lock = self.lock(key);
        let _ = remove_folder(&self.entry(kind, key));
    }

    /// Removes an entry that was found damaged, unless somebody has rebuilt it meanwhile.
    pub(crate) fn discard_damaged(&self, kind: &str, key: Digest) {
        let _lock = self.lock(key);
        if self.open_entry(kind, key).is_err() {
            let _ = remove_folder(&self.entry(kind, key));
        }
    }

    fn lock(&self, key: Digest) -> Result<FileLock> {
        FileLock::acquire(&self.folder("locks")?.join(key.to_string()))
    }

    /// A folder of the cache, made if need be.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join(name);
        sealed::create_private_folder(&folder).map_err(|error| self.unwritable(&error.to_string()))?;
        Ok(folder)
    }

    /// Removes the entries that no name stands for and that nobody has used for `unused`, and what killed
    /// builders left. Calls `removing` before it removes an entry, and returns how many bytes went.
    pub(crate) fn sweep(&self, kind: &str, unused: Duration, mut removing: impl FnMut(Digest)) -> Result<u64> {
        let Ok(entries) = fs::read_dir(self.root.join(kind)) else { return Ok(0) };
        let pinned = self.pinned();
        let is_new = |path: &Path| {
            let used = sealed::last_use(path).map(|(used, _)| used);
            used.is_some_and(|used| used.elapsed().is_ok_and(|elapsed| elapsed < unused))
        };
        let mut freed = 0;
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let left = name.strip_prefix(BUILDING);
            let Some(key) = Digest::parse(left.unwrap_or(name)) else { continue };
            if left.is_none() && (pinned.contains(&key) || is_new(&path)) {
                continue;
            }
            // Whoever has the lock is building it.
            let lock = self.folder("locks")?.join(key.to_string());
            let Some(_lock) = FileLock::acquire_now(&lock)? else { continue };
            if left.is_none() {
                removing(key);
            }
            let bytes = sealed::bytes_in(&path);
            remove_folder(&path)?;
            freed += bytes;
        }
        Ok(freed)
    }

    /// Removes what was used least recently until the artifacts fit `max_bytes`. Only runs after
    /// something was built, which takes longer than listing the folder. Artifacts of images stay.
    pub(crate) fn evict(&self, kind: &str, keep: Digest) {
        let Ok(entries) = fs::read_dir(self.root.join(kind)) else { return };
        let pinned = self.pinned();
        let mut found: Vec<_> = entries
            .filter_map(|entry| {
                let key = Digest::parse(entry.ok()?.file_name().to_str()?)?;
                let (used, bytes) = sealed::last_use(&self.entry(kind, key))?;
                Some((used, bytes, key))
            })
            .collect();
        found.sort_unstable();
        let mut total: u64 = found.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, key) in found {
            if total <= self.max_bytes {
                break;
            }
            if key != keep && !pinned.contains(&key) {
                // Not under its lock: whoever builds one of these while we hold another would
                // wait for us, and we for them. Readers find it gone or keep their map.
                let _ = remove_folder(&self.entry(kind, key));
                total = total.saturating_sub(bytes);
            }
        }
    }

    /// True if an image that has a name uses this.
    pub(crate) fn is_pinned(&self, key: Digest) -> bool {
        self.pinned().contains(&key)
    }

    /// The digests that names stand for, and the code they use.
    fn pinned(&self) -> Vec<Digest> {
        let Ok(entries) = fs::read_dir(self.root.join("names")) else { return Vec::new() };
        let texts = entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
        texts.flat_map(|text| text.split_whitespace().filter_map(Digest::parse).collect::<Vec<_>>()).collect()
    }

    fn entry(&self, kind: &str, key: Digest) -> PathBuf {
        self.root.join(kind).join(key.to_string())
    }

    pub(crate) fn unwritable(&self, reason: &str) -> Error {
        Error::CacheUnwritable { path: self.root.clone(), reason: reason.to_owned() }
    }
}

fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::HostIo { operation: "clearing the cache".into(), source: error })
        }
        _ => Ok(()),
    }
}

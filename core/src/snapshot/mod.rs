//! Snapshots: the saved state of a live sandbox between two runs.
//!
//! A snapshot holds the pages of linear memory that differ from the image, the globals, the
//! descriptors and the files in memory. Host folders are only named: whoever forks or restores
//! grants them again.

mod capture;
mod format;

#[cfg(feature = "fuzzing")]
pub(crate) use format::oracle::snapshot_reader;

pub(crate) use capture::Captured;

use crate::error::{Error, Result};
use crate::guest::Warm;
use crate::image::{Image, Kind};
use crate::limits::{LimitKey, Limits};
use crate::memory::MemoryImage;
use crate::policy::Policy;
use crate::sandbox::{Sandbox, SandboxBuilder};
use crate::tools::Toolbox;
use crate::vfs::Caps;
use crate::wasi::WasiState;
use crate::wire::Key;
use format::{Contents, Expect, Origin, PageRun, State};
use parking_lot::Mutex;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

/// No node of a file tree takes fewer bytes in a snapshot.
const NODE_BYTES: u64 = 50;
/// The most that `open_files` can be set to.
const MAX_DESCRIPTORS: u64 = 1 << 16;

/// The saved state of a session between two runs: variables, imports, heap and files. A clone is a
/// reference.
///
/// Forks of it share everything until they write. A fork goes on exactly where the session was,
/// its random numbers included, unless [`SandboxBuilder::reseed`] is asked for.
#[derive(Clone)]
pub struct Snapshot {
    inner: Arc<Inner>,
}

struct Inner {
    image: Image,
    /// What forks are granted and allowed unless their builder says otherwise.
    policy: Policy,
    limits: Limits,
    captured: Captured,
    /// The tools that forks in this process are handed; no part of the byte form.
    toolbox: Option<Arc<Toolbox>>,
    /// The whole memory, made when the first fork needs it.
    memory: Mutex<Option<Arc<MemoryImage>>>,
}

impl Snapshot {
    pub(crate) fn new(image: &Image, policy: &Policy, limits: &Limits, captured: Captured) -> Snapshot {
        let (image, policy, limits) = (image.clone(), policy.clone(), limits.clone());
        Snapshot { inner: Arc::new(Inner { image, policy, limits, captured, toolbox: None, memory: Mutex::default() }) }
    }

    /// Its forks get these tools. Only for one that nobody else holds yet.
    pub(crate) fn with_tools(mut self, toolbox: Option<Arc<Toolbox>>) -> Snapshot {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.toolbox = toolbox;
        }
        self
    }

    pub(crate) fn toolbox(&self) -> Option<Arc<Toolbox>> {
        self.inner.toolbox.clone()
    }

    /// A new sandbox that starts from it, with the policy, the limits and the tools of the one it was
    /// taken of; host folders are opened anew. A snapshot that was read from bytes has no tools.
    ///
    /// # Errors
    /// As for [`SandboxBuilder::build`].
    pub fn fork(&self) -> Result<Sandbox> {
        self.restore().build()
    }

    /// Several at once.
    ///
    /// # Errors
    /// As for [`fork`](Snapshot::fork); then there are none.
    pub fn fork_many(&self, count: usize) -> Result<Vec<Sandbox>> {
        (0..count).map(|_| self.fork()).collect()
    }

    /// A sandbox to be made from it with another policy, other limits, other tools or another gate. Of
    /// the policy's mounts only those of host folders count where the snapshot has files of its own.
    pub fn restore(&self) -> SandboxBuilder {
        SandboxBuilder::from_snapshot(self)
    }

    /// The image that it is a snapshot of.
    pub fn image(&self) -> &Image {
        &self.inner.image
    }

    /// Its byte form: only what differs from the image, compressed, with a checksum, or sealed with
    /// `key` (HMAC-SHA256), so that only holders of the key can have made it.
    ///
    /// The bytes contain whatever the session held in memory and in files.
    ///
    /// # Errors
    /// `snapshot_exceeds` when it is longer than `snapshot_bytes` of the session's limits.
    pub fn to_bytes(&self, key: Option<&Key>) -> Result<Vec<u8>> {
        let Captured { globals, memory_bytes, runs, pages, wasi, fresh } = &self.inner.captured;
        let mut files = Vec::new();
        wasi.encode(&mut files);
        let contents = Contents {
            origin: origin(&self.inner.image)?,
            state: State { globals: globals.clone(), files, session: vec![u8::from(*fresh)] },
            memory_bytes: *memory_bytes,
            runs: runs.clone(),
            pages: pages.clone(),
        };
        format::write(&contents, key, self.inner.limits.value(LimitKey::SnapshotBytes))
    }

    /// Reads the byte form of a snapshot of `image`. Nothing is believed before the checksum or the
    /// key's seal was compared, and no length after it.
    ///
    /// `limits` bound it (`snapshot_bytes`, `memory_bytes`, `fs_bytes`, `fs_nodes`, `open_files`)
    /// and are those of its forks; nothing is granted to them unless their builder says so.
    ///
    /// # Errors
    /// `snapshot_invalid` (truncated, damaged, contradicting itself), `snapshot_mismatch` (of
    /// another image, version or architecture), `snapshot_forged` (not sealed with this key),
    /// `snapshot_exceeds`.
    pub fn from_bytes(image: &Image, bytes: &[u8], key: Option<&Key>, limits: &Limits) -> Result<Snapshot> {
        let expect = Expect {
            origin: origin(image)?,
            architecture: format::architecture(),
            key,
            max_bytes: limits.value(LimitKey::SnapshotBytes),
            max_memory_bytes: limits.value(LimitKey::MemoryBytes),
        };
        let Contents { state, memory_bytes, runs, pages, .. } = format::read(bytes, &expect)?;
        let invalid = |reason: &str| Error::SnapshotInvalid { reason: reason.to_owned() };
        // What quotas do not count is in it too, such as the image's own files: the quotas are
        // looked at when a fork is made. Here the input's own length bounds everything.
        let content_bytes = limits.value(LimitKey::SnapshotBytes);
        let caps = Caps { nodes: content_bytes / NODE_BYTES, content_bytes, descriptors: MAX_DESCRIPTORS };
        let mut wasi = WasiState::decode(&state.files, caps).map_err(|error| invalid(&error.to_string()))?;
        wasi.hand_in(image.files().mounts())?;
        let fresh = match state.session.as_slice() {
            [0] => false,
            [1] => true,
            _ => return Err(invalid("its session is not one of this version")),
        };
        let Kind::Reactor(start) = image.kind() else { return Err(not_a_session(image)) };
        if memory_bytes < start.warm.memory.bytes().len() as u64 || state.globals.len() != start.warm.globals.len() {
            return Err(invalid("its memory or its globals are fewer than the image's"));
        }
        let captured = Captured { globals: state.globals, memory_bytes, runs, pages, wasi, fresh };
        Ok(Snapshot::new(image, &Policy::new(), limits, captured))
    }

    /// Writes the byte form into a file that only this user can read. It is there completely or not at
    /// all; one that was there is replaced.
    ///
    /// # Errors
    /// As for [`to_bytes`](Snapshot::to_bytes), and `host_io`.
    pub fn save(&self, path: &Path, key: Option<&Key>) -> Result<()> {
        let bytes = self.to_bytes(key)?;
        crate::engine::replace(path, &bytes).map_err(Error::host_io(format!("writing the snapshot {}", path.display())))
    }

    /// Reads a file written by [`save`](Snapshot::save).
    ///
    /// # Errors
    /// As for [`from_bytes`](Snapshot::from_bytes), and `host_io`.
    pub fn load(image: &Image, path: &Path, key: Option<&Key>, limits: &Limits) -> Result<Snapshot> {
        let allowed = limits.value(LimitKey::SnapshotBytes);
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(allowed.saturating_add(1)).read_to_end(&mut bytes))
            .map_err(Error::host_io(format!("reading the snapshot {}", path.display())))?;
        Snapshot::from_bytes(image, &bytes, key, limits)
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    pub(crate) fn wasi(&self) -> &WasiState {
        &self.inner.captured.wasi
    }

    pub(crate) fn is_fresh(&self) -> bool {
        self.inner.captured.fresh
    }

    /// Where its memory differs from the image's.
    pub(crate) fn runs(&self) -> &[PageRun] {
        &self.inner.captured.runs
    }

    /// How many bytes of memory a fork starts with.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.inner.captured.memory_bytes
    }

    /// The start state of its forks. The first one pays for putting the whole memory together.
    pub(crate) fn warm(&self) -> Result<Warm> {
        let Kind::Reactor(start) = self.inner.image.kind() else { return Err(not_a_session(&self.inner.image)) };
        let captured = &self.inner.captured;
        let mut memory = self.inner.memory.lock();
        let memory = match &*memory {
            Some(memory) => memory.clone(),
            None => {
                let made = captured.memory(start.warm.memory.bytes());
                memory.insert(made.map_err(Error::host_io("making a memory image"))?).clone()
            }
        };
        Ok(Warm { memory, globals: captured.globals.clone(), driver: start.warm.driver })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.get_mut() {
            self.image.forget_memory(memory);
        }
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let captured = &self.inner.captured;
        f.debug_struct("Snapshot")
            .field("image", &self.inner.image)
            .field("memory_bytes", &captured.memory_bytes)
            .field("changed_bytes", &captured.pages.len())
            .finish_non_exhaustive()
    }
}

fn origin(image: &Image) -> Result<Origin> {
    match (image.kind(), image.digest()) {
        (Kind::Reactor(start), Some(digest)) => Ok(Origin { image: digest, engine: start.made_by }),
        _ => Err(not_a_session(image)),
    }
}

pub(crate) fn not_a_session(image: &Image) -> Error {
    Error::ProgramInvalid {
        image: image.info().name.clone(),
        reason: "only sandboxes of an interpreter have snapshots",
    }
}

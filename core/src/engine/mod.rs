//! Shared compiler settings, compiled code and pooled stacks.
//!
//! One engine per process is enough; a clone is a reference. No wasmtime type leaves this crate.

mod artifact;
mod baseline;
mod cache;
mod code;
mod config;
mod digest;
mod lock;
mod machine;
mod sealed;
#[cfg(test)]
mod tests;
mod unfinished;

pub(crate) use baseline::Baseline;
pub(crate) use cache::Cache;
pub use cache::CacheDir;
pub(crate) use code::Code;
pub(crate) use digest::{Digest, Hasher};
pub(crate) use machine::{Machine, Start};
pub(crate) use sealed::{Sealed, create_private, write_private, write_private_sparse};
pub(crate) use unfinished::{Unfinished, replace};

use crate::error::{Error, Result};
use crate::memory::{Finder, SlotPool, TrapHandlers};
use machine::{Machines, Settings};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// The largest wasm stack that can be asked for.
const MAX_STACK_BYTES: usize = 64 << 20;
/// The smallest wasm stack that can be asked for.
const MIN_STACK_BYTES: usize = 64 << 10;

/// Compiler settings, compiled code and stacks, shared by all sandboxes made from it.
///
/// ```no_run
/// use sandcell::{CacheDir, Engine};
/// let engine = Engine::builder().cache(CacheDir::at("/var/cache/my-service")).build()?;
/// # Ok::<(), sandcell::Error>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    machines: Machines,
    cache: Option<Cache>,
    /// Set unless traps are explicit checks, which need no handlers.
    handlers: Option<TrapHandlers>,
    /// Code in use, so that everybody who runs a module shares one map of it.
    loaded: Mutex<HashMap<Digest, Weak<Code>>>,
}

impl Engine {
    /// An engine with the default settings and the user's cache folder.
    ///
    /// # Errors
    /// `cache_unwritable` when there is no home folder, `host_exhausted`.
    pub fn new() -> Result<Engine> {
        Engine::builder().cache(CacheDir::user()?).build()
    }

    /// An engine with other settings. Without a call of [`EngineBuilder::cache`] nothing is
    /// written to disk, and every process compiles anew.
    pub fn builder() -> EngineBuilder {
        EngineBuilder {
            cache: None,
            stack_bytes: config::DEFAULT_STACK_BYTES,
            explicit_traps: false,
            verify_resets: false,
            reset_path: None,
            cpu_baseline: None,
        }
    }

    /// How memory that a guest wrote is found when the next one gets it: `pagemap_scan`, `pagemap` or
    /// `madv_dontneed`, the first that works on this machine.
    ///
    /// # Errors
    /// `host_exhausted`.
    pub fn reset_path(&self) -> Result<&'static str> {
        let slots = self.machine(Start::Image)?.slots.as_ref();
        Ok(slots.map(SlotPool::finder).unwrap_or_else(Finder::best).as_str())
    }

    /// What [`EngineBuilder::verify_resets`] has found so far; nothing without it.
    pub fn reset_checks(&self) -> ResetChecks {
        let slots = self.inner.machines.slots();
        let (compared, differed) = slots.map_or((0, 0), SlotPool::compared_and_differed);
        ResetChecks { compared, differed }
    }

    /// The wasmtime engine for guests that start in this way.
    ///
    /// # Errors
    /// `host_exhausted`.
    pub(crate) fn machine(&self, start: Start) -> Result<&Machine> {
        self.inner.machines.machine(start)
    }

    /// The baseline that this engine compiles for; none if it compiles for this very CPU.
    pub(crate) fn baseline(&self) -> Option<Baseline> {
        self.inner.machines.baseline()
    }

    /// What an image's code was compiled by, if it was compiled with these settings for `baseline`.
    ///
    /// # Errors
    /// `host_exhausted`.
    pub(crate) fn image_fingerprint(&self, baseline: Option<Baseline>) -> Result<Digest> {
        self.fingerprint(Start::Image, baseline)
    }

    /// What code for guests that start in this way was compiled by, if with these settings for `baseline`.
    ///
    /// # Errors
    /// `host_exhausted`.
    pub(crate) fn fingerprint(&self, start: Start, baseline: Option<Baseline>) -> Result<Digest> {
        self.inner.machines.fingerprint(start, baseline)
    }

    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.inner.cache.as_ref()
    }

    /// Compiles a module, or loads it from the cache.
    ///
    /// # Errors
    /// `module_invalid`, `host_io`.
    pub(crate) fn compile(&self, start: Start, wasm: &[u8]) -> Result<Arc<Code>> {
        let machine = self.machine(start)?;
        let key = Hasher::new("artifact").field(machine.fingerprint.as_bytes()).field(wasm).finish();
        self.shared(key, || artifact::compile_or_load(machine, self.cache(), key, wasm))
    }

    /// Loads code that was compiled before; `None` if the cache does not hold it.
    pub(crate) fn load(&self, start: Start, key: Digest) -> Result<Option<Arc<Code>>> {
        if let Some(code) = self.inner.loaded.lock().get(&key).and_then(Weak::upgrade) {
            return Ok(Some(code));
        }
        match artifact::load(self.machine(start)?, self.cache(), key)? {
            Some(code) => self.shared(key, || Ok(code)).map(Some),
            None => Ok(None),
        }
    }

    /// Where the cache keeps code, and the one file of such an entry.
    pub(crate) const CODE: (&str, &str) = (artifact::KIND, artifact::CODE);

    /// Removes code from the cache; who runs it keeps it, and nobody new is given it.
    pub(crate) fn discard_code(&self, key: Digest) {
        if let Some(cache) = self.cache() {
            cache.discard(artifact::KIND, key);
        }
        self.inner.loaded.lock().remove(&key);
    }

    fn shared(&self, key: Digest, make: impl FnOnce() -> Result<Code>) -> Result<Arc<Code>> {
        if let Some(code) = self.inner.loaded.lock().get(&key).and_then(Weak::upgrade) {
            return Ok(code);
        }
        // Not under the lock: compiling takes a minute, and the file lock already makes sure
        // that it is done once.
        let code = Arc::new(make()?);
        let mut loaded = self.inner.loaded.lock();
        loaded.retain(|_, code| code.strong_count() > 0);
        loaded.insert(key, Arc::downgrade(&code));
        Ok(code)
    }

    /// Fails when a trap in a guest would end the process.
    pub(crate) fn check_handlers(&self) -> Result<()> {
        match self.inner.handlers.and_then(TrapHandlers::replaced) {
            Some(signal) => Err(Error::SignalHandlersReplaced { signal }),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cache = self.inner.cache.as_ref().map(Cache::root);
        f.debug_struct("Engine").field("cache", &cache).finish()
    }
}

/// Memories of guests that were compared with their image before the next guest got them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetChecks {
    /// How many were.
    pub compared: u64,
    /// How many differed and were not used again. Anything but 0 is a bug in sandcell.
    pub differed: u64,
}

/// Settings of an [`Engine`] to be made.
#[derive(Debug)]
pub struct EngineBuilder {
    cache: Option<CacheDir>,
    stack_bytes: usize,
    explicit_traps: bool,
    verify_resets: bool,
    reset_path: Option<String>,
    cpu_baseline: Option<String>,
}

impl EngineBuilder {
    /// Keeps compiled code and images in this folder.
    #[must_use]
    pub fn cache(mut self, cache: CacheDir) -> EngineBuilder {
        self.cache = Some(cache);
        self
    }

    /// Keeps nothing on disk.
    #[must_use]
    pub fn no_cache(mut self) -> EngineBuilder {
        self.cache = None;
        self
    }

    /// The guests' stack, in bytes: from 64 KiB to 64 MiB, 32 MiB unless set. A guest that needs
    /// more ends as `trapped` with `stack_overflow`.
    #[must_use]
    pub fn stack_bytes(mut self, bytes: usize) -> EngineBuilder {
        self.stack_bytes = bytes;
        self
    }

    /// Compiles explicit checks instead of relying on hardware faults, so that no signal handler
    /// is needed: for processes whose handlers belong to somebody else. Guests run slower, and
    /// their code is compiled and cached apart.
    #[must_use]
    pub fn explicit_traps(mut self, explicit: bool) -> EngineBuilder {
        self.explicit_traps = explicit;
        self
    }

    /// Compiles for all processors that have this baseline, instead of for this very one: `x86-64`,
    /// `x86-64-v2`, `x86-64-v3`, `x86-64-v4` (x86-64 psABI, section 3.1.1) or `aarch64`. An image that
    /// is built so can be exported to any machine that has the baseline, and is loaded there by engines
    /// with and without this setting.
    #[must_use]
    pub fn cpu_baseline(mut self, name: impl Into<String>) -> EngineBuilder {
        self.cpu_baseline = Some(name.into());
        self
    }

    /// Compares all memory of a guest with its image before the next guest gets it, for debugging: a
    /// difference is counted ([`Engine::reset_checks`]) and logged as an error, and the memory is not used
    /// again.
    #[must_use]
    pub fn verify_resets(mut self, verify: bool) -> EngineBuilder {
        self.verify_resets = verify;
        self
    }

    /// Forces one of the ways of [`Engine::reset_path`]: for measuring what the others cost.
    #[doc(hidden)]
    #[must_use]
    pub fn reset_path(mut self, name: impl Into<String>) -> EngineBuilder {
        self.reset_path = Some(name.into());
        self
    }

    /// Makes the engine.
    ///
    /// # Errors
    /// `cache_unwritable` when the folder cannot be made private, `host_exhausted`,
    /// `document_invalid` for a stack outside its range, or a baseline that has no name or that this
    /// machine lacks.
    pub fn build(self) -> Result<Engine> {
        if !(MIN_STACK_BYTES..=MAX_STACK_BYTES).contains(&self.stack_bytes) {
            return Err(Error::DocumentInvalid {
                what: "engine setting `stack_bytes`".into(),
                reason: format!("it must lie in {MIN_STACK_BYTES}..={MAX_STACK_BYTES}"),
            });
        }
        let finder = self.reset_path.map(|name| {
            let what = "engine setting `reset_path`".to_owned();
            Finder::named(&name).ok_or(Error::DocumentInvalid { what, reason: format!("`{name}` is none") })
        });
        let settings = Settings {
            stack_bytes: self.stack_bytes,
            explicit_traps: self.explicit_traps,
            verify_resets: self.verify_resets,
            baseline: self.cpu_baseline.as_deref().map(baseline_named).transpose()?,
            finder: finder.transpose()?,
        };
        let make = || Machines::new(settings);
        // An engine with explicit traps installs no handlers: there is nothing to record.
        let (machines, handlers) = if self.explicit_traps {
            (make()?, None)
        } else {
            let (machines, handlers) = TrapHandlers::record_around(make)?;
            (machines, Some(handlers))
        };
        Ok(Engine {
            inner: Arc::new(Inner {
                machines,
                cache: self.cache.map(Cache::open).transpose()?,
                handlers,
                loaded: Mutex::default(),
            }),
        })
    }
}

/// A baseline that this machine has: what is compiled here runs here, too.
fn baseline_named(name: &str) -> Result<Baseline> {
    let invalid = |reason| Error::DocumentInvalid { what: "engine setting `cpu_baseline`".into(), reason };
    let known = || Baseline::ALL.map(Baseline::as_str).join(", ");
    let baseline = Baseline::named(name).ok_or_else(|| invalid(format!("`{name}` is none of {}", known())))?;
    let machine = Baseline::of_this_machine();
    if machine.is_some_and(|machine| baseline.runs_on(machine)) {
        return Ok(baseline);
    }
    let has = machine.map_or(std::env::consts::ARCH, Baseline::as_str);
    Err(invalid(format!("this machine has {has}, and code for {baseline} would not run on it")))
}

//! Runs code that nobody has reviewed inside the caller's own process, with nothing reachable
//! that was not handed over.
//!
//! ```
//! use sandcell::{Engine, Image, Limits, Program, Sandbox};
//!
//! // Any program compiled for wasm32-wasip1; `Image::load(&engine, "python")` gives Python.
//! let module = br#"(module (func (export "_start")))"#;
//!
//! let engine = Engine::builder().build()?;
//! let image = Image::command(&engine, "hello", module, &Limits::new())?;
//! let outcome = Sandbox::builder(&image).build()?.run(Program::command())?;
//! assert!(outcome.is_success());
//! # Ok::<(), sandcell::Error>(())
//! ```
//!
//! An [`Engine`] is made once per process. An [`Image`] is an immutable start state; a [`Sandbox`]
//! is made from it with a [`Policy`] (what may be touched; nothing by default) and [`Limits`]
//! (ceilings; all have safe defaults). [`Sandbox::run`] gives an [`Outcome`]: how the guest ended,
//! what it printed, what it cost. An [`Error`] is never the guest's fault.

mod code;
mod engine;
mod error;
mod guest;
mod image;
mod language;
mod limits;
mod memory;
mod outcome;
mod policy;
mod pool;
mod sandbox;
mod snapshot;
mod store;
mod tools;
mod vfs;
mod wasi;
#[cfg_attr(not(test), allow(dead_code, unused_imports, reason = "groundwork of snapshots, which use it next"))]
mod wire;

pub use code::{Class, Code};
pub use engine::{CacheDir, Engine, EngineBuilder, ResetChecks};
pub use error::{Error, PoolCap, Result};
pub use image::{Compile, Compiler, Derivation, Image, ImageInfo, Join, Patch, PatchError, Progress, Recipe};
pub use image::{Source, Stage, Trust};
pub use language::{How, Language};
pub use limits::{LimitKey, Limits, Unit};
pub use outcome::{
    Artifact, CallOutcome, Denial, Diagnostic, Event, FileChange, FilesDiff, Outcome, Severity, Status, Stream,
    SuspendedCall, ToolCallRecord, ToolErrorKind, ToolRecord, TrapReason, Usage,
};
pub use policy::{Access, ArgumentRule, Clock, FileName, GuestPath, Mount, Policy, Seed, ToolPolicy, ToolRule};
pub use pool::{Pool, PoolBuilder, PoolMetrics, Pooled};
pub use sandbox::{CancelHandle, Following, Program, Sandbox, SandboxBuilder};
pub use snapshot::Snapshot;
pub use tools::{Decision, DeclarationLanguage, Tool, ToolCall, ToolError, ToolReply, declarations};
pub use wasi::Stdin;
pub use wire::Key as SnapshotKey;

/// What the fuzz targets call; no part of the library.
#[doc(hidden)]
#[cfg(feature = "fuzzing")]
pub mod fuzzing {
    /// Whether the reader of snapshots accepts `bytes`, or would with its checksums put right.
    ///
    /// # Panics
    /// When it accepts what contradicts itself.
    pub fn snapshot_reader(bytes: &[u8]) -> bool {
        crate::snapshot::snapshot_reader(bytes)
    }
}

//! Runs code that nobody has reviewed inside the caller's own process.

mod code;
#[allow(dead_code)]
mod engine;
mod error;
mod limits;
#[allow(dead_code)]
mod memory;
mod outcome;
mod policy;
#[allow(dead_code)]
mod vfs;
#[allow(dead_code)]
mod wasi;

pub use code::{Class, Code};
pub use engine::{CacheDir, Engine, EngineBuilder};
pub use error::{Error, Result};
pub use limits::{LimitKey, Limits, Unit};
pub use outcome::{Artifact, Denial, FilesDiff, Outcome, Status, TrapReason, Usage};
pub use policy::{Access, Clock, GuestPath, Mount, Policy, Seed};

//! How far a build has come.

use serde::Serialize;

/// A step of building an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// Comparing the source with the recipe's digests.
    Verify,
    /// Compiling the module. `done` is an estimate from the processor time used so far.
    Compile,
    /// Running the interpreter once, with what the recipe imports.
    WarmUp,
    /// Writing files into the cache.
    Install,
    /// Compressing files into an archive.
    Pack,
}

impl Stage {
    /// The stage's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Verify => "verify",
            Stage::Compile => "compile",
            Stage::WarmUp => "warm_up",
            Stage::Install => "install",
            Stage::Pack => "pack",
        }
    }
}

/// How far a build has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Bytes of input dealt with in this stage.
    pub done: u64,
    /// Bytes of input of this stage.
    pub total: u64,
}

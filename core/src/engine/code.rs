//! Compiled code, ready to be instantiated.

use super::Digest;

/// A compiled module and where it came from.
pub(crate) struct Code {
    pub(crate) module: wasmtime::Module,
    pub(crate) key: Digest,
}

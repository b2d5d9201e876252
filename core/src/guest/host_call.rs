//! The one import besides preview 1: `host.call`, through which a guest reaches host tools.

use crate::store::State;
use wasmtime::Linker;

/// The ABI's answer when the embedder offers no tools.
const NO_HOST: i32 = -1;

/// Defines `host.call(ptr, len, out_ptr_ptr, out_len_ptr) -> status`. A sandbox has no tools yet,
/// so every call is answered by "no host" and guest memory is not touched.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("host", "call", |_request: u32, _len: u32, _out: u32, _out_len: u32| NO_HOST)?;
    Ok(())
}

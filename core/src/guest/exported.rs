//! Turns of a guest that was written for sandcell: its export `sandcell_turn(ptr, len) -> ptr` takes
//! a request in memory of `host_alloc` and gives the address of its answer, a little-endian u32
//! length and as many bytes; 0 if there was no memory for one. The language does not matter.

use super::live::{Broken, Exports, call};
use crate::store::State;
use wasmtime::{Memory, ModuleExport, Store};

/// What the module must export besides the reactor's own.
pub(crate) const EXPORTS: [&str; 1] = ["sandcell_turn"];

/// The request to leave nothing behind that two forks must not share, before an image is saved.
pub(crate) const FREEZE: &[u8] = b"z";

/// Gives the guest a request; `None` if it had no memory to answer it. An answer longer than `most`
/// bytes is not read.
pub(super) async fn call_turn(
    store: &mut Store<State>,
    exports: &Exports<'_>,
    [host_alloc, turn]: [&ModuleExport; 2],
    memory: Memory,
    request: &[u8],
    most: usize,
) -> Result<Option<Vec<u8>>, Broken> {
    let len = u32::try_from(request.len()).map_err(|_| Broken::Answer("the program is longer than 4 GiB"))?;
    let at: u32 = call(store, exports, host_alloc, len).await?;
    if at == 0 {
        return Ok(None);
    }
    let written = memory.write(&mut *store, at as usize, request);
    written.map_err(|_| Broken::Answer("host_alloc gave memory that is not there"))?;
    let answer: u32 = call(store, exports, turn, (at, len)).await?;
    if answer == 0 {
        return Ok(None);
    }
    read(memory.data(&*store), answer as usize, most).map(Some)
}

/// The bytes behind the length at `at`.
fn read(memory: &[u8], at: usize, most: usize) -> Result<Vec<u8>, Broken> {
    let outside = || Broken::Answer("the answer lies outside memory");
    let (len, rest) = memory.get(at..).and_then(|rest| rest.split_first_chunk()).ok_or_else(outside)?;
    let len = u32::from_le_bytes(*len) as usize;
    if len > most {
        return Err(Broken::Answer("the answer is larger than it may be"));
    }
    rest.get(..len).map(<[u8]>::to_vec).ok_or_else(outside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_only_where_there_is_memory_and_no_further_than_it_may_be_long() {
        let memory = [9, 3, 0, 0, 0, b'a', b'b', b'c'];
        assert!(matches!(read(&memory, 1, 3), Ok(bytes) if bytes == b"abc"));
        let refused = |at, most| matches!(read(&memory, at, most), Err(Broken::Answer(_)));
        assert!(refused(1, 2), "longer than it may be");
        assert!(refused(0, usize::MAX) && refused(2, usize::MAX) && refused(5, 9) && refused(99, 9), "outside");
    }
}

//! The one import besides preview 1: `host.call(ptr, len, out_ptr_ptr, out_len_ptr) -> status`,
//! through which a guest reaches host tools.
//!
//! Here frames are only carried, in both directions. What they say is read on the stack of
//! whoever drives the run.

use crate::store::{Desk, Heard, Report, State};
use crate::tools::Request;
use std::future::{Future, ready};
use std::ops::Range;
use std::sync::Arc;
use wasmtime::{AsContextMut, Caller, Extern, Linker, Memory};

/// The ABI's answer when the embedder offers no tools.
const NO_HOST: i32 = -1;
/// The ABI's answer when a frame cannot be carried: a pointer outside memory, no memory for the answer,
/// a call from within `host_alloc`.
const HOST_FAULT: i32 = -2;

type Answer<'a> = Box<dyn Future<Output = wasmtime::Result<i32>> + Send + 'a>;

/// Where the guest put its request, and where it wants to find the answer.
type Arguments = (u32, u32, u32, u32);

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap_async("host", "call", |caller: Caller<'_, State>, arguments: Arguments| -> Answer<'_> {
        match caller.data().desk.clone() {
            Some(desk) => Box::new(call(caller, desk, arguments)),
            None => Box::new(ready(Ok(NO_HOST))),
        }
    })?;
    Ok(())
}

async fn call(mut caller: Caller<'_, State>, desk: Arc<Desk>, arguments: Arguments) -> wasmtime::Result<i32> {
    let (at, len, out, out_len) = arguments;
    let Some(memory) = memory(&mut caller) else { return Ok(HOST_FAULT) };
    let data = memory.data(&caller);
    let (Some(_), Some(_), Some(frame)) = (range(data, out, 4), range(data, out_len, 4), range(data, at, len)) else {
        return Ok(HOST_FAULT);
    };
    let request = if u64::from(len) > desk.request_bytes() {
        Request::TooLarge(u64::from(len))
    } else if desk.host_bytes().reserve(u64::from(len)).is_ok() {
        Request::Frame(data[frame].to_vec())
    } else {
        return Ok(HOST_FAULT);
    };
    let held = if let Request::Frame(_) = request { u64::from(len) } else { 0 };
    let _held = Held { desk: &desk, bytes: held };
    if !desk.ask(request) {
        return Ok(HOST_FAULT);
    }
    let answer = loop {
        match desk.heard().await {
            Heard::Answer(answer) => break answer,
            Heard::Report => desk.report(Report::so_far(caller.as_context_mut())),
        }
    };
    hand_over(&mut caller, memory, &desk, &answer, (out, out_len)).await
}

/// Puts the answer where the guest says it wants it. Meanwhile the desk is taken: a `host_alloc` that
/// calls in turn is refused.
async fn hand_over(
    caller: &mut Caller<'_, State>,
    memory: Memory,
    desk: &Desk,
    answer: &[u8],
    (out, out_len): (u32, u32),
) -> wasmtime::Result<i32> {
    let Ok(len) = u32::try_from(answer.len()) else { return Ok(HOST_FAULT) };
    let allocator = match caller.data().host_alloc {
        Some(ref allocator) => Some(allocator.clone()),
        None => caller.get_export("host_alloc").and_then(Extern::into_func).and_then(|f| f.typed(&*caller).ok()),
    };
    let Some(allocator) = allocator else { return Ok(HOST_FAULT) };
    caller.data_mut().host_alloc = Some(allocator.clone());
    desk.close();
    let allocated = allocator.call_async(&mut *caller, len).await;
    desk.open();
    let at = allocated?;
    let data = memory.data_mut(&mut *caller);
    // What was inside memory before is still: memories never shrink.
    let places = (range(data, at, len), range(data, out, 4), range(data, out_len, 4));
    let (Some(place), Some(out), Some(out_len)) = places else { return Ok(HOST_FAULT) };
    data[place].copy_from_slice(answer);
    data[out].copy_from_slice(&at.to_le_bytes());
    data[out_len].copy_from_slice(&len.to_le_bytes());
    Ok(0)
}

/// What the host's copy of a frame counts, given back however the call ends.
struct Held<'a> {
    desk: &'a Desk,
    bytes: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.desk.host_bytes().release(self.bytes);
    }
}

fn memory(caller: &mut Caller<'_, State>) -> Option<Memory> {
    caller.get_export("memory").and_then(Extern::into_memory)
}

fn range(memory: &[u8], at: u32, len: u32) -> Option<Range<usize>> {
    let (at, len) = (at as usize, len as usize);
    at.checked_add(len).filter(|end| *end <= memory.len()).map(|end| at..end)
}

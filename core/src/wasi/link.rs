//! The functions as a module imports them. The only file of this layer that knows wasmtime.

use super::context::cost;
use super::file::Progress;
use super::poll::Waiting;
use super::{Exit, Failure, GuestMemory, WasiCtx};
use crate::error::{Error, Result};
use std::future::{Future, poll_fn, ready};
use std::task::Poll;
use wasmtime::{Caller, Extern, Linker, Memory};

/// The name under which modules import these functions.
const MODULE: &str = "wasi_snapshot_preview1";

/// What a store's data must offer.
pub(crate) trait Host: Send + 'static {
    fn wasi(&mut self) -> &mut WasiCtx;
    /// The guest's memory, once [`Host::set_memory`] has been called: looking an export up by
    /// name costs more than most calls.
    fn memory(&self) -> Option<Memory>;
    fn set_memory(&mut self, memory: Memory);
}

/// An answer under way.
type Answer<'a> = Box<dyn Future<Output = wasmtime::Result<i32>> + Send + 'a>;

macro_rules! functions {
    ($linker:ident: $( $name:ident($($arg:ident: $ty:ty),*); )+) => { $(
        $linker.func_wrap(MODULE, stringify!($name), |mut caller: Caller<'_, T>, $($arg: $ty),*| {
            let (memory, ctx) = enter(&mut caller);
            let spent = ctx.credit.spend(cost::CALL);
            let done = spent.map_err(Failure::from).and_then(|()| ctx.$name(memory, $($arg),*));
            answer(ctx.end_if_stopped(done))
        })?;
    )+ };
}

/// Defines all 46 functions.
///
/// # Errors
/// `internal` if one of them is defined already.
pub(crate) fn add_to_linker<T: Host>(linker: &mut Linker<T>) -> Result<()> {
    define(linker).map_err(|error| Error::Internal { reason: format!("linking {MODULE}: {error}") })
}

fn define<T: Host>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    functions! { linker:
        args_get(argv: u32, argv_buf: u32);
        args_sizes_get(count: u32, bytes: u32);
        environ_get(environ: u32, environ_buf: u32);
        environ_sizes_get(count: u32, bytes: u32);
        clock_res_get(id: u32, out: u32);
        clock_time_get(id: u32, precision: u64, out: u32);
        fd_advise(fd: u32, offset: u64, len: u64, advice: u32);
        fd_allocate(fd: u32, offset: u64, len: u64);
        fd_close(fd: u32);
        fd_datasync(fd: u32);
        fd_fdstat_get(fd: u32, out: u32);
        fd_fdstat_set_flags(fd: u32, flags: u32);
        fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
        fd_filestat_get(fd: u32, out: u32);
        fd_filestat_set_size(fd: u32, size: u64);
        fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, flags: u32);
        fd_pread(fd: u32, iovs: u32, iovs_len: u32, offset: u64, out: u32);
        fd_prestat_get(fd: u32, out: u32);
        fd_prestat_dir_name(fd: u32, at: u32, len: u32);
        fd_pwrite(fd: u32, iovs: u32, iovs_len: u32, offset: u64, out: u32);
        fd_readdir(fd: u32, at: u32, len: u32, cookie: u64, out: u32);
        fd_renumber(from: u32, to: u32);
        fd_seek(fd: u32, offset: i64, whence: u32, out: u32);
        fd_sync(fd: u32);
        fd_tell(fd: u32, out: u32);
        path_create_directory(fd: u32, at: u32, len: u32);
        path_filestat_get(fd: u32, lookup: u32, at: u32, len: u32, out: u32);
        path_filestat_set_times(fd: u32, lookup: u32, at: u32, len: u32, atim: u64, mtim: u64, flags: u32);
        path_link(old_fd: u32, lookup: u32, old_at: u32, old_len: u32, new_fd: u32, new_at: u32, new_len: u32);
        path_open(
            fd: u32, lookup: u32, at: u32, len: u32, oflags: u32, base: u64, inheriting: u64, fdflags: u32, out: u32
        );
        path_readlink(fd: u32, at: u32, len: u32, buffer: u32, buffer_len: u32, out: u32);
        path_remove_directory(fd: u32, at: u32, len: u32);
        path_rename(old_fd: u32, old_at: u32, old_len: u32, new_fd: u32, new_at: u32, new_len: u32);
        path_symlink(target: u32, target_len: u32, fd: u32, at: u32, len: u32);
        path_unlink_file(fd: u32, at: u32, len: u32);
        proc_raise(signal: u32);
        sched_yield();
        random_get(at: u32, len: u32);
        sock_accept(fd: u32, flags: u32, out: u32);
        sock_recv(fd: u32, iovs: u32, iovs_len: u32, flags: u32, len: u32, out: u32);
        sock_send(fd: u32, iovs: u32, iovs_len: u32, flags: u32, out: u32);
        sock_shutdown(fd: u32, how: u32);
    }
    linker.func_wrap(MODULE, "proc_exit", |code: u32| -> wasmtime::Result<()> { Err(Exit(code).into()) })?;
    linker.func_wrap_async(MODULE, "fd_read", |caller, arguments| fd_read(caller, arguments))?;
    linker.func_wrap_async(MODULE, "fd_write", |caller, arguments| fd_write(caller, arguments))?;
    linker.func_wrap_async(MODULE, "poll_oneoff", |caller, arguments| poll_oneoff(caller, arguments))?;
    Ok(())
}

/// Only a read of standard input that has nothing yet becomes a future that waits.
fn fd_read<T: Host>(mut caller: Caller<'_, T>, (fd, iovs, iovs_len, out): (u32, u32, u32, u32)) -> Answer<'_> {
    let attempt = move |caller: &mut Caller<'_, T>| {
        let (mut memory, ctx) = enter(caller);
        ctx.credit.spend(cost::CALL)?;
        let read = ctx.fd_read(&mut memory, fd, iovs, iovs_len, out);
        ctx.end_if_stopped(read)
    };
    match attempt(&mut caller) {
        Ok(Progress::Done) => Box::new(ready(Ok(0))),
        Err(failure) => Box::new(ready(answer(Err(failure)))),
        Ok(Progress::Wait) => Box::new(async move {
            loop {
                let ctx = caller.data_mut().wasi();
                let interrupt = ctx.interrupt.clone();
                if let Some(input) = ctx.stdin.arrival() {
                    interrupt.wait_for(None, |context| input.poll(context)).await?;
                }
                match attempt(&mut caller) {
                    Ok(Progress::Done) => return Ok(0),
                    Ok(Progress::Wait) => {}
                    Err(failure) => return answer(Err(failure)),
                }
            }
        }),
    }
}

/// Only output that somebody follows and has not yet read becomes a future that waits. Who follows a
/// run polls it again after reading.
fn fd_write<T: Host>(mut caller: Caller<'_, T>, (fd, iovs, iovs_len, out): (u32, u32, u32, u32)) -> Answer<'_> {
    let attempt = move |caller: &mut Caller<'_, T>| {
        let (mut memory, ctx) = enter(caller);
        ctx.credit.spend(cost::CALL)?;
        let written = ctx.fd_write(&mut memory, fd, iovs, iovs_len, out);
        ctx.end_if_stopped(written)
    };
    match attempt(&mut caller) {
        Ok(Progress::Done) => Box::new(ready(Ok(0))),
        Err(failure) => Box::new(ready(answer(Err(failure)))),
        Ok(Progress::Wait) => Box::new(async move {
            loop {
                let mut waited = false;
                poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
                match attempt(&mut caller) {
                    Ok(Progress::Done) => return Ok(0),
                    Ok(Progress::Wait) => {}
                    Err(failure) => return answer(Err(failure)),
                }
            }
        }),
    }
}

fn poll_oneoff<T: Host>(
    mut caller: Caller<'_, T>,
    (subscriptions, events, len, count): (u32, u32, u32, u32),
) -> Answer<'_> {
    let (mut memory, ctx) = enter(&mut caller);
    match ctx.poll_oneoff(&mut memory, subscriptions, events, len, count) {
        Ok(None) => Box::new(ready(Ok(0))),
        Err(failure) => Box::new(ready(answer(Err(failure)))),
        Ok(Some(waiting)) => Box::new(wait(caller, waiting)),
    }
}

async fn wait<T: Host>(mut caller: Caller<'_, T>, mut waiting: Waiting) -> wasmtime::Result<i32> {
    loop {
        let interrupt = caller.data_mut().wasi().interrupt.clone();
        waiting.wait(&interrupt).await?;
        let (mut memory, ctx) = enter(&mut caller);
        match ctx.poll_again(&mut memory, waiting) {
            Ok(None) => return Ok(0),
            Ok(Some(more)) => waiting = more,
            Err(failure) => return answer(Err(failure)),
        }
    }
}

/// The guest's memory beside the state of its calls.
fn enter<'a, T: Host>(caller: &'a mut Caller<'_, T>) -> (GuestMemory<'a>, &'a mut WasiCtx) {
    let memory = caller.data().memory().or_else(|| {
        let memory = caller.get_export("memory").and_then(Extern::into_memory)?;
        caller.data_mut().set_memory(memory);
        Some(memory)
    });
    let Some(memory) = memory else {
        return (GuestMemory::new(&mut []), caller.data_mut().wasi());
    };
    let (bytes, data) = memory.data_and_store_mut(caller);
    (GuestMemory::new(bytes), data.wasi())
}

/// What the guest receives; a stop unwinds it.
fn answer(result: std::result::Result<(), Failure>) -> wasmtime::Result<i32> {
    match result {
        Ok(()) => Ok(0),
        Err(Failure::Errno(errno)) => Ok(i32::from(errno as u16)),
        Err(Failure::Stop(stop)) => Err(stop.into()),
    }
}

//! Calls as a guest makes them: numbers over a memory of its own, on a tree in memory.

mod files;
mod hostile;
mod linked;
mod paths;
mod random_calls;
mod state;
mod streams;
mod waiting;

use super::abi::{FdFlags, OFlags, Rights};
use super::{Failure, GuestMemory, Interrupt, Setup, Stdin, WasiCtx, clock};
use crate::limits::{Budget, LimitKey, Limits};
use crate::policy::{self, Access, GuestPath};
use crate::vfs::{Bytes, Errno, MountPoint, Quota, Source, Vfs};
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// Where the fixture puts things in the guest's memory.
const IOVS: u32 = 64;
const OUT: u32 = 128;
const PATH: u32 = 1024;
const OTHER_PATH: u32 = 2048;
const DATA: u32 = 16 << 10;
const MEMORY_BYTES: usize = 64 << 10;

/// A guest with one mount in memory at `/` that holds `hello` ("hello, world") and `dir/inner`
/// ("inner"), and a read-only one at `/fixed` that holds `file` ("fixed").
struct Guest {
    ctx: WasiCtx,
    bytes: Vec<u8>,
    budget: Arc<Budget>,
    interrupt: Arc<Interrupt>,
}

/// The first preopened directory, `/`.
const ROOT: u32 = 3;
/// The second, `/fixed`.
const FIXED: u32 = 4;

impl Guest {
    fn new() -> Guest {
        Guest::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Setup)) -> Guest {
        let setup = setup(change);
        let (budget, interrupt) = (setup.host_bytes.clone(), setup.interrupt.clone());
        Guest { ctx: WasiCtx::new(setup).unwrap(), bytes: vec![0; MEMORY_BYTES], budget, interrupt }
    }

    fn call(&mut self, call: impl FnOnce(&mut WasiCtx, GuestMemory<'_>) -> Result<(), Failure>) -> Result<(), Errno> {
        match call(&mut self.ctx, GuestMemory::new(&mut self.bytes)) {
            Ok(()) => Ok(()),
            Err(Failure::Errno(errno)) => Err(errno),
            Err(Failure::Stop(stop)) => panic!("the run was stopped: {stop}"),
        }
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> u32 {
        GuestMemory::new(&mut self.bytes).write(at, bytes).unwrap();
        bytes.len() as u32
    }

    fn put_iov(&mut self, at: u32, buffer: u32, len: u32) {
        self.put(at, &buffer.to_le_bytes());
        self.put(at + 4, &len.to_le_bytes());
    }

    fn u32(&self, at: u32) -> u32 {
        u32::from_le_bytes(self.slice(at, 4).try_into().unwrap())
    }

    fn u64(&self, at: u32) -> u64 {
        u64::from_le_bytes(self.slice(at, 8).try_into().unwrap())
    }

    fn slice(&self, at: u32, len: u32) -> &[u8] {
        &self.bytes[at as usize..(at + len) as usize]
    }

    fn open_with(
        &mut self,
        dir: u32,
        path: &str,
        oflags: OFlags,
        base: Rights,
        fdflags: FdFlags,
    ) -> Result<u32, Errno> {
        let len = self.put(PATH, path.as_bytes());
        let (oflags, base, inheriting) = (u32::from(oflags.bits()), base.bits(), u64::MAX);
        let fdflags = u32::from(fdflags.bits());
        self.call(|ctx, memory| ctx.path_open(memory, dir, 0, PATH, len, oflags, base, inheriting, fdflags, OUT))?;
        Ok(self.u32(OUT))
    }

    fn open(&mut self, path: &str, oflags: OFlags, base: Rights) -> Result<u32, Errno> {
        self.open_with(ROOT, path, oflags, base, FdFlags::default())
    }

    /// Opens a new file for everything.
    fn create(&mut self, path: &str) -> u32 {
        self.open(path, OFlags::CREAT | OFlags::EXCL, Rights::FILE).unwrap()
    }

    fn write(&mut self, fd: u32, data: &[u8]) -> Result<u32, Errno> {
        let len = self.put(DATA, data);
        self.put_iov(IOVS, DATA, len);
        self.call(|ctx, mut memory| ctx.fd_write(&mut memory, fd, IOVS, 1, OUT).map(drop))?;
        Ok(self.u32(OUT))
    }

    fn read(&mut self, fd: u32, len: u32) -> Result<Vec<u8>, Errno> {
        self.put_iov(IOVS, DATA, len);
        self.call(|ctx, mut memory| {
            assert_eq!(ctx.fd_read(&mut memory, fd, IOVS, 1, OUT)?, super::file::Progress::Done);
            Ok(())
        })?;
        Ok(self.slice(DATA, self.u32(OUT)).to_vec())
    }

    fn seek(&mut self, fd: u32, offset: i64, whence: u32) -> Result<u64, Errno> {
        self.call(|ctx, memory| ctx.fd_seek(memory, fd, offset, whence, OUT))?;
        Ok(self.u64(OUT))
    }

    fn close(&mut self, fd: u32) -> Result<(), Errno> {
        self.call(|ctx, memory| ctx.fd_close(memory, fd))
    }

    /// Base and inheriting rights.
    fn rights(&mut self, fd: u32) -> Result<(u64, u64), Errno> {
        self.call(|ctx, memory| ctx.fd_fdstat_get(memory, fd, OUT))?;
        Ok((self.u64(OUT + 8), self.u64(OUT + 16)))
    }

    fn size(&mut self, path: &str) -> Result<u64, Errno> {
        let len = self.put(PATH, path.as_bytes());
        self.call(|ctx, memory| ctx.path_filestat_get(memory, ROOT, 0, PATH, len, OUT))?;
        Ok(self.u64(OUT + 32))
    }

    /// The descriptors that are open.
    fn open_descriptors(&mut self) -> Vec<u32> {
        (0..300).filter(|fd| self.ctx.table.descriptor(*fd).is_ok()).collect()
    }
}

fn setup(change: impl FnOnce(&mut Setup)) -> Setup {
    let limits = Limits::new();
    let host_bytes = Arc::new(Budget::new(limits.value(LimitKey::HostBytes)));
    let clock = clock(policy::Clock::Real);
    let file = |path: &str, content: &'static str| (path.to_owned(), Arc::new(content) as Bytes);
    let mount = |guest, files, access| MountPoint {
        guest: GuestPath::parse(guest).unwrap(),
        source: Source::Memory { files, access },
    };
    let mounts = vec![
        mount("/", vec![file("hello", "hello, world"), file("dir/inner", "inner")], Access::ReadWrite),
        mount("/fixed", vec![file("file", "fixed")], Access::ReadOnly),
    ];
    let quota = Quota {
        fs_bytes: limits.value(LimitKey::FsBytes),
        fs_nodes: limits.value(LimitKey::FsNodes),
        file_bytes: limits.value(LimitKey::FileBytes),
    };
    let mut setup = Setup {
        args: vec!["program".into(), "argument".into()],
        env: vec![("NAME".into(), "value".into())],
        vfs: Vfs::new(mounts, quota, host_bytes.clone(), clock.clone()).unwrap(),
        clock,
        seed: None,
        stdin: Stdin::bytes("typed"),
        limits,
        host_bytes,
        interrupt: Arc::new(Interrupt::start(Duration::from_secs(60))),
    };
    change(&mut setup);
    setup
}

/// Polls a guest's future as the owner of a run does.
fn block_on<T>(interrupt: &Interrupt, future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = Box::pin(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        if let Some(until) = interrupt.waiting_until() {
            std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
        }
    }
}

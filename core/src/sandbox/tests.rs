//! Runs driven by an executor, from other threads, and one after the other.
#![allow(clippy::unwrap_used)]

use super::Body;
use crate::limits::Budget;
use crate::policy::{Access, GuestPath};
use crate::vfs::{MountPoint, Now, Quota, Source, Vfs};
use crate::{Engine, Image, LimitKey, Limits, Mount, Policy, Program, Sandbox, Status, Stdin};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// Waits as long as its first argument says: `poll_oneoff` with one relative clock.
const SLEEP: &str = r#"(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const NANOSECONDS))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"#;

/// Reads one byte from standard input and exits with it.
const READ: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 100))
    (i32.store (i32.const 4) (i32.const 1))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $exit (i32.load8_u (i32.const 100)))))"#;

const FOREVER: &str = r#"(module (func (export "_start") (loop (br 0))))"#;

fn sandbox(module: &str, limits: Limits) -> Sandbox {
    let engine = Engine::builder().build().unwrap();
    let image = Image::command(&engine, "guest", module.as_bytes(), &Limits::new()).unwrap();
    Sandbox::builder(&image).limits(limits).build().unwrap()
}

fn sleeper(duration: Duration) -> String {
    SLEEP.replace("NANOSECONDS", &duration.as_nanos().to_string())
}

/// The smallest executor: polls when woken, and knows nothing of this crate.
struct Executor {
    woken: Receiver<()>,
    waker: Waker,
}

struct Signal(Sender<()>);

impl Wake for Signal {
    fn wake(self: std::sync::Arc<Self>) {
        let _ = self.0.send(());
    }
}

impl Executor {
    fn new() -> Executor {
        let (sender, woken) = channel();
        Executor { woken, waker: Waker::from(std::sync::Arc::new(Signal(sender))) }
    }

    fn poll<F: Future>(&self, future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(&self.waker))
    }

    /// Also counts how often the future was polled.
    fn run<F: Future>(&self, future: F) -> (F::Output, usize) {
        let mut future = pin!(future);
        let mut polls = 0;
        loop {
            polls += 1;
            if let Poll::Ready(output) = self.poll(future.as_mut()) {
                return (output, polls);
            }
            self.woken.recv_timeout(Duration::from_secs(30)).expect("nobody woke the future");
        }
    }
}

#[test]
fn an_async_caller_is_woken_when_a_sleeping_guest_goes_on() {
    let mut sandbox = sandbox(&sleeper(Duration::from_millis(30)), Limits::new());
    let (outcome, polls) = Executor::new().run(sandbox.run_async(Program::command()));
    let outcome = outcome.unwrap();
    assert!(outcome.is_success());
    assert!(outcome.usage.wall_ms >= 30.0);
    assert!(polls < 20, "{polls} polls: the executor was kept busy while the guest slept");
}

#[test]
fn an_async_caller_is_woken_when_input_arrives() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut sandbox = sandbox(READ, Limits::new());
    let late = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        std::io::Write::write_all(&mut writer, b"\x2a").unwrap();
    });
    let program = Program::command().stdin(Stdin::descriptor(reader.into()));
    let (outcome, _) = Executor::new().run(sandbox.run_async(program));
    let outcome = outcome.unwrap();
    assert_eq!(outcome.status, Status::Exited { code: 42 });
    assert!(outcome.usage.host_wait_ms >= 10.0, "{:?}", outcome.usage);
    late.join().unwrap();
}

#[test]
fn a_computing_guest_leaves_its_executor_time_for_others_and_ends_at_its_deadline() {
    let limits = Limits::new().with(LimitKey::DeadlineMs, 50).unwrap();
    let mut sandbox = sandbox(FOREVER, limits);
    let (outcome, polls) = Executor::new().run(sandbox.run_async(Program::command()));
    assert_eq!(outcome.unwrap().status, Status::Exceeded { limit: LimitKey::DeadlineMs });
    assert!(polls > 10, "only {polls} polls");
}

#[test]
fn a_sleeping_guest_ends_at_its_deadline_for_async_callers_too() {
    let limits = Limits::new().with(LimitKey::DeadlineMs, 50).unwrap();
    let mut sandbox = sandbox(&sleeper(Duration::from_secs(100)), limits);
    let started = Instant::now();
    let (outcome, _) = Executor::new().run(sandbox.run_async(Program::command()));
    assert_eq!(outcome.unwrap().status, Status::Exceeded { limit: LimitKey::DeadlineMs });
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn dropping_the_future_ends_the_guest_at_once_and_keeps_the_files() {
    let mut sandbox = sandbox(FOREVER, Limits::new().with(LimitKey::Fuel, 100_000_000).unwrap());
    let executor = Executor::new();
    {
        let mut run = pin!(sandbox.run_async(Program::command()));
        assert!(executor.poll(run.as_mut()).is_pending());
    }
    assert!(sandbox.task.is_none() && !sandbox.cancel_handle().cancel());
    assert!(sandbox.files().unwrap().added.is_empty());
    let again = sandbox.run(Program::command()).unwrap();
    assert_eq!(again.status, Status::Exceeded { limit: LimitKey::Fuel });
}

#[test]
fn a_run_is_cancelled_from_another_thread_and_the_next_one_is_not() {
    let mut sandbox = sandbox(FOREVER, Limits::new());
    let cancel = sandbox.cancel_handle();
    assert!(!cancel.cancel());
    let canceller = std::thread::spawn(move || {
        while !cancel.cancel() {
            std::thread::yield_now();
        }
    });
    assert_eq!(sandbox.run(Program::command()).unwrap().status, Status::Cancelled);
    canceller.join().unwrap();
    sandbox.limits = Limits::new().with(LimitKey::Fuel, 1000).unwrap();
    let again = sandbox.run(Program::command()).unwrap();
    assert_eq!(again.status, Status::Exceeded { limit: LimitKey::Fuel });
    assert_eq!(again.usage.fuel, 1000);
}

#[test]
fn host_bytes_are_given_back_after_every_run() {
    let engine = Engine::builder().build().unwrap();
    let image = Image::command(&engine, "guest", READ.as_bytes(), &Limits::new()).unwrap();
    let policy = Policy::new().mount(Mount::memory("/").unwrap());
    let mut sandbox = Sandbox::builder(&image).policy(policy).build().unwrap();
    let before = sandbox.host_bytes.used();
    for _ in 0..10 {
        let program = Program::command().stdin(Stdin::bytes("*"));
        assert_eq!(sandbox.run(program).unwrap().status, Status::Exited { code: 42 });
    }
    assert_eq!(sandbox.host_bytes.used(), before);
    sandbox.body = Body::Command { vfs: None };
    assert_eq!(sandbox.host_bytes.used(), 0);
}

#[test]
fn files_stay_from_run_to_run_and_are_seen_from_outside() {
    let engine = Engine::builder().build().unwrap();
    let image = Image::command(&engine, "guest", READ.as_bytes(), &Limits::new()).unwrap();
    let policy = Policy::new().mount(Mount::memory("/out").unwrap());
    let mut sandbox = Sandbox::builder(&image).policy(policy).build().unwrap();
    sandbox.write_file("/out/a/b.txt", b"kept").unwrap();
    sandbox.run(Program::command()).unwrap();
    assert_eq!(sandbox.read_file("/out/a/b.txt").unwrap(), b"kept");
    assert_eq!(sandbox.files().unwrap().added, ["/out/a/b.txt"]);
    let folder = tempfile::tempdir().unwrap();
    sandbox.export("/out", folder.path()).unwrap();
    assert_eq!(std::fs::read(folder.path().join("a/b.txt")).unwrap(), b"kept");
    assert_eq!(sandbox.read_file("/elsewhere").unwrap_err().code().as_str(), "file_unavailable");
}

#[test]
fn what_users_hold_can_move_between_threads() {
    fn moves<T: Send>(value: T) -> T {
        value
    }
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Engine>();
    is_shared::<Image>();
    is_shared::<crate::CancelHandle>();
    is_shared::<crate::Error>();
    is_shared::<crate::Outcome>();
    let mut sandbox = moves(sandbox(FOREVER, Limits::new().with(LimitKey::Fuel, 10).unwrap()));
    // The future too: executors with several threads may take it along.
    let run = moves(sandbox.run_async(Program::command()));
    assert!(Executor::new().run(run).0.is_ok());
}

/// Opens `f`, removes it and ends with the file open.
const OPEN_AND_UNLINK: &str = r#"(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "f")
  (func (export "_start")
    (if (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 0)
          (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8))
      (then (call $exit (i32.const 1))))
    (if (call $unlink (i32.const 3) (i32.const 100) (i32.const 1)) (then (call $exit (i32.const 2))))))"#;

/// Content that panics when it is freed.
struct Explosive;

impl AsRef<[u8]> for Explosive {
    fn as_ref(&self) -> &[u8] {
        b"boom"
    }
}

impl Drop for Explosive {
    fn drop(&mut self) {
        panic!("boom");
    }
}

/// A clock that panics whenever it is read but the first time.
#[derive(Default)]
struct Broken(std::sync::atomic::AtomicBool);

impl Now for Broken {
    fn now_ns(&self) -> u64 {
        assert!(!self.0.swap(true, std::sync::atomic::Ordering::Relaxed), "the clock is broken");
        0
    }
}

#[test]
fn a_panic_in_the_file_tree_is_an_error_and_the_tree_is_not_used_again() {
    let tree = |content: crate::vfs::Bytes, now: Arc<dyn Now>| {
        let source = Source::Memory { files: vec![("f".to_owned(), content)], access: Access::ReadWrite };
        let mounts = vec![MountPoint { guest: GuestPath::parse("/").unwrap(), source }];
        let quota = Quota { fs_bytes: 1 << 20, fs_nodes: 10, file_bytes: 1 << 20 };
        Vfs::new(mounts, quota, Arc::new(Budget::new(1 << 20)), now).unwrap()
    };
    let clock = |sandbox: &Sandbox| Arc::clone(&sandbox.clock) as Arc<dyn Now>;
    for (in_a_call, message) in [(true, "the clock is broken"), (false, "boom")] {
        let mut sandbox = sandbox(OPEN_AND_UNLINK, Limits::new());
        let vfs = Some(match in_a_call {
            true => tree(Arc::new(b"f".to_vec()), Arc::new(Broken::default())),
            // Freed when the run has ended and its descriptors are closed.
            false => tree(Arc::new(Explosive), clock(&sandbox)),
        });
        sandbox.body = Body::Command { vfs: vfs.map(Box::new) };
        let error = sandbox.run(Program::command()).unwrap_err();
        assert_eq!(error.code().as_str(), "internal");
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(sandbox.files().unwrap_err().code().as_str(), "sandbox_unusable");
        assert_eq!(sandbox.run(Program::command()).unwrap_err().code().as_str(), "sandbox_unusable");
    }
}

#[test]
fn a_seed_makes_inode_numbers_of_host_files_repeat_and_another_seed_does_not() {
    // Exits with the low bits of the inode number of descriptor 3.
    const INODE: &str = r#"(module
      (import "wasi_snapshot_preview1" "fd_filestat_get" (func $stat (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (func (export "_start") (drop (call $stat (i32.const 3) (i32.const 0))) (call $exit (i32.load (i32.const 8)))))"#;
    let engine = Engine::builder().build().unwrap();
    let image = Image::command(&engine, "guest", INODE.as_bytes(), &Limits::new()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let shown = |seed: Option<u64>| {
        let mount = Mount::host(folder.path(), "/", crate::Access::ReadOnly).unwrap();
        let policy = Policy { seed: seed.map(crate::Seed), ..Policy::new().mount(mount) };
        let mut sandbox = Sandbox::builder(&image).policy(policy).build().unwrap();
        sandbox.run(Program::command()).unwrap().status
    };
    assert_eq!(shown(Some(1)), shown(Some(1)));
    assert_ne!(shown(Some(1)), shown(Some(2)));
    assert_ne!(shown(None), shown(None));
}

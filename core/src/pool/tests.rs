//! Pools under load, at their caps, and with holders and waiters that go away early.

use super::*;
use crate::{Access, Engine, Error, Image, LimitKey, Limits, Mount, Policy, PoolCap, Program, Sandbox};
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Instant;

const FILE: &str = "/out/mine.txt";
const LONG: Duration = Duration::from_secs(60);

fn limits() -> Limits {
    [(LimitKey::MemoryBytes, 1 << 20), (LimitKey::HostBytes, 1 << 20), (LimitKey::TableElements, 0)]
        .into_iter()
        .fold(Limits::new(), |limits, (key, value)| limits.with(key, value).unwrap())
}

fn prototype(limits: Limits) -> SandboxBuilder {
    let engine = Engine::builder().build().unwrap();
    let module = br#"(module (func (export "_start")))"#;
    let image = Image::command(&engine, "guest", module, &Limits::new()).unwrap();
    let policy = Policy::new().mount(Mount::memory("/out").unwrap());
    Sandbox::builder(&image).policy(policy).limits(limits)
}

fn pool(max_sandboxes: usize, max_ready: usize) -> Pool {
    Pool::builder(prototype(limits())).max_sandboxes(max_sandboxes).max_ready(max_ready).build().unwrap()
}

/// One that mounts a folder of the host, which may vanish.
fn pool_over(folder: &Path, max_ready: usize) -> Result<Pool> {
    let mount = Mount::host(folder, "/data", Access::ReadOnly).unwrap();
    let prototype = prototype(limits()).policy(Policy::new().mount(mount));
    Pool::builder(prototype).max_sandboxes(1).max_ready(max_ready).build()
}

/// Waits for what other threads are about to do.
fn until(condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < LONG, "it never happened");
        thread::yield_now();
    }
}

/// Every place can be had, every number adds up, and nobody is left in line.
fn assert_whole(pool: &Pool) {
    let metrics = pool.metrics();
    assert_eq!((metrics.live, metrics.waiting), (0, 0), "{metrics:?}");
    assert_eq!(metrics.forks, metrics.resets + metrics.ready as u64, "{metrics:?}");
    assert_eq!(metrics.host_bytes, metrics.ready as u64 * metrics.sandbox_bytes);
    let all: Vec<Pooled> = (0..metrics.capacity).map(|_| pool.acquire().unwrap()).collect();
    assert_eq!(pool.acquire().unwrap_err().code().as_str(), "pool_busy");
    drop(all);
    assert_eq!(pool.metrics().live, 0);
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls once; what it returns counts the wake-ups.
fn poll<F: Future>(future: Pin<&mut F>) -> (Poll<F::Output>, Arc<Wakes>) {
    let wakes = Arc::new(Wakes::default());
    let polled = future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(&wakes))));
    (polled, wakes)
}

#[test]
fn the_caps_hold_under_eight_threads_and_no_place_is_lost() {
    let pool = pool(3, 2);
    let (held, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for worker in 0..8usize {
            let (pool, held, most) = (&pool, &held, &most);
            scope.spawn(move || {
                for round in 0..300 {
                    let acquired = match (worker + round) % 4 {
                        0 => pool.acquire(),
                        1 => pool.acquire_within(Duration::from_micros(200)),
                        2 => {
                            // Given up at once, in line or already served.
                            let mut future = pin!(pool.acquire_async(LONG));
                            match poll(future.as_mut()).0 {
                                Poll::Ready(acquired) => acquired,
                                Poll::Pending => continue,
                            }
                        }
                        _ => pool.acquire_within(LONG),
                    };
                    let mut sandbox = match acquired {
                        Ok(sandbox) => sandbox,
                        Err(Error::PoolBusy { .. }) => continue,
                        Err(error) => panic!("{error}"),
                    };
                    most.fetch_max(held.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let metrics = pool.metrics();
                    assert!(metrics.live <= 3 && metrics.ready <= 2, "{metrics:?}");
                    assert!(metrics.host_bytes <= 3 * metrics.sandbox_bytes, "{metrics:?}");
                    assert!(sandbox.read_file(FILE).is_err(), "somebody had this one before");
                    sandbox.write_file(FILE, b"mine").unwrap();
                    assert!(sandbox.run(Program::command()).unwrap().is_success());
                    held.fetch_sub(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert!((1..=3).contains(&most.into_inner()));
    assert_whole(&pool);
}

#[test]
fn nobody_gets_a_sandbox_that_somebody_had() {
    let pool = pool(2, 2);
    for _ in 0..100 {
        let mut sandbox = pool.acquire().unwrap();
        assert!(sandbox.files().unwrap().added.is_empty());
        assert_eq!(sandbox.read_file(FILE).unwrap_err().code().as_str(), "file_unavailable");
        sandbox.write_file(FILE, b"secret").unwrap();
    }
    let metrics = pool.metrics();
    assert_eq!((metrics.acquired, metrics.acquired_ready, metrics.resets), (100, 100, 100));
    assert_eq!((metrics.forks, metrics.ready), (101, 1));
}

#[test]
fn who_waits_is_refused_at_the_deadline_and_told_which_cap_for_how_long() {
    let pool = pool(1, 1);
    let held = pool.acquire().unwrap();
    let refused = pool.acquire().unwrap_err();
    assert!(matches!(refused, Error::PoolBusy { cap: PoolCap::MaxSandboxes, allowed: 1, waited_ms: 0 }), "{refused}");
    let refused = pool.acquire_within(Duration::from_millis(30)).unwrap_err();
    assert!(matches!(refused, Error::PoolBusy { waited_ms: 30.., .. }), "{refused}");
    assert_eq!((refused.code().number(), refused.class().as_str()), (402, "usage"));
    drop(held);
    let metrics = pool.metrics();
    assert_eq!((metrics.waits, metrics.refused, metrics.waiting), (1, 2, 0));
    assert!(pool.acquire_within(Duration::MAX).is_ok());
    assert_whole(&pool);
}

#[test]
fn those_who_wait_are_served_in_the_order_they_came() {
    let pool = pool(1, 1);
    let held = pool.acquire().unwrap();
    let order = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for number in 0..6 {
            let (pool, order) = (&pool, &order);
            scope.spawn(move || {
                let served = pool.acquire_within(LONG).unwrap();
                order.lock().unwrap().push(number);
                drop(served);
            });
            until(|| pool.metrics().waiting == number + 1);
        }
        drop(held);
    });
    assert_eq!(order.into_inner().unwrap(), [0, 1, 2, 3, 4, 5]);
    assert_whole(&pool);
}

#[test]
fn a_place_that_was_given_to_the_first_in_line_cannot_be_taken_by_a_newcomer() {
    let pool = pool(1, 1);
    let held = pool.acquire().unwrap();
    let mut first = pin!(pool.acquire_async(LONG));
    let (polled, wakes) = poll(first.as_mut());
    assert!(polled.is_pending());
    drop(held);
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    assert!(pool.acquire().is_err());
    assert!(pool.acquire_within(Duration::from_millis(1)).is_err());
    assert!(matches!(poll(first.as_mut()).0, Poll::Ready(Ok(_))));
    assert_whole(&pool);
}

#[test]
fn an_async_waiter_is_refused_at_its_deadline() {
    let pool = pool(1, 1);
    let held = pool.acquire().unwrap();
    let (sender, woken) = std::sync::mpsc::channel();
    struct Signal(std::sync::mpsc::Sender<()>);
    impl Wake for Signal {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }
    let waker = Waker::from(Arc::new(Signal(sender)));
    let mut future = pin!(pool.acquire_async(Duration::from_millis(20)));
    let mut polls = 0;
    let refused = loop {
        polls += 1;
        if let Poll::Ready(acquired) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            break acquired.unwrap_err();
        }
        woken.recv_timeout(LONG).expect("nobody woke the future");
    };
    assert!(matches!(refused, Error::PoolBusy { waited_ms: 20.., .. }), "{refused}");
    assert!(polls < 5, "{polls} polls");
    assert_eq!(pool.metrics().waiting, 0);
    drop(held);
    assert_whole(&pool);
}

#[test]
fn a_future_that_is_dropped_leaves_the_line_or_passes_its_place_on() {
    let pool = pool(1, 1);
    let held = pool.acquire().unwrap();
    let mut gone = Box::pin(pool.acquire_async(LONG));
    let mut served = Box::pin(pool.acquire_async(LONG));
    let mut next = Box::pin(pool.acquire_async(LONG));
    let (polled, wakes_of_gone) = poll(gone.as_mut());
    assert!(polled.is_pending());
    let (polled, wakes_of_served) = poll(served.as_mut());
    assert!(polled.is_pending());
    let (polled, wakes_of_next) = poll(next.as_mut());
    assert!(polled.is_pending());
    assert_eq!(pool.metrics().waiting, 3);
    drop(gone);
    assert_eq!(pool.metrics().waiting, 2);
    drop(held);
    let woken = |wakes: &Wakes| wakes.0.load(Ordering::Relaxed);
    assert_eq!((woken(&wakes_of_gone), woken(&wakes_of_served), woken(&wakes_of_next)), (0, 1, 0));
    drop(served);
    assert_eq!(woken(&wakes_of_next), 1);
    let acquired = poll(next.as_mut()).0;
    assert!(matches!(acquired, Poll::Ready(Ok(_))));
    drop((acquired, next));
    assert_whole(&pool);
}

#[test]
fn what_all_sandboxes_may_take_in_sum_is_never_more_than_allowed() {
    let each = 2 << 20;
    let build = |max_host_bytes| Pool::builder(prototype(limits())).max_host_bytes(max_host_bytes).build();
    let pool = build(3 * each - 1).unwrap();
    assert_eq!((pool.metrics().sandbox_bytes, pool.metrics().capacity), (each, 2));
    let both = (pool.acquire().unwrap(), pool.acquire().unwrap());
    assert_eq!(pool.metrics().host_bytes, 2 * each);
    let refused = pool.acquire().unwrap_err();
    assert!(matches!(refused, Error::PoolBusy { cap: PoolCap::MaxHostBytes, .. }), "{refused}");
    assert!(refused.to_string().contains("`max_host_bytes` (6291455)"), "{refused}");
    drop(both);
    assert_whole(&pool);
    let none = build(each - 1).unwrap_err();
    assert!(none.code().as_str() == "document_invalid" && none.to_string().contains("max_host_bytes"), "{none}");
    let none = Pool::builder(prototype(limits())).max_sandboxes(0).build().unwrap_err();
    assert!(none.to_string().contains("max_sandboxes"), "{none}");
}

#[test]
fn table_elements_count_and_sums_that_overflow_admit_nothing() {
    let limits = limits().with(LimitKey::TableElements, 100).unwrap();
    let pool = Pool::builder(prototype(limits)).build().unwrap();
    assert_eq!(pool.metrics().sandbox_bytes, (2 << 20) + 800);
    let largest = LimitKey::ALL.into_iter().fold(Limits::new(), |limits, key| {
        let most = *key.range().end();
        limits.with(key, most).unwrap()
    });
    let refused = Pool::builder(prototype(largest)).build().unwrap_err();
    assert_eq!(refused.code().as_str(), "document_invalid");
}

#[test]
fn a_sandbox_that_cannot_be_made_is_an_error_of_who_asked_and_the_pool_goes_on() {
    let around = tempfile::tempdir().unwrap();
    let folder = around.path().join("data");
    // With each place that comes back, one that is ready is tried for.
    for (max_ready, failures) in [(0, 3), (1, 6)] {
        std::fs::create_dir(&folder).unwrap();
        let pool = pool_over(&folder, max_ready).unwrap();
        let held = pool.acquire().unwrap();
        let mut first = pin!(pool.acquire_async(LONG));
        assert!(poll(first.as_mut()).0.is_pending());
        let mut second = pin!(pool.acquire_async(LONG));
        let (polled, wakes) = poll(second.as_mut());
        assert!(polled.is_pending());
        std::fs::remove_dir(&folder).unwrap();
        drop(held);
        assert!(matches!(poll(first.as_mut()).0, Poll::Ready(Err(Error::MountInvalid { .. }))));
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert!(matches!(poll(second.as_mut()).0, Poll::Ready(Err(Error::MountInvalid { .. }))));
        std::fs::create_dir(&folder).unwrap();
        let held = pool.acquire().unwrap();
        std::fs::remove_dir(&folder).unwrap();
        drop(held);
        assert_eq!(pool.acquire().unwrap_err().code().as_str(), "mount_invalid");
        let metrics = pool.metrics();
        assert_eq!((metrics.live, metrics.ready, metrics.failures), (0, 0, failures));
        assert_eq!(pool_over(&folder, 1).unwrap_err().code().as_str(), "mount_invalid");
        std::fs::create_dir(&folder).unwrap();
        assert_whole(&pool);
        std::fs::remove_dir(&folder).unwrap();
    }
}

#[test]
fn as_many_are_ready_as_were_in_use_and_never_more_than_the_caps() {
    for (max_sandboxes, max_ready, ready) in [(8, 8, 5), (8, 3, 3), (8, 0, 0), (5, 9, 5)] {
        let pool = pool(max_sandboxes, max_ready);
        let held: Vec<Pooled> = (0..5).map(|_| pool.acquire().unwrap()).collect();
        assert_eq!(pool.metrics().ready, 0);
        for sandbox in held {
            drop(sandbox);
            let metrics = pool.metrics();
            assert!(metrics.live + metrics.ready <= max_sandboxes, "{metrics:?}");
        }
        assert_eq!(pool.metrics().ready, ready);
        assert_whole(&pool);
    }
}

#[test]
fn a_ready_sandbox_that_is_too_old_is_dropped_and_not_handed_out() {
    let limits = limits().with(LimitKey::IdleMs, 1000).unwrap();
    let pool = Pool::builder(prototype(limits)).build().unwrap();
    thread::sleep(Duration::from_millis(120));
    let held = pool.acquire().unwrap();
    let metrics = pool.metrics();
    assert_eq!((metrics.forks, metrics.resets, metrics.acquired_ready), (2, 1, 0));
    drop(held);
    assert_eq!(pool.metrics().ready, 1);
    thread::sleep(Duration::from_millis(120));
    pool.tend();
    let metrics = pool.metrics();
    assert_eq!((metrics.forks, metrics.resets, metrics.ready), (4, 3, 1), "{metrics:?}");
}

#[test]
fn a_holder_that_panics_gives_its_place_back() {
    let pool = pool(1, 1);
    let other = pool.clone();
    let holder = thread::spawn(move || {
        let _held = other.acquire().unwrap();
        panic!("the holder's own");
    });
    assert!(holder.join().is_err());
    let metrics = pool.metrics();
    assert_eq!((metrics.live, metrics.resets, metrics.ready), (0, 1, 0));
    assert_whole(&pool);
}

#[test]
fn sandboxes_outlive_their_pool_and_then_nothing_of_it_is_left() {
    let pool = pool(4, 4);
    let mut one = pool.acquire().unwrap();
    let other = pool.acquire().unwrap();
    drop(pool.acquire().unwrap());
    let shared = Arc::downgrade(pool.shared());
    let clone = pool.clone();
    drop(pool);
    assert_eq!(clone.metrics().ready, 1);
    drop(clone);
    assert_eq!(shared.upgrade().unwrap().metrics().ready, 0);
    assert!(one.run(Program::command()).unwrap().is_success());
    drop(one);
    let left = shared.upgrade().unwrap().metrics();
    assert_eq!((left.live, left.ready), (1, 0));
    drop(other);
    assert!(shared.upgrade().is_none());
}

#[test]
fn metrics_have_a_json_form() {
    let pool = pool(2, 1);
    let _held = pool.acquire().unwrap();
    let json = serde_json::to_value(pool.metrics()).unwrap();
    assert_eq!((&json["live"], &json["forks"], &json["waits"]), (&1.into(), &1.into(), &0.into()));
}

#[test]
fn pools_and_what_they_hand_out_can_move_between_threads() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    fn moves<T: Send>(value: T) -> T {
        value
    }
    let pool = pool(1, 1);
    is_shared(&pool);
    let future = moves(pool.acquire_async(LONG));
    let mut future = pin!(future);
    let Poll::Ready(Ok(acquired)) = poll(future.as_mut()).0 else { panic!("a place was free") };
    drop(moves(acquired));
}

//! Many calls and many sandboxes at the same time, on few threads.

use futures_timer::Delay;
use futures_util::future::join_all;
use sandcell::{CallOutcome, Policy, Program, Sandbox, Status, Tool, ToolErrorKind};
use sandcell_tests::census::{self, Census, alone};
use sandcell_tests::toolbox::{price, session, session_with};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How many calls are under way, and were at most.
#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
    ended: AtomicUsize,
}

struct Inside(Arc<Gauge>);

impl Gauge {
    fn enter(self: &Arc<Gauge>) -> Inside {
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Inside(Arc::clone(self))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// A tool whose calls wait until so many of them are under way.
fn together(gauge: &Arc<Gauge>, count: usize) -> Tool {
    let gauge = Arc::clone(gauge);
    Tool::asynchronous("together", move |call| {
        let gauge = Arc::clone(&gauge);
        async move {
            let _inside = gauge.enter();
            while gauge.most.load(Ordering::SeqCst) < count {
                Delay::new(Duration::from_millis(1)).await;
            }
            Ok(call.arguments.get("n").cloned().unwrap_or(json!(null)).into())
        }
    })
    .input_schema(json!({"type": "object", "properties": {"n": {"type": "integer"}}}))
}

#[test]
fn calls_of_a_batch_run_side_by_side_and_come_back_in_their_order() {
    for code in [
        "print(tools.map(tools.together, range(32)) == list(range(32)))",
        "import asyncio\nasync def main(): return await asyncio.gather(*(tools.aio.together(n) for n in range(32)))\nprint(asyncio.run(main()) == list(range(32)))",
        "print(await __import__('asyncio').gather(*(tools.aio.together(n) for n in range(32))) == list(range(32)))",
    ] {
        // If they ran one after the other, the first would wait for ever.
        let gauge = Arc::<Gauge>::default();
        let mut sandbox = session([together(&gauge, 32)]);
        let outcome = sandbox.run(Program::code(format!("from host import tools\n{code}"))).unwrap();
        assert_eq!(outcome.stdout_text(), "True\n", "{outcome:#?}");
        assert_eq!(gauge.most.load(Ordering::SeqCst), 32);
    }
}

#[test]
fn blocking_tools_run_side_by_side_and_on_threads_of_their_own() {
    let gauge = Arc::<Gauge>::default();
    let inner = Arc::clone(&gauge);
    let caller = std::thread::current().id();
    let tool = Tool::blocking("wait", move |_| {
        let _inside = inner.enter();
        while inner.most.load(Ordering::SeqCst) < 8 {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok((std::thread::current().id() != caller).into())
    });
    let mut sandbox = session([tool]);
    let code = "from host import tools\nimport asyncio\nprint(await asyncio.gather(*(tools.aio.wait() for _ in range(8))) == [True] * 8)";
    let outcome = sandbox.run(Program::code(code)).unwrap();
    assert!(outcome.stdout_text().ends_with("True\n"), "{outcome:#?}");
}

#[test]
fn a_thousand_sandboxes_wait_for_a_tool_at_once_on_a_handful_of_threads() {
    alone(|| {
        let gauge = Arc::<Gauge>::default();
        let tool = together(&gauge, 1_000);
        let most_threads = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&most_threads);
        let seen = Tool::new("seen", move |_| {
            counted.fetch_max(Census::take().threads, Ordering::SeqCst);
            Ok(json!(null).into())
        });
        let mut sandboxes: Vec<Sandbox> = (0..1_000).map(|_| session([tool.clone(), seen.clone()])).collect();
        let runs = sandboxes.iter_mut().map(|sandbox| {
            sandbox.run_async(Program::code(
                "from host import tools\ntools.together(n=7)\ntools.seen()\ntools.together(n=7)",
            ))
        });
        let outcomes = blocking(join_all(runs));
        assert!(outcomes.into_iter().all(|outcome| outcome.unwrap().result == Some(json!(7))));
        assert_eq!(gauge.most.load(Ordering::SeqCst), 1_000);
        // The test harness has two, timers one.
        assert!((1..=8).contains(&most_threads.load(Ordering::SeqCst)), "{most_threads:?}");
    });
}

fn blocking<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = std::pin::pin!(future);
    let waker = std::task::Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            return output;
        }
        std::thread::park_timeout(Duration::from_secs(1));
    }
}

#[test]
fn a_hundred_thousand_calls_leave_nothing() {
    alone(|| {
        let mut sandbox =
            session_with([price()], Policy::new(), &[("host_calls", 1_000_000), ("deadline_ms", 600_000)]);
        let code = |calls: u32| {
            Program::code(format!(
                "from host import tools\nfor _ in range({calls}): tools.price('apple')\ntools.map(tools.price, ['apple'] * {calls}) == [1.25] * {calls}"
            ))
        };
        assert_eq!(sandbox.run(code(1_000)).unwrap().result, Some(json!(true)));
        let (before, before_bytes) = (Census::take(), census::resident_bytes());
        let outcome = sandbox.run(code(50_000)).unwrap();
        assert_eq!(outcome.result, Some(json!(true)), "{outcome:?}");
        assert_eq!(outcome.tool_calls.count(CallOutcome::Ok), 100_000);
        assert_eq!(outcome.tool_calls.calls.len(), 1_000);
        drop(outcome);
        let (after, after_bytes) = (Census::take(), census::resident_bytes());
        assert_eq!((after.descriptors, after.threads), (before.descriptors, before.threads));
        assert!(after_bytes <= before_bytes + (24 << 20), "from {before_bytes} to {after_bytes} bytes resident");
    });
}

#[test]
fn a_thousand_runs_cancelled_at_random_moments_end_once_each_and_leave_nothing() {
    alone(|| {
        let gauge = Arc::<Gauge>::default();
        let inside = Arc::clone(&gauge);
        let slow = Tool::asynchronous("slow", move |_| {
            let inside = inside.enter();
            async move {
                let _inside = inside;
                Delay::new(Duration::from_secs(3_600)).await;
                Ok(json!(1).into())
            }
        });
        let programs = [
            "while True: pass",
            "import time; time.sleep(1000)",
            "from host import tools; tools.slow()",
            "from host import tools; import asyncio; await asyncio.gather(tools.aio.slow(), tools.aio.slow())",
            "from host import tools\nwhile True:\n    try: tools.price('apple')\n    except BaseException: pass",
            "input()",
        ];
        let run = |round: usize| {
            let mut sandbox = session([price(), slow.clone()]);
            let cancel = sandbox.cancel_handle();
            let (_read, write) = std::io::pipe().unwrap();
            let canceller = std::thread::spawn(move || {
                let mut cancelled = 0;
                // A spread of moments that needs no randomness.
                std::thread::sleep(Duration::from_micros((round as u64 * 7919) % 4_000));
                while cancelled == 0 {
                    cancelled += usize::from(cancel.cancel());
                    std::thread::yield_now();
                }
            });
            let program = Program::code(programs[round % programs.len()]);
            let program = match round % programs.len() {
                5 => program.stdin(sandcell::Stdin::descriptor(_read.into())),
                _ => program,
            };
            let outcome = sandbox.run(program).unwrap();
            drop(write);
            canceller.join().unwrap();
            assert_eq!(outcome.status, Status::Cancelled, "{round}: {outcome:?}");
            let counts = &outcome.tool_calls;
            assert!(counts.count(CallOutcome::Error(ToolErrorKind::Cancelled)) <= 2, "{counts:?}");
        };
        (0..60).for_each(run);
        let (before, before_bytes) = (Census::settled(), census::resident_bytes());
        (0..1_000).for_each(run);
        let (after, after_bytes) = (Census::settled(), census::resident_bytes());
        assert_eq!(gauge.now.load(Ordering::SeqCst), 0, "a tool's future is still there");
        assert_eq!((after.descriptors, after.threads), (before.descriptors, before.threads));
        assert!(after_bytes <= before_bytes + (24 << 20), "from {before_bytes} to {after_bytes} bytes resident");
    });
}

#[test]
fn dropping_the_future_of_a_run_drops_its_tools_futures() {
    let gauge = Arc::<Gauge>::default();
    let mut sandbox = session([together(&gauge, 2)]);
    {
        let mut run = std::pin::pin!(sandbox.run_async(Program::code("from host import tools; tools.together()")));
        while gauge.now.load(Ordering::SeqCst) == 0 {
            assert!(run.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_pending());
        }
    }
    assert_eq!(gauge.now.load(Ordering::SeqCst), 0);
    let error = sandbox.run(Program::code("1")).unwrap_err();
    assert!(error.to_string().contains("dropped"), "{error}");
}

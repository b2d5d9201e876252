//! Tools that fail in odd ways, and guests that want much at once: the host keeps its time and memory.

use sandcell::{
    CallOutcome, Code, Decision, Event, LimitKey, Outcome, Policy, Program, Sandbox, Status, Tool, ToolErrorKind,
    ToolReply,
};
use sandcell_tests::census::{self, alone};
use sandcell_tests::guests;
use sandcell_tests::toolbox::{echo, price, session, session_with};
use serde_json::json;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A command that sends `frame` so many times, and ends with 1 if one of them could not be carried.
fn asks(frame: &str, times: u32) -> sandcell::Image {
    let (len, pages) = (frame.len(), frame.len() / 65536 + 40);
    let frame = frame.replace('"', "\\\"");
    let text = format!(
        r#"(module
          (import "host" "call" (func $call (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") {pages})
          (data (i32.const 65536) "{frame}")
          (func (export "host_alloc") (param i32) (result i32)
            (i32.sub (i32.mul (memory.size) (i32.const 65536)) (local.get 0)))
          (func (export "_start") (local $left i32)
            (local.set $left (i32.const {times}))
            (loop $again
              (if (call $call (i32.const 65536) (i32.const {len}) (i32.const 8) (i32.const 12))
                (then (call $exit (i32.const 1))))
              (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))"#
    );
    guests::compile("asks", text.as_bytes())
}

fn call(tool: &str) -> String {
    format!(r#"{{"v":1,"id":1,"op":"call","tool":"{tool}","args":{{}}}}"#)
}

fn batch(tool: &str, count: usize) -> String {
    let calls = vec![format!(r#"{{"tool":"{tool}","args":{{}}}}"#); count].join(",");
    format!(r#"{{"v":2,"id":1,"op":"batch","calls":[{calls}]}}"#)
}

fn run(frame: &str, tool: Tool, limits: &[(&str, u64)]) -> Outcome {
    let limits = guests::limits(limits);
    Sandbox::builder(&asks(frame, 1)).tool(tool).limits(limits).build().unwrap().run(Program::command()).unwrap()
}

/// Answers after so many polls, or never, and panics when it is dropped.
struct Bitter(Option<u32>);

impl Future for Bitter {
    type Output = Result<ToolReply, sandcell::ToolError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Some(0) => Poll::Ready(Ok(json!(1).into())),
            Some(left) => {
                *left -= 1;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Bitter {
    fn drop(&mut self) {
        panic!("bitter to the end");
    }
}

#[test]
fn a_future_that_panics_when_it_is_dropped_harms_nobody() {
    let at_once = Tool::asynchronous("bitter", |_| Bitter(Some(0)));
    let outcome = run(&call("bitter"), at_once, &[]);
    assert_eq!((outcome.tool_calls.count(CallOutcome::Ok), outcome.is_success()), (1, true));

    let late = Tool::asynchronous("bitter", |_| Bitter(None)).timeout_ms(20);
    let outcome = run(&batch("bitter", 3), late, &[]);
    assert_eq!(outcome.tool_calls.count(CallOutcome::Error(ToolErrorKind::Timeout)), 3);
    assert!(outcome.is_success());

    let never = || Tool::asynchronous("bitter", |_| Bitter(None));
    let outcome = run(&batch("bitter", 3), never(), &[("host_wait_ms", 20)]);
    assert_eq!(outcome.status, Status::Exceeded { limit: LimitKey::HostWaitMs });
    assert_eq!(outcome.tool_calls.count(CallOutcome::Error(ToolErrorKind::Timeout)), 3);
    assert!(outcome.tool_calls.calls.iter().all(|call| call.request_bytes > 100), "{:?}", outcome.tool_calls);

    // Left alone half-way.
    let mut sandbox = Sandbox::builder(&asks(&call("bitter"), 1)).tool(never()).build().unwrap();
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(Box::pin(sandbox.run_async(Program::command())).as_mut().poll(&mut context).is_pending());
    assert!(sandbox.files().is_ok());
}

#[test]
fn a_caller_whose_waker_panics_gets_an_error_and_no_abort() {
    struct Bad;
    impl std::task::Wake for Bad {
        fn wake(self: std::sync::Arc<Self>) {
            panic!("the waker of the caller");
        }
    }
    let wakes = Tool::asynchronous("wakes", |_| Bitterless(2));
    let mut sandbox = Sandbox::builder(&asks(&call("wakes"), 1)).tool(wakes).build().unwrap();
    let waker = std::task::Waker::from(std::sync::Arc::new(Bad));
    let mut context = Context::from_waker(&waker);
    let polled = Box::pin(sandbox.run_async(Program::command())).as_mut().poll(&mut context);
    assert!(!matches!(polled, Poll::Ready(Ok(_))));
    let _ = sandbox.files();
}

/// Wakes whoever polls it, so many times.
struct Bitterless(u32);

impl Future for Bitterless {
    type Output = Result<ToolReply, sandcell::ToolError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.0 == 0 {
            return Poll::Ready(Ok(json!(1).into()));
        }
        self.0 -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

fn slow() -> Tool {
    Tool::new("slow", |_| {
        std::thread::sleep(Duration::from_millis(5));
        Ok(json!(1).into())
    })
}

#[test]
fn a_batch_of_quick_functions_stops_between_two_of_them() {
    let began = Instant::now();
    let outcome = run(&batch("slow", 1000), slow(), &[("host_wait_ms", 100)]);
    assert_eq!(outcome.status, Status::Exceeded { limit: LimitKey::HostWaitMs });

    let mut sandbox = Sandbox::builder(&asks(&batch("slow", 1000), 1)).tool(slow()).build().unwrap();
    let handle = sandbox.cancel_handle();
    let canceller = std::thread::spawn(move || {
        while !handle.cancel() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    assert_eq!(sandbox.run(Program::command()).unwrap().status, Status::Cancelled);
    canceller.join().unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn the_results_of_a_batch_are_bounded_together() {
    alone(|| {
        let large = Tool::new("large", |_| Ok("x".repeat(1 << 20).into()));
        run(&call("large"), large.clone(), &[]);
        let before = census::peak_resident_bytes(std::process::id());
        let outcome = run(&batch("large", 1000), large, &[("host_result_bytes", 4 << 20)]);
        assert!(outcome.is_success(), "{:?}", outcome.status);
        let kept = outcome.tool_calls.count(CallOutcome::Ok);
        let refused = outcome.tool_calls.count(CallOutcome::Error(ToolErrorKind::TooLarge));
        assert!(kept == 3 && kept + refused == 1000, "{:?}", outcome.tool_calls.counts);
        let grown = census::peak_resident_bytes(std::process::id()).saturating_sub(before);
        assert!(grown < 100 << 20, "{grown}");
    });
}

#[test]
fn calls_that_nobody_reads_of_do_not_pile_up() {
    alone(|| {
        let list = "0,".repeat(100_000) + "0";
        let frame = format!(r#"{{"v":1,"id":1,"op":"call","tool":"echo","args":{{"a":[{list}]}}}}"#);
        let limits = guests::limits(&[("fuel", 1 << 40)]);
        let mut sandbox = Sandbox::builder(&asks(&frame, 200)).tool(echo()).limits(limits).build().unwrap();
        let before = census::peak_resident_bytes(std::process::id());
        let mut calls = 0;
        for event in sandbox.follow(Program::command()).unwrap() {
            match event.unwrap() {
                Event::ToolCall { .. } => calls += 1,
                Event::Ended(outcome) => assert!(outcome.is_success(), "{:?}", outcome.status),
                _ => {}
            }
        }
        assert_eq!(calls, 200);
        let grown = census::peak_resident_bytes(std::process::id()).saturating_sub(before);
        assert!(grown < 150 << 20, "{grown}");
    });
}

#[test]
fn a_tool_may_run_another_sandbox_in_every_way() {
    let sleeps = "(module
      (import \"wasi_snapshot_preview1\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32) (result i32)))
      (memory (export \"memory\") 1)
      (func (export \"_start\")
        (i32.store (i32.const 16) (i32.const 1))
        (i64.store (i32.const 24) (i64.const 30000000))
        (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))";
    let image = guests::compile("sleeps", sleeps.as_bytes());
    let inner = move || Sandbox::builder(&image).build().unwrap();
    let code = |outcome: sandcell::Result<Outcome>| Ok(json!(outcome.is_ok_and(|outcome| outcome.is_success())).into());
    let (a, b) = (inner.clone(), inner);
    let blocking = Tool::new("inner", move |_| code(a().run(Program::command())));
    let later = Tool::asynchronous("inner", move |_| {
        let mut sandbox = b();
        async move { code(sandbox.run_async(Program::command()).await) }
    });
    let began = Instant::now();
    for tool in [blocking, later] {
        let outcome = run(&batch("inner", 4), tool, &[("host_wait_ms", 10_000)]);
        assert!(outcome.is_success(), "{:?}", outcome.status);
        assert_eq!(outcome.tool_calls.count(CallOutcome::Ok), 4);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn forks_have_threads_of_their_own() {
    let stuck = Tool::blocking("stuck", |_| {
        std::thread::sleep(Duration::from_millis(300));
        Ok(json!(1).into())
    });
    let snapshot = session([stuck]).snapshot().unwrap();
    let runs = snapshot.fork_many(2).unwrap().into_iter().map(|mut fork| {
        std::thread::spawn(move || {
            let code = "from host import tools\ntools.map(tools.stuck, [{}] * 60)";
            let outcome = fork.run(Program::code(code)).unwrap();
            (outcome.tool_calls.count(CallOutcome::Ok), outcome.stderr_text())
        })
    });
    for run in runs.collect::<Vec<_>>() {
        let (ok, errors) = run.join().unwrap();
        assert_eq!(ok, 60, "{errors}");
    }
}

#[test]
fn a_gate_and_tools_hold_in_forks_whatever_else_is_changed() {
    let origin = Sandbox::builder(guests::python())
        .tools([price(), echo()])
        .gate(|call| match call.tool.as_str() {
            "echo" => Decision::Deny("not today".into()),
            _ => Decision::Allow,
        })
        .build();
    let snapshot = origin.unwrap().snapshot().unwrap();
    let code = "from host import tools, ToolError\ntry: tools.echo()\nexcept ToolError as e: print(e)\nprint(tools.price('apple'))";
    let policy: Policy = serde_json::from_value(json!({"tools": {"rules": {"price": {"calls": 1}}}})).unwrap();
    for builder in [snapshot.restore(), snapshot.restore().policy(policy), snapshot.restore().tools([price(), echo()])]
    {
        let outcome = builder.build().unwrap().run(Program::code(code)).unwrap();
        assert_eq!(outcome.stdout_text(), "not today\n1.25\n", "{}", outcome.stderr_text());
    }
    let open = snapshot.restore().gate(|_| Decision::Allow);
    let outcome = open.build().unwrap().run(Program::code(code)).unwrap();
    assert_eq!(outcome.stdout_text(), "1.25\n", "{}", outcome.stderr_text());
}

#[test]
fn a_session_is_closed_in_time_whatever_its_tools_do() {
    let never = Tool::asynchronous("never", |_| std::future::pending());
    let mut sandbox = session([never]);
    let code = "import atexit\nfrom host import tools\natexit.register(tools.never)";
    assert!(sandbox.run(Program::code(code)).unwrap().is_success());
    let began = Instant::now();
    assert_eq!(sandbox.close().unwrap().status, Status::Exceeded { limit: LimitKey::HostWaitMs });
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn files_of_a_run_that_was_suspended_for_too_long_can_be_read() {
    let mut sandbox = session_with([Tool::suspending("ask")], Policy::new(), &[("suspended_ms", 20)]);
    let code = "from host import tools\nopen('/tmp/x', 'w').write('y')\ntools.ask()";
    assert!(matches!(sandbox.run(Program::code(code)).unwrap().status, Status::Suspended { .. }));
    assert_eq!(sandbox.read_file("/tmp/x").unwrap_err().code(), Code::RunSuspended);
    std::thread::sleep(Duration::from_millis(40));
    assert_eq!(sandbox.read_file("/tmp/x").unwrap(), b"y");
    assert_eq!(sandbox.run(Program::code("1")).unwrap_err().code(), Code::SessionEnded);
}

#[test]
fn a_run_can_be_cancelled_while_it_is_suspended_and_left_alone_in_every_state() {
    let asks_once = || {
        let image = asks(&call("ask"), 1);
        Sandbox::builder(&image).tool(Tool::suspending("ask")).limits(guests::limits(&[])).build().unwrap()
    };
    let suspended = |sandbox: &mut Sandbox| match sandbox.run(Program::command()).unwrap().status {
        Status::Suspended { calls, token } => (calls[0].id, token),
        other => panic!("{other:?}"),
    };
    let mut sandbox = asks_once();
    let (id, token) = suspended(&mut sandbox);
    assert!(sandbox.cancel_handle().cancel());
    assert_eq!(sandbox.resume(&token, vec![(id, Ok(json!(1)))]).unwrap().status, Status::Cancelled);
    assert!(!sandbox.cancel_handle().cancel());

    // What comes from outside is checked as what tools give.
    for (value, kind) in [
        (json!({"$bytes": "not base64"}), ToolErrorKind::ToolError),
        (json!("x".repeat(20 << 20)), ToolErrorKind::TooLarge),
    ] {
        let (id, token) = suspended(&mut sandbox);
        let outcome = sandbox.resume(&token, vec![(id, Ok(value))]).unwrap();
        assert!(outcome.is_success() && outcome.tool_calls.count(CallOutcome::Error(kind)) == 1, "{outcome:?}");
        assert_eq!(outcome.usage.host_calls, 1);
    }

    // Forgotten, dropped and discarded: the next run finds the sandbox as it was.
    std::mem::forget(sandbox.follow(Program::command()).unwrap());
    let (id, token) = suspended(&mut sandbox);
    std::mem::forget(sandbox.resume_following(&token, vec![(id, Ok(json!(1)))]).unwrap());
    assert!(sandbox.files().is_ok());
    drop(sandbox.follow(Program::command()).unwrap());
    suspended(&mut sandbox);
    sandbox.discard();
    let (id, token) = suspended(&mut sandbox);
    assert!(sandbox.resume(&token, vec![(id, Ok(json!(1)))]).unwrap().is_success());
    suspended(&mut sandbox);
}

//! Guests that abuse the way to the host's tools, and tools that misbehave.

use sandcell::{CallOutcome, LimitKey, Limits, Policy, Program, Sandbox, Status, Tool, ToolError, ToolErrorKind};
use sandcell_tests::census::{self, alone};
use sandcell_tests::guests;
use sandcell_tests::toolbox::{echo, price, session, session_with};
use serde_json::{Value, json};

/// Sends a frame as it is and gives the answer's kind, or `ok`.
const SEND: &str = "import _host, json
def send(frame):
    answer = json.loads(_host.call(frame))
    return 'ok' if answer['ok'] else answer['error']['kind']
";

fn sent(sandbox: &mut Sandbox, code: &str) -> Value {
    let outcome = sandbox.run(Program::code(format!("{SEND}{code}"))).unwrap();
    outcome.result.clone().unwrap_or_else(|| panic!("{code}: {outcome:#?}"))
}

#[test]
fn frames_that_break_the_rules_are_answered_and_do_nothing_else() {
    let mut sandbox = session([echo()]);
    for (frame, kind) in [
        (r#"b'{"v":1,"id":1,"op":"call","tool":"echo","args":{}}'"#, "ok"),
        (r#"b'{"v":1,"id":1,"op":"list"}'"#, "ok"),
        ("b''", "protocol"),
        ("b'{'", "protocol"),
        (r#"b'{"v":1,"id":1,"op":"call","tool":"echo","args":{"a":"\xff"}}'"#, "protocol"),
        (r#"b'{"v":1,"id":1,"op":"call","tool":"echo","args":{"a":"\\ud800"}}'"#, "protocol"),
        (r#"b'{"v":1,"id":1,"op":"call","tool":"echo","args":{"a":NaN}}'"#, "protocol"),
        (r#"b'{"v":1,"id":1,"op":"call","tool":"echo","args":{"a":1,"a":2}}'"#, "protocol"),
        (r#"b'{"v":1,"id":1,"op":"call","tool":"echo","args":{"a":{"$bytes":"A"}}}'"#, "protocol"),
        (r#"b'{"v":1,"id":-1,"op":"list"}'"#, "protocol"),
        (r#"b'{"v":9,"id":1,"op":"list"}'"#, "protocol"),
        (r#"b'{"v":1,"id":1,"op":"batch","calls":[]}'"#, "protocol"),
        (
            r#"b'{"v":1,"id":1,"op":"call","tool":"echo","args":{"a":' + b'[' * 10000 + b']' * 10000 + b'}}'"#,
            "protocol",
        ),
        (r#"b'[' * 1000000"#, "protocol"),
        (r#"b' ' * (1 << 20) + b'{'"#, "too_large"),
        (r#"b'{"v":1,"id":1,"op":"call","tool":"nowhere","args":{}}'"#, "unknown_tool"),
    ] {
        assert_eq!(sent(&mut sandbox, &format!("send({frame})")), json!(kind), "{frame}");
    }
    // The session is as good as before.
    assert_eq!(
        sent(&mut sandbox, "send(b'{\"v\":1,\"id\":1,\"op\":\"call\",\"tool\":\"echo\",\"args\":{}}')"),
        json!("ok")
    );
}

#[test]
fn a_gib_of_frames_is_neither_read_nor_kept() {
    alone(|| {
        let mut sandbox = session_with([echo()], Policy::new(), &[("memory_bytes", 3 << 30), ("deadline_ms", 120_000)]);
        sent(&mut sandbox, "send(b'')");
        let before = census::resident_bytes();
        let code = "frame = bytes(1 << 30)\nkinds = {send(frame) for _ in range(3)}\ndel frame\nlist(kinds)";
        assert_eq!(sent(&mut sandbox, code), json!(["too_large"]));
        let grown = census::resident_bytes().saturating_sub(before);
        // The frame itself is the guest's own memory.
        assert!(grown < (1 << 30) + (200 << 20), "{grown}");
    });
}

#[test]
fn calling_for_ever_ends_at_each_limit() {
    let forever = "from host import tools\nwhile True:\n    try: tools.price('apple')\n    except BaseException: pass";
    for (limits, limit) in
        [(vec![("deadline_ms", 300)], LimitKey::DeadlineMs), (vec![("fuel", 300_000_000)], LimitKey::Fuel)]
    {
        let mut sandbox = session_with([price()], Policy::new(), &limits);
        let outcome = sandbox.run(Program::code(forever)).unwrap();
        assert_eq!(outcome.status, Status::Exceeded { limit });
        assert!(outcome.tool_calls.calls.len() <= 1000);
    }
    let never = Tool::asynchronous("never", |_| std::future::pending());
    let mut sandbox = session_with([never], Policy::new(), &[("host_wait_ms", 50)]);
    let outcome = sandbox.run(Program::code("from host import tools; tools.never()")).unwrap();
    assert_eq!(outcome.status, Status::Exceeded { limit: LimitKey::HostWaitMs });
    assert_eq!(outcome.tool_calls.count(CallOutcome::Error(ToolErrorKind::Timeout)), 1);
    assert!(outcome.hint.contains("tool"), "{}", outcome.hint);
}

#[test]
fn calls_from_odd_places_work_or_fail_and_harm_nobody() {
    let mut sandbox = session([price(), echo()]);
    let code = "from host import tools
import gc, atexit, sys
class Last:
    def __del__(self): print('del', tools.price('apple'))
x = Last()
del x
class Rec:
    def __repr__(self): return str(tools.price('apple'))
print(repr(Rec()))
def gen():
    yield tools.price('apple')
print(list(gen()))
atexit.register(lambda: print('exit', tools.price('apple')))
sys.setrecursionlimit(200)
def deep(n):
    try: return deep(n + 1)
    finally:
        if n % 50 == 0:
            try: tools.price('apple')
            except BaseException: pass
try: deep(0)
except RecursionError: print('deep')";
    let outcome = sandbox.run_to_end(Program::code(code)).unwrap();
    assert_eq!(outcome.stdout_text(), "del 1.25\n1.25\n[1.25]\ndeep\nexit 1.25\n", "{outcome:#?}");
    assert!(outcome.is_success());
}

#[test]
fn a_tool_that_panics_never_returns_or_returns_a_gib_is_contained_and_named() {
    alone(|| {
        let panics = Tool::new("panics", |_| panic!("secret of the host"));
        let later = Tool::asynchronous("later", |_| async { panic!("secret of the host") });
        let thread = Tool::blocking("thread", |_| panic!("secret of the host"));
        let stuck = Tool::blocking("stuck", |_| {
            std::thread::sleep(std::time::Duration::from_secs(3_600));
            Ok(json!(1).into())
        })
        .timeout_ms(30);
        let huge = Tool::new("huge", |_| Ok("x".repeat(1 << 30).into()));
        let mut sandbox = session([panics, later, thread, stuck, huge]);
        let code = "from host import tools, ToolError
for name in ('panics', 'later', 'thread', 'stuck', 'huge'):
    try: print(tools[name]())
    except ToolError as e: print(e.kind, e)";
        let outcome = sandbox.run(Program::code(code)).unwrap();
        let text = outcome.stdout_text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "tool_error panics failed (internal error)");
        assert_eq!(lines[1], "tool_error later failed (internal error)");
        assert_eq!(lines[2], "tool_error thread failed (internal error)");
        assert_eq!(lines[3], "timeout stuck did not answer within 30 ms");
        assert!(lines[4].starts_with("too_large the result of `huge`"), "{text}");
        let detail = outcome.tool_calls.calls[0].detail.as_deref().unwrap();
        assert!(detail.contains("secret of the host"), "{detail}");
        // Calls that were given up have a bound: the host does not fill with threads.
        let code = "kinds = set()\nfor _ in range(80):\n    try: tools.stuck()\n    except ToolError as e: kinds.add(str(e))\nsorted(kinds)";
        let outcome = sandbox.run(Program::code(code)).unwrap();
        let refused = "too many calls of blocking tools have not returned";
        assert!(outcome.result.unwrap().as_array().unwrap().contains(&json!(refused)));
        assert!(census::Census::take().threads < 80);
    });
}

#[test]
fn a_failing_tool_says_what_it_wants_to_and_no_more() {
    let io = Tool::new("io", |_| {
        std::fs::read("/nowhere/secret-path")?;
        Ok(json!(1).into())
    });
    let said = Tool::new("said", |_| Err(ToolError::new("said aloud").detail("kept quiet")));
    let mut sandbox = session([io, said]);
    let code = "from host import tools, ToolError\nfor f in (tools.io, tools.said):\n    try: f()\n    except ToolError as e: print(e)";
    let outcome = sandbox.run(Program::code(code)).unwrap();
    assert_eq!(outcome.stdout_text(), "io failed (internal error)\nsaid aloud\n");
    let details: Vec<_> = outcome.tool_calls.calls.iter().map(|call| call.detail.clone().unwrap()).collect();
    assert!(details[0].contains("No such file") && details[1] == "kept quiet", "{details:?}");
}

/// A module that imports the door and does `body` with it; `$call` takes what it gets from memory.
fn door(allocator: &str, body: &str) -> Status {
    let text = format!(
        r#"(module
          (import "host" "call" (func $call (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 1)
          (data (i32.const 100) "{{\"v\":1,\"id\":1,\"op\":\"list\"}}")
          {allocator}
          (func (export "_start") {body}))"#
    );
    let image = guests::compile("door", text.as_bytes());
    let mut sandbox = Sandbox::builder(&image).tool(echo()).limits(Limits::new()).build().unwrap();
    sandbox.run(Program::command()).unwrap().status
}

#[test]
fn a_door_that_is_used_wrongly_says_so_and_touches_nothing() {
    let good = r#"(func (export "host_alloc") (param i32) (result i32) (i32.const 4096))"#;
    let exit = |arguments: &str| format!("(call $exit (i32.add (i32.const 10) (call $call {arguments})))");
    let consts = |values: [i64; 4]| values.map(|value| format!("(i32.const {value})")).join(" ");
    // A list, put where the guest said, with its length.
    assert_eq!(door(good, &exit(&consts([100, 26, 0, 4]))), Status::Exited { code: 10 });
    for arguments in [
        [65530, 26, 0, 4],
        [100, 65536, 0, 4],
        [-1, 1, 0, 4],
        [100, 26, 65534, 4],
        [100, 26, 0, 65533],
        [100, 26, -4, 4],
    ] {
        assert_eq!(door(good, &exit(&consts(arguments))), Status::Exited { code: 8 }, "{arguments:?}");
    }
    // No allocator, one that lies, one that traps, and one that calls again.
    let list = exit(&consts([100, 26, 0, 4]));
    assert_eq!(door("", &list), Status::Exited { code: 8 });
    for lie in ["65530", "-1", "65536"] {
        let lying = format!(r#"(func (export "host_alloc") (param i32) (result i32) (i32.const {lie}))"#);
        assert_eq!(door(&lying, &list), Status::Exited { code: 8 }, "{lie}");
    }
    let trapping = r#"(func (export "host_alloc") (param i32) (result i32) unreachable)"#;
    assert_eq!(door(trapping, &list), Status::Trapped { reason: sandcell::TrapReason::Unreachable });
    let again = r#"(func (export "host_alloc") (param i32) (result i32)
        (drop (call $call (i32.const 100) (i32.const 26) (i32.const 8) (i32.const 12)))
        (i32.const 4096))"#;
    assert_eq!(door(again, &list), Status::Exited { code: 10 });
    let forever = r#"(func (export "host_alloc") (param i32) (result i32) (loop (br 0)) unreachable)"#;
    let image = guests::compile(
        "door",
        format!(
            r#"(module
          (import "host" "call" (func $call (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1) {forever}
          (func (export "_start") (drop (call $call (i32.const 0) (i32.const 1) (i32.const 8) (i32.const 12)))))"#
        )
        .as_bytes(),
    );
    let limits = guests::limits(&[("deadline_ms", 100)]);
    let mut sandbox = Sandbox::builder(&image).tool(echo()).limits(limits).build().unwrap();
    let status = sandbox.run(Program::command()).unwrap().status;
    assert_eq!(status, Status::Exceeded { limit: LimitKey::DeadlineMs });
}

#[test]
fn small_host_bytes_refuse_answers_and_the_guest_goes_on() {
    let mut sandbox = session_with([echo()], Policy::new(), &[("host_bytes", 2 << 20)]);
    let code = "from host import tools, ToolError\ntry: tools.echo(a='x' * 1000000)\nexcept (ToolError, OSError) as e: print(type(e).__name__)\nprint(tools.echo(a=1))";
    let outcome = sandbox.run(Program::code(code)).unwrap();
    assert!(outcome.stdout_text().ends_with("{'a': 1}\n"), "{outcome:#?}");
}

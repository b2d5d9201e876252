//! Runs that wait for somebody outside, and go on where they stopped.

use sandcell::{Code, Decision, LimitKey, Outcome, Policy, Program, Sandbox, Status, SuspendedCall, Tool, ToolError};
use sandcell_tests::guests;
use sandcell_tests::toolbox::{echo, session_with};
use serde_json::json;
use std::time::Duration;

fn approve() -> Tool {
    Tool::suspending("approve").input_schema(json!({"type": "object", "properties": {"what": {"type": "string"}}}))
}

fn session(limits: &[(&str, u64)]) -> Sandbox {
    session_with([approve(), echo()], Policy::new(), limits)
}

fn suspended(outcome: &Outcome) -> (Vec<SuspendedCall>, String) {
    match &outcome.status {
        Status::Suspended { calls, token } => (calls.clone(), token.clone()),
        other => panic!("{other:?}\n{}", outcome.stderr_text()),
    }
}

const BUY: &str = "from host import tools, ToolError
print('before')
for what in ('ship', 'boat'):
    try:
        print(what, tools.approve(what))
    except ToolError as error:
        print(what, type(error).__name__, error)
print('after')";

#[test]
fn a_run_is_resumed_where_it_stopped_and_nothing_runs_twice() {
    let mut sandbox = session(&[]);
    let first = sandbox.run(Program::code(BUY)).unwrap();
    let (calls, token) = suspended(&first);
    assert_eq!(first.stdout_text(), "before\n");
    assert_eq!((calls.len(), calls[0].tool.as_str()), (1, "approve"));
    assert_eq!(serde_json::Value::Object(calls[0].arguments.clone()), json!({"what": "ship"}));
    assert!(first.usage.fuel > 0 && first.usage.host_calls == 0);

    // Meanwhile nothing else is possible, and nothing changes that.
    assert_eq!(sandbox.run(Program::code("1")).unwrap_err().code(), Code::RunSuspended);
    assert_eq!(sandbox.read_file("/tmp/x").unwrap_err().code(), Code::RunSuspended);
    assert_eq!(sandbox.snapshot().unwrap_err().code(), Code::RunSuspended);
    for (token, results) in [
        ("", vec![(calls[0].id, Ok(json!(true)))]),
        (token.as_str(), vec![(calls[0].id + 1, Ok(json!(true)))]),
        (token.as_str(), vec![(calls[0].id, Ok(json!(1))), (calls[0].id, Ok(json!(2)))]),
    ] {
        assert_eq!(sandbox.resume(token, results).unwrap_err().code(), Code::ResumeInvalid);
    }

    let second = sandbox.resume(&token, vec![(calls[0].id, Ok(json!({"yes": true})))]).unwrap();
    let (calls, next) = suspended(&second);
    assert_eq!(second.stdout_text(), "before\nship {'yes': True}\n");
    assert_ne!(token, next);
    assert_eq!(sandbox.resume(&token, vec![]).unwrap_err().code(), Code::ResumeInvalid);
    let last = sandbox.resume(&next, vec![(calls[0].id, Err(ToolError::denied("too dear")))]).unwrap();
    assert!(last.is_success());
    assert_eq!(last.stdout_text(), "before\nship {'yes': True}\nboat ToolDenied too dear\nafter\n");
    assert_eq!(last.usage.host_calls, 2);
    // The session goes on.
    assert_eq!(sandbox.run(Program::code("what")).unwrap().result, Some(json!("boat")));
    assert_eq!(sandbox.resume(&next, vec![]).unwrap_err().code(), Code::ResumeInvalid);
}

#[test]
fn of_many_calls_those_that_can_be_answered_are_and_the_others_wait() {
    let mut sandbox = session(&[]);
    let code = "from host import tools\nimport asyncio\n\
                async def main():\n    print(await asyncio.gather(tools.aio.approve('a'), tools.aio.echo(n=1), tools.aio.approve('b')))\n\
                asyncio.run(main())";
    let outcome = sandbox.run(Program::code(code)).unwrap();
    let (calls, token) = suspended(&outcome);
    let wanted: Vec<_> = calls.iter().map(|call| call.arguments["what"].as_str().unwrap()).collect();
    assert_eq!(wanted, ["a", "b"]);
    // One after the other.
    let outcome = sandbox.resume(&token, vec![(calls[1].id, Ok(json!("B")))]).unwrap();
    let (left, token) = suspended(&outcome);
    assert_eq!(left, calls[..1]);
    let outcome = sandbox.resume(&token, vec![(calls[0].id, Ok(json!("A")))]).unwrap();
    assert_eq!(outcome.stdout_text(), "['A', {'n': 1}, 'B']\n", "{outcome:#?}");
}

#[test]
fn waiting_for_somebody_outside_uses_up_no_deadline() {
    let mut sandbox = session(&[("deadline_ms", 2_000), ("host_wait_ms", 2_000)]);
    let outcome = sandbox.run(Program::code("from host import tools\nprint(tools.approve('x'))")).unwrap();
    let (calls, token) = suspended(&outcome);
    std::thread::sleep(Duration::from_millis(2_500));
    let outcome = sandbox.resume(&token, vec![(calls[0].id, Ok(json!(1)))]).unwrap();
    assert!(outcome.is_success(), "{outcome:#?}");
    assert!(outcome.usage.wall_ms < 2_000.0, "{}", outcome.usage.wall_ms);
}

#[test]
fn a_run_that_nobody_resumes_in_time_has_ended() {
    let mut sandbox = session(&[("suspended_ms", 30)]);
    let program = || Program::code("from host import tools\nopen('/tmp/kept', 'w').write('1')\ntools.approve('x')");
    let (calls, token) = suspended(&sandbox.run(program()).unwrap());
    std::thread::sleep(Duration::from_millis(60));
    let outcome = sandbox.resume(&token, vec![(calls[0].id, Ok(json!(1)))]).unwrap();
    assert_eq!(outcome.status, Status::Exceeded { limit: LimitKey::SuspendedMs });
    assert_eq!(sandbox.run(Program::code("1")).unwrap_err().code(), Code::SessionEnded);
    assert_eq!(sandbox.read_file("/tmp/kept").unwrap(), b"1");

    let mut sandbox = session(&[("suspended_ms", 30)]);
    suspended(&sandbox.run(program()).unwrap());
    std::thread::sleep(Duration::from_millis(60));
    let error = sandbox.run(Program::code("1")).unwrap_err();
    assert_eq!(error.code(), Code::SessionEnded);
    assert!(error.to_string().contains("suspended_ms"), "{error}");
}

#[test]
fn a_suspended_run_can_be_cancelled_discarded_or_dropped() {
    let mut sandbox = session(&[]);
    let (calls, token) = suspended(&sandbox.run(Program::code(BUY)).unwrap());
    assert!(sandbox.cancel_handle().cancel());
    let outcome = sandbox.resume(&token, vec![(calls[0].id, Ok(json!(1)))]).unwrap();
    assert_eq!(outcome.status, Status::Cancelled);
    assert_eq!(outcome.stdout_text(), "before\n");

    let mut sandbox = session(&[]);
    suspended(&sandbox.run(Program::code(BUY)).unwrap());
    sandbox.discard();
    assert_eq!(sandbox.run(Program::code("1")).unwrap_err().code(), Code::SessionEnded);

    let mut sandbox = session(&[]);
    suspended(&sandbox.run(Program::code(BUY)).unwrap());
    drop(sandbox);
}

#[test]
fn a_gate_and_a_tool_that_answers_pending_suspend_too() {
    let sometimes = Tool::new("sometimes", |call| match call.arguments.contains_key("wait") {
        true => Ok(sandcell::ToolReply::Pending),
        false => Ok(json!("now").into()),
    });
    let later = Tool::asynchronous("later", |_| async { Ok(sandcell::ToolReply::Pending) });
    let gate = |call: &sandcell::ToolCall| match call.tool.as_str() {
        "echo" => Decision::Suspend,
        _ => Decision::Allow,
    };
    let mut sandbox = Sandbox::builder(guests::python()).tools([sometimes, later, echo()]).gate(gate).build().unwrap();
    let code =
        "from host import tools\nprint(tools.sometimes(), tools.sometimes(wait=1), tools.later(a=2), tools.echo(b=3))";
    let mut outcome = sandbox.run(Program::code(code)).unwrap();
    for expected in ["sometimes", "later", "echo"] {
        let (calls, token) = suspended(&outcome);
        assert_eq!(calls[0].tool, expected);
        assert!(!calls[0].arguments.is_empty());
        outcome = sandbox.resume(&token, vec![(calls[0].id, Ok(json!(expected)))]).unwrap();
    }
    assert_eq!(outcome.stdout_text(), "now sometimes later echo\n", "{outcome:#?}");
}

#[test]
fn a_suspended_outcome_has_its_documented_json_form() {
    let mut sandbox = session(&[]);
    let outcome = sandbox.run(Program::code(BUY)).unwrap();
    let json = serde_json::to_value(&outcome).unwrap();
    let (calls, token) = suspended(&outcome);
    assert_eq!(
        json["status"],
        json!({"kind": "suspended", "token": token,
               "calls": [{"id": calls[0].id, "tool": "approve", "arguments": {"what": "ship"}}]})
    );
    assert_eq!(json["tool_calls"]["counts"], json!({"suspended": 1}));
    assert_eq!(serde_json::from_value::<Outcome>(json).unwrap(), outcome);
}

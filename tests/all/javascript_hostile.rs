//! Programs that mean harm to the JavaScript guest or to whoever reads its answers. All run in this one process:
//! nothing crashes or hangs it, each ends in an ordinary way, and neither the session's next turn nor the next
//! sandbox notices.

use sandcell::{LimitKey, Limits, Policy, Program, Sandbox, Status, Tool};
use sandcell_tests::{guests, places};
use serde_json::json;
use std::fs;

/// `// name: what may come of it` and the program, one after the other.
struct Attack {
    name: String,
    /// Kinds of status; `broken` says that the session's own later turns may suffer.
    may: Vec<String>,
    code: String,
}

fn attacks() -> Vec<Attack> {
    let text = fs::read_to_string(places::workspace().join("tests/javascript/hostile.txt")).unwrap();
    let attacks: Vec<Attack> = text
        .split("\n--- ")
        .skip(1)
        .map(|attack| {
            let (head, code) = attack.split_once('\n').unwrap();
            let (name, may) = head.split_once(':').unwrap();
            Attack { name: name.into(), may: may.split_whitespace().map(str::to_owned).collect(), code: code.into() }
        })
        .collect();
    assert!(attacks.len() >= 100, "{}", attacks.len());
    attacks
}

fn sandbox() -> Sandbox {
    let limits = Limits::new()
        .with(LimitKey::Fuel, 1_500_000_000)
        .and_then(|limits| limits.with(LimitKey::MemoryBytes, 48 << 20))
        .and_then(|limits| limits.with(LimitKey::DeadlineMs, 20_000))
        .unwrap();
    let echo = Tool::new("echo", |call| Ok(serde_json::Value::Object(call.arguments).into()));
    Sandbox::builder(guests::javascript()).tools([echo]).policy(Policy::new()).limits(limits).build().unwrap()
}

/// What a turn gives that a guest in order answers exactly.
fn check_turn(sandbox: &mut Sandbox) -> Result<(), String> {
    let outcome = sandbox.run(Program::code("[1, {a: 'b'}]").arg("x")).map_err(|error| error.to_string())?;
    if outcome.status != (Status::Exited { code: 0 }) || outcome.result != Some(json!([1, {"a": "b"}])) {
        return Err(format!("{:?} {:?}", outcome.status, outcome.result));
    }
    match sandbox.run(Program::code("missing.x")).map_err(|error| error.to_string())?.status {
        Status::Raised { r#type, message, .. } if r#type == "ReferenceError" && message == "missing is not defined" => {
            Ok(())
        }
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn hostile_programs_end_in_an_ordinary_way_and_harm_nobody_else() {
    let mut problems = Vec::new();
    let mut neighbour = sandbox();
    for attack in attacks() {
        let Attack { name, may, code } = attack;
        let mut sandbox = sandbox();
        let outcome = match sandbox.run(Program::code(format!("console.log('begun');\n{code}"))) {
            Ok(outcome) => outcome,
            Err(error) => {
                problems.push(format!("{name}: {error}"));
                continue;
            }
        };
        let kind = match &outcome.status {
            Status::Exited { .. } => "exited",
            Status::Raised { .. } => "raised",
            Status::Exceeded { .. } => "exceeded",
            _ => "another",
        };
        if !may.iter().any(|allowed| allowed == kind) {
            problems.push(format!("{name}: {:.300}", format!("{:?}", outcome.status)));
        }
        if !outcome.stdout_text().starts_with("begun\n") && !may.iter().any(|allowed| allowed == "unparsed") {
            problems.push(format!("{name}: it did not get that far"));
        }
        let lasting = kind != "exceeded" && !may.iter().any(|allowed| allowed == "broken");
        if let (true, Err(why)) = (lasting, check_turn(&mut sandbox)) {
            problems.push(format!("{name}: the next turn: {why:.300}"));
        }
        if let Err(why) = check_turn(&mut neighbour) {
            problems.push(format!("{name}: another sandbox: {why:.300}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn thousands_of_sandboxes_after_hostile_ones_are_as_the_first() {
    let broken = "Object.prototype.toJSON = () => 'forged'; Array.prototype[Symbol.iterator] = undefined;
        JSON.stringify = () => '}{'; globalThis.Promise = undefined; delete globalThis.console; 1";
    for round in 0..2_000 {
        let mut sandbox = sandbox();
        if round % 3 == 0 {
            sandbox.run(Program::code(broken)).unwrap();
            continue;
        }
        let outcome = sandbox.run(Program::code("[typeof ({}).toJSON, ...JSON.stringify([1])]")).unwrap();
        assert_eq!(outcome.result, Some(json!(["undefined", "[", "1", "]"])), "round {round}");
    }
}

#[test]
fn nothing_of_a_program_that_failed_goes_on_in_a_later_turn() {
    let mut sandbox = sandbox();
    let failing = "tools.echo({late: 1}).then(() => { globalThis.late = 1 }); Promise.resolve().then(() => { globalThis.late = 2 });
        setTimeout(() => { globalThis.late = 3 }); queueMicrotask(() => { throw new Error('late') }); throw new Error('now')";
    let outcome = sandbox.run(Program::code(failing)).unwrap();
    assert!(matches!(&outcome.status, Status::Raised { message, .. } if message == "now"), "{:?}", outcome.status);
    let outcome = sandbox.run(Program::code("await new Promise(done => setTimeout(done, 5)); typeof late")).unwrap();
    assert_eq!((outcome.result, outcome.tool_calls.counts.len()), (Some(json!("undefined")), 0));
}

#[test]
fn memory_that_runs_out_is_told_as_such_with_a_hint() {
    let limits = Limits::new().with(LimitKey::MemoryBytes, 16 << 20).unwrap();
    let mut sandbox = guests::sandbox(guests::javascript(), Policy::new(), limits);
    let caught = "let kind; { const all = []; try { for (;;) all.push(new Array(1000).fill(1)) } catch (e) { kind = e.name + ': ' + e.message } } kind";
    let outcome = sandbox.run(Program::code(caught)).unwrap();
    assert_eq!(outcome.result, Some(json!("InternalError: out of memory")));
    assert!(outcome.usage.peak_memory_bytes <= 16 << 20 && outcome.hint.is_empty(), "{}", outcome.hint);
    let outcome = sandbox.run(Program::code("for (const all = [];;) all.push(new Array(1000).fill(1))")).unwrap();
    let Status::Raised { r#type, message, .. } = &outcome.status else { panic!("{:?}", outcome.status) };
    assert_eq!((r#type.as_str(), message.as_str()), ("InternalError", "out of memory"));
    assert!(outcome.hint.contains("16777216 bytes of memory"), "{}", outcome.hint);
    // What was refused to one run says nothing about the failure of the next.
    let outcome = sandbox.run(Program::code("null.x")).unwrap();
    assert!(matches!(outcome.status, Status::Raised { .. }) && outcome.hint.is_empty(), "{}", outcome.hint);
    // A program for which there is no room at all.
    let outcome = sandbox.run(Program::code(format!("'{}'", "x".repeat(20 << 20)))).unwrap();
    let Status::Raised { r#type, message, .. } = &outcome.status else { panic!("{:?}", outcome.status) };
    assert_eq!((r#type.as_str(), message.as_str()), ("InternalError", "out of memory"));
    assert_eq!(sandbox.run(Program::code("1 + 1")).unwrap().result, Some(json!(2)));
}

#[test]
fn an_answer_of_a_tool_does_not_overwrite_the_program_that_asked_for_it() {
    let mut sandbox = sandbox();
    let code = "await tools.echo({text: 'y'.repeat(2000)});\nawait tools.echo({text: 'z'.repeat(3000)});\nawait eval('let = = 2');\nthrow 1 // the end";
    let outcome = sandbox.run(Program::code(code)).unwrap();
    let Status::Raised { r#type, traceback, .. } = &outcome.status else { panic!("{:?}", outcome.status) };
    assert!(r#type == "SyntaxError" && !traceback.contains("yyy") && !traceback.contains("zzz"), "{traceback}");
    let large = format!(
        "const all = await Promise.all(Array.from({{length: 50}}, (_, at) => tools.echo({{at, text: 'x'.repeat(at * 400)}})));\n/* {} */\nall.every((one, at) => one.at === at && one.text.length === at * 400)",
        "c".repeat(6000)
    );
    for _ in 0..3 {
        assert_eq!(sandbox.run(Program::code(large.clone())).unwrap().result, Some(json!(true)));
    }
}

//! The JavaScript guest: the language piece by piece, public programs, sessions, and its limits.

use sandcell::{Access, LimitKey, Limits, Mount, Policy, Program, Sandbox, Status};
use sandcell_tests::{folders, guests, places};
use std::fs;

/// A fresh sandbox with limits that a program of its tests stays far below.
fn sandbox() -> Sandbox {
    guests::sandbox(guests::javascript(), Policy::new(), Limits::new())
}

/// Runs a turn that must end by itself, and gives its value.
fn value(sandbox: &mut Sandbox, code: &str) -> serde_json::Value {
    let outcome = sandbox.run(Program::code(code)).unwrap();
    assert_eq!(outcome.status, Status::Exited { code: 0 }, "{code}\n{}", outcome.stderr_text());
    outcome.result.unwrap_or_default()
}

fn raised(sandbox: &mut Sandbox, code: &str) -> (String, String, String) {
    match sandbox.run(Program::code(code)).unwrap().status {
        Status::Raised { r#type, message, traceback } => (r#type, message, traceback),
        other => panic!("{code}: {other:?}"),
    }
}

#[test]
fn the_language_is_there_piece_by_piece() {
    let folder = places::workspace().join("tests/javascript");
    let harness = fs::read_to_string(folder.join("harness.js")).unwrap();
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "js") && !path.ends_with("harness.js"));
    assert!(files.len() >= 9, "{files:?}");
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut sandbox = sandbox();
        value(&mut sandbox, &harness);
        let outcome = sandbox.run(Program::code(fs::read_to_string(&path).unwrap()).named(name)).unwrap();
        assert_eq!(outcome.status, Status::Exited { code: 0 }, "{name}\n{}", outcome.stderr_text());
        assert_eq!(value(&mut sandbox, "failures"), serde_json::json!([]), "{name}");
        assert!(value(&mut sandbox, "count").as_u64().unwrap() >= 4, "{name}");
    }
}

#[test]
fn the_public_programs_run() {
    let folder = places::shared("programs/javascript");
    let mut ran = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let outcome = sandbox().run(Program::code(fs::read_to_string(&path).unwrap()).named(name)).unwrap();
        assert_eq!(outcome.status, Status::Exited { code: 0 }, "{name}\n{}", outcome.stderr_text());
        ran += 1;
    }
    assert!(ran >= 60, "{ran} programs");
}

#[test]
fn what_a_turn_declares_stays_and_may_be_declared_again() {
    let mut sandbox = sandbox();
    value(&mut sandbox, "const a = 1; let b = 2; class C { m() { return a } } function f() { return b }");
    assert_eq!(value(&mut sandbox, "[a, b, new C().m(), f()]"), serde_json::json!([1, 2, 1, 2]));
    assert_eq!(value(&mut sandbox, "const a = 'again'; let b = a; [a, f()]"), serde_json::json!(["again", "again"]));
    let (kind, ..) = raised(&mut sandbox, "const c = 1; throw new TypeError('x'); const d = 2");
    assert_eq!(kind, "TypeError");
    assert_eq!(value(&mut sandbox, "const d = 3; c + d"), 4);
    let (kind, message, _) = raised(&mut sandbox, "a = 1");
    assert_eq!((kind.as_str(), message.as_str()), ("TypeError", "'a' is read-only"));
}

#[test]
fn modules_come_from_mounts_and_from_nowhere_else() {
    let root = folders::with_files(&[
        ("lib/main.mjs", "import { twice } from './deep/util.mjs'; export default twice(21); export { twice };"),
        (
            "lib/deep/util.mjs",
            "import data from '../data.json' with { type: 'json' }; export const twice = x => x * data.factor;",
        ),
        ("lib/data.json", "{\"factor\": 2}"),
        ("lib/bad.mjs", "export const x = 1;\nexport const y = = 2;\n"),
        ("secret.mjs", "export default 'secret'"),
    ]);
    let mount = Mount::host(root.path().join("lib"), "/lib", Access::ReadOnly).unwrap();
    let mut sandbox = guests::sandbox(guests::javascript(), Policy::new().mount(mount), Limits::new());
    assert_eq!(
        value(&mut sandbox, "import answer, { twice } from '/lib/main.mjs'\n[answer, twice(4)]"),
        serde_json::json!([42, 8])
    );
    assert_eq!(value(&mut sandbox, "twice(answer)"), 84, "what was imported stays");
    let outcome =
        sandbox.run(Program::code("import x from '/lib/main.mjs'; export {}; console.log(x)").named("run.mjs"));
    assert_eq!(outcome.unwrap().stdout_text(), "42\n");
    let (kind, _, traceback) = raised(&mut sandbox, "await import('/lib/bad.mjs')");
    assert_eq!(kind, "SyntaxError");
    assert!(traceback.starts_with("/lib/bad.mjs:2\nexport const y = = 2;\n                 ^\n"), "{traceback}");
    for outside in ["/lib/../secret.mjs", "/secret.mjs", "https://example.com/x.mjs", "std", "/etc/passwd"] {
        let (_, message, _) = raised(&mut sandbox, &format!("await import('{outside}')"));
        assert!(message.contains("Cannot find") || message.contains("cannot be imported"), "{outside}: {message}");
    }
}

#[test]
fn errors_are_those_of_the_program_in_its_own_lines() {
    let mut sandbox = sandbox();
    let program =
        Program::code("\nfunction inner() {\n  throw new RangeError('too far');\n}\ninner();").named("task.js");
    let outcome = sandbox.run(program).unwrap();
    let Status::Raised { r#type, message, traceback } = &outcome.status else { panic!("{:?}", outcome.status) };
    assert_eq!((r#type.as_str(), message.as_str()), ("RangeError", "too far"));
    assert!(
        traceback.contains("at inner (/program/task.js:3:") && traceback.contains("/program/task.js:5:"),
        "{traceback}"
    );
    assert!(!traceback.contains("sandcell"), "{traceback}");
    assert_eq!(outcome.stderr_text(), format!("Uncaught {traceback}\n"));
    let (kind, _, traceback) = raised(&mut sandbox, "let ok = 1;\nlet = = 2;");
    assert!(kind == "SyntaxError" && traceback.contains("let = = 2;"), "{traceback}");
    assert_eq!(raised(&mut sandbox, "Promise.reject(new Error('unhandled'))").1, "unhandled");
    assert_eq!(raised(&mut sandbox, "setTimeout(() => { throw new Error('late') }, 1)").1, "late");
    assert!(raised(&mut sandbox, "await new Promise(() => {})").1.contains("nothing will settle"));
    assert_eq!(raised(&mut sandbox, "throw {code: 5}"), ("Object".into(), "{ code: 5 }".into(), "{ code: 5 }".into()));
    assert_eq!(value(&mut sandbox, "1 + 1"), 2, "the session goes on");
}

#[test]
fn memory_that_runs_out_is_an_error_of_the_program_and_the_session_goes_on() {
    let limits = Limits::new().with(LimitKey::MemoryBytes, 32 << 20).unwrap();
    let mut sandbox = guests::sandbox(guests::javascript(), Policy::new(), limits);
    for code in [
        "{ const all = []; for (;;) all.push(new Array(1000).fill(all.length)) }",
        "{ let s = 'x'; for (;;) s += s }",
        "new Uint8Array(1 << 30)",
        "'x'.repeat(1 << 29)",
        "{ let big = 2n; for (;;) big *= big }",
        "{ const m = new Map(); for (let i = 0; ; i++) m.set(i, {i}) }",
        "{ const kept = []; for (;;) kept.push(() => kept) }",
        "for (;;) setTimeout(() => {}, 1e6)",
        "for (;;) Promise.reject(1)",
    ] {
        let (kind, message, _) = raised(&mut sandbox, code);
        assert!(["InternalError", "RangeError"].contains(&kind.as_str()), "{code}: {kind}: {message}");
        assert_eq!(value(&mut sandbox, "[1, 2, 3].map(x => x * 2)"), serde_json::json!([2, 4, 6]), "{code}");
    }
}

#[test]
fn an_endless_program_ends_by_its_limits() {
    for (code, limit) in [
        ("for (;;);", LimitKey::Fuel),
        ("const again = () => Promise.resolve().then(again); again(); undefined", LimitKey::Fuel),
        ("setInterval(() => {}, 10)", LimitKey::DeadlineMs),
        ("await new Promise(resolve => setTimeout(resolve, 1e8))", LimitKey::DeadlineMs),
        ("/(a+)+$/.test('a'.repeat(40) + 'b')", LimitKey::Fuel),
    ] {
        let limits = Limits::new().with(LimitKey::Fuel, 300_000_000).unwrap().with(LimitKey::DeadlineMs, 500).unwrap();
        let mut sandbox = guests::sandbox(guests::javascript(), Policy::new(), limits);
        let outcome = sandbox.run(Program::code(format!("console.log('printed');\n{code}"))).unwrap();
        assert!(
            matches!(outcome.status, Status::Exceeded { limit: found } if found == limit || found == LimitKey::DeadlineMs),
            "{code}: {:?}",
            outcome.status
        );
        assert_eq!(outcome.stdout_text(), "printed\n", "{code}: what was printed is not lost");
    }
}

#[test]
fn forks_share_nothing_and_draw_their_own_random_numbers() {
    let mut first = sandbox();
    let mut second = sandbox();
    let draw = "[Math.random(), crypto.randomUUID()]";
    assert_ne!(value(&mut first, draw), value(&mut second, draw));
    value(&mut first, "globalThis.secret = 'mine'; Array.prototype.evil = 1");
    assert_eq!(value(&mut second, "[typeof secret, typeof [].evil]"), serde_json::json!(["undefined", "undefined"]));

    value(&mut first, "let n = 1; const timer = () => ++n");
    let snapshot = first.snapshot().unwrap();
    let mut fork = snapshot.fork().unwrap();
    assert_eq!(value(&mut fork, "timer(); timer()"), 3);
    assert_eq!(value(&mut first, "n"), 1);
    let seeded = || guests::sandbox(guests::javascript(), Policy::new().seed(7), Limits::new());
    assert_eq!(value(&mut seeded(), draw), value(&mut seeded(), draw), "a seed decides them");
}

#[test]
fn a_result_that_is_too_large_is_cut() {
    let limits = Limits::new().with(LimitKey::ResultBytes, 4096).unwrap();
    let mut sandbox = guests::sandbox(guests::javascript(), Policy::new(), limits);
    for code in ["'é'.repeat(10000)", "Array(5000).fill('xy')", "new Map([[1, 'z'.repeat(9000)]])"] {
        let outcome = sandbox.run(Program::code(code)).unwrap();
        let size = serde_json::to_vec(&outcome.result).unwrap().len();
        assert!(outcome.status == Status::Exited { code: 0 } && size <= 4096, "{code}: {size}");
    }
    let (_, message, _) = raised(&mut sandbox, "throw new Error('m'.repeat(100000))");
    assert!(message.len() < 4096);
}

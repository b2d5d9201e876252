//! The JSON cases of `tests/conformance`, and that their checks can fail.

use sandcell_tests::parity::{self, Language, Record};
use sandcell_tests::{cases, folders, places};
use serde_json::json;
use std::collections::BTreeSet;

/// Runs every case of the files whose name begins with `topic`, and records what was run as a part of
/// what this language runs.
fn run(part: &str, topics: impl Fn(&str) -> bool) {
    let folder = places::workspace().join("tests/conformance");
    let mut failures = Vec::new();
    let mut record = Record::default();
    let mut count = 0;
    for path in folders::listed(&folder, "json") {
        if !topics(path.file_stem().unwrap().to_str().unwrap()) {
            continue;
        }
        for case in cases::read(&path).unwrap() {
            count += 1;
            let findings = cases::run(&case);
            match findings.is_empty() {
                true => record.ran(&case.name),
                false => failures.push(format!("{}:\n    {}", case.name, findings.join("\n    "))),
            }
        }
    }
    parity::record(Language::named("rust"), part, &record);
    assert!(count > 0);
    assert!(failures.is_empty(), "{} of {count} cases fail\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_case_for_modules_holds() {
    run("others", |topic| !topic.starts_with("python"));
}

#[test]
fn every_case_for_python_holds() {
    run("python", |topic| topic.starts_with("python"));
}

#[test]
fn every_case_holds_through_the_command_line() {
    let cases = cases::read_all();
    let language = Language::named("command_line");
    let skipped = language.skipped(&cases);
    let mut record = Record::default();
    let mut failures = Vec::new();
    for case in &cases {
        if skipped.contains_key(&case.name) {
            record.skipped(&case.name);
            continue;
        }
        let findings = cases::run_through_the_command_line(case);
        match findings.is_empty() {
            true => record.ran(&case.name),
            false => failures.push(format!("{}:\n    {}", case.name, findings.join("\n    "))),
        }
    }
    parity::record(language, "all", &record);
    assert!(failures.is_empty(), "{} of {} cases fail\n{}", failures.len(), cases.len(), failures.join("\n"));
}

#[test]
fn where_a_limit_bites_something_else_comes_without_it() {
    let biting = cases::read_all().into_iter().filter(|case| case.bites.is_some());
    let toothless = biting.filter(|case| cases::run_without_its_limit(case).is_empty());
    assert_eq!(toothless.map(|case| case.name).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn case_names_are_unique() {
    let mut seen = BTreeSet::new();
    for path in folders::listed(&places::workspace().join("tests/conformance"), "json") {
        for case in cases::read(&path).unwrap() {
            assert!(seen.insert(case.name.clone()), "{} stands twice", case.name);
        }
    }
}

#[test]
fn a_case_with_an_unknown_field_is_refused() {
    let case = json!({"name": "n", "image": "wasm:calls", "expect": {"status": {"kind": "exited", "code": 0}}});
    assert_eq!(cases::parse(&case.to_string()).unwrap().len(), 1);
    for (place, field) in [("", "stdot"), ("/expect", "stdot"), ("/expect/status", "cod")] {
        let mut wrong = case.clone();
        wrong.pointer_mut(place).unwrap()[field] = json!("x");
        assert!(cases::parse(&wrong.to_string()).unwrap_err().contains(field), "{place} {field}");
    }
    for expect in [
        json!({}),
        json!({"status": {"kind": "cancelled"}, "error": "limit_range"}),
        json!({"raised": "KeyError", "suspended": []}),
    ] {
        let wrong = json!({"name": "n", "image": "wasm:calls", "expect": expect});
        assert!(cases::parse(&wrong.to_string()).unwrap_err().contains("either a status or an error"), "{wrong}");
    }
}

#[test]
fn a_case_of_tools_with_an_unknown_field_or_word_is_refused() {
    let case = talking();
    assert_eq!(cases::parse(&case.to_string()).unwrap().len(), 1);
    for place in [
        "/tools/0",
        "/tools/0/does",
        "/tools/0/does/first/0",
        "/gate/0",
        "/gate/0/then",
        "/resume/0",
        "/resume/0/results/0",
        "/resume/0/expect",
        "/expect/suspended/0",
    ] {
        let mut wrong = case.clone();
        wrong.pointer_mut(place).unwrap()["vlaue"] = json!("x");
        assert!(cases::parse(&wrong.to_string()).is_err(), "{place}");
    }
    for (place, word) in [("/tools/1/does", "sing"), ("/gate/0/then", "perhaps"), ("/resume/0/results/0", "value")] {
        let mut wrong = case.clone();
        *wrong.pointer_mut(place).unwrap() = json!(word);
        assert!(cases::parse(&wrong.to_string()).is_err(), "{place}");
    }
    // A step ends in one way too, and is followed as the whole case is.
    for (field, value) in [("status", json!({"kind": "cancelled"})), ("events", json!(null))] {
        let mut wrong = case.clone();
        wrong["resume"][0]["expect"][field] = value;
        assert!(cases::parse(&wrong.to_string()).unwrap_err().contains("each step"), "{field}");
    }
}

/// A case of everything that has to do with tools.
fn talking() -> serde_json::Value {
    json!({
        "name": "n", "image": "python",
        "tools": [
            {"name": "price", "does": {"first": [
                {"if": {"symbol": "apple"}, "then": {"value": 1.25}},
                {"then": {"fails": "the secret"}}]}},
            {"name": "approve", "does": "suspend"}],
        "gate": [{"tool": "price", "if": {"symbol": "gold"}, "then": {"deny": "no gold"}}],
        "policy": {"tools": {"allow": ["price", "approve"]}},
        "code": "from host import tools, ToolError\nfor symbol in ('apple', 'gold', 'pear'):\n    try: print(tools.price(symbol=symbol))\n    except ToolError as e: print(e.kind)\nprint(tools.approve(a=1), tools.approve(a=2))",
        "expect": {
            "suspended": [{"tool": "approve", "arguments": {"a": 1}}],
            "stdout": "1.25\ndenied\ntool_error\n",
            "tool_calls": {"ok": 1, "denied": 1, "tool_error": 1, "suspended": 1},
            "details_contain": ["the secret"],
            "denials": [{"what": "tool", "name": "price", "operation": "gate"}],
            "events": [
                "call: 1 price", "result: 1 ok", "stdout: 1.25\n", "result: 2 denied", "stdout: denied\n",
                "call: 3 price", "result: 3 tool_error", "stdout: tool_error\n", "call: 4 approve", "ended: suspended"]},
        "resume": [
            {"results": [{"value": "x"}], "expect": {
                "suspended": [{"tool": "approve", "arguments": {"a": 2}}],
                "events": ["result: 4 ok", "call: 5 approve", "ended: suspended"]}},
            {"results": [null], "expect": {
                "suspended": [{"tool": "approve", "arguments": {"a": 2}}], "events": ["ended: suspended"]}},
            {"results": [{"value": "y"}], "token": "another", "expect": {"error": "resume_invalid", "events": []}},
            {"results": [{"value": "y"}], "expect": {
                "status": {"kind": "exited", "code": 0}, "stdout_contains": ["x y"],
                "events": ["result: 5 ok", "stdout: x y\n", "ended: exited"]}}],
    })
}

/// A check that cannot fail proves nothing: each is given a wrong expectation here.
#[test]
fn every_check_of_a_case_can_fail() {
    let holds = json!({
        "name": "n", "image": "wasm:calls",
        "args": ["'out 1 open fd 'text write 'gone 0 open 'ro/a 9 open trap"],
        "policy": {"mounts": [
            {"kind": "memory", "guest": "/"},
            {"kind": "host", "host": "$FOLDER", "guest": "/ro"}]},
        "folder": {"a": "1"},
        "expect": {
            "status": {"kind": "trapped", "reason": "unreachable"},
            "stdout": "open 0\nwrite 0 4\nopen 44\nopen 69\n", "stdout_contains": ["open 44"],
            "stdout_truncated": false, "stderr": "", "output_bytes": 33, "output_lacks": ["secret"],
            "denials": [{"what": "path", "name": "/ro/a", "operation": "path_open"}], "diagnostics": [],
            "files": {"added": ["/out"], "changed": [], "removed": []}, "file_contents": {"/out": "text"},
            "folder": {"a": "1"}, "hint_contains": ["aborted itself"],
            "peak_memory_bytes_at_most": 262144, "fuel_at_most": 1000000}});
    let findings = |case: &serde_json::Value| cases::run(&cases::parse(&case.to_string()).unwrap()[0]);
    assert_eq!(findings(&holds), [""; 0]);
    for (field, wrong) in [
        ("status", json!({"kind": "trapped", "reason": "stack_overflow"})),
        ("stdout", json!("open 0\n")),
        ("stdout_contains", json!(["open 45"])),
        ("stdout_truncated", json!(true)),
        ("stderr", json!("x")),
        ("stderr_contains", json!(["x"])),
        ("output_bytes", json!(34)),
        ("output_lacks", json!(["open"])),
        ("denials", json!([])),
        ("diagnostics", json!(["error: main.c:1:2: x"])),
        ("files", json!({"added": [], "changed": ["/out"], "removed": []})),
        ("file_contents", json!({"/out": "txt"})),
        ("file_contents", json!({"/other": "text"})),
        ("folder", json!({"a": "2"})),
        ("folder", json!({})),
        ("hint_contains", json!(["recursed"])),
        ("peak_memory_bytes_at_most", json!(262_143)),
        ("fuel_at_most", json!(10)),
    ] {
        let mut case = holds.clone();
        case["expect"][field] = wrong;
        assert!(!findings(&case).is_empty(), "a wrong `{field}` goes unnoticed");
    }
    let mut error_expected = holds.clone();
    error_expected["expect"] = json!({"error": "module_invalid"});
    assert!(!findings(&error_expected).is_empty());

    let refused = json!({"name": "n", "image": "wasm:calls", "limits": {"fule": 1},
        "expect": {"error": "limit_unknown", "error_contains": ["`fule`"]}});
    assert_eq!(findings(&refused), [""; 0]);
    for wrong in [
        json!({"error": "limit_range"}),
        json!({"error": "limit_unknown", "error_contains": ["fuel?"]}),
        json!({"status": {"kind": "cancelled"}}),
    ] {
        let mut case = refused.clone();
        case["expect"] = wrong;
        assert!(!findings(&case).is_empty(), "{case}");
    }
}

#[test]
fn every_check_of_a_case_of_tools_can_fail() {
    let findings = |case: &serde_json::Value| cases::run(&cases::parse(&case.to_string()).unwrap()[0]);
    let holds = talking();
    assert_eq!(findings(&holds), [""; 0]);
    let changed = |place: &str, value: serde_json::Value| {
        let mut case = holds.clone();
        *case.pointer_mut(place).unwrap() = value;
        case
    };
    for (place, wrong) in [
        ("/expect/suspended", json!([])),
        ("/expect/suspended/0/tool", json!("price")),
        ("/expect/suspended/0/arguments", json!({"a": 2})),
        ("/expect/stdout", json!("1.25\n")),
        ("/expect/tool_calls", json!({"ok": 1})),
        ("/expect/tool_calls/ok", json!(2)),
        ("/expect/details_contain", json!(["another secret"])),
        ("/expect/denials", json!([])),
        ("/expect/events/0", json!("stdout: 1.5\n")),
        ("/expect/events", json!([])),
        // What is offered, said and given matters.
        ("/tools/0/does/first/0/then", json!({"value": 1.5})),
        ("/tools/0/does/first/1/then", json!({"error": "aloud"})),
        ("/tools/1/does", json!("echo")),
        ("/gate/0/then", json!("allow")),
        ("/policy/tools/allow", json!(["approve"])),
        ("/resume/0/results", json!([])),
        ("/resume/0/results/0", json!({"denied": "no"})),
        ("/resume/0/results", json!([{"value": 1}, {"value": 2}])),
        ("/resume/0/expect/suspended/0/arguments", json!({"a": 1})),
        ("/resume/2/expect/error", json!("run_suspended")),
        ("/resume/3/results/0", json!({"value": "x"})),
        ("/resume/3/results/0", json!({"fails": "y"})),
        ("/resume/3/expect/status/code", json!(1)),
        ("/resume/3/expect/stdout_contains", json!(["x z"])),
        ("/resume/3/expect/events", json!(["ended: exited"])),
    ] {
        assert!(!findings(&changed(place, wrong)).is_empty(), "a wrong `{place}` goes unnoticed");
    }
    // The end that is expected must come.
    for (field, wrong) in [
        ("status", json!({"kind": "exited", "code": 0})),
        ("raised", json!("KeyError")),
        ("error", json!("run_suspended")),
    ] {
        let mut case = holds.clone();
        case["expect"].as_object_mut().unwrap().remove("suspended");
        case["expect"][field] = wrong;
        assert!(!findings(&case).is_empty(), "{field}");
    }
    let raised = json!({"name": "n", "image": "python", "code": "raise KeyError(1)", "expect": {"raised": "KeyError"}});
    assert_eq!(findings(&raised), [""; 0]);
    for code in ["1", "raise ValueError(1)"] {
        let mut wrong = raised.clone();
        wrong["code"] = json!(code);
        assert!(!findings(&wrong).is_empty(), "{code}");
    }
    let limits = json!({"deadline_ms": 400});
    let cancelled = json!({"name": "n", "image": "python", "code": "while True: pass", "limits": limits,
        "cancel_after_ms": 50, "expect": {"status": {"kind": "cancelled"}}});
    assert_eq!(findings(&cancelled), [""; 0]);
    let mut late = cancelled;
    late["cancel_after_ms"] = json!(600);
    assert!(!findings(&late).is_empty());
    let waits = json!({"name": "n", "image": "python", "code": "from host import tools; tools.slow()",
        "tools": [{"name": "slow", "does": {"value": 1}, "waits_ms": 200, "timeout_ms": 20}],
        "expect": {"raised": "host.ToolTimeout"}});
    assert_eq!(findings(&waits), [""; 0]);
    for (field, value) in [
        ("waits_ms", json!(1)),
        ("timeout_ms", json!(2_000)),
        ("input_schema", json!({"type": "object", "required": ["a"]})),
    ] {
        for blocking in [true, false] {
            let mut wrong = waits.clone();
            wrong["tools"][0]["blocking"] = json!(blocking);
            wrong["tools"][0][field] = value.clone();
            assert!(!findings(&wrong).is_empty(), "{field}");
        }
    }
}

/// The driver's own tests run the same programs against a host that is pretended.
#[test]
fn the_programs_of_the_drivers_tests_are_cases_too() {
    let mut list = std::process::Command::new("python3");
    list.arg(places::workspace().join("guests/python/driver/tests/cases.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    let programs: serde_json::Value = serde_json::from_slice(&list.output().unwrap().stdout).unwrap();
    let cases = cases::read(&places::workspace().join("tests/conformance/python_tools.json")).unwrap();
    let programs = programs["cases"].as_array().unwrap();
    assert!(programs.len() >= 16);
    for program in programs {
        let (name, code) = (program["name"].as_str().unwrap(), program["code"].as_str().unwrap());
        let case = cases.iter().find(|case| case.name == name.replace([' ', '-'], "_"));
        let case = case.unwrap_or_else(|| panic!("{name:?} is no case of python_tools.json"));
        assert_eq!(case.code.as_deref().map(str::trim), Some(code.trim()), "{name}");
        assert_eq!(case.expect.stdout.as_deref(), program["stdout"].as_str(), "{name}");
    }
}

//! The JSON cases of `tests/conformance`, and that their checks can fail.

use sandcell_tests::{cases, folders, places};
use serde_json::json;
use std::collections::BTreeSet;

/// Runs every case of the files whose name begins with `topic`.
fn run(topics: impl Fn(&str) -> bool) {
    let folder = places::workspace().join("tests/conformance");
    let mut failures = Vec::new();
    let mut count = 0;
    for path in folders::listed(&folder, "json") {
        if !topics(path.file_stem().unwrap().to_str().unwrap()) {
            continue;
        }
        for case in cases::read(&path).unwrap() {
            count += 1;
            let findings = cases::run(&case);
            if !findings.is_empty() {
                failures.push(format!("{}:\n    {}", case.name, findings.join("\n    ")));
            }
        }
    }
    assert!(count > 0);
    assert!(failures.is_empty(), "{} of {count} cases fail\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_case_for_modules_holds() {
    run(|topic| !topic.starts_with("python"));
}

#[test]
fn every_case_for_python_holds() {
    run(|topic| topic.starts_with("python"));
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
    let neither = json!({"name": "n", "image": "wasm:calls", "expect": {}});
    assert!(cases::parse(&neither.to_string()).unwrap_err().contains("either a status or an error"));
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
            "denials": [{"what": "path", "name": "/ro/a", "operation": "path_open"}],
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

//! Public programs, each of which tests itself: what a model writes first.
//!
//! A program that cannot pass is named below with the reason, and must fail; that a changed program
//! fails shows that passing means something.

use sandcell::{Image, Outcome, Policy, Program, Status};
use sandcell_tests::{guests, places};
use std::collections::BTreeMap;
use std::fs;

/// Programs that do not pass, and why. None of the languages here has any.
const FAILING: &[(&str, &str)] = &[];

fn programs(folder: &str, extension: &str) -> BTreeMap<String, String> {
    let folder = places::shared("programs").join(folder);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files =
        files.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == extension));
    files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect()
}

fn run(image: &Image, name: &str, code: &str) -> Outcome {
    // Benchmarks do a few seconds of work in one turn.
    let limits = [("fuel", 200_000_000_000), ("deadline_ms", 120_000)];
    let mut policy = Policy::new();
    policy.env.insert("PYPERF_LOOPS".to_owned(), "1".to_owned());
    guests::run_in(image, policy, &limits, Program::code(code).named(name))
}

/// Runs all and compares what fails with what is known to.
fn all(image: &Image, folder: &str, extension: &str, at_least: usize) {
    let programs = programs(folder, extension);
    assert!(programs.len() >= at_least, "{folder} holds {} programs", programs.len());
    for (name, code) in &programs {
        let outcome = run(image, name, code);
        let known = FAILING.iter().find(|(failing, _)| failing == name);
        match known {
            None => assert!(outcome.is_success(), "{name}: {:?}\n{}", outcome.status, outcome.stderr_text()),
            Some((_, reason)) => assert!(!outcome.is_success(), "{name} passes now, though {reason}"),
        }
    }
    assert!(FAILING.iter().all(|(_, reason)| !reason.is_empty()));
}

#[test]
fn every_public_python_program_passes_its_own_tests() {
    all(guests::python(), "python", "py", 60);
}

#[test]
fn every_public_javascript_program_passes_its_own_tests() {
    all(guests::javascript(), "javascript", "js", 60);
}

#[test]
fn every_public_benchmark_runs_and_prints_its_figures() {
    all(guests::python(), "benchmarks", "py", 10);
    let (name, code) = programs("benchmarks", "py").into_iter().next().unwrap();
    let printed = run(guests::python(), &name, &code);
    let figures: serde_json::Value = serde_json::from_str(printed.stdout_text().lines().last().unwrap()).unwrap();
    assert!(figures.is_object(), "{figures}");
}

/// A test that is changed so that it cannot hold, in every tenth program, must fail as a test does.
#[test]
fn a_program_whose_test_was_changed_fails() {
    let changed = |code: &str, from: &str, to: &str| {
        assert!(code.contains(from), "it has no test");
        code.replacen(from, to, 1)
    };
    for (name, code) in programs("python", "py").iter().step_by(10) {
        let outcome = run(guests::python(), name, &changed(code, "    assert ", "    assert not "));
        let raised = |status: &Status| matches!(status, Status::Raised { r#type, .. } if r#type == "AssertionError");
        assert!(raised(&outcome.status), "{name}: {:?}", outcome.status);
    }
    for (name, code) in programs("javascript", "js").iter().step_by(10) {
        let outcome = run(guests::javascript(), name, &changed(code, "if (!c) throw", "if (c) throw"));
        let raised =
            |status: &Status| matches!(status, Status::Raised { message, .. } if message.contains("ASSERTION"));
        assert!(raised(&outcome.status), "{name}: {:?}", outcome.status);
    }
}

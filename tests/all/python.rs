//! Python as the image gives it. What is the same in every language stands in
//! `tests/conformance/python_language.json`.

use sandcell::{Clock, Outcome, Policy, Program, Status};
use sandcell_tests::{cli, folders, guests, places};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Prints what differs from run to run unless it is fixed: randomness of every source, the time,
/// object identities, the order of a set of strings, names of temporary files.
const UNSTEADY: &str = "\
import random, os, time, uuid, tempfile, numpy, secrets, datetime
print(random.random(), os.urandom(8).hex(), uuid.uuid4(), secrets.token_hex(8))
print(numpy.random.default_rng().random(), numpy.random.rand())
print(time.time_ns(), time.monotonic_ns(), time.perf_counter_ns(), datetime.datetime.now())
print(tempfile.mkdtemp(), id(object()), list({'a', 'b', 'c', 'd', 'e'}), hash('text'))
";

fn run(policy: Policy, limits: &[(&str, u64)], program: Program) -> Outcome {
    guests::run_in(guests::python(), policy, limits, program)
}

#[test]
fn one_seed_and_a_frozen_clock_give_the_same_output_and_fuel_every_time() {
    let fixed = || Policy::new().seed(7).clock(Clock::frozen());
    let first = run(fixed(), &[], Program::code(UNSTEADY));
    assert!(first.is_success(), "{}", first.stderr_text());
    for _ in 0..2 {
        let again = run(fixed(), &[], Program::code(UNSTEADY));
        assert_eq!(again.stdout_text(), first.stdout_text());
        assert_eq!(again.usage.fuel, first.usage.fuel);
    }
    // Another process, another address space.
    for _ in 0..2 {
        let ran = cli::run(cli::sandcell().args(["run", "--seed", "7", "--clock", "frozen", "--json", "-c", UNSTEADY]));
        let json = ran.json();
        assert_eq!(json["stdout"], *first.stdout_text());
        assert_eq!(json["usage"]["fuel"], first.usage.fuel);
    }
    let other = run(Policy::new().seed(8).clock(Clock::frozen()), &[], Program::code(UNSTEADY));
    assert_ne!(other.stdout_text(), first.stdout_text());
}

#[test]
fn without_a_seed_every_sandbox_has_randomness_of_its_own() {
    let sources = "\
import random, os, uuid, secrets, numpy, tempfile
print(random.random(), os.urandom(8).hex(), uuid.uuid4(), secrets.token_hex(8), sep='\\n')
print(numpy.random.default_rng().random(), numpy.random.rand(), tempfile.mktemp(), sep='\\n')
";
    let printed: Vec<String> =
        (0..3).map(|_| run(Policy::new(), &[], Program::code(sources)).stdout_text().into_owned()).collect();
    let distinct: BTreeSet<&str> = printed.iter().flat_map(|text| text.lines()).collect();
    assert_eq!(distinct.len(), 3 * 7, "some source repeats: {printed:?}");
}

#[test]
fn a_seeded_clock_that_is_real_still_moves() {
    let moving = "import time; a = time.monotonic_ns(); time.sleep(0.01); print(time.monotonic_ns() - a >= 10_000_000)";
    let outcome = run(Policy::new().seed(7), &[], Program::code(moving));
    assert_eq!(outcome.stdout_text(), "True\n");
}

/// Containers nested so deeply that freeing them needs more stack than there is: CPython looks at
/// the stack in linear memory only. It must stay the guest's trouble.
#[test]
fn freeing_a_million_nested_lists_traps_at_worst_and_harms_nobody() {
    let nested = "l = []\nfor i in range(10 ** 6): l = [l]\ndel l\nprint('freed')";
    let outcome = run(Policy::new(), &[], Program::code(nested));
    let overflow = Status::Trapped { reason: sandcell::TrapReason::StackOverflow };
    assert!(outcome.status == overflow || outcome.is_success(), "{:?}", outcome.status);
    assert_eq!(run(Policy::new(), &[], Program::code("print(1)")).stdout_text(), "1\n");
}

#[test]
fn every_public_python_program_gives_the_right_answer() {
    let programs = folders::listed(&places::shared("programs/python"), "py");
    assert!(programs.len() >= 50);
    run_all(&programs, Policy::new(), &[]);
}

#[test]
fn every_public_benchmark_runs() {
    let programs = folders::listed(&places::shared("programs/benchmarks"), "py");
    assert!(programs.len() >= 10);
    let limits = [("fuel", 10_000_000_000_000), ("deadline_ms", 300_000)];
    run_all(&programs, Policy::new().env("PYPERF_LOOPS", "1"), &limits);
}

/// Runs scripts of the host, each in a fresh sandbox of the one image, two at a time.
fn run_all(programs: &[PathBuf], policy: Policy, limits: &[(&str, u64)]) {
    let next = AtomicUsize::new(0);
    let failed = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let program = Program::code(fs::read_to_string(path).unwrap()).named(name);
        let outcome = run(policy.clone(), limits, program);
        let all = || format!("{name}: {:?}\n{}{}", outcome.status, outcome.stdout_text(), outcome.stderr_text());
        (!outcome.is_success()).then(all)
    };
    let work = || {
        let mut failures = Vec::new();
        while let Some(path) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
            failures.extend(failed(path));
        }
        failures
    };
    let failures: Vec<String> = std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{} of {} fail\n{}", failures.len(), programs.len(), failures.join("\n"));
}

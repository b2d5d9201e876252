//! Forks in large numbers: nothing leaks, thousands live at once, and every one costs the same.

use sandcell::{Clock, Code, Engine, Image, Limits, Policy, Pool, Program, ResetChecks, Sandbox};
use sandcell_tests::census::{self, Census, alone};
use sandcell_tests::guests;

const MIB: u64 = 1 << 20;
const PRINT: &str = "x=41; print(x+1)";

fn fork() -> Sandbox {
    guests::sandbox(guests::python(), Policy::new(), Limits::new())
}

fn print(sandbox: &mut Sandbox) {
    let outcome = sandbox.run(Program::code(PRINT)).unwrap();
    assert_eq!(outcome.stdout_text(), "42\n", "{outcome:?}");
}

#[test]
fn ten_thousand_forks_leave_nothing() {
    alone(|| {
        (0..100).for_each(|_| print(&mut fork()));
        let (before, before_bytes) = (Census::take(), census::resident_bytes());
        for round in 0..10_000 {
            let mut sandbox = fork();
            if round % 2 == 0 {
                print(&mut sandbox);
            }
        }
        let (after, after_bytes) = (Census::take(), census::resident_bytes());
        assert_eq!((after.descriptors, after.threads), (before.descriptors, before.threads));
        assert!(after.mappings <= before.mappings + 8, "{before:?} {after:?}");
        assert!(after_bytes <= before_bytes + 8 * MIB, "from {before_bytes} to {after_bytes} bytes resident");
    });
}

#[test]
fn five_thousand_sessions_live_at_once() {
    alone(|| {
        let before = census::private_bytes();
        let mut sessions: Vec<Sandbox> = (0..5_000).map(|_| fork()).collect();
        sessions.iter_mut().for_each(print);
        let each = (census::private_bytes() - before) / 5_000;
        assert!(each <= MIB, "{each} bytes for each");
        assert!(Census::take().mappings < 60_000);
        for sandbox in sessions.iter_mut().step_by(1_000) {
            assert_eq!(sandbox.run(Program::code("x")).unwrap().result, Some(serde_json::json!(41)));
        }
    });
}

#[test]
fn every_fork_with_one_seed_uses_the_same_fuel() {
    let seeded = || Policy::new().seed(3).clock(Clock::frozen());
    let fuel = || {
        let code = "import random, json; print(random.random(), json.dumps([1] * 100))";
        guests::sandbox(guests::python(), seeded(), Limits::new()).run(Program::code(code)).unwrap().usage.fuel
    };
    let first = fuel();
    assert!((0..20).all(|_| fuel() == first));
}

#[test]
fn forks_of_many_threads_are_isolated_and_complete() {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for round in 0..100 {
                    let mut sandbox = fork();
                    let code = format!("'left' in dir() or (left := {thread} * 1000 + {round})");
                    let outcome = sandbox.run(Program::code(code)).unwrap();
                    assert_eq!(outcome.result, Some(serde_json::json!(thread * 1000 + round)));
                }
            });
        }
    });
}

#[test]
fn slots_are_restored_completely_whatever_python_did_in_them() {
    let engine = Engine::builder().cache(sandcell::CacheDir::user().unwrap()).verify_resets(true).build().unwrap();
    let image = Image::load(&engine, "python").unwrap();
    let programs = [
        PRINT,
        "x = bytearray(b'secret') * 4_000_000",
        "import gc; gc.collect(); y = [object() for _ in range(100_000)]",
        "import numpy as np; a = np.full((2000, 2000), 7.5)",
        "1 / 0",
        "import os; os._exit(1)",
    ];
    for round in 0..60 {
        let mut sandbox = Sandbox::builder(&image).build().unwrap();
        let clean = sandbox.run(Program::code("[n for n in ('x', 'y', 'a') if n in globals()]")).unwrap();
        assert_eq!(clean.result, Some(serde_json::json!([])));
        let _ = sandbox.run(Program::code(programs[round % programs.len()])).unwrap();
    }
    assert_eq!(engine.reset_checks(), ResetChecks { compared: 60, differed: 0 });
}

#[test]
fn a_pool_of_python_hands_out_fresh_guests_under_its_caps() {
    let pool = Pool::builder(Sandbox::builder(guests::python())).max_sandboxes(2).build().unwrap();
    for _ in 0..20 {
        let mut one = pool.acquire().unwrap();
        assert_eq!(
            one.run(Program::code("'seen' in dir() or (seen := 1)")).unwrap().result,
            Some(serde_json::json!(1))
        );
        let _other = pool.acquire().unwrap();
        assert_eq!(pool.acquire().unwrap_err().code(), Code::PoolBusy);
    }
    let metrics = pool.metrics();
    assert!(metrics.acquired == 40 && metrics.refused == 20 && metrics.live == 0, "{metrics:?}");
}

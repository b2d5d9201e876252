//! Sessions of the Python image: what stays from run to run, what ends them, and what forks share.

use sandcell::{Code, Derivation, Image, LimitKey, Limits, Outcome, Policy, Program, Sandbox, Status};
use sandcell_tests::{guests, images};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

fn session() -> Sandbox {
    guests::sandbox(guests::python(), Policy::new(), Limits::new())
}

fn run(sandbox: &mut Sandbox, code: &str) -> Outcome {
    sandbox.run(Program::code(code)).unwrap()
}

#[test]
fn variables_imports_functions_and_files_stay_from_run_to_run() {
    let mut sandbox = session();
    run(&mut sandbox, "import math as m\ndef double(n): return 2 * n\nx = 20\nopen('/tmp/kept', 'w').write('file')");
    assert_eq!(run(&mut sandbox, "double(x) + m.floor(2.5)").result, Some(json!(42)));
    assert_eq!(run(&mut sandbox, "open('/tmp/kept').read()").result, Some(json!("file")));
    assert_eq!(sandbox.read_file("/tmp/kept").unwrap(), b"file");
    sandbox.write_file("/home/deep/given.txt", b"from outside").unwrap();
    assert_eq!(run(&mut sandbox, "print(open('/home/deep/given.txt').read())").stdout_text(), "from outside\n");
    // Another sandbox of the same image knows nothing of it.
    let other = run(&mut session(), "import os; print(os.listdir('/tmp'), os.listdir('/home'), 'x' in dir())");
    assert_eq!(other.stdout_text(), "[] [] False\n");
}

#[test]
fn an_exception_ends_its_run_and_not_the_session() {
    let mut sandbox = session();
    let outcome = run(&mut sandbox, "x = 1\ndef f():\n    raise ValueError('no')\nf()");
    let Status::Raised { r#type, message, traceback } = outcome.status else { panic!("{:?}", outcome.status) };
    assert_eq!((r#type.as_str(), message.as_str()), ("ValueError", "no"));
    assert!(traceback.contains("line 3, in f\n    raise ValueError('no')"), "{traceback}");
    assert_eq!(run(&mut sandbox, "x").result, Some(json!(1)));
    for (program, expected) in [
        ("import json; json.loads('[' * 100000)", "RecursionError"),
        ("def g(): return g()\ng()", "RecursionError"),
        ("import threading; threading.Thread(target=print).start()", "RuntimeError"),
        ("def h(:\n", "SyntaxError"),
        ("x = bytearray(2 * 10 ** 9)", "MemoryError"),
    ] {
        let outcome = run(&mut sandbox, program);
        assert!(
            matches!(&outcome.status, Status::Raised { r#type, .. } if r#type == expected),
            "{program}: {outcome:?}"
        );
    }
    assert_eq!(run(&mut sandbox, "import sys; sys.exit(3)").status, Status::Exited { code: 3 });
    assert_eq!(run(&mut sandbox, "x").result, Some(json!(1)));
}

#[test]
fn a_limit_or_a_trap_ends_the_session_and_the_next_run_says_so() {
    let limits = guests::limits(&[("fuel", 3_000_000_000), ("deadline_ms", 20_000)]);
    for (program, status, reason) in [
        ("while True: pass", Status::Exceeded { limit: LimitKey::Fuel }, "fuel"),
        ("import os; os._exit(3)", Status::Exited { code: 3 }, "exited"),
        ("import os; os.abort()", Status::Trapped { reason: sandcell::TrapReason::Unreachable }, "trapped"),
    ] {
        let mut sandbox = guests::sandbox(guests::python(), Policy::new(), limits.clone());
        run(&mut sandbox, "open('/tmp/kept', 'w').write('file')");
        let outcome = run(&mut sandbox, &format!("print('before', end='')\n{program}"));
        assert_eq!((&outcome.status, &*outcome.stdout_text()), (&status, "before"), "{program}");
        let error = sandbox.run(Program::code("1")).unwrap_err();
        assert_eq!(error.code(), Code::SessionEnded);
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(sandbox.read_file("/tmp/kept").unwrap(), b"file");
        assert_eq!(sandbox.snapshot().unwrap_err().code(), Code::SessionEnded);
    }
}

#[test]
fn an_idle_or_an_old_session_ends() {
    for (limit, reason) in [("idle_ms", "idle"), ("lifetime_ms", "older")] {
        let mut sandbox = guests::sandbox(guests::python(), Policy::new(), guests::limits(&[(limit, 200)]));
        run(&mut sandbox, "x = 1");
        std::thread::sleep(Duration::from_millis(250));
        let error = sandbox.run(Program::code("x")).unwrap_err();
        assert!(error.code() == Code::SessionEnded && error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn results_have_their_json_form_else_their_repr_and_stay_within_result_bytes() {
    let mut sandbox = session();
    for (program, expected) in [
        ("[1, 2.5, None, True, {'a': 'b'}]", json!([1, 2.5, null, true, {"a": "b"}])),
        ("float('nan')", json!("nan")),
        ("object.__new__(type('T', (), {'__repr__': lambda self: 'a T'}))", json!("a T")),
        ("2 ** 100", json!("1267650600228229401496703205376")),
        ("import numpy as np\nnp.arange(3)", json!("array([0, 1, 2])")),
    ] {
        assert_eq!(run(&mut sandbox, program).result, Some(expected), "{program}");
    }
    assert_eq!(run(&mut sandbox, "None").result, None);
    assert_eq!(run(&mut sandbox, "x = 5").result, None);
    let mut small = guests::sandbox(guests::python(), Policy::new(), guests::limits(&[("result_bytes", 2_000)]));
    let outcome = run(&mut small, "'x' * 100_000");
    assert!(outcome.result_truncated && serde_json::to_vec(&outcome.result).unwrap().len() <= 2_000);
    assert!(!run(&mut small, "'short'").result_truncated);
}

#[test]
fn figures_become_artifacts_and_asyncio_works() {
    let outcome = run(&mut session(), "import matplotlib.pyplot as plt\nplt.plot([1, 2])");
    assert!(outcome.is_success(), "{outcome:?}");
    let figure = outcome.artifacts.iter().find(|artifact| artifact.mime == "image/png").unwrap();
    assert!(figure.bytes.starts_with(b"\x89PNG"));
    let code = "import asyncio\nasync def main():\n    await asyncio.sleep(0.001)\n    return 7\nasyncio.run(main())";
    assert_eq!(run(&mut session(), code).result, Some(json!(7)));
}

#[test]
fn a_program_that_runs_to_its_end_runs_its_exit_handlers_and_closes_its_files() {
    let mut sandbox = session();
    let code = "import atexit\natexit.register(print, 'bye')\nf = open('/tmp/open', 'w')\nf.write('kept')";
    let outcome = sandbox.run_to_end(Program::code(code)).unwrap();
    assert_eq!(outcome.stdout_text(), "bye\n");
    assert_eq!(sandbox.read_file("/tmp/open").unwrap(), b"kept");
}

#[test]
fn closing_a_session_ends_it_within_a_small_budget() {
    let mut sandbox = session();
    run(&mut sandbox, "import atexit\natexit.register(print, 'bye')\nf = open('/tmp/open', 'w')\nf.write('kept')");
    assert_eq!(sandbox.read_file("/tmp/open").unwrap(), b"");
    assert_eq!(sandbox.close().unwrap().stdout_text(), "bye\n");
    assert_eq!(sandbox.read_file("/tmp/open").unwrap(), b"kept");
    assert_eq!(sandbox.close().unwrap_err().code(), Code::SessionEnded);
    let mut endless = session();
    run(&mut endless, "import atexit\n@atexit.register\ndef forever():\n    while True: pass");
    assert!(matches!(endless.close().unwrap().status, Status::Exceeded { .. }));
}

/// Everything that Python draws random numbers from, also what was drawn from before the fork.
const RANDOM: &str = "
import random, uuid, secrets, tempfile, sqlite3, numpy, os
print(random.random(), uuid.uuid4(), uuid.uuid1().clock_seq, secrets.token_hex(8), os.urandom(8).hex(), sep='\\n')
print(numpy.random.rand(), numpy.random.default_rng().random(), tempfile.mktemp(), sep='\\n')
print(sqlite3.connect(':memory:').execute('select random()').fetchone())
";

fn with_random_imported() -> images::Derived {
    images::derive("random", &Derivation::new().setup(format!("{RANDOM}\nimport pandas"))).unwrap()
}

#[test]
fn two_forks_share_no_random_number_unless_the_seed_says_so() {
    let derived = with_random_imported();
    for image in [guests::python(), &derived] {
        let print = |policy: Policy| {
            let outcome = run(&mut guests::sandbox(image, policy, Limits::new()), RANDOM);
            assert!(outcome.is_success(), "{outcome:?}");
            outcome.stdout_text().into_owned()
        };
        let printed: Vec<String> = (0..4).map(|_| print(Policy::new())).collect();
        let distinct: BTreeSet<&str> = printed.iter().flat_map(|text| text.lines()).collect();
        assert_eq!(distinct.len(), 4 * 9, "some source repeats: {printed:?}");
        let seeded = || Policy::new().seed(5).clock(sandcell::Clock::frozen());
        assert_eq!(print(seeded()), print(seeded()));
    }
}

#[test]
fn a_derived_image_has_its_setup_and_its_files() {
    let derivation = Derivation::new().setup("import csv\nrows = list(csv.reader(open('/data/t.csv')))");
    let derivation = derivation.file("/data/t.csv", b"a,b\n1,2\n".to_vec()).unwrap();
    let derived = images::derive("derived", &derivation).unwrap();
    let again = Image::load(&images::python_cache(), "derived").unwrap();
    for image in [&*derived, &again] {
        let mut sandbox = guests::sandbox(image, Policy::new(), Limits::new());
        let outcome = run(&mut sandbox, "rows + [open('/data/t.csv').read()]");
        assert_eq!(outcome.result, Some(json!([["a", "b"], ["1", "2"], "a,b\n1,2\n"])));
        assert_eq!(outcome.files.added, Vec::<String>::new());
        run(&mut sandbox, "open('/data/t.csv', 'w').write('changed')");
    }
    let failing = images::derive("failing", &Derivation::new().setup("1 / 0")).map(drop).unwrap_err();
    assert_eq!(failing.code(), Code::ImageSetupFailed);
    assert!(failing.to_string().contains("ZeroDivisionError"), "{failing}");
    assert!(!images::is_there(&images::python_cache(), "failing"));
}

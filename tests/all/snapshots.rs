//! Snapshots of live sessions: what a fork or a restored session goes on with.

use super::cache::Mounted;
use sandcell::{Access, Code, Engine, Image, Limits, Mount, Policy, Program, Sandbox, Snapshot, SnapshotKey};
use sandcell_tests::census::say;
use sandcell_tests::{cli, folders, guests, images};
use serde_json::json;

fn run(sandbox: &mut Sandbox, code: &str) -> String {
    let outcome = sandbox.run(Program::code(code)).unwrap();
    assert!(outcome.is_success(), "{code}: {outcome:?}");
    outcome.stdout_text().into_owned()
}

/// A first half that leaves state, and a second half that uses it.
const HALVES: [(&str, &str); 10] = [
    ("class A:\n    n = 3\n    def f(self): return self.n\na = A()\na.n = 9", "print(a.f(), A().f(), type(a))"),
    ("def g():\n    for i in range(5): yield i * i\nit = g()\nnext(it); next(it)", "print(list(it))"),
    ("f = open('/tmp/m', 'w+')\nf.write('one\\n'); f.flush()", "f.write('two\\n'); f.seek(0); print(f.read())"),
    ("import numpy as np\nm = np.arange(10000.0).reshape(100, 100)", "print(m.sum(), (m @ m)[3, 4])"),
    ("import re\np = re.compile(r'(\\d+)-(\\w+)')", "print(p.findall('1-a 22-bb'))"),
    ("import decimal\ndecimal.getcontext().prec = 50", "print(decimal.Decimal(1) / 7)"),
    (
        "import sqlite3\ndb = sqlite3.connect('/tmp/db')\ndb.execute('create table t(x)')\ndb.execute('insert into t values (1)')",
        "db.execute('insert into t values (2)'); db.commit(); print(db.execute('select sum(x) from t').fetchone())",
    ),
    ("import random\nrandom.seed(1)\nrandom.random()", "print(random.random())"),
    (
        "import itertools, collections\nc = itertools.count(5)\nnext(c)\nd = collections.deque([1, 2], 2)",
        "d.append(next(c)); print(d)",
    ),
    ("import pandas as pd\ndf = pd.DataFrame({'a': [3, 1, 2]})", "print(df.sort_values('a').to_csv())"),
];

#[test]
fn a_restored_session_goes_on_as_the_uninterrupted_one_does() {
    let key = SnapshotKey::new(b"0123456789abcdef").unwrap();
    for (first, second) in HALVES {
        let mut sandbox = guests::sandbox(guests::python(), Policy::new(), Limits::new());
        run(&mut sandbox, first);
        let snapshot = sandbox.snapshot().unwrap();
        let expected = run(&mut sandbox, second);
        assert_eq!(run(&mut snapshot.fork().unwrap(), second), expected, "a fork of {first}");
        let bytes = snapshot.to_bytes(Some(&key)).unwrap();
        let read = Snapshot::from_bytes(guests::python(), &bytes, Some(&key), &Limits::new()).unwrap();
        assert_eq!(run(&mut read.fork().unwrap(), second), expected, "restored {first}");
        // Of a fork again, once more through bytes.
        let mut fork = read.fork().unwrap();
        run(&mut fork, "later = 1");
        let bytes = fork.snapshot().unwrap().to_bytes(None).unwrap();
        let read = Snapshot::from_bytes(guests::python(), &bytes, None, &Limits::new()).unwrap();
        let mut last = read.fork().unwrap();
        run(&mut last, "assert later == 1");
        assert_eq!(run(&mut last, second), expected, "restored twice {first}");
    }
}

/// Run by the test below in a process of its own.
#[test]
#[ignore = "a part of another test"]
fn restore_in_this_process() {
    let path = std::env::var_os("SNAPSHOT").unwrap();
    let image = Image::load(&Engine::new().unwrap(), "python").unwrap();
    let snapshot = Snapshot::load(&image, path.as_ref(), None, &Limits::new()).unwrap();
    say(&format!("restored: {}", run(&mut snapshot.fork().unwrap(), &std::env::var("SECOND").unwrap())));
}

#[test]
fn another_process_goes_on_with_a_saved_session() {
    let folder = tempfile::tempdir().unwrap();
    for (index, (first, second)) in HALVES.into_iter().enumerate() {
        let mut sandbox = guests::sandbox(guests::python(), Policy::new(), Limits::new());
        run(&mut sandbox, first);
        let path = folder.path().join(format!("{index}.snapshot"));
        sandbox.snapshot().unwrap().save(&path, None).unwrap();
        let expected = run(&mut sandbox, second);
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "snapshots::restore_in_this_process", "--nocapture"]);
        let ran = cli::run(command.env("SNAPSHOT", &path).env("SECOND", second));
        assert!(ran.stderr.contains(&format!("restored: {expected}")), "{first}: {}{}", ran.stdout, ran.stderr);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), HALVES.len());
}

#[test]
fn forks_share_nothing_that_they_write() {
    let mut sandbox = guests::sandbox(guests::python(), Policy::new(), Limits::new());
    run(&mut sandbox, "x = [0]\nopen('/tmp/f', 'w').write('start')");
    let snapshot = sandbox.snapshot().unwrap();
    let mut forks = snapshot.fork_many(5).unwrap();
    for (index, fork) in forks.iter_mut().enumerate() {
        run(fork, &format!("x[0] = {index} + 1\nopen('/tmp/f', 'w').write('fork {index}')"));
    }
    for (index, fork) in forks.iter_mut().enumerate() {
        let outcome = fork.run(Program::code("x + [open('/tmp/f').read()]")).unwrap();
        assert_eq!(outcome.result, Some(json!([index + 1, format!("fork {index}")])));
    }
    assert_eq!(run(&mut sandbox, "print(x, open('/tmp/f').read())"), "[0] start\n");
    assert_eq!(run(&mut snapshot.fork().unwrap(), "print(x, open('/tmp/f').read())"), "[0] start\n");
}

#[test]
fn randomness_goes_on_exactly_unless_reseeding_is_asked_for() {
    let mut sandbox = guests::sandbox(guests::python(), Policy::new(), Limits::new());
    run(&mut sandbox, "import random");
    let snapshot = sandbox.snapshot().unwrap();
    let next = "print(random.random())";
    let expected = run(&mut sandbox, next);
    assert_eq!(run(&mut snapshot.fork().unwrap(), next), expected);
    let reseeded = || run(&mut snapshot.restore().reseed(true).build().unwrap(), next);
    let (first, second) = (reseeded(), reseeded());
    assert!(first != expected && first != second, "{expected} {first} {second}");
}

#[test]
fn folders_of_the_host_are_granted_again_and_never_travel() {
    let folder = folders::with_files(&[("a.txt", "from the host")]);
    let granted = || Policy::new().mount(Mount::host(folder.path(), "/data", Access::ReadOnly).unwrap());
    let mut sandbox = guests::sandbox(guests::python(), granted(), Limits::new());
    run(&mut sandbox, "f = open('/data/a.txt')");
    let snapshot = sandbox.snapshot().unwrap();
    let bytes = snapshot.to_bytes(None).unwrap();
    assert!(!bytes.windows(13).any(|window| window == b"from the host"));
    let read = Snapshot::from_bytes(guests::python(), &bytes, None, &Limits::new()).unwrap();
    let mut without = read.fork().unwrap();
    let gone = without.run(Program::code("open('/data/a.txt')")).unwrap();
    assert!(!gone.is_success(), "{gone:?}");
    let mut with = read.restore().policy(granted()).build().unwrap();
    assert_eq!(run(&mut with, "print(open('/data/a.txt').read())"), "from the host\n");
    let stale = with.run(Program::code("f.read()")).unwrap();
    assert!(!stale.is_success(), "an open file of the host came back: {stale:?}");
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let python = guests::python();
    let mut sandbox = guests::sandbox(python, Policy::new(), Limits::new());
    run(&mut sandbox, "x = bytearray(b'x') * 80_000_000");
    let snapshot = sandbox.snapshot().unwrap();
    let bytes = snapshot.to_bytes(None).unwrap();
    assert!(bytes.len() < 4_000_000, "{} bytes", bytes.len());
    let code = |bytes: &[u8], key: Option<&SnapshotKey>, limits: &[(&str, u64)]| {
        Snapshot::from_bytes(python, bytes, key, &guests::limits(limits)).unwrap_err().code()
    };
    let key = SnapshotKey::new(b"0123456789abcdef").unwrap();
    assert_eq!(code(&bytes, Some(&key), &[]), Code::SnapshotForged);
    assert_eq!(code(&bytes, None, &[("memory_bytes", 64 << 20)]), Code::SnapshotExceeds);
    assert_eq!(code(&bytes, None, &[("snapshot_bytes", 10_000)]), Code::SnapshotExceeds);
    assert_eq!(code(&bytes[..bytes.len() - 1], None, &[]), Code::SnapshotInvalid);
    assert_eq!(code(b"", None, &[]), Code::SnapshotInvalid);
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    assert_eq!(code(&flipped, None, &[]), Code::SnapshotInvalid);
    let small = snapshot.restore().limits(guests::limits(&[("memory_bytes", 64 << 20)])).build();
    assert_eq!(small.unwrap_err().code(), Code::SnapshotExceeds);
    let command = guests::start("", "");
    assert!(Snapshot::from_bytes(&command, &bytes, None, &Limits::new()).is_err());
    assert!(guests::sandbox(&command, Policy::new(), Limits::new()).snapshot().is_err());
    let derived = images::derive("other", &sandcell::Derivation::new().setup("y = 1")).unwrap();
    let other = Snapshot::from_bytes(&derived, &bytes, None, &Limits::new()).unwrap_err();
    assert_eq!(other.code(), Code::SnapshotMismatch);
}

#[test]
fn a_snapshot_saved_onto_a_full_disk_is_refused_and_the_one_before_it_stays() {
    let place = tempfile::tempdir().unwrap();
    let Some(mount) = Mounted::tmpfs(place.path(), "mode=0700,size=2m") else { return };
    let file = place.path().join("session");
    let mut sandbox = guests::sandbox(guests::python(), Policy::new(), Limits::new());
    run(&mut sandbox, "x = 'first'");
    sandbox.snapshot().unwrap().save(&file, None).unwrap();
    // Randomness does not compress.
    run(&mut sandbox, "import os; x = 'second'; y = os.urandom(8 << 20)");
    let large = sandbox.snapshot().unwrap();
    assert_eq!(large.save(&file, None).unwrap_err().code(), Code::HostIo);
    let names: Vec<_> = std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["session"]);
    let load = || Snapshot::load(guests::python(), &file, None, &Limits::new()).unwrap().fork().unwrap();
    assert_eq!(run(&mut load(), "print(x)"), "first\n");
    mount.resize("64m");
    large.save(&file, None).unwrap();
    assert_eq!(run(&mut load(), "print(x, len(y))"), "second 8388608\n");
}

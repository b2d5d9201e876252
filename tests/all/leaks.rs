//! Everything is given back on every way out: counted over a thousand runs in one process.

use crate::endless;
use sandcell::{Access, CacheDir, Engine, Image, LimitKey, Limits, Mount, Policy, Program, Status, Stdin};
use sandcell_tests::census::{self, Census, alone};
use sandcell_tests::{folders, guests};
use std::future::Future as _;
use std::path::Path;
use std::task::{Context, Waker};
use std::time::Duration;

const MIB: u64 = 1 << 20;

/// Ten runs that end in ten ways.
fn ten_runs(folder: &Path) {
    let calls = guests::wat("calls");
    let mounts = Policy::new()
        .mount(Mount::memory("/").unwrap())
        .mount(Mount::host(folder, "/rw", Access::ReadWrite).unwrap())
        .mount(Mount::host(folder, "/ro", Access::ReadOnly).unwrap())
        .mount(Mount::overlay(folder, "/over").unwrap());
    let script = |script: &str| Program::command().arg(script);
    let run = |program| guests::run_in(&calls, mounts.clone(), &[], program);

    // Files left open on every mount, and a file of 1 MiB in memory.
    let open = "quiet 'm 1 open fd 1024 60000 iov 8 fd_write 'rw/file 0 open 'ro/file 0 openro 'over/file 0 open \
                fd 'x write 4 'rw 3 'x path_rename 3 4096 512 0 8 fd_readdir 'ro/file 1 open 'nowhere 0 openro";
    assert!(run(script(open)).is_success());
    assert_eq!(run(script("'rw/file 0 open trap")).status, trapped());
    assert_eq!(run(script("'over/file 0 open fd 'x write 9 proc_exit")).status, Status::Exited { code: 9 });
    let (read, _write) = std::io::pipe().unwrap();
    let stdin = Stdin::descriptor(read.into());
    let deadline = [("deadline_ms", 1)];
    let waiting = guests::run_in(&guests::wat("read_stdin"), Policy::new(), &deadline, Program::command().stdin(stdin));
    assert_eq!(waiting.status, Status::Exceeded { limit: LimitKey::DeadlineMs });
    let reader = Stdin::reader(std::io::Cursor::new(vec![1; 1000]));
    assert!(
        !guests::run_in(&guests::wat("read_stdin"), Policy::new(), &[], Program::command().stdin(reader)).is_success()
    );
    let fuel = guests::run_in(&guests::wat("loop_forever"), Policy::new(), &[("fuel", 10_000)], Program::command());
    assert_eq!(fuel.status, Status::Exceeded { limit: LimitKey::Fuel });
    let memory =
        guests::run_in(&guests::wat("memory_bomb"), Policy::new(), &[("memory_bytes", MIB)], Program::command());
    assert!(memory.is_success());
    assert_eq!(
        guests::run(&guests::wat("trap_throw")).status,
        Status::Trapped { reason: sandcell::TrapReason::UncaughtException }
    );

    // Built and never run; and a run whose future is dropped while the guest waits.
    drop(guests::sandbox(&calls, mounts.clone(), Limits::new()));
    let mut sandbox = guests::sandbox(&guests::wat("sleep_100s"), mounts.clone(), Limits::new());
    {
        let mut run = std::pin::pin!(sandbox.run_async(Program::command()));
        assert!(run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert!(sandbox.files().unwrap().added.is_empty());
}

fn trapped() -> Status {
    Status::Trapped { reason: sandcell::TrapReason::Unreachable }
}

#[test]
fn a_thousand_runs_leave_descriptors_threads_mappings_files_and_memory_as_they_were() {
    alone(|| {
        let folder = folders::with_files(&[("file", "content")]);
        let runs = |count| (0..count / 10).for_each(|_| ten_runs(folder.path()));
        runs(200);
        let before = Census::take();
        runs(500);
        let middle_bytes = census::resident_bytes();
        runs(500);
        let after = Census::take();
        assert_eq!(
            (after.descriptors, after.threads, after.temporary),
            (before.descriptors, before.threads, before.temporary)
        );
        assert!(after.mappings <= before.mappings + 8, "{before:?} {after:?}");
        let after_bytes = census::resident_bytes();
        assert!(after_bytes <= middle_bytes + 4 * MIB, "from {middle_bytes} to {after_bytes} bytes resident");
    });
}

#[test]
fn cancelled_runs_leave_nothing() {
    alone(|| {
        let guests = endless::all();
        let round = || guests.iter().for_each(|guest| drop(guest.cancelled_after(Duration::from_millis(1))));
        round();
        let before = Census::settled();
        (0..10).for_each(|_| round());
        let mut after = Census::take();
        // The thread of a reader that nothing can interrupt ends when its reader returns.
        for _ in 0..1000 {
            if after.threads == before.threads {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
            after = Census::take();
        }
        assert_eq!(
            (after.descriptors, after.threads, after.temporary),
            (before.descriptors, before.threads, before.temporary)
        );
        assert!(after.mappings <= before.mappings + 8, "{before:?} {after:?}");
    });
}

#[test]
fn engines_images_and_refused_modules_leave_nothing() {
    alone(|| {
        let cache = tempfile::tempdir().unwrap();
        let module = guests::wat_source("clock_flood");
        let round = || {
            let cached = Engine::builder().cache(CacheDir::at(cache.path())).build().unwrap();
            for engine in [cached, Engine::builder().build().unwrap()] {
                let image = Image::command(&engine, "one", &module, &Limits::new()).unwrap();
                let limits = guests::limits(&[("fuel", 1000)]);
                guests::sandbox(&image, Policy::new(), limits).run(Program::command()).unwrap();
                for refused in ["", "(module)", "(module (import \"a\" \"b\" (func)) (func (export \"_start\")))"] {
                    assert!(Image::command(&engine, "no", refused.as_bytes(), &Limits::new()).is_err());
                }
                let missing = Policy::new().mount(Mount::overlay("/nowhere-at-all", "/a").unwrap());
                assert!(sandcell::Sandbox::builder(&image).policy(missing).build().is_err());
            }
        };
        (0..5).for_each(|_| round());
        let before = Census::take();
        let before_bytes = census::resident_bytes();
        (0..50).for_each(|_| round());
        let after = Census::take();
        assert_eq!(
            (after.descriptors, after.threads, after.temporary),
            (before.descriptors, before.threads, before.temporary)
        );
        assert!(after.mappings <= before.mappings + 8, "{before:?} {after:?}");
        assert!(census::resident_bytes() <= before_bytes + 8 * MIB);
    });
}

#[test]
fn fifty_runs_of_python_leave_nothing() {
    alone(|| {
        let folder = folders::with_files(&[("data.csv", "a,b\n1,2\n")]);
        let programs = [
            "import json; print(json.loads(open('/data/data.csv').read()[4:5]))",
            "open('/tmp/large', 'wb').write(bytes(5_000_000))",
            "raise ValueError",
            "import os; os._exit(3)",
            "import sys\nsys.setrecursionlimit(10**8)\ndef f(n): return f(n + 1)\nf(0)",
        ];
        let round = || {
            for program in programs {
                let policy = Policy::new().mount(Mount::host(folder.path(), "/data", Access::ReadOnly).unwrap());
                guests::run_in(guests::python(), policy, &[], Program::code(program));
            }
        };
        (0..3).for_each(|_| round());
        let before = Census::take();
        let before_bytes = census::resident_bytes();
        (0..10).for_each(|_| round());
        let after = Census::take();
        assert_eq!(
            (after.descriptors, after.threads, after.temporary),
            (before.descriptors, before.threads, before.temporary)
        );
        assert!(after.mappings <= before.mappings + 8, "{before:?} {after:?}");
        let after_bytes = census::resident_bytes();
        assert!(after_bytes <= before_bytes + 8 * MIB, "from {before_bytes} to {after_bytes} bytes resident");
    });
}

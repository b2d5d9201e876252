//! What a process made by fork(2) may do with the sandboxes it inherited: everything, apart from its
//! parent. Here because making such a process is unsafe.
#![allow(clippy::unwrap_used)]

use crate::engine::Digest;
use crate::{CacheDir, Engine, Image, Limits, Policy, Program, Recipe, Sandbox, Status};
use std::path::Path;

/// Prints how many turns it has had; `!` does not end. Writes a page more with each turn.
const COUNTER: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 8)
  (data (i32.const 0) "0\n")
  (data (i32.const 8) "\00\00\00\00\02\00\00\00")
  (func (export "host_alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "turn") (param i32 i32) (result i32)
    (if (i32.eq (i32.load8_u (local.get 0)) (i32.const 33)) (then (loop (br 0))))
    (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))
    (memory.fill (i32.mul (i32.load8_u (i32.const 0)) (i32.const 8192)) (i32.const 7) (i32.const 4096))
    (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16))))"#;

fn counter(folder: &Path) -> Image {
    let module = wat::parse_str(COUNTER).unwrap();
    let sha256 = Digest::of(&module);
    std::fs::write(folder.join("counter.wasm"), module).unwrap();
    let recipe = format!(
        "name = \"counter\"\nlanguage = \"wasm\"\n[module]\nfrom = \"counter.wasm\"\nsha256 = \"{sha256}\"\n\
         [source]\nregistry = \"none\"\npackage = \"c\"\nversion = \"1\"\nfile = \"c\"\nsha256 = \"{sha256}\"\n\
         [program]\nargv0 = \"counter\"\n"
    );
    let engine = Engine::builder().cache(CacheDir::at(folder.join("cache"))).verify_resets(true).build().unwrap();
    Image::build(&engine, &Recipe::parse(&recipe).unwrap(), folder, &mut |_| ()).unwrap()
}

fn fork_of(image: &Image) -> Sandbox {
    let limits = Limits::new().with(crate::LimitKey::DeadlineMs, 200).unwrap();
    Sandbox::builder(image).policy(Policy::new()).limits(limits).build().unwrap()
}

/// The answer of one more turn.
fn turn(sandbox: &mut Sandbox) -> String {
    sandbox.run(Program::code("x")).unwrap().stdout_text().into_owned()
}

/// Sessions that go on, new ones that start from nothing, and one that is stopped.
fn work(image: &Image, live: &mut Sandbox, turns: usize) {
    for done in 0..turns {
        assert_eq!(turn(live), format!("{}\n", done + 4));
        for _ in 0..20 {
            let mut fresh = fork_of(image);
            assert_eq!((turn(&mut fresh), turn(&mut fresh)), ("1\n".into(), "2\n".into()));
        }
    }
    let stopped = fork_of(image).run(Program::code("!")).unwrap();
    assert!(matches!(stopped.status, Status::Exceeded { .. }), "{stopped:?}");
    let snapshot = live.snapshot().unwrap();
    assert_eq!(turn(&mut snapshot.fork().unwrap()), format!("{}\n", turns + 4));
}

/// Runs `work` in a process made by fork(2); true if it came to its end.
fn in_a_fork(work: impl FnOnce()) -> bool {
    // SAFETY: no thread of this process but this one does anything (the test runs by itself, and the
    // harness waits), so no lock is held by a thread that the child lacks; the child ends by `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork failed");
    if child == 0 {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: ends the process without running what its parent is to run.
        unsafe { libc::_exit(if done.is_ok() { 0 } else { 1 }) };
    }
    let began = std::time::Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: the kernel writes the status to where the pointer says; the child is ours.
        let ended = unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) };
        if ended == child {
            return libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
        }
        if began.elapsed().as_secs() > 30 {
            // SAFETY: the child has not been waited for, so the number is still its own.
            unsafe { libc::kill(child, libc::SIGKILL) };
            panic!("the child does not end");
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[test]
fn a_forked_process_goes_on_with_live_sandboxes_and_neither_sees_the_other() {
    const ALONE: &str = "SANDCELL_FORK_TEST";
    if std::env::var_os(ALONE).is_none() {
        let test = "memory::forked::a_forked_process_goes_on_with_live_sandboxes_and_neither_sees_the_other";
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let ran = alone.args([test, "--exact", "--nocapture"]).env(ALONE, "1").output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&ran.stdout), text(&ran.stderr));
        assert!(ran.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = counter(folder.path());
    // Slots that wait, one that is in use, and one with a guest that is given back after the fork.
    let many: Vec<Sandbox> = (0..4).map(|_| fork_of(&image)).collect();
    drop(many);
    let (mut live, mut other) = (fork_of(&image), fork_of(&image));
    for expected in ["1\n", "2\n", "3\n"] {
        assert_eq!((turn(&mut live), turn(&mut other)), (expected.into(), expected.into()));
    }
    for _ in 0..3 {
        assert!(in_a_fork(|| {
            drop(std::mem::replace(&mut other, fork_of(&image)));
            work(&image, &mut live, 4);
            // And a child of the child.
            assert!(in_a_fork(|| assert_eq!(turn(&mut live), "8\n")));
            assert_eq!(turn(&mut live), "8\n");
        }));
    }
    // Nothing of what the children did has happened here.
    assert_eq!(turn(&mut other), "4\n");
    work(&image, &mut live, 4);
}

//! Workspaces: sandboxes of several languages on one file tree, in turn, whatever each of them does.

use sandcell::{
    Access, Code, FilesDiff, LimitKey, Limits, Mount, Outcome, Policy, Program, Sandbox, Status, Tool, TrapReason,
    Workspace,
};
use sandcell_tests::{folders, guests};
use serde_json::{Value, json};
use std::fs;
use std::task::{Context, Waker};
use std::time::Duration;

fn workspace(limits: &[(&str, u64)]) -> Workspace {
    Workspace::new(Policy::new().mount(Mount::memory("/work").unwrap()), guests::limits(limits)).unwrap()
}

fn python(workspace: &Workspace) -> Sandbox {
    workspace.sandbox(guests::python()).build().unwrap()
}

fn javascript(workspace: &Workspace) -> Sandbox {
    workspace.sandbox(guests::javascript()).build().unwrap()
}

/// A command that makes preview 1 calls below `/work`.
fn calls(workspace: &Workspace, script: &str) -> Outcome {
    workspace.sandbox(&guests::wat("calls")).build().unwrap().run(Program::command().arg(script)).unwrap()
}

fn run(sandbox: &mut Sandbox, code: &str) -> Outcome {
    let outcome = sandbox.run(Program::code(code)).unwrap();
    assert_eq!(outcome.status, Status::Exited { code: 0 }, "{code}\n{}", outcome.stderr_text());
    outcome
}

fn value(sandbox: &mut Sandbox, code: &str) -> Value {
    run(sandbox, code).result.unwrap()
}

fn added(paths: &[&str]) -> FilesDiff {
    FilesDiff { added: paths.iter().map(|path| path.to_string()).collect(), ..FilesDiff::default() }
}

fn refused(sandbox: &mut Sandbox, code: &str) {
    assert_eq!(sandbox.run(Program::code(code)).unwrap_err().code(), Code::WorkspaceBusy);
}

#[test]
fn python_writes_javascript_reads_and_a_compiled_program_goes_on_with_it() {
    let workspace = workspace(&[]);
    let (mut python, mut javascript) = (python(&workspace), javascript(&workspace));
    let first = run(&mut python, "rows = [1, 2, 3]\nopen('/work/rows.txt', 'w').write(repr(rows))");
    assert_eq!(first.files, added(&["/work/rows.txt"]));
    let second = run(
        &mut javascript,
        "const fs = require('fs'); let sum = JSON.parse(fs.readFileSync('/work/rows.txt', 'utf8')).reduce((a, b) => a + b);
         fs.writeFileSync('/work/sum.txt', String(sum)); sum",
    );
    assert_eq!((second.result, second.files), (Some(json!(6)), added(&["/work/sum.txt"])));
    let third = calls(&workspace, "'sum.txt 0 openro fd 9 read 'done 1 open fd 'ok write");
    assert_eq!(third.stdout_text(), "openro 0\nread 0 1 6\nopen 0\nwrite 0 2\n");
    assert_eq!(third.files, added(&["/work/done"]));
    // Each session still has its variables, and sees what the others did.
    assert_eq!(value(&mut python, "rows.append(open('/work/sum.txt').read()); rows"), json!([1, 2, 3, "6"]));
    assert_eq!(value(&mut javascript, "[sum, fs.readFileSync('/work/done', 'utf8')]"), json!([6, "ok"]));
    assert_eq!(workspace.files().unwrap(), added(&["/work/done", "/work/rows.txt", "/work/sum.txt"]));
    assert_eq!(workspace.read_file("/work/sum.txt").unwrap(), b"6");
}

#[test]
fn python_javascript_and_cpp_work_on_the_same_files_in_turn() {
    let workspace = workspace(&[]);
    run(&mut python(&workspace), "open('/work/rows.json', 'w').write('[3, 1, 2]')");
    let javascript_code = "const fs = require('fs');
        fs.writeFileSync('/work/rows.txt', JSON.parse(fs.readFileSync('/work/rows.json', 'utf8')).join('\\n'))";
    run(&mut javascript(&workspace), javascript_code);
    let cpp_code = "#include <algorithm>\n#include <fstream>\n#include <iterator>\n#include <vector>\n
        int main() {
            std::ifstream in(\"/work/rows.txt\");
            std::vector<int> rows{std::istream_iterator<int>(in), {}};
            std::sort(rows.begin(), rows.end());
            std::ofstream out(\"/work/sorted.txt\");
            for (int row : rows) out << row << ' ';
        }";
    let sorted = run(&mut workspace.sandbox(guests::cpp()).build().unwrap(), cpp_code);
    assert_eq!(sorted.files, added(&["/work/sorted.txt"]));
    assert_eq!(workspace.read_file("/work/sorted.txt").unwrap(), b"1 2 3 ");
    // A program that does not compile leaves the files where they were, for whoever is next.
    let failed =
        workspace.sandbox(guests::cpp()).build().unwrap().run(Program::code("int main() { return x; }")).unwrap();
    assert!(matches!(&failed.status, Status::Raised { r#type, .. } if r#type == "CompileError"), "{failed:?}");
    assert_eq!(failed.files, FilesDiff::default());
    assert_eq!(value(&mut python(&workspace), "open('/work/sorted.txt').read()"), json!("1 2 3 "));
}

#[test]
fn the_files_of_an_outcome_are_those_of_its_step_and_the_workspace_has_them_all() {
    let workspace = workspace(&[]);
    workspace.write_file("/work/given", b"by the host").unwrap();
    let (mut python, mut javascript) = (python(&workspace), javascript(&workspace));
    assert_eq!(run(&mut python, "1").files, FilesDiff::default());
    run(&mut python, "for name in 'abc': open(f'/work/{name}', 'w').write(name)");
    let second = run(
        &mut javascript,
        "fs = require('fs'); fs.writeFileSync('/work/a', 'A'); fs.unlinkSync('/work/b'); fs.renameSync('/work/c', '/work/d')",
    );
    let expected = FilesDiff {
        added: vec!["/work/d".into()],
        changed: vec!["/work/a".into()],
        removed: vec!["/work/b".into(), "/work/c".into()],
        truncated: false,
    };
    assert_eq!(second.files, expected);
    assert_eq!(workspace.files().unwrap(), added(&["/work/a", "/work/d", "/work/given"]));
    assert_eq!(run(&mut python, "open('/work/b', 'w').close()").files, added(&["/work/b"]));
}

#[test]
fn a_second_run_is_refused_while_one_has_the_files_and_then_goes_on() {
    let workspace = workspace(&[]);
    let build = || workspace.sandbox(guests::python()).tool(Tool::suspending("approve"));
    let (mut first, mut second) = (build().build().unwrap(), python(&workspace));
    let outcome = first
        .run(Program::code("from host import tools\nopen('/work/a', 'w').write('1')\nprint(tools.approve())"))
        .unwrap();
    let Status::Suspended { calls, token } = outcome.status else { panic!("{:?}", outcome.status) };
    refused(&mut second, "x = open('/work/a').read()");
    for error in [
        second.read_file("/work/a").unwrap_err(),
        second.snapshot().unwrap_err(),
        second.close().unwrap_err(),
        workspace.read_file("/work/a").unwrap_err(),
        workspace.write_file("/work/a", b"2").unwrap_err(),
        workspace.files().unwrap_err(),
        workspace.fork().unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::WorkspaceBusy);
    }
    let outcome = first.resume(&token, vec![(calls[0].id, Ok(json!("yes")))]).unwrap();
    assert_eq!(outcome.stdout_text(), "yes\n");
    assert_eq!(value(&mut second, "open('/work/a').read()"), json!("1"), "the refusals changed nothing");
}

#[test]
fn however_a_step_ends_the_files_go_back() {
    let workspace = workspace(&[]);
    let limits = guests::limits(&[("fuel", 3_000_000_000)]);
    let fresh = || workspace.sandbox(guests::python()).limits(limits.clone()).build().unwrap();
    let write = |name: &str| format!("out = open('/work/{name}', 'wb', 0); out.write(b'half'); ");
    type IsIt = fn(&Status) -> bool;
    let ends: [(&str, &str, IsIt); 4] = [
        ("raised", "raise ValueError", |status| matches!(status, Status::Raised { .. })),
        ("exited", "import os; os._exit(3)", |status| *status == Status::Exited { code: 3 }),
        ("trapped", "import os; os.abort()", |status| *status == Status::Trapped { reason: TrapReason::Unreachable }),
        ("exceeded", "exec('while True: pass')", |status| *status == Status::Exceeded { limit: LimitKey::Fuel }),
    ];
    let mut members = Vec::new();
    for (name, end, is_it) in ends {
        let mut member = fresh();
        let outcome = member.run(Program::code(write(name) + end)).unwrap();
        assert!(is_it(&outcome.status), "{name}: {:?}", outcome.status);
        assert_eq!(outcome.files, added(&[&format!("/work/{name}")]));
        assert_eq!(workspace.read_file(&format!("/work/{name}")).unwrap(), b"half");
        members.push(member);
    }
    // Cancelled from another thread; a future that is dropped; a sandbox that goes while it is suspended,
    // and one that goes while it is being driven.
    let mut cancelled = workspace.sandbox(guests::python()).build().unwrap();
    let handle = cancelled.cancel_handle();
    let waiting = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        handle.cancel();
    });
    let outcome = cancelled.run(Program::code(write("cancelled") + "import time; time.sleep(60)")).unwrap();
    waiting.join().unwrap();
    assert_eq!(outcome.status, Status::Cancelled);
    let mut dropped = fresh();
    {
        let program = Program::code(write("dropped") + "import time; time.sleep(60)");
        let mut run = std::pin::pin!(dropped.run_async(program));
        for _ in 0..20 {
            assert!(run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(workspace.files().unwrap_err().code(), Code::WorkspaceBusy);
    }
    let ask = |name: &str| Program::code(write(name) + "from host import tools; tools.approve()");
    let mut suspended = workspace.sandbox(guests::python()).tool(Tool::suspending("approve")).build().unwrap();
    let outcome = suspended.run(ask("suspended")).unwrap();
    assert!(matches!(outcome.status, Status::Suspended { .. }));
    assert_eq!(workspace.files().unwrap_err().code(), Code::WorkspaceBusy);
    drop(suspended);
    let followed = {
        let mut member = fresh();
        let mut following = member.follow(Program::code("print('on')\nwhile True: pass")).unwrap();
        assert!(following.next().is_some());
        workspace.files().unwrap_err().code()
    };
    assert_eq!(followed, Code::WorkspaceBusy);
    let panicking = Tool::new("fall", |_| -> Result<sandcell::ToolReply, _> { panic!("the tool's own") });
    let mut member = workspace.sandbox(guests::python()).tool(panicking).build().unwrap();
    let outcome = member.run(Program::code(write("panicked") + "from host import tools; tools.fall()")).unwrap();
    assert!(matches!(outcome.status, Status::Raised { .. }), "{:?}", outcome.status);
    for name in ["cancelled", "dropped", "suspended", "panicked"] {
        assert_eq!(workspace.read_file(&format!("/work/{name}")).unwrap(), b"half", "{name}");
    }
    // Those that ended can still read files, as they are now.
    workspace.write_file("/work/exited", b"now").unwrap();
    assert_eq!(members[1].read_file("/work/exited").unwrap(), b"now");
    assert_eq!(members[1].run(Program::code("1")).unwrap_err().code(), Code::SessionEnded);
}

#[test]
fn what_a_member_has_open_stays_good_while_others_remove_and_replace_it() {
    let workspace = workspace(&[]);
    let (mut python, mut javascript) = (python(&workspace), javascript(&workspace));
    run(
        &mut python,
        "import os\nos.makedirs('/work/dir/sub')\nfor i in range(50): open(f'/work/dir/{i}', 'w').close()
kept = open('/work/kept', 'w+'); kept.write('before '); kept.flush()
os.chdir('/work/dir/sub')
names = os.scandir('/work/dir'); first = next(names).name",
    );
    run(
        &mut javascript,
        "const fs = require('fs'); fs.rmSync('/work/dir', {recursive: true}); fs.unlinkSync('/work/kept');
         fs.writeFileSync('/work/kept', 'another file'); fs.mkdirSync('/work/dir')",
    );
    assert_eq!(value(&mut python, "kept.write('after'); kept.seek(0); kept.read()"), json!("before after"));
    assert_eq!(
        value(&mut python, "[type(name.name).__name__ for name in names][:0] + [len(first) > 0]"),
        json!([true])
    );
    let gone = python.run(Program::code("open('relative', 'w')")).unwrap();
    assert!(matches!(&gone.status, Status::Raised { r#type, .. } if r#type == "FileNotFoundError"), "{gone:?}");
    assert_eq!(workspace.files().unwrap(), added(&["/work/kept"]));
    assert_eq!(workspace.read_file("/work/kept").unwrap(), b"another file");
}

/// How many bytes of files the workspace's quota counts.
fn used(workspace: &Workspace) -> u64 {
    calls(workspace, "quiet").usage.fs_bytes
}

#[test]
fn descriptors_of_a_member_that_is_gone_keep_nothing() {
    let workspace = workspace(&[("fs_bytes", 8 << 20)]);
    let fill = "import os\nheld = open('/work/held', 'wb', 0); held.write(bytes(3 << 20)); os.unlink('/work/held')";
    let fresh = || python(&workspace);
    let start = used(&workspace);
    // It goes between two runs; it is closed; it traps; and it goes while another one has the files.
    let mut member = fresh();
    run(&mut member, fill);
    assert_eq!(used(&workspace) - start, 3 << 20, "an open file has its bytes");
    drop(member);
    assert_eq!(used(&workspace), start);
    let mut member = fresh();
    run(&mut member, fill);
    assert!(member.close().unwrap().is_success());
    assert_eq!(used(&workspace), start);
    let mut member = fresh();
    assert!(!member.run(Program::code(format!("{fill}\nos.abort()"))).unwrap().is_success());
    assert_eq!(used(&workspace), start);
    let mut member = fresh();
    run(&mut member, fill);
    let mut other = workspace.sandbox(guests::python()).tool(Tool::suspending("approve")).build().unwrap();
    let outcome = other.run(Program::code("from host import tools; tools.approve()")).unwrap();
    assert!(matches!(outcome.status, Status::Suspended { .. }));
    drop(member);
    other.discard();
    assert_eq!(used(&workspace), start);
}

#[test]
fn quotas_hold_over_all_steps_and_members_in_sum() {
    let workspace = workspace(&[("fs_bytes", 4 << 20), ("fs_nodes", 40)]);
    let (mut one, mut two) = (python(&workspace), python(&workspace));
    let fill = "def fill(path):\n    with open(path, 'wb', 0) as out:\n        done = 0\n        try:\n            while True: done += out.write(bytes(1 << 16))\n        except OSError as error: return [done, error.errno]\n";
    run(&mut one, fill);
    run(&mut two, fill);
    run(&mut one, "open('/work/a', 'wb').write(bytes(3 << 20))");
    let Value::Array(filled) = value(&mut two, "fill('/work/b')") else { panic!() };
    assert!(filled[0].as_u64().unwrap() <= 1 << 20 && filled[0].as_u64() > Some(900_000), "{filled:?}");
    // Its own folders count as well, and give back what they took when it goes.
    assert_eq!(value(&mut one, "fill('/tmp/own')[0]"), json!(0));
    assert_eq!(workspace.write_file("/work/c", &[0; 1 << 17]).unwrap_err().code(), Code::FileUnavailable);
    run(&mut one, "import os; os.unlink('/work/b'); os.unlink('/work/c')");
    let before = used(&workspace);
    run(&mut two, "open('/tmp/own', 'wb').write(bytes(1 << 19))");
    assert!(used(&workspace) >= before + (1 << 19));
    drop(two);
    assert_eq!(used(&workspace), before);
    // Names.
    let count = |member: &mut Sandbox, prefix: &str| {
        value(
            member,
            &format!(
                "n = 0\ntry:\n    while n < 100: open(f'/work/{prefix}{{n}}', 'w').close(); n += 1\nexcept OSError: pass\nn"
            ),
        )
    };
    let mut three = python(&workspace);
    let first = value(&mut one, "for n in range(20): open(f'/work/one{n}', 'w').close()\n20").as_u64().unwrap();
    let second = count(&mut three, "three").as_u64().unwrap();
    assert!(second > 0 && first + second < 40, "{first} {second}");
    assert_eq!(count(&mut one, "more"), json!(0));
    let mut limited = workspace.sandbox(guests::python()).limits(Limits::new()).build().unwrap();
    assert_eq!(count(&mut limited, "limits"), json!(0), "a member's own limits do not raise the workspace's");
}

#[test]
fn growth_of_host_folders_counts_over_all_members_and_stays_when_they_go() {
    let folder = folders::with_files(&[]);
    let policy = Policy::new().mount(Mount::host(folder.path(), "/data", Access::ReadWrite).unwrap());
    let workspace = Workspace::new(policy, guests::limits(&[("fs_bytes", 1 << 20)])).unwrap();
    run(&mut python(&workspace), "open('/data/a', 'wb').write(bytes(900_000))");
    let outcome = python(&workspace).run(Program::code("open('/data/b', 'wb').write(bytes(900_000))")).unwrap();
    assert!(matches!(&outcome.status, Status::Raised { r#type, .. } if r#type == "OSError"), "{outcome:?}");
    assert!(fs::metadata(folder.path().join("b")).unwrap().len() < 200_000);
    let mut member = python(&workspace);
    run(&mut member, "import os; os.unlink('/data/a'); os.unlink('/data/b')");
    assert_eq!(used(&workspace), 0, "who removes what another member wrote gives it back");
}

#[test]
fn a_symlink_of_one_language_leads_another_no_further_than_itself() {
    let outside = folders::with_files(&[("secret", "not yours")]);
    let inside = folders::with_files(&[("file", "host")]);
    let policy =
        Policy::new().mount(Mount::memory("/work").unwrap()).mount(Mount::overlay(inside.path(), "/over").unwrap());
    let workspace = Workspace::new(policy, Limits::new()).unwrap();
    let mut python = python(&workspace);
    let target = outside.path().join("secret");
    let links = format!(
        "import os\nos.symlink('../../../..{0}', '/work/up')\nos.symlink('../over/file', '/work/across')
open('/work/real', 'w').write('mine'); os.symlink('real', '/work/link')
os.symlink('../../../../{0}', '/over/up')
try: os.symlink('{0}', '/work/absolute')\nexcept OSError: pass",
        target.display()
    );
    run(&mut python, &links);
    let read =
        "const fs = require('fs'); ['/work/up', '/work/absolute', '/over/up', '/work/link', '/over/file'].map(path => {
        try { return fs.readFileSync(path, 'utf8') } catch (error) { return error instanceof Error } })";
    assert_eq!(value(&mut javascript(&workspace), read), json!([true, true, true, "mine", "host"]));
    for path in ["/work/up", "/over/up"] {
        assert_eq!(workspace.read_file(path).unwrap_err().code(), Code::FileUnavailable);
    }
    // Writing through the overlay by one is seen by the other, and never by the host.
    run(&mut python, "open('/over/file', 'w').write('guest')");
    assert_eq!(value(&mut javascript(&workspace), "require('fs').readFileSync('/over/file', 'utf8')"), json!("guest"));
    assert_eq!(fs::read(inside.path().join("file")).unwrap(), b"host");
    let to = tempfile::tempdir().unwrap();
    workspace.export("/work", to.path()).unwrap();
    assert!(to.path().join("link").is_symlink() && !to.path().join("up").exists());
}

#[test]
fn a_fork_of_a_member_or_of_the_workspace_goes_its_own_way() {
    let workspace = workspace(&[]);
    let mut member = python(&workspace);
    run(&mut member, "kept = open('/work/a', 'w+'); kept.write('one'); kept.flush()");
    let mut fork = member.fork().unwrap();
    let copy = workspace.fork().unwrap();
    run(&mut fork, "kept.write(' fork'); kept.flush()");
    run(&mut python(&copy), "open('/work/a', 'a').write(' copy')");
    run(&mut member, "kept.write(' member'); kept.flush()");
    assert_eq!(fork.read_file("/work/a").unwrap(), b"one fork");
    assert_eq!(copy.read_file("/work/a").unwrap(), b"one copy");
    assert_eq!(workspace.read_file("/work/a").unwrap(), b"one member");
    assert_eq!(copy.files().unwrap(), added(&["/work/a"]));
    // A fork of a member is no member: it does not wait for the others.
    let mut asks = workspace.sandbox(guests::python()).tool(Tool::suspending("approve")).build().unwrap();
    let outcome = asks.run(Program::code("from host import tools; tools.approve()")).unwrap();
    assert!(matches!(outcome.status, Status::Suspended { .. }));
    assert_eq!(value(&mut fork, "1"), json!(1));
}

#[test]
fn members_on_many_threads_each_get_their_turn_and_no_write_is_lost() {
    let workspace = workspace(&[]);
    workspace.write_file("/work/count", b"0").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut member = python(&workspace);
                let mut done = 0;
                while done < 20 {
                    let code = "n = int(open('/work/count').read()) + 1; open('/work/count', 'w').write(str(n))";
                    match member.run(Program::code(code)) {
                        Ok(outcome) => done += i32::from(outcome.is_success()),
                        Err(error) => assert_eq!(error.code(), Code::WorkspaceBusy),
                    }
                }
            });
        }
    });
    assert_eq!(workspace.read_file("/work/count").unwrap(), b"60");
}

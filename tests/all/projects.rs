//! Programs of several files: what a session keeps of them, and what a hostile guest or folder can do.

use sandcell::{Code, FilesDiff, Image, Limits, Mount, Outcome, Policy, Program, Sandbox, Status};
use sandcell_tests::{cli, guests};
use std::fs;

fn python(policy: Policy) -> Sandbox {
    guests::sandbox(guests::python(), policy, Limits::new())
}

fn ran(sandbox: &mut Sandbox, program: Program) -> Outcome {
    let outcome = sandbox.run(program).unwrap();
    assert_eq!(outcome.status, Status::Exited { code: 0 }, "{}", outcome.stderr_text());
    outcome
}

fn project<const N: usize>(files: [(&str, &str); N]) -> Program {
    Program::project(files, "main.py").unwrap()
}

#[test]
fn a_project_replaces_the_one_before_it_and_what_was_imported_of_that() {
    let mut sandbox = python(Policy::new());
    let main = "import os, lib.x\nprint(lib.x.NAME, sorted(os.listdir('/program')))";
    let first = [("main.py", main), ("lib/x.py", "NAME = 'a'"), ("old.py", "")];
    assert_eq!(ran(&mut sandbox, project(first)).stdout_text(), "a ['lib', 'main.py', 'old.py']\n");
    ran(&mut sandbox, Program::code("import old; kept = 1"));
    // As long and in the same moment as before, so that neither size nor time tells them apart.
    let second = [("main.py", main), ("lib/x.py", "NAME = 'b'")];
    let outcome = ran(&mut sandbox, project(second));
    assert_eq!(outcome.stdout_text(), "b ['lib', 'main.py']\n");
    assert_eq!(outcome.files, FilesDiff::default());
    let gone = sandbox.run(Program::code("kept; import old")).unwrap();
    assert!(matches!(&gone.status, Status::Raised { r#type, .. } if r#type == "ModuleNotFoundError"), "{gone:?}");
}

#[test]
fn every_interpreter_imports_the_files_of_the_latest_project() {
    let imports = "import { name } from './lib.mjs'; import { createRequire } from 'module';
        console.log(name, createRequire(import.meta.url)('./old.cjs'), import.meta.main);";
    let js = |name: &str| {
        let (lib, old) = (format!("export const name = '{name}';"), format!("module.exports = '{name}'"));
        Program::project([("main.mjs", imports), ("lib.mjs", &lib), ("old.cjs", &old)], "main.mjs").unwrap()
    };
    let ts = |name: &str| {
        let (main, lib) =
            ("import { name } from './lib';\nconsole.log(name);", format!("export const name: string = '{name}';"));
        Program::project([("main.ts", main), ("lib.ts", &lib)], "main.ts").unwrap()
    };
    let lua = |name: &str| {
        let lib = format!("return '{name}'");
        Program::project([("main.lua", "print((require 'lib'))"), ("lib.lua", &lib)], "main.lua").unwrap()
    };
    let both = |image: &Image, project: &dyn Fn(&str) -> Program, expected: [&str; 2]| {
        let mut sandbox = guests::sandbox(image, Policy::new(), Limits::new());
        assert_eq!(ran(&mut sandbox, project("a")).stdout_text(), expected[0]);
        let mut fork = sandbox.fork().unwrap();
        assert_eq!(ran(&mut sandbox, project("b")).stdout_text(), expected[1]);
        assert_eq!(ran(&mut fork, project("b")).stdout_text(), expected[1]);
    };
    both(guests::javascript(), &js, ["a a true\n", "b b true\n"]);
    both(guests::typescript(), &ts, ["a\n", "b\n"]);
    both(guests::lua(), &lua, ["a\n", "b\n"]);
}

#[test]
fn later_turns_find_the_project_and_its_files_are_no_work_of_theirs() {
    let mut sandbox = python(Policy::new());
    ran(&mut sandbox, project([("main.py", "x = 1"), ("lib/x.py", "def f(): return 'found'")]));
    let outcome = ran(&mut sandbox, Program::code("from lib.x import f\nopen('/tmp/a', 'w').write(f())"));
    assert_eq!(outcome.files, FilesDiff { added: vec!["/tmp/a".into()], ..FilesDiff::default() });
    let script = ran(&mut sandbox, Program::code("from lib.x import f; print(f())").named("tools/script.py"));
    assert_eq!((script.stdout_text().as_ref(), &script.files), ("found\n", &FilesDiff::default()));
    let rewritten = ran(&mut sandbox, Program::code("open(__file__, 'w').write('')").named("self.py"));
    assert_eq!(rewritten.files.changed, ["/program/self.py"]);
}

#[test]
fn a_fork_forgets_the_project_that_its_session_was_forked_with() {
    let mut sandbox = python(Policy::new());
    ran(&mut sandbox, project([("main.py", "import lib"), ("lib.py", "NAME = 'a'"), ("old.py", "")]));
    let mut fork = sandbox.fork().unwrap();
    let main = "import os, lib\nprint(lib.NAME, sorted(os.listdir('/program')))";
    let outcome = ran(&mut fork, project([("main.py", main), ("lib.py", "NAME = 'b'")]));
    assert_eq!(outcome.stdout_text(), "b ['lib.py', 'main.py']\n");
}

#[test]
fn a_project_is_not_written_into_a_mount_below_its_folder() {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("x.py"), "host").unwrap();
    let mount = Mount::host(host.path(), "/program/lib", sandcell::Access::ReadWrite).unwrap();
    let mut sandbox = python(Policy::new().mount(mount));
    for name in ["lib/x.py", "lib/new.py", "lib"] {
        let program = Program::project([("main.py", "print('ran')"), (name, "guest")], "main.py").unwrap();
        assert_eq!(sandbox.run(program).unwrap_err().code(), Code::ProjectInvalid, "{name}");
    }
    assert_eq!(fs::read_to_string(host.path().join("x.py")).unwrap(), "host");
    assert_eq!(fs::read_dir(host.path()).unwrap().count(), 1);
    let beside =
        ran(&mut sandbox, project([("main.py", "print(open('/program/lib/x.py').read())"), ("other/x.py", "")]));
    assert_eq!(beside.stdout_text(), "host\n");
}

#[test]
fn a_project_beyond_a_quota_leaves_an_empty_folder_and_a_session_that_goes_on() {
    let limits = Limits::new().with(sandcell::LimitKey::FsNodes, 3).unwrap();
    let mut sandbox = guests::sandbox(guests::python(), Policy::new(), limits);
    let many: Vec<_> = ["main.py", "a", "b", "c"].into_iter().map(|name| (name, "print('ran')")).collect();
    let refused = sandbox.run(Program::project(many, "main.py").unwrap()).unwrap_err();
    assert_eq!(refused.code(), Code::FileUnavailable);
    let listed = ran(&mut sandbox, Program::code("import os; print(os.listdir('/program'))"));
    assert_eq!(listed.stdout_text(), "[]\n");
    ran(&mut sandbox, project([("main.py", ""), ("a", "")]));
}

#[test]
fn a_folder_is_read_without_its_secrets_and_a_symlink_in_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("lib")).unwrap();
    fs::write(folder.path().join("main.py"), "import os, lib.x\nprint(sorted(os.listdir('/program')))").unwrap();
    fs::write(folder.path().join("lib/x.py"), "").unwrap();
    fs::write(folder.path().join(".env"), "SECRET=1").unwrap();
    let program = Program::project_folder(folder.path(), "main.py").unwrap();
    assert_eq!(ran(&mut python(Policy::new()), program).stdout_text(), "['lib', 'main.py']\n");
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("lib/leak")).unwrap();
    let refused = Program::project_folder(folder.path(), "main.py").unwrap_err();
    assert!(refused.code() == Code::ProjectInvalid && refused.to_string().contains("lib/leak"), "{refused}");
    let missing = Program::project_folder(folder.path().join("none"), "main.py").unwrap_err();
    assert_eq!(missing.code(), Code::HostIo);
}

#[test]
fn the_command_line_takes_a_folder_and_chooses_the_image_by_the_extension() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("lib")).unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("main.py", "import sys, lib.x\nprint(lib.x.NAME, sys.argv[1:])");
    write("lib/x.py", "NAME = 'python'");
    write("main.lua", "print(require('lib.y').NAME, ...)");
    write("lib/y.lua", "return { NAME = 'lua' }");
    write("main.rb", "puts 1");
    let run = |entry: &str| {
        let mut command = cli::sandcell();
        command.args(["run", "--project"]).arg(folder.path());
        cli::run(command.args([entry, "--", "one"]))
    };
    let (python, lua) = (run("main.py"), run("main.lua"));
    assert_eq!((python.code, python.stdout.as_str()), (Some(0), "python ['one']\n"), "{}", python.stderr);
    assert_eq!((lua.code, lua.stdout.as_str()), (Some(0), "lua\tone\n"), "{}", lua.stderr);
    let alone = cli::run(cli::sandcell().arg("run").arg(folder.path().join("lib/y.lua")));
    assert_eq!(alone.code, Some(0), "{}", alone.stderr);
    let unknown = run("main.rb");
    assert!(unknown.code == Some(2) && unknown.stderr.contains("--image"), "{}", unknown.stderr);
    for entry in ["../main.py", "/main.py"] {
        let refused = run(entry);
        assert!(refused.code == Some(126) && refused.stdout.is_empty(), "{refused:?}");
        assert!(refused.stderr.contains("file name"), "{}", refused.stderr);
    }
    assert!(run("none.py").stderr.contains("not among the files"));
}

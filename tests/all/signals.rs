//! Other libraries' signal handlers, each in a process of its own.

use rustix::process::Signal;
use sandcell_tests::cli::{self, Ran};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const SIGNALS: [(&str, &str); 3] =
    [("SIGSEGV", "MemoryOutOfBounds"), ("SIGILL", "Unreachable"), ("SIGFPE", "IntegerDivisionByZero")];

/// The library that replaces handlers, compiled once.
fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("replace_handlers.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/replace_handlers.c");
        let built = Command::new("cc").args(["-shared", "-fPIC", source, "-o"]).arg(&library).status();
        assert!(built.expect("a C compiler is needed").success());
        library
    })
}

fn process(order: &str, signal: &str) -> Ran {
    let number = match signal {
        "SIGSEGV" => Signal::SEGV,
        "SIGILL" => Signal::ILL,
        _ => Signal::FPE,
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_replace-handlers"));
    command.args([order, signal]).env("LD_PRELOAD", library()).env("REPLACED_SIGNAL", number.as_raw().to_string());
    cli::run(&mut command)
}

#[test]
fn a_handler_replaced_after_the_engine_refuses_the_run_by_name() {
    for (signal, reason) in SIGNALS {
        let ran = process("after", signal);
        assert_eq!(ran.code, Some(0), "{signal}: {ran:?}");
        let (before, after) = ran.stdout.trim().split_once('\n').unwrap();
        assert_eq!(before, format!("trapped {reason}"));
        let error: serde_json::Value = serde_json::from_str(after).unwrap();
        assert_eq!(error["code"], "signal_handlers_replaced");
        assert_eq!(error["class"], "host");
        assert!(error["message"].as_str().unwrap().contains(signal), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("explicit_traps"), "{error}");
    }
}

#[test]
fn a_handler_that_was_there_before_the_engine_disturbs_nothing() {
    for (signal, reason) in SIGNALS {
        let ran = process("before", signal);
        assert_eq!((ran.code, ran.stdout.trim()), (Some(0), &*format!("trapped {reason}")), "{signal}: {ran:?}");
    }
}

#[test]
fn explicit_traps_work_whatever_the_handlers_are() {
    for (signal, reason) in SIGNALS {
        let ran = process("explicit", signal);
        let expected = format!("trapped {reason}\ntrapped {reason}");
        assert_eq!((ran.code, ran.stdout.trim()), (Some(0), &*expected), "{signal}: {ran:?}");
    }
}

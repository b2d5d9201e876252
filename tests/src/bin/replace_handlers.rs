//! A process in which somebody else's SIGSEGV handler comes after the engine, or before it.
//!
//! `replace-handlers after|before|explicit SIGNAL` makes an engine, replaces the handler of
//! SIGNAL (SIGSEGV, SIGILL or SIGFPE) in between or first, runs a guest that traps by exactly
//! that signal, and prints what came of it: a trap's reason, or the code of the refusal.

#![allow(unsafe_code, clippy::print_stdout, clippy::unwrap_used)]

use sandcell::{Engine, Image, Limits, Program, Sandbox, Status};

const OUT_OF_BOUNDS: &str = "(module (memory (export \"memory\") 1) (func (export \"_start\") \
    (drop (i32.load offset=4294967295 (i32.const -1)))))";
const UNREACHABLE: &str = "(module (func (export \"_start\") (unreachable)))";
const DIVISION: &str = "(module (memory (export \"memory\") 1) (func (export \"_start\") \
    (drop (i32.div_u (i32.const 1) (i32.load (i32.const 0))))))";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (signal, module) = match arguments[1].as_str() {
        "SIGSEGV" => (libc::SIGSEGV, OUT_OF_BOUNDS),
        "SIGILL" => (libc::SIGILL, UNREACHABLE),
        "SIGFPE" => (libc::SIGFPE, DIVISION),
        other => panic!("unknown signal {other}"),
    };
    let explicit = arguments[0] == "explicit";
    if arguments[0] == "before" {
        replace(signal);
    }
    let engine = Engine::builder().explicit_traps(explicit).build().unwrap();
    let image = Image::command(&engine, "guest", module.as_bytes(), &Limits::new()).unwrap();
    if arguments[0] != "before" {
        // What ran well before must be refused now.
        println!("{}", run(&image));
        replace(signal);
    }
    println!("{}", run(&image));
}

fn run(image: &Image) -> String {
    match Sandbox::builder(image).build().unwrap().run(Program::command()) {
        Ok(outcome) => match outcome.status {
            Status::Trapped { reason } => format!("trapped {reason:?}"),
            other => format!("{other:?}"),
        },
        Err(error) => error.to_json()["error"].to_string(),
    }
}

/// A handler as crash reporters install it: it says what it saw and ends the process.
extern "C" fn crash(_: libc::c_int) {
    // SAFETY: `_exit` is async-signal-safe and takes a plain number.
    unsafe { libc::_exit(77) }
}

fn replace(signal: libc::c_int) {
    // SAFETY: all-zero bytes are a valid `sigaction`; it outlives the call, and `crash` has the
    // type that a handler without SA_SIGINFO must have.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = crash as extern "C" fn(libc::c_int) as libc::sighandler_t;
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

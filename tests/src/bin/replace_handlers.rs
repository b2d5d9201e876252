//! A process in which somebody else's SIGSEGV handler comes after the engine, or before it.
//!
//! `replace-handlers after|before|explicit SIGNAL` makes an engine, has the handler of SIGNAL
//! (SIGSEGV, SIGILL or SIGFPE) replaced in between or first, runs a guest that traps by exactly
//! that signal, and prints what came of it: a trap's reason, or the code of the refusal. The
//! replacing is done by a library that the test preloads.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use sandcell::{Engine, Image, Limits, Program, Sandbox, Status};

const OUT_OF_BOUNDS: &str = "(module (memory (export \"memory\") 1) (func (export \"_start\") \
    (drop (i32.load offset=4294967295 (i32.const -1)))))";
const UNREACHABLE: &str = "(module (func (export \"_start\") (unreachable)))";
const DIVISION: &str = "(module (memory (export \"memory\") 1) (func (export \"_start\") \
    (drop (i32.div_u (i32.const 1) (i32.load (i32.const 0))))))";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let module = match arguments[1].as_str() {
        "SIGSEGV" => OUT_OF_BOUNDS,
        "SIGILL" => UNREACHABLE,
        "SIGFPE" => DIVISION,
        other => panic!("unknown signal {other}"),
    };
    let explicit = arguments[0] == "explicit";
    if arguments[0] == "before" {
        replace();
    }
    let engine = Engine::builder().explicit_traps(explicit).build().unwrap();
    let image = Image::command(&engine, "guest", module.as_bytes(), &Limits::new()).unwrap();
    if arguments[0] != "before" {
        // What ran well before must be refused now.
        println!("{}", run(&image));
        replace();
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

/// Asks the preloaded library (`replace_handlers.c`) to act, and waits until it has.
fn replace() {
    use rustix::process::{Signal, getpid, kill_process};
    // A signal that a single-threaded process sends to itself is handled before this returns.
    kill_process(getpid(), Signal::USR1).unwrap();
}

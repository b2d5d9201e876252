//! How long a run goes on after it was cancelled, whatever its guest does.

use super::Effort;
use super::guests::Guests;
use super::results::Results;
use super::timing::Samples;
use crate::failure::Failure;
use sandcell::{Program, Sandbox, Stdin, Tool};
use std::time::{Duration, Instant};

/// A guest that computes, sleeps, waits for a tool, and waits for input.
const PROGRAMS: [&str; 4] =
    ["while True: pass", "import time; time.sleep(1000)", "from host import tools; tools.never()", "input()"];

pub(super) fn measure(guests: &Guests, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let never = Tool::asynchronous("never", |_| std::future::pending());
    let mut took = Samples::default();
    for round in 0..effort.rounds(10) {
        let mut sandbox = Sandbox::builder(&guests.python).tool(never.clone()).build()?;
        let cancel = sandbox.cancel_handle();
        let canceller = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(3));
            let asked = Instant::now();
            while !cancel.cancel() {
                std::thread::yield_now();
            }
            asked
        });
        let (read, _write) = std::io::pipe().map_err(Failure::io("making a pipe"))?;
        let program = Program::code(PROGRAMS[round % PROGRAMS.len()]).stdin(Stdin::descriptor(read.into()));
        sandbox.run(program)?;
        let ended = Instant::now();
        if let Ok(asked) = canceller.join() {
            took.push(ended.saturating_duration_since(asked).as_secs_f64() * 1e6);
        }
    }
    results.time("cancel", "from cancelling to the outcome", &took, None);
    Ok(())
}

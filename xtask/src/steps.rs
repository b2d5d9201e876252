//! Steps of a check: each is announced, timed and counted; a failed one does not hide the next.

use std::time::{Duration, Instant};

/// The steps so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<(&'static str, Duration, Result<(), String>)>,
}

impl Steps {
    /// Runs one step.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<(), String>) {
        println!("\n=== {name}");
        let began = Instant::now();
        let result = work();
        let took = began.elapsed();
        match &result {
            Ok(()) => println!("=== {name}: ok ({:.1} s)", took.as_secs_f64()),
            Err(problem) => println!("=== {name}: FAILED ({:.1} s): {problem}", took.as_secs_f64()),
        }
        self.done.push((name, took, result));
    }

    /// Prints all steps again, shortly; the last line counts them.
    pub(crate) fn summary(self) -> Result<(), String> {
        println!();
        for (name, took, result) in &self.done {
            let word = if result.is_ok() { "ok" } else { "FAILED" };
            println!("{word:<7} {name:<24} {:>7.1} s", took.as_secs_f64());
        }
        let failed: Vec<_> =
            self.done.iter().filter(|(_, _, result)| result.is_err()).map(|(name, ..)| *name).collect();
        if !failed.is_empty() {
            eprintln!("xtask: failed: {}", failed.join(", "));
        }
        println!("{} passed, {} failed", self.done.len() - failed.len(), failed.len());
        if failed.is_empty() { Ok(()) } else { Err("not everything passed".into()) }
    }
}

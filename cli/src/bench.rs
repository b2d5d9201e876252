//! `sandcell bench`: measures what a fork, a session and a snapshot cost on this machine, as
//! ratios that hold from machine to machine.

mod cancel;
mod forks;
mod guests;
mod memory;
mod process;
mod reactor;
mod results;
mod snapshots;
mod threads;
mod timing;
mod tools;

use crate::failure::Failure;
use crate::report;
use clap::Args;
use guests::Guests;
use results::Results;
use sandcell::{Engine, Image};
use std::io::IsTerminal as _;

const EXAMPLES: &str = "\
Examples:
  sandcell bench
  sandcell bench --json
  sandcell bench --rounds 1000 --only tools --only batch

The images bench-small, bench-large, bench-pandas and bench-reactor, half a gigabyte on disk, are made
first and removed at the end. The two sides of each ratio are measured in turns, so that both
see the same machine. A figure beyond its bound is reported and fails nothing.";

/// Measure forks, sessions and snapshots on this machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BenchArgs {
    /// How often the quickest things are measured; the slower ones in proportion
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(20..=1_000_000))]
    rounds: u32,
    /// Measure only this part; can be given several times
    #[arg(long, value_name = "PART")]
    only: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Effort(u32);

impl Effort {
    /// One `share`-th of the rounds, but enough for a median.
    fn rounds(self, share: u32) -> usize {
        (self.0 / share).max(5) as usize
    }
}

pub(crate) fn execute(args: &BenchArgs) -> Result<u8, Failure> {
    let results = measure(Effort(args.rounds), &args.only)?;
    if args.json {
        report::print_json(&results.to_json())?;
    } else {
        report::print_text(&results.text())?;
    }
    Ok(0)
}

/// One part of the bench.
struct Part {
    name: &'static str,
    what: &'static str,
    run: fn(&Guests, Effort, &mut Results) -> Result<(), Failure>,
}

/// In the order in which they run: memory first, before anything has left some behind that can be used
/// again.
const PARTS: [Part; 15] = [
    Part { name: "memory", what: "memory of idle sessions", run: |_, _, results| memory::idle_sessions(results) },
    Part { name: "print", what: "fresh and live turns", run: forks::print },
    Part { name: "pandas", what: "fresh and live turns with pandas", run: forks::pandas },
    Part { name: "javascript", what: "fresh and live turns of JavaScript", run: forks::javascript },
    Part { name: "image-size", what: "the size of the image", run: forks::image_size },
    Part { name: "sessions", what: "forks of sessions", run: forks::session },
    Part { name: "snapshots", what: "snapshots", run: snapshots::to_bytes },
    Part { name: "threads", what: "two threads", run: threads::measure },
    Part { name: "tools", what: "calls of tools", run: tools::one_call },
    Part { name: "batch", what: "calls of tools at once", run: tools::at_once },
    Part { name: "waiting", what: "sandboxes that wait", run: tools::waiting },
    Part { name: "cancel", what: "cancelling", run: cancel::measure },
    Part {
        name: "reactor",
        what: "a small reactor",
        run: |guests, effort, results| reactor::measure(&guests.engine, effort, results),
    },
    Part { name: "resets", what: "other reset paths", run: |_, effort, results| forks::fallbacks(effort, results) },
    Part { name: "process", what: "whole processes", run: |_, effort, results| process::measure(effort, results) },
];

fn measure(effort: Effort, only: &[String]) -> Result<Results, Failure> {
    if let Some(name) = only.iter().find(|name| PARTS.iter().all(|part| part.name != name.as_str())) {
        let names = PARTS.map(|part| part.name).join(", ");
        return Err(Failure::Usage(format!("the bench has no part `{name}`; its parts are {names}")));
    }
    let engine = Engine::new()?;
    let mut results = Results::new(engine.reset_path()?, &kernel());
    progress("preparing the images");
    let guests = Guests::prepare(&engine)?;
    for Part { name, what, run } in PARTS {
        if only.is_empty() || only.iter().any(|wanted| wanted == name) {
            progress(what);
            run(&guests, effort, &mut results)?;
        }
    }
    Ok(results)
}

/// The Python image, as other engines see it.
fn python(engine: &Engine) -> Result<Image, Failure> {
    Ok(Image::load(engine, "python")?)
}

/// One line for people who wait.
fn progress(what: &str) {
    if std::io::stderr().is_terminal() {
        report::notice(&format!("bench: {what}"));
    }
}

fn kernel() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim())
}

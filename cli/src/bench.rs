//! `sandcell bench`: measures what a fork, a session and a snapshot cost on this machine, as
//! ratios that hold from machine to machine.

mod forks;
mod guests;
mod memory;
mod process;
mod reactor;
mod results;
mod snapshots;
mod threads;
mod timing;

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
  sandcell bench --rounds 1000

The first run derives the images bench-small, bench-large, bench-pandas and bench-reactor, half a
gigabyte on disk; `sandcell image remove` removes them. The two sides of each ratio are measured in turns, so that both
see the same machine. A figure beyond its bound is reported and fails nothing.";

/// Measure forks, sessions and snapshots on this machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BenchArgs {
    /// How often the quickest things are measured; the slower ones in proportion
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(20..=1_000_000))]
    rounds: u32,
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
    let results = measure(Effort(args.rounds))?;
    if args.json {
        report::print_json(&results.to_json())?;
    } else {
        report::print_text(&results.text())?;
    }
    Ok(0)
}

fn measure(effort: Effort) -> Result<Results, Failure> {
    let engine = Engine::new()?;
    let mut results = Results::new(engine.reset_path()?, &kernel());
    progress("preparing the images");
    let guests = Guests::prepare(&engine)?;
    // First, before anything has left memory behind that can be used again.
    progress("memory of idle sessions");
    memory::idle_sessions(&mut results)?;
    progress("fresh and live turns");
    forks::print(&guests, effort, &mut results)?;
    forks::pandas(&guests, effort, &mut results)?;
    forks::javascript(&guests, effort, &mut results)?;
    progress("the size of the image");
    forks::image_size(&guests, effort, &mut results)?;
    progress("forks of sessions");
    forks::session(&guests, effort, &mut results)?;
    progress("snapshots");
    snapshots::to_bytes(&guests, effort, &mut results)?;
    progress("two threads");
    threads::measure(&guests, effort, &mut results)?;
    progress("a small reactor");
    reactor::measure(&engine, effort, &mut results)?;
    progress("other reset paths");
    forks::fallbacks(effort, &mut results)?;
    progress("whole processes");
    process::measure(effort, &mut results)?;
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

//! Scores a thousand programs, each in an interpreter that nobody used before, on one thread for each core.
//!
//! Needs the Python image: `sandcell image build python`. The twin in Python is examples/python/scoring.py.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use indicatif::ProgressBar;
use sandcell::{Engine, Image, LimitKey, Limits, Pool, Program, Sandbox, Status};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// What a model that is being trained has written: some are right, some wrong, some never end.
const PROGRAMS: [&str; 4] = [
    "def answer(n): return n * (n + 1) // 2",
    "def answer(n): return sum(range(n))",
    "def answer(n):\n    while True: pass",
    "def answer(n): return open('/etc/passwd').read()",
];
const CHECK: &str = "\nall(answer(n) == sum(range(n + 1)) for n in range(20))";
const COUNT: usize = 1_000;

type Scores = BTreeMap<&'static str, usize>;

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::new()?;
    let image = Image::load(&engine, "python")?;
    let limits = Limits::new().with(LimitKey::Fuel, 20_000_000)?;
    let pool = Pool::builder(Sandbox::builder(&image).limits(limits)).build()?;

    // Drawn on a terminal, and nowhere else.
    let bar = ProgressBar::new(COUNT as u64);
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism()?.get();
    let scores = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(|| work(&pool, &next, &bar))).collect();
        let mut scores = Scores::new();
        for thread in threads {
            for (score, count) in thread.join().map_err(|_| "a worker panicked")?? {
                *scores.entry(score).or_default() += count;
            }
        }
        Ok::<_, Box<dyn Error>>(scores)
    })?;
    bar.finish_and_clear();
    println!("{scores:?}");
    let quarters = ["exceeded", "raised", "right", "wrong"].map(|score| (score, COUNT / 4));
    if scores == Scores::from(quarters) { Ok(()) } else { Err("broken promise: each kind is a quarter".into()) }
}

/// Scores programs until none is left.
fn work(pool: &Pool, next: &AtomicUsize, bar: &ProgressBar) -> sandcell::Result<Scores> {
    let mut scores = Scores::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= COUNT {
            return Ok(scores);
        }
        let source = format!("{}{CHECK}", PROGRAMS[number % PROGRAMS.len()]);
        let outcome = pool.acquire_within(Duration::from_secs(60))?.run(Program::code(source))?;
        let score = match outcome.status {
            Status::Exited { code: 0 } if outcome.result == Some(true.into()) => "right",
            Status::Exited { .. } => "wrong",
            Status::Exceeded { .. } => "exceeded",
            _ => "raised",
        };
        *scores.entry(score).or_default() += 1;
        bar.inc(1);
    }
}

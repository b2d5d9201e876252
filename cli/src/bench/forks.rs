//! Forks, fresh turns and live turns.

use super::guests::{self, Guests, Known, PANDAS, PRINT, WRITE_PAGES};
use super::results::{Bound, Results};
use super::timing::{Samples, in_turns, timed};
use super::{Effort, python};
use crate::failure::Failure;
use sandcell::{CacheDir, Engine, Image, Sandbox};
use std::time::{Duration, Instant};

/// How long one thread count is measured in one round.
const THROUGHPUT_ROUND: Duration = Duration::from_millis(200);

/// A fresh turn, the same live, and the same by the guest's own `turn`.
struct Turns {
    fresh: Samples,
    live: Samples,
    own: Samples,
    fuel_ratio: f64,
}

impl Turns {
    fn measure(image: &Image, known: Known, rounds: usize) -> Result<Turns, Failure> {
        let mut ours = guests::live(image, false, known)?;
        let mut theirs = guests::live(image, true, known)?;
        let (mut our_fuel, mut their_fuel) = (Samples::default(), Samples::default());
        let [fresh, live, own] = in_turns(
            rounds,
            [
                &mut || guests::fresh(image, known),
                &mut || {
                    let (outcome, took) = guests::turn(&mut ours, known)?;
                    our_fuel.push(outcome.usage.fuel as f64);
                    Ok(took)
                },
                &mut || {
                    let (outcome, took) = guests::turn(&mut theirs, known)?;
                    their_fuel.push(outcome.usage.fuel as f64);
                    Ok(took)
                },
            ],
        )?;
        Ok(Turns { fresh, live, own, fuel_ratio: our_fuel.median() / their_fuel.median() })
    }

    fn overhead(&self) -> f64 {
        (self.fresh.median() - self.live.median()) / self.own.median()
    }
}

pub(super) fn print(guests: &Guests, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let turns = Turns::measure(&guests.python, PRINT, effort.rounds(1))?;
    results.ratio("print_overhead", "overhead of a fresh print", turns.overhead(), Bound::AtMost(0.8));
    results.ratio(
        "driver_fuel_ratio",
        "fuel of our driver's turn to the guest's",
        turns.fuel_ratio,
        Bound::AtMost(0.6),
    );
    results.time("fresh_print", "fresh Python, print", &turns.fresh, Some(120.0));
    results.time("live_print", "live session, print", &turns.live, None);
    results.time("guest_print", "the same by the guest's own turn", &turns.own, None);
    Ok(())
}

pub(super) fn pandas(guests: &Guests, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let turns = Turns::measure(&guests.pandas, PANDAS, effort.rounds(4))?;
    results.ratio("pandas_overhead", "overhead of a fresh DataFrame", turns.overhead(), Bound::AtMost(1.0));
    results.time("fresh_pandas", "fresh pandas, DataFrame", &turns.fresh, Some(1_500.0));
    results.time("live_pandas", "live session, DataFrame", &turns.live, None);
    results.time("guest_pandas", "the same by the guest's own turn", &turns.own, None);
    Ok(())
}

/// What a fork that writes a hundred pages costs in a small and in a large image.
pub(super) fn image_size(guests: &Guests, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let [small, large] = in_turns(
        effort.rounds(4),
        [&mut || guests::fresh(&guests.small, WRITE_PAGES), &mut || guests::fresh(&guests.large, WRITE_PAGES)],
    )?;
    let ratio = large.median() / small.median();
    results.ratio("image_size_ratio", "100 pages written, large image to small", ratio, Bound::AtMost(1.3));
    results.time("small_image", "fork, 100 pages, reset, small image", &small, None);
    results.time("large_image", "the same, large image", &large, None);
    for (key, image) in [("small_image_bytes", &guests.small), ("large_image_bytes", &guests.large)] {
        let outcome = guests::run(&mut Sandbox::builder(image).build()?, "")?;
        results.fact(key, outcome.usage.peak_memory_bytes);
    }
    Ok(())
}

/// A fork of a session whose heap has 100 MB, against one of the plain image.
pub(super) fn session(guests: &Guests, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let mut session = Sandbox::builder(&guests.python).build()?;
    guests::run(&mut session, "heap = bytearray(b'\\x01') * (100 << 20)")?;
    let snapshot = session.snapshot()?;
    // The fork is dropped inside the time.
    let [plain, heavy] = in_turns(
        effort.rounds(2),
        [&mut || Ok(timed(|| Ok(drop(Sandbox::builder(&guests.python).build()?)))?.1), &mut || {
            Ok(timed(|| Ok(drop(snapshot.fork()?)))?.1)
        }],
    )?;
    let ratio = heavy.median() / plain.median();
    results.ratio("session_fork_ratio", "fork of a 100 MB session to a plain one", ratio, Bound::AtMost(2.0));
    results.time("plain_fork", "fork and drop, plain image", &plain, None);
    results.time("session_fork", "fork and drop, 100 MB session", &heavy, None);
    Ok(())
}

/// How much more two threads do than one.
pub(super) fn threads(guests: &Guests, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let mut per_second = [0.0; 2];
    let [one, two] = in_turns(
        effort.rounds(100).min(50),
        [&mut || throughput(&guests.python, 1), &mut || throughput(&guests.python, 2)],
    )?;
    per_second.copy_from_slice(&[one.median(), two.median()]);
    let [one, two] = per_second;
    results.ratio("two_thread_scaling", "throughput of two threads to one", two / one, Bound::AtLeast(1.8));
    results.fact("forks_per_second", one.round() as u64);
    Ok(())
}

/// Fresh turns per second on so many threads.
fn throughput(image: &Image, threads: usize) -> Result<f64, Failure> {
    let on_one = || {
        let began = Instant::now();
        let mut done = 0.0;
        while began.elapsed() < THROUGHPUT_ROUND {
            guests::fresh(image, PRINT)?;
            done += 1.0;
        }
        Ok::<f64, Failure>(done / began.elapsed().as_secs_f64())
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(on_one)).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).sum()
    })
}

/// A fresh print where the written pages are found in another way than the best one.
pub(super) fn fallbacks(effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let engine = |path: &str| Engine::builder().cache(CacheDir::user()?).reset_path(path).build();
    let (pagemap, discard) = (python(&engine("pagemap")?)?, python(&engine("madv_dontneed")?)?);
    let [pagemap, discard] =
        in_turns(effort.rounds(4), [&mut || guests::fresh(&pagemap, PRINT), &mut || guests::fresh(&discard, PRINT)])?;
    results.time("fresh_print_pagemap", "fresh print, reset by pagemap", &pagemap, None);
    results.time("fresh_print_madv_dontneed", "fresh print, reset by madv_dontneed", &discard, None);
    Ok(())
}

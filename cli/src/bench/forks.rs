//! Forks, fresh turns and live turns.

use super::guests::{self, ADD, Fresh, Guests, Known, PANDAS, PRINT, WRITE_PAGES};
use super::results::{Bound, Results};
use super::timing::{Samples, in_turns, timed};
use super::{Effort, python};
use crate::failure::Failure;
use sandcell::{CacheDir, Engine, Error, Image, Sandbox};

/// A fresh turn, the same live, and the same by the guest's own `turn`.
struct Turns {
    fresh: Samples,
    live: Samples,
    own: Samples,
    /// Of the fresh turn: the fork, the turn itself, the reset.
    phases: [Samples; 3],
    /// Fuel of the three turns.
    fuel: [f64; 3],
}

impl Turns {
    fn measure(image: &Image, known: Known, rounds: usize) -> Result<Turns, Failure> {
        let mut ours = guests::live(image, false, known)?;
        let mut theirs = guests::live(image, true, known)?;
        let mut fuel: [Samples; 3] = Default::default();
        let mut phases: [Samples; 3] = Default::default();
        let [fresh_fuel, our_fuel, their_fuel] = &mut fuel;
        let live = |sandbox: &mut Sandbox, fuel: &mut Samples| {
            let (outcome, took) = guests::turn(sandbox, known)?;
            fuel.push(outcome.usage.fuel as f64);
            Ok::<f64, Failure>(took)
        };
        let [fresh, live, own] = in_turns(
            rounds,
            [
                &mut || {
                    let fresh = Fresh::measure(image, known)?;
                    phases.iter_mut().zip(fresh.phases).for_each(|(samples, took)| samples.push(took));
                    fresh_fuel.push(fresh.fuel as f64);
                    Ok(fresh.total())
                },
                &mut || live(&mut ours, our_fuel),
                &mut || live(&mut theirs, their_fuel),
            ],
        )?;
        Ok(Turns { fresh, live, own, phases, fuel: fuel.map(|samples| samples.median()) })
    }

    fn overhead(&self) -> f64 {
        (self.fresh.median() - self.live.median()) / self.own.median()
    }
}

pub(super) fn print(guests: &Guests, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let turns = Turns::measure(&guests.python, PRINT, effort.rounds(1))?;
    results.ratio("print_overhead", "overhead of a fresh print", turns.overhead(), Bound::AtMost(0.8));
    let [fresh_fuel, our_fuel, their_fuel] = turns.fuel;
    let ratio = our_fuel / their_fuel;
    results.ratio("driver_fuel_ratio", "fuel of our driver's turn to the guest's", ratio, Bound::AtMost(0.6));
    results.time("fresh_print", "fresh Python, print", &turns.fresh, Some(120.0));
    let [fork, turn, reset] = &turns.phases;
    results.time("fresh_print_fork", "  of it the fork", fork, None);
    results.time("fresh_print_turn", "  of it the first turn", turn, None);
    results.time("fresh_print_reset", "  of it the end and the reset", reset, None);
    results.time("live_print", "live session, print", &turns.live, None);
    results.time("guest_print", "the same by the guest's own turn", &turns.own, None);
    results.fact("fresh_print_fuel", fresh_fuel as u64);
    results.fact("live_print_fuel", our_fuel as u64);
    results.fact("guest_print_fuel", their_fuel as u64);
    Ok(())
}

pub(super) fn pandas(guests: &Guests, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let turns = Turns::measure(&guests.pandas, PANDAS, effort.rounds(4))?;
    results.ratio("pandas_overhead", "overhead of a fresh DataFrame", turns.overhead(), Bound::AtMost(1.0));
    results.time("fresh_pandas", "fresh pandas, DataFrame", &turns.fresh, Some(1_500.0));
    let [fork, turn, reset] = &turns.phases;
    results.time("fresh_pandas_fork", "  of it the fork", fork, None);
    results.time("fresh_pandas_turn", "  of it the first turn", turn, None);
    results.time("fresh_pandas_reset", "  of it the end and the reset", reset, None);
    results.time("live_pandas", "live session, DataFrame", &turns.live, None);
    results.time("guest_pandas", "the same by the guest's own turn", &turns.own, None);
    let [fresh_fuel, our_fuel, _] = turns.fuel;
    results.fact("fresh_pandas_fuel", fresh_fuel as u64);
    results.fact("live_pandas_fuel", our_fuel as u64);
    Ok(())
}

pub(super) fn javascript(guests: &Guests, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let mut session = guests::live(&guests.javascript, false, ADD)?;
    let (mut fuel, mut phases): (Samples, [Samples; 3]) = Default::default();
    let [fresh, live] = in_turns(
        effort.rounds(1),
        [
            &mut || {
                let fresh = Fresh::measure(&guests.javascript, ADD)?;
                phases.iter_mut().zip(fresh.phases).for_each(|(samples, took)| samples.push(took));
                fuel.push(fresh.fuel as f64);
                Ok(fresh.total())
            },
            &mut || Ok(guests::turn(&mut session, ADD)?.1),
        ],
    )?;
    results.time("fresh_javascript", "fresh JavaScript, 1 + 1", &fresh, Some(60.0));
    let [fork, turn, reset] = &phases;
    results.time("fresh_javascript_fork", "  of it the fork", fork, None);
    results.time("fresh_javascript_turn", "  of it the first turn", turn, None);
    results.time("fresh_javascript_reset", "  of it the end and the reset", reset, None);
    results.time("live_javascript", "live session, 1 + 1", &live, None);
    results.fact("fresh_javascript_fuel", fuel.median() as u64);
    Ok(())
}

/// What a fork that writes a hundred pages costs in a small and in a large image.
pub(super) fn image_size(guests: &Guests, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let [small, large] = in_turns(
        effort.rounds(4),
        [&mut || Fresh::time(&guests.small, WRITE_PAGES), &mut || Fresh::time(&guests.large, WRITE_PAGES)],
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
    let plain = Sandbox::builder(&guests.python);
    let forked = |fork: &dyn Fn() -> Result<Sandbox, Error>| {
        let ((), took) = timed(|| {
            fork()?;
            Ok(())
        })?;
        Ok::<f64, Failure>(took)
    };
    let [plain, heavy] =
        in_turns(effort.rounds(2), [&mut || forked(&|| plain.clone().build()), &mut || forked(&|| snapshot.fork())])?;
    let ratio = heavy.median() / plain.median();
    results.ratio("session_fork_ratio", "fork of a 100 MB session to a plain one", ratio, Bound::AtMost(2.0));
    results.time("plain_fork", "fork and drop, plain image", &plain, None);
    results.time("session_fork", "fork and drop, 100 MB session", &heavy, None);
    Ok(())
}

/// A fresh print where the written pages are found in another way than the best one.
pub(super) fn fallbacks(effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let engine = |path: &str| Engine::builder().cache(CacheDir::user()?).reset_path(path).build();
    let (pagemap, discard) = (python(&engine("pagemap")?)?, python(&engine("madv_dontneed")?)?);
    let [pagemap, discard] =
        in_turns(effort.rounds(4), [&mut || Fresh::time(&pagemap, PRINT), &mut || Fresh::time(&discard, PRINT)])?;
    results.time("fresh_print_pagemap", "fresh print, reset by pagemap", &pagemap, None);
    results.time("fresh_print_madv_dontneed", "fresh print, reset by madv_dontneed", &discard, None);
    Ok(())
}

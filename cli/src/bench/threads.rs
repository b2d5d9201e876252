//! How much more two threads do than one.
//!
//! A machine that others use, or whose two processors are one core, gives two threads less than
//! twice as much whatever they do. So the same is measured of live turns, which map no memory,
//! and of plain arithmetic; and Linux tells how long a thread was ready and had no processor.

use super::Effort;
use super::guests::{self, Fresh, Guests, PRINT};
use super::results::{Bound, Results};
use super::timing::{Samples, in_turns};
use crate::failure::Failure;
use sandcell::Image;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long one thread count is measured in one round.
const ROUND: Duration = Duration::from_millis(150);

/// What the threads do.
#[derive(Clone, Copy)]
enum Work<'a> {
    Forks(&'a Image),
    LiveTurns(&'a Image),
    Arithmetic,
}

/// What one thread did, or several together.
#[derive(Clone, Copy)]
struct Rate {
    per_second: f64,
    /// The same without the time in which it was ready and had no processor.
    undisturbed: f64,
}

pub(super) fn measure(guests: &Guests, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let rounds = effort.rounds(100).min(50);
    let (mut alone, mut beside) = (Samples::default(), Samples::default());
    let forks = |threads, undisturbed: &mut Samples| {
        let rate = rate(Work::Forks(&guests.python), threads)?;
        undisturbed.push(rate.undisturbed);
        Ok::<f64, Failure>(rate.per_second)
    };
    let plain = |work, threads| Ok::<f64, Failure>(rate(work, threads)?.per_second);
    let live = Work::LiveTurns(&guests.python);
    let [one, two, live_one, live_two, sums_one, sums_two] = in_turns(
        rounds,
        [
            &mut || forks(1, &mut alone),
            &mut || forks(2, &mut beside),
            &mut || plain(live, 1),
            &mut || plain(live, 2),
            &mut || plain(Work::Arithmetic, 1),
            &mut || plain(Work::Arithmetic, 2),
        ],
    )?;
    let times = |one: &Samples, two: &Samples| two.median() / one.median();
    let bound = Bound::AtLeast(1.8);
    results.ratio("two_thread_scaling", "throughput of two threads to one", times(&one, &two), bound);
    let others = [
        ("two_thread_scaling_undisturbed", times(&alone, &beside)),
        ("two_thread_scaling_live_turns", times(&live_one, &live_two)),
        ("two_thread_scaling_arithmetic", times(&sums_one, &sums_two)),
    ];
    for (key, value) in others {
        results.reference(key, value);
    }
    results.fact("forks_per_second", one.median() as u64);
    Ok(())
}

/// What `threads` of them do together.
fn rate(work: Work<'_>, threads: usize) -> Result<Rate, Failure> {
    let rates: Vec<Rate> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(|| on_this_thread(work))).collect();
        let ended = running.into_iter().map(|thread| thread.join());
        ended.map(|rate| rate.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect::<Result<_, Failure>>()
    })?;
    let sum = |of: fn(&Rate) -> f64| rates.iter().map(of).sum();
    Ok(Rate { per_second: sum(|rate| rate.per_second), undisturbed: sum(|rate| rate.undisturbed) })
}

fn on_this_thread(work: Work<'_>) -> Result<Rate, Failure> {
    let mut live = match work {
        Work::LiveTurns(image) => Some(guests::live(image, false, PRINT)?),
        Work::Forks(_) | Work::Arithmetic => None,
    };
    let (waited, began) = (waited_for_processor(), Instant::now());
    let mut done = 0.0;
    while began.elapsed() < ROUND {
        match (work, &mut live) {
            (Work::Forks(image), _) => {
                Fresh::time(image, PRINT)?;
            }
            (_, Some(sandbox)) => {
                guests::turn(sandbox, PRINT)?;
            }
            _ => {
                black_box((0..100_000_u64).fold(1, |sum, at| black_box(sum ^ at)));
            }
        }
        done += 1.0;
    }
    let elapsed = began.elapsed();
    let lost = waited_for_processor().saturating_sub(waited);
    let had = elapsed.saturating_sub(lost).max(ROUND / 100);
    Ok(Rate { per_second: done / elapsed.as_secs_f64(), undisturbed: done / had.as_secs_f64() })
}

/// How long this thread has been ready to run without running; zero where nobody counts it. The
/// second number of the file (Documentation/scheduler/sched-stats.rst).
fn waited_for_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0))
}

//! How many sandboxes were in use at once lately.

use std::time::{Duration, Instant};

/// For how long a peak counts, at least; at most for twice as long.
const WINDOW: Duration = Duration::from_secs(10);

/// The highest number in use in this window and in the one before.
#[derive(Debug)]
pub(super) struct Demand {
    since: Instant,
    current: usize,
    previous: usize,
}

impl Demand {
    pub(super) fn new(now: Instant) -> Demand {
        Demand { since: now, current: 0, previous: 0 }
    }

    /// Takes note that `live` are in use.
    pub(super) fn note(&mut self, live: usize, now: Instant) {
        let age = now.saturating_duration_since(self.since);
        if age >= WINDOW {
            self.previous = if age < 2 * WINDOW { self.current } else { 0 };
            self.current = 0;
            self.since = now;
        }
        self.current = self.current.max(live);
    }

    /// The peak of the last one to two windows.
    pub(super) fn peak(&self) -> usize {
        self.current.max(self.previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_counts_for_one_to_two_windows_and_is_then_forgotten() {
        let start = Instant::now();
        let mut demand = Demand::new(start);
        let mut peak_after = |live, windows: f64| {
            demand.note(live, start + WINDOW.mul_f64(windows));
            demand.peak()
        };
        assert_eq!(peak_after(7, 0.1), 7);
        assert_eq!(peak_after(2, 0.9), 7);
        assert_eq!(peak_after(3, 1.5), 7);
        assert_eq!(peak_after(1, 2.6), 3);
        assert_eq!(peak_after(0, 9.0), 0);
    }
}

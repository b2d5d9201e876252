//! Taking times, and what is said of many of them.

use crate::failure::Failure;
use std::time::Instant;

/// Microseconds, in no order.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples(Vec<f64>);

impl Samples {
    pub(super) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The value that `share` of all do not exceed; 0 of none.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(0.0)
    }

    pub(super) fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// What `work` gives, and how many microseconds it took.
pub(super) fn timed<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<(T, f64), Failure> {
    let began = Instant::now();
    let value = work()?;
    Ok((value, began.elapsed().as_secs_f64() * 1e6))
}

/// One side of a comparison: does its work once and says how many microseconds it took.
pub(super) type Side<'a> = &'a mut dyn FnMut() -> Result<f64, Failure>;

/// Measures several sides in turns, so that whatever else the machine does meets all of them. The
/// first rounds do not count.
pub(super) fn in_turns<const N: usize>(rounds: usize, sides: [Side<'_>; N]) -> Result<[Samples; N], Failure> {
    let unmeasured = (rounds / 10).clamp(2, 50);
    let mut samples: [Samples; N] = std::array::from_fn(|_| Samples::default());
    for round in 0..unmeasured + rounds {
        // Nobody always comes after the same one.
        for index in (0..N).map(|index| (index + round) % N) {
            let value = sides[index]()?;
            if round >= unmeasured {
                samples[index].push(value);
            }
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let samples = Samples((1..=101).rev().map(f64::from).collect());
        assert_eq!((samples.median(), samples.quantile(0.95), samples.quantile(1.0)), (51.0, 96.0, 101.0));
        assert_eq!(Samples::default().median(), 0.0);
    }

    #[test]
    #[allow(clippy::unwrap_used)]
    fn sides_take_turns_and_the_first_rounds_do_not_count() {
        let (mut one, mut other) = (0, 0);
        let [first, second] = in_turns(
            10,
            [
                &mut || {
                    one += 1;
                    Ok(f64::from(one))
                },
                &mut || {
                    other += 1;
                    Ok(f64::from(other * 100))
                },
            ],
        )
        .unwrap();
        assert_eq!((first.0.len(), second.0.len()), (10, 10));
        assert_eq!((first.quantile(0.0), second.quantile(0.0)), (3.0, 300.0));
    }
}

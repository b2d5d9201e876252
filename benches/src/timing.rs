//! Medians of alternating measurements.

use crate::Error;
use serde_json::{Map, Value};
use std::time::Instant;

/// Runs `ours` and `theirs` in turn, each of which returns its milliseconds, and records both
/// medians and theirs/ours as `NAME_ratio`.
pub(crate) fn compare(
    figures: &mut Map<String, Value>,
    name: &str,
    rounds: usize,
    mut ours: impl FnMut() -> Result<f64, Error>,
    mut theirs: impl FnMut() -> Result<f64, Error>,
) -> Result<(), Error> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let (one, other) = (ours()?, theirs()?);
        // The first round warms both up.
        if round > 0 {
            a.push(one);
            b.push(other);
        }
    }
    let (a, b) = (median(a), median(b));
    figures.insert(format!("{name}_ours_ms"), a.into());
    figures.insert(format!("{name}_theirs_ms"), b.into());
    figures.insert(format!("{name}_ratio"), (b / a).into());
    Ok(())
}

/// One call, in milliseconds.
pub(crate) fn time(call: impl FnOnce() -> Result<(), Error>) -> Result<f64, Error> {
    let started = Instant::now();
    call()?;
    Ok(started.elapsed().as_secs_f64() * 1_000.0)
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

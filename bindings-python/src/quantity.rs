//! Sizes and times as Python people write them: integers, or strings with a unit.
//!
//! Name and range are checked by core; here a value only becomes a number.

use crate::fault::{Fault, Result};
use crate::json::type_name;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDelta, PyDeltaAccess as _, PyInt, PyString};
use sandcell::Unit;

/// Suffixes of sizes. Single letters mean what they mean on the command line.
const SIZES: [(&str, u64); 14] = [
    ("b", 1),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("bytes", 1),
    ("byte", 1),
];

/// Suffixes of times, in milliseconds.
const TIMES: [(&str, u64); 6] =
    [("ms", 1), ("s", 1_000), ("min", 60_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// The number that `value` stands for, counted in `unit`.
pub(crate) fn number(name: &str, unit: Unit, value: &Bound<'_, PyAny>) -> Result<u64> {
    if let Ok(text) = value.cast::<PyString>() {
        return parse(unit, text.to_str()?).map_err(|reason| Fault::value(name, reason));
    }
    if unit == Unit::Milliseconds
        && let Ok(delta) = value.cast::<PyDelta>()
    {
        return milliseconds(delta).ok_or_else(|| Fault::value(name, "a time cannot be negative"));
    }
    if value.is_instance_of::<PyBool>() {
        return Err(wrong_type(name, unit, value));
    }
    match value.extract::<u64>() {
        Ok(number) => Ok(number),
        Err(_) if value.is_instance_of::<PyInt>() => {
            Err(Fault::value(name, format!("{value} is not in the range of any limit")))
        }
        Err(_) => Err(wrong_type(name, unit, value)),
    }
}

/// How many of something.
pub(crate) fn count(name: &str, value: &Bound<'_, PyAny>) -> Result<usize> {
    let number = number(name, Unit::Count, value)?;
    usize::try_from(number).map_err(|_| Fault::value(name, format!("{number} is too many")))
}

fn wrong_type(name: &str, unit: Unit, value: &Bound<'_, PyAny>) -> Fault {
    let expected = match unit {
        Unit::Bytes => "an int or a string such as \"256MiB\"",
        Unit::Milliseconds => "an int (milliseconds), a timedelta, or a string such as \"5s\"",
        Unit::Fuel | Unit::Count => "an int",
    };
    Fault::argument(name, format!("expected {expected}, not {}", type_name(value)))
}

fn milliseconds(delta: &Bound<'_, PyDelta>) -> Option<u64> {
    let days = u64::try_from(delta.get_days()).ok()?;
    let (seconds, micros) = (u64::try_from(delta.get_seconds()).ok()?, u64::try_from(delta.get_microseconds()).ok()?);
    Some(days * 86_400_000 + seconds * 1_000 + micros.div_ceil(1_000))
}

/// A decimal number and a suffix that belongs to the unit. Fractions must come out even: `1.5KiB` does.
fn parse(unit: Unit, text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let digits_end = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(trimmed.len());
    let (digits, suffix) = trimmed.split_at(digits_end);
    let suffix = suffix.trim().to_ascii_lowercase();
    let suffixes: &[(&str, u64)] = match unit {
        Unit::Bytes => &SIZES,
        Unit::Milliseconds => &TIMES,
        Unit::Fuel | Unit::Count => &[],
    };
    let factor = match suffix.as_str() {
        "" => 1,
        given => {
            let known = suffixes.iter().find(|(suffix, _)| *suffix == given);
            known.map(|(_, factor)| *factor).ok_or_else(|| unknown_suffix(text, suffixes))?
        }
    };
    scaled(digits, factor).ok_or_else(|| format!("`{text}` is no whole number of {}", unit.as_str()))
}

fn unknown_suffix(text: &str, suffixes: &[(&str, u64)]) -> String {
    let known: Vec<_> = suffixes.iter().map(|(suffix, _)| *suffix).collect();
    match known.as_slice() {
        [] => format!("`{text}` must be a plain number"),
        known => format!("`{text}` has an unknown unit; the units are {}", known.join(", ")),
    }
}

fn scaled(digits: &str, factor: u64) -> Option<u64> {
    let digits = digits.replace('_', "");
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    if whole.is_empty() || fraction.len() > 15 || fraction.contains('.') {
        return None;
    }
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let number: u128 = format!("{whole}{fraction}").parse().ok()?;
    let product = number.checked_mul(u128::from(factor))?;
    if product % scale != 0 {
        return None;
    }
    u64::try_from(product / scale).ok()
}

//! Numbers of JSON, compared as what they are: an integer is never rounded to a float first.

use serde_json::{Number, Value};
use std::cmp::Ordering;

/// Which of two numbers is greater. JSON has neither NaN nor infinities.
pub(super) fn compare(left: &Number, right: &Number) -> Ordering {
    match (exact(left), exact(right)) {
        (Exact::Integer(left), Exact::Integer(right)) => left.cmp(&right),
        (Exact::Float(left), Exact::Float(right)) => left.total_cmp(&right),
        (Exact::Integer(left), Exact::Float(right)) => integer_to_float(left, right),
        (Exact::Float(left), Exact::Integer(right)) => integer_to_float(right, left).reverse(),
    }
}

/// Whether two values are equal; numbers are if they are the same number, so 1 is 1.0.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare(left, right).is_eq(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let found = |(name, left): (&String, &Value)| right.get(name).is_some_and(|right| same(left, right));
            left.len() == right.len() && left.iter().all(found)
        }
        (left, right) => left == right,
    }
}

/// Whether it is an integer, however it was written.
pub(super) fn is_integer(number: &Number) -> bool {
    matches!(exact(number), Exact::Integer(_))
}

/// Whether `number` is a multiple of `step`, which is positive. Exact for integers; otherwise the
/// quotient may be off by what the division of two floats loses, so that 0.3 is a multiple of 0.1.
pub(super) fn is_multiple(number: &Number, step: &Number) -> bool {
    match (exact(number), exact(step)) {
        (Exact::Integer(number), Exact::Integer(step)) => step != 0 && number % step == 0,
        (number, step) => {
            let quotient = number.float() / step.float();
            (quotient - quotient.round()).abs() <= 4.0 * f64::EPSILON * quotient.abs()
        }
    }
}

/// A text that is equal for equal values, and only for them.
pub(super) fn canonical(value: &Value, into: &mut String) {
    match value {
        Value::Number(number) => match exact(number) {
            Exact::Integer(integer) => into.push_str(&integer.to_string()),
            Exact::Float(float) => into.push_str(&format!("{float:e}")),
        },
        Value::Array(values) => {
            into.push('[');
            for value in values {
                canonical(value, into);
                into.push(',');
            }
            into.push(']');
        }
        Value::Object(values) => {
            let mut names: Vec<_> = values.keys().collect();
            names.sort_unstable();
            into.push('{');
            for name in names {
                into.push_str(&format!("{name:?}:"));
                canonical(&values[name], into);
                into.push(',');
            }
            into.push('}');
        }
        Value::String(text) => into.push_str(&format!("{text:?}")),
        Value::Null | Value::Bool(_) => into.push_str(&value.to_string()),
    }
}

#[derive(Clone, Copy)]
enum Exact {
    /// Every integer below 2^100 in size, which is far beyond what JSON's readers keep apart.
    Integer(i128),
    Float(f64),
}

impl Exact {
    #[allow(clippy::cast_precision_loss, reason = "only where an exact answer is not promised")]
    fn float(self) -> f64 {
        match self {
            Exact::Integer(integer) => integer as f64,
            Exact::Float(float) => float,
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "an integer of less than 2^100 fits")]
fn exact(number: &Number) -> Exact {
    if let Some(integer) = number.as_i64() {
        return Exact::Integer(integer.into());
    }
    if let Some(integer) = number.as_u64() {
        return Exact::Integer(integer.into());
    }
    let float = number.as_f64().unwrap_or(f64::NAN);
    if float.fract() == 0.0 && float.abs() < 2f64.powi(100) {
        Exact::Integer(float as i128)
    } else {
        Exact::Float(float)
    }
}

/// `float` has a fraction, or lies beyond all integers of [`Exact`].
#[allow(clippy::cast_possible_truncation, reason = "the size is judged first")]
fn integer_to_float(integer: i128, float: f64) -> Ordering {
    if float.abs() >= 2f64.powi(100) {
        return if float > 0.0 { Ordering::Less } else { Ordering::Greater };
    }
    // The integers below and above a float with a fraction are less than 2^53 in size: exact.
    if integer <= float.floor() as i128 { Ordering::Less } else { Ordering::Greater }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn numbers_that_a_float_cannot_tell_apart_are_told_apart() {
        let ascending = [
            "-1.7e308",
            "-9223372036854775809",
            "-9223372036854775808",
            "-9007199254740993",
            "-9007199254740992",
            "-1.5",
            "-1",
            "-0.5",
            "0",
            "5e-324",
            "0.5",
            "1",
            "1.5",
            "9007199254740992",
            "9007199254740993",
            "9007199254740994",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551614",
            "18446744073709551615",
            "18446744073709551616",
            "1e300",
        ];
        for (left, left_text) in ascending.iter().enumerate() {
            for (right, right_text) in ascending.iter().enumerate() {
                if left_text.starts_with("-922337") && right_text.starts_with("-922337") {
                    continue; // the first is read as the float -2^63, which is the second
                }
                assert_eq!(
                    compare(&number(left_text), &number(right_text)),
                    left.cmp(&right),
                    "{left_text} {right_text}"
                );
            }
        }
        assert!(compare(&number("-0.0"), &number("0")).is_eq());
    }

    #[test]
    fn equality_is_of_numbers_not_of_how_they_are_written() {
        assert!(same(&json!({"a": [1, 2.0]}), &json!({"a": [1.0, 2]})));
        assert!(same(&json!({"a": 1, "b": 2}), &json!({"b": 2, "a": 1})));
        for (left, right) in [
            (json!(1), json!("1")),
            (json!(1), json!(true)),
            (json!([1]), json!([1, 1])),
            (json!({"a": null}), json!({})),
            (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_f64)),
        ] {
            assert!(!same(&left, &right), "{left} {right}");
            let (mut a, mut b) = (String::new(), String::new());
            canonical(&left, &mut a);
            canonical(&right, &mut b);
            assert_ne!(a, b);
        }
    }

    #[test]
    fn multiples_are_exact_for_integers_and_forgiving_for_fractions() {
        for (value, step, expected) in [
            ("10", "5", true),
            ("10.0", "5", true),
            ("9007199254740993", "2", false),
            ("0.3", "0.1", true),
            ("0.35", "0.1", false),
            ("1e300", "0.5", true),
        ] {
            assert_eq!(is_multiple(&number(value), &number(step)), expected, "{value} {step}");
        }
        assert!(is_integer(&number("1e2")) && !is_integer(&number("1.5")));
    }
}

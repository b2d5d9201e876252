//! What single keywords of a schema hold, or one sentence about the place where they hold something else.

use super::compile::{Found, Object};
use super::{Numbers, TYPES};
use crate::tools::number::compare;
use crate::tools::quote::quote;
use serde_json::{Number, Value};
use std::collections::HashSet;

pub(super) fn types(from: &Object, place: &str) -> Found<Option<u8>> {
    let bit = |kind: &Value| {
        let kind = kind.as_str()?;
        TYPES.iter().find(|(name, ..)| *name == kind).map(|(_, bit, _)| *bit)
    };
    let bits = match from.get("type") {
        None => return Ok(None),
        Some(Value::Array(kinds)) if !kinds.is_empty() => {
            kinds.iter().try_fold(0, |bits, kind| bit(kind).map(|bit| bits | bit))
        }
        Some(kind) => bit(kind),
    };
    bits.map(Some).ok_or_else(|| wrong(place, "type", "a type of JSON or a list of them"))
}

/// `enum` and `const` together.
pub(super) fn choices(from: &Object, place: &str) -> Found<Option<Vec<Value>>> {
    let constant = from.get("const").cloned();
    match (from.get("enum"), constant) {
        (None, constant) => Ok(constant.map(|value| vec![value])),
        (Some(Value::Array(values)), None) => Ok(Some(values.clone())),
        (Some(Value::Array(values)), Some(constant)) => {
            Ok(Some(values.iter().filter(|value| crate::tools::number::same(value, &constant)).cloned().collect()))
        }
        (Some(_), _) => Err(wrong(place, "enum", "a list")),
    }
}

pub(super) fn weight(value: &Value) -> u32 {
    let inner: Vec<u32> = match value {
        Value::Array(values) => values.iter().map(weight).collect(),
        Value::Object(values) => values.values().map(weight).collect(),
        _ => Vec::new(),
    };
    inner.into_iter().fold(1, u32::saturating_add)
}

pub(super) fn numbers(from: &Object, place: &str) -> Found<Option<Box<Numbers>>> {
    let names = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
    if !any(from, &names) {
        return Ok(None);
    }
    let number = |name: &str| match from.get(name) {
        None | Some(Value::Bool(_)) => Ok(None),
        Some(Value::Number(number)) => Ok(Some(number.clone())),
        Some(_) => Err(wrong(place, name, "a number")),
    };
    let mut numbers = Numbers {
        minimum: number("minimum")?,
        maximum: number("maximum")?,
        above: number("exclusiveMinimum")?,
        below: number("exclusiveMaximum")?,
        multiple_of: number("multipleOf")?,
    };
    // In draft 4 these were flags of the other two.
    if from.get("exclusiveMinimum") == Some(&Value::Bool(true)) {
        numbers.above = numbers.minimum.take();
    }
    if from.get("exclusiveMaximum") == Some(&Value::Bool(true)) {
        numbers.below = numbers.maximum.take();
    }
    if numbers.multiple_of.as_ref().is_some_and(|step| compare(step, &Number::from(0)).is_le()) {
        return Err(wrong(place, "multipleOf", "greater than 0"));
    }
    Ok(Some(Box::new(numbers)))
}

/// A count; some writers put it as a float.
pub(super) fn count(from: &Object, name: &str, place: &str) -> Found<Option<u64>> {
    let whole = |float: f64| (float.fract() == 0.0 && (0.0..9e15).contains(&float)).then(|| format!("{float}"));
    match from.get(name) {
        None => Ok(None),
        Some(value) => {
            let read = value.as_u64().or_else(|| value.as_f64().and_then(whole)?.parse().ok());
            read.map(Some).ok_or_else(|| wrong(place, name, "a count"))
        }
    }
}

pub(super) fn flag(from: &Object, name: &str, place: &str) -> Found<bool> {
    from.get(name).map_or(Ok(false), |value| value.as_bool().ok_or_else(|| wrong(place, name, "true or false")))
}

pub(super) fn texts(from: &Value) -> Option<Vec<String>> {
    let texts: Vec<String> =
        from.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect::<Option<_>>()?;
    let mut seen = HashSet::new();
    Some(texts.iter().filter(|text| seen.insert(text.as_str())).cloned().collect())
}

/// The members of an object of schemas, each with its place.
pub(super) fn members<'a>(from: &'a Object, name: &str, place: &str) -> Found<Vec<(&'a String, &'a Value, String)>> {
    match from.get(name) {
        None => Ok(Vec::new()),
        Some(Value::Object(members)) => {
            let place = below(place, name);
            Ok(members.iter().map(|(name, member)| (name, member, below(&place, name))).collect())
        }
        Some(_) => Err(wrong(place, name, "an object")),
    }
}

pub(super) fn any(from: &Object, names: &[&str]) -> bool {
    names.iter().any(|name| from.contains_key(*name))
}

pub(super) fn below(place: &str, name: &str) -> String {
    if name.is_empty() { place.to_owned() } else { format!("{place}/{name}") }
}

pub(super) fn wrong(place: &str, name: &str, expected: &str) -> String {
    format!("{} must be {expected}", at(&below(place, name)))
}

pub(super) fn at(place: &str) -> String {
    if place.is_empty() { "the schema".into() } else { quote(place) }
}

/// A pointer in a reference is percent-encoded (RFC 6901, section 6).
pub(super) fn unescaped(pointer: &str) -> String {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

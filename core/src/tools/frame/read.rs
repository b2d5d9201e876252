//! From bytes to JSON values, with the rules that serde_json alone does not keep.

use super::bytes;
use super::{MAX_CALLS, MAX_DEPTH, MAX_ID};
use crate::tools::quote::quote;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// The fields of a frame, and its id as soon as it has been read.
#[derive(Default)]
pub(super) struct Envelope {
    pub(super) id: Option<u64>,
    pub(super) fields: Map<String, Value>,
}

impl Envelope {
    /// Reads the one object that `bytes` are.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "the frame is not UTF-8")?;
        if !text.trim_ascii_start().starts_with('{') {
            return Err("the frame is not a JSON object".into());
        }
        let mut from = serde_json::Deserializer::from_str(text);
        // Messages of serde_json quote nothing of the guest's; those of this file quote with a cap.
        self.deserialize(&mut from).and_then(|()| from.end()).map_err(|error| error.to_string())
    }
}

/// An id, as frames may bear it.
pub(super) fn id(value: &Value) -> Result<u64, String> {
    value.as_u64().filter(|id| *id <= MAX_ID).ok_or_else(|| format!("`id` must be an integer in 0..={MAX_ID}"))
}

impl<'de> DeserializeSeed<'de> for &mut Envelope {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Envelope {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        while let Some(name) = from.next_key::<String>()? {
            let most_items = if matches!(name.as_str(), "calls" | "names") { MAX_CALLS } else { usize::MAX };
            let value = from.next_value_seed(Inner { depth: 1, most_items })?;
            if name == "id" {
                self.id = id(&value).ok();
            }
            insert(&mut self.fields, name, value)?;
        }
        Ok(())
    }
}

/// A value inside `depth` containers.
#[derive(Clone, Copy)]
struct Inner {
    depth: usize,
    /// The most items that it may have, if it is a list.
    most_items: usize,
}

impl Inner {
    /// What lies in a container here.
    fn below<E: Error>(self) -> Result<Inner, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format!("more than {MAX_DEPTH} levels of nesting")));
        }
        Ok(Inner { depth: self.depth + 1, most_items: usize::MAX })
    }
}

impl<'de> DeserializeSeed<'de> for Inner {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inner {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut values = Vec::new();
        while let Some(value) = from.next_element_seed(below)? {
            if values.len() >= self.most_items {
                return Err(A::Error::custom(format!("a list of more than {} items", self.most_items)));
            }
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut values = Map::new();
        while let Some(name) = from.next_key::<String>()? {
            let value = from.next_value_seed(below)?;
            insert(&mut values, name, value)?;
        }
        bytes::check(&values).map_err(A::Error::custom)?;
        Ok(Value::Object(values))
    }
}

fn insert<E: Error>(into: &mut Map<String, Value>, name: String, value: Value) -> Result<(), E> {
    use serde_json::map::Entry;
    match into.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(value);
            Ok(())
        }
        Entry::Occupied(entry) => Err(E::custom(format!("the key {} stands twice", quote(entry.key())))),
    }
}

//! JSON schemas of arguments: compiled once, then asked about every call.
//!
//! The validation keywords of drafts 4 to 2020-12 that can be judged value by value. A keyword that
//! would restrict and is not understood is refused by name, so nothing is let through silently:
//! `unevaluatedProperties`, `unevaluatedItems`, `$dynamicRef`, references that lead out of the
//! schema. `format` and the `content…` keywords say something, but restrict nothing (section 7 of
//! the 2020-12 validation specification).
//!
//! Schemas may come from strangers, arguments always do: compiling and checking are bounded in depth,
//! size and steps. Nothing is ever fetched.

mod check;
mod compile;
#[cfg(test)]
mod tests;
mod words;

use super::pattern::Pattern;
use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// The most levels of a schema: what remains of a frame's depth, rounded down.
pub(super) const MAX_DEPTH: usize = 56;
/// The most characters of a message about arguments.
pub(super) const MAX_MESSAGE: usize = 512;

/// The compiled schema of a tool's arguments.
#[derive(Debug)]
pub(super) struct InputSchema {
    nodes: Vec<Node>,
    root: Index,
}

impl InputSchema {
    /// Compiles a schema of an object.
    ///
    /// # Errors
    /// One sentence that names the place in the schema.
    pub(super) fn compile(schema: &Value) -> Result<InputSchema, String> {
        match schema.get("type") {
            Some(Value::String(kind)) if kind == "object" => compile::compile(schema),
            _ => Err("`type` must be \"object\"".into()),
        }
    }

    /// Judges arguments; a refusal names the first that does not fit.
    pub(super) fn check(&self, arguments: &Map<String, Value>) -> Result<(), String> {
        check::check(self, arguments)
    }
}

/// Judges only the depth and size of a schema, for one that nothing is checked against.
///
/// # Errors
/// One sentence.
pub(super) fn measure(schema: &Value) -> Result<(), String> {
    compile::measure(schema)
}

/// Where a node stands in [`InputSchema::nodes`].
type Index = usize;

/// One schema inside a schema.
#[derive(Debug)]
enum Node {
    Anything,
    Nothing,
    Keywords(Box<Keywords>),
}

/// What a schema demands. Demands on one type do not concern values of others.
#[derive(Debug, Default)]
struct Keywords {
    /// Bits of [`TYPES`]; `None` admits all.
    types: Option<u8>,
    choices: Option<Vec<Value>>,
    /// How many values the choices have altogether, inner ones too.
    choices_weight: u32,
    numbers: Option<Box<Numbers>>,
    texts: Option<Box<Texts>>,
    lists: Option<Box<Lists>>,
    objects: Option<Box<Objects>>,
    applied: Option<Box<Applied>>,
}

#[derive(Debug, Default)]
struct Numbers {
    minimum: Option<Number>,
    maximum: Option<Number>,
    above: Option<Number>,
    below: Option<Number>,
    multiple_of: Option<Number>,
}

#[derive(Debug, Default)]
struct Texts {
    min_length: Option<u64>,
    max_length: Option<u64>,
    pattern: Option<Pattern>,
}

#[derive(Debug, Default)]
struct Lists {
    prefix: Vec<Index>,
    items: Option<Index>,
    contains: Option<Contains>,
    min_items: Option<u64>,
    max_items: Option<u64>,
    unique: bool,
}

#[derive(Debug)]
struct Contains {
    node: Index,
    least: u64,
    most: Option<u64>,
}

#[derive(Debug, Default)]
struct Objects {
    properties: HashMap<String, Index>,
    patterns: Vec<(Pattern, Index)>,
    additional: Option<Index>,
    names: Option<Index>,
    required: Vec<String>,
    min_properties: Option<u64>,
    max_properties: Option<u64>,
    /// If the first is there, the others must be.
    dependent: Vec<(String, Vec<String>)>,
    /// If it is there, the object must fit.
    dependent_schemas: Vec<(String, Index)>,
}

/// Schemas that the same value must, may or must not fit.
#[derive(Debug, Default)]
struct Applied {
    reference: Option<Index>,
    all: Vec<Index>,
    any: Vec<Index>,
    one: Vec<Index>,
    not: Option<Index>,
    condition: Option<(Index, Option<Index>, Option<Index>)>,
}

/// The types of JSON, and integers: name, bit, and words for messages, in whose order they are listed.
const TYPES: [(&str, u8, &str); 7] = [
    ("boolean", 2, "true or false"),
    ("integer", 4, "an integer"),
    ("number", 8, "a number"),
    ("string", 16, "a string"),
    ("array", 32, "a list"),
    ("object", 64, "an object"),
    ("null", 1, "null"),
];

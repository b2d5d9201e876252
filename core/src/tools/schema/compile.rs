//! From a JSON schema to nodes.

use super::{Applied, Contains, Index, InputSchema, Keywords, Lists, MAX_DEPTH, Node, Numbers, Objects, TYPES, Texts};
use crate::tools::number::compare;
use crate::tools::pattern::Pattern;
use crate::tools::quote::quote;
use serde_json::{Map, Number, Value};
use std::collections::{HashMap, HashSet};

/// The most schemas inside a schema.
const MAX_NODES: usize = 10_000;
/// The most patterns, each of which takes up to a megabyte.
const MAX_PATTERNS: usize = 64;
/// The most JSON values of a schema.
const MAX_VALUES: usize = 100_000;

/// Would restrict, and are not understood.
const REFUSED: [&str; 4] = ["unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"];

type Found<T> = Result<T, String>;
type Object = Map<String, Value>;

/// Compiles a schema of whatever it is.
pub(super) fn compile(schema: &Value) -> Found<InputSchema> {
    let mut anchors = HashMap::new();
    survey(schema, 1, &mut 0, &mut anchors)?;
    let mut compiler = Compiler { root: schema, anchors, nodes: Vec::new(), known: HashMap::new(), patterns: 0 };
    let root = compiler.node(schema, "")?;
    Ok(InputSchema { nodes: compiler.nodes, root })
}

/// Judges only depth and size.
pub(super) fn measure(schema: &Value) -> Found<()> {
    survey(schema, 1, &mut 0, &mut HashMap::new())
}

/// Judges depth and size before anything else recurses, and notes the anchors.
fn survey<'a>(value: &'a Value, depth: usize, values: &mut usize, anchors: &mut Anchors<'a>) -> Found<()> {
    *values += 1;
    if depth > MAX_DEPTH || *values > MAX_VALUES {
        return Err(format!("it has more than {MAX_DEPTH} levels or {MAX_VALUES} values"));
    }
    match value {
        Value::Array(inner) => inner.iter().try_for_each(|value| survey(value, depth + 1, values, anchors)),
        Value::Object(inner) => {
            if let Some(Value::String(anchor)) = inner.get("$anchor") {
                anchors.entry(anchor).or_insert(value);
            }
            inner.values().try_for_each(|value| survey(value, depth + 1, values, anchors))
        }
        _ => Ok(()),
    }
}

type Anchors<'a> = HashMap<&'a str, &'a Value>;

struct Compiler<'a> {
    root: &'a Value,
    anchors: Anchors<'a>,
    nodes: Vec<Node>,
    /// Nodes by the address of their schema, so that recursive schemas end.
    known: HashMap<*const Value, Index>,
    patterns: usize,
}

impl<'a> Compiler<'a> {
    /// The node of a schema at `place`, a JSON pointer.
    fn node(&mut self, schema: &'a Value, place: &str) -> Found<Index> {
        if let Some(index) = self.known.get(&std::ptr::from_ref(schema)) {
            return Ok(*index);
        }
        let index = self.nodes.len();
        if index >= MAX_NODES {
            return Err(format!("it has more than {MAX_NODES} schemas"));
        }
        self.nodes.push(Node::Anything);
        self.known.insert(schema, index);
        self.nodes[index] = match schema {
            Value::Bool(true) => Node::Anything,
            Value::Bool(false) => Node::Nothing,
            Value::Object(keywords) => self.keywords(keywords, place)?,
            _ => return Err(format!("{} is not a schema", at(place))),
        };
        Ok(index)
    }

    fn keywords(&mut self, from: &'a Object, place: &str) -> Found<Node> {
        for name in REFUSED {
            if from.contains_key(name) {
                return Err(format!("{}: `{name}` is not supported", at(place)));
            }
        }
        let inner_id = from.get("$id").and_then(Value::as_str).is_some_and(|id| !id.starts_with('#'));
        if inner_id && !std::ptr::eq(from, self.root.as_object().unwrap_or(from)) {
            return Err(format!("{}: `$id` is not supported below the root", at(place)));
        }
        let choices = choices(from, place)?;
        let weight = choices.iter().flatten().map(weight).fold(0, u32::saturating_add);
        let keywords = Keywords {
            types: types(from, place)?,
            choices,
            choices_weight: weight,
            numbers: numbers(from, place)?,
            texts: self.texts(from, place)?,
            lists: self.lists(from, place)?,
            objects: self.objects(from, place)?,
            applied: self.applied(from, place)?,
        };
        Ok(Node::Keywords(Box::new(keywords)))
    }

    fn texts(&mut self, from: &'a Object, place: &str) -> Found<Option<Box<Texts>>> {
        if !any(from, &["minLength", "maxLength", "pattern"]) {
            return Ok(None);
        }
        let pattern = match from.get("pattern") {
            None => None,
            Some(Value::String(text)) => Some(self.pattern(text, &below(place, "pattern"))?),
            Some(_) => return Err(wrong(place, "pattern", "a string")),
        };
        let (min_length, max_length) = (count(from, "minLength", place)?, count(from, "maxLength", place)?);
        Ok(Some(Box::new(Texts { min_length, max_length, pattern })))
    }

    fn lists(&mut self, from: &'a Object, place: &str) -> Found<Option<Box<Lists>>> {
        if !any(from, &["prefixItems", "items", "contains", "minItems", "maxItems", "uniqueItems"]) {
            return Ok(None);
        }
        // A list in `items` is what `prefixItems` was before 2020-12; `additionalItems` followed it.
        let (prefix, rest) = match from.get("items") {
            Some(Value::Array(_)) => ("items", "additionalItems"),
            _ => ("prefixItems", "items"),
        };
        let contains = match from.get("contains") {
            None => None,
            Some(schema) => Some(Contains {
                node: self.node(schema, &below(place, "contains"))?,
                least: count(from, "minContains", place)?.unwrap_or(1),
                most: count(from, "maxContains", place)?,
            }),
        };
        Ok(Some(Box::new(Lists {
            prefix: self.several(from, prefix, place)?,
            items: self.optional(from, rest, place)?,
            contains,
            min_items: count(from, "minItems", place)?,
            max_items: count(from, "maxItems", place)?,
            unique: flag(from, "uniqueItems", place)?,
        })))
    }

    fn objects(&mut self, from: &'a Object, place: &str) -> Found<Option<Box<Objects>>> {
        let concerned = [
            "properties",
            "patternProperties",
            "additionalProperties",
            "propertyNames",
            "required",
            "minProperties",
            "maxProperties",
            "dependencies",
            "dependentRequired",
            "dependentSchemas",
        ];
        if !any(from, &concerned) {
            return Ok(None);
        }
        let mut objects = Objects {
            additional: self.optional(from, "additionalProperties", place)?,
            names: self.optional(from, "propertyNames", place)?,
            min_properties: count(from, "minProperties", place)?,
            max_properties: count(from, "maxProperties", place)?,
            ..Objects::default()
        };
        for (name, schema, place) in members(from, "properties", place)? {
            objects.properties.insert(name.clone(), self.node(schema, &place)?);
        }
        for (pattern, schema, place) in members(from, "patternProperties", place)? {
            objects.patterns.push((self.pattern(pattern, &place)?, self.node(schema, &place)?));
        }
        match from.get("required") {
            // Draft 3 had a flag inside each property.
            None | Some(Value::Bool(_)) => {}
            Some(names) => {
                objects.required = texts(names).ok_or_else(|| wrong(place, "required", "a list of strings"))?
            }
        }
        for keyword in ["dependentRequired", "dependentSchemas", "dependencies"] {
            for (name, dependency, place) in members(from, keyword, place)? {
                match dependency {
                    Value::Array(_) if keyword != "dependentSchemas" => {
                        let names = texts(dependency).ok_or_else(|| wrong(&place, "", "a list of strings"))?;
                        objects.dependent.push((name.clone(), names));
                    }
                    _ if keyword == "dependentRequired" => return Err(wrong(&place, "", "a list of strings")),
                    schema => objects.dependent_schemas.push((name.clone(), self.node(schema, &place)?)),
                }
            }
        }
        Ok(Some(Box::new(objects)))
    }

    fn applied(&mut self, from: &'a Object, place: &str) -> Found<Option<Box<Applied>>> {
        if !any(from, &["$ref", "allOf", "anyOf", "oneOf", "not", "if"]) {
            return Ok(None);
        }
        let reference = match from.get("$ref") {
            None => None,
            Some(Value::String(reference)) => Some(self.reference(reference, place)?),
            Some(_) => return Err(wrong(place, "$ref", "a string")),
        };
        let condition = match self.optional(from, "if", place)? {
            None => None,
            Some(test) => Some((test, self.optional(from, "then", place)?, self.optional(from, "else", place)?)),
        };
        Ok(Some(Box::new(Applied {
            reference,
            all: self.some(from, "allOf", place)?,
            any: self.some(from, "anyOf", place)?,
            one: self.some(from, "oneOf", place)?,
            not: self.optional(from, "not", place)?,
            condition,
        })))
    }

    /// `#`, a JSON pointer or an anchor, also behind the schema's own `$id`.
    fn reference(&mut self, reference: &str, place: &str) -> Found<Index> {
        let own = self.root.get("$id").and_then(Value::as_str).unwrap_or_default().trim_end_matches('#');
        let inside = reference.strip_prefix(own).unwrap_or(reference);
        let found = match inside.strip_prefix('#') {
            _ if inside.is_empty() => Some(self.root),
            None => return Err(format!("{}: {} leads out of the schema", at(place), quote(reference))),
            Some("") => Some(self.root),
            Some(pointer) if pointer.starts_with('/') => self.root.pointer(&unescaped(pointer)),
            Some(anchor) => self.anchors.get(anchor).copied(),
        };
        let schema = found.ok_or_else(|| format!("{}: {} leads nowhere", at(place), quote(reference)))?;
        self.node(schema, inside)
    }

    fn pattern(&mut self, text: &str, place: &str) -> Found<Pattern> {
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            return Err(format!("it has more than {MAX_PATTERNS} patterns"));
        }
        Pattern::anywhere(text).map_err(|reason| format!("{} {reason}", at(place)))
    }

    fn optional(&mut self, from: &'a Object, name: &str, place: &str) -> Found<Option<Index>> {
        from.get(name).map(|schema| self.node(schema, &below(place, name))).transpose()
    }

    fn several(&mut self, from: &'a Object, name: &str, place: &str) -> Found<Vec<Index>> {
        match from.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(schemas)) => {
                let place = below(place, name);
                let one = |(index, schema)| self.node(schema, &format!("{place}/{index}"));
                schemas.iter().enumerate().map(one).collect()
            }
            Some(_) => Err(wrong(place, name, "a list of schemas")),
        }
    }

    /// As [`Compiler::several`]; an empty list would admit nothing, or all.
    fn some(&mut self, from: &'a Object, name: &str, place: &str) -> Found<Vec<Index>> {
        let schemas = self.several(from, name, place)?;
        if schemas.is_empty() && from.contains_key(name) {
            return Err(wrong(place, name, "a list of schemas that is not empty"));
        }
        Ok(schemas)
    }
}

fn types(from: &Object, place: &str) -> Found<Option<u8>> {
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
fn choices(from: &Object, place: &str) -> Found<Option<Vec<Value>>> {
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

fn weight(value: &Value) -> u32 {
    let inner: Vec<u32> = match value {
        Value::Array(values) => values.iter().map(weight).collect(),
        Value::Object(values) => values.values().map(weight).collect(),
        _ => Vec::new(),
    };
    inner.into_iter().fold(1, u32::saturating_add)
}

fn numbers(from: &Object, place: &str) -> Found<Option<Box<Numbers>>> {
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
fn count(from: &Object, name: &str, place: &str) -> Found<Option<u64>> {
    let whole = |float: f64| (float.fract() == 0.0 && (0.0..9e15).contains(&float)).then(|| format!("{float}"));
    match from.get(name) {
        None => Ok(None),
        Some(value) => {
            let read = value.as_u64().or_else(|| value.as_f64().and_then(whole)?.parse().ok());
            read.map(Some).ok_or_else(|| wrong(place, name, "a count"))
        }
    }
}

fn flag(from: &Object, name: &str, place: &str) -> Found<bool> {
    from.get(name).map_or(Ok(false), |value| value.as_bool().ok_or_else(|| wrong(place, name, "true or false")))
}

fn texts(from: &Value) -> Option<Vec<String>> {
    let texts: Vec<String> =
        from.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect::<Option<_>>()?;
    let mut seen = HashSet::new();
    Some(texts.iter().filter(|text| seen.insert(text.as_str())).cloned().collect())
}

/// The members of an object of schemas, each with its place.
fn members<'a>(from: &'a Object, name: &str, place: &str) -> Found<Vec<(&'a String, &'a Value, String)>> {
    match from.get(name) {
        None => Ok(Vec::new()),
        Some(Value::Object(members)) => {
            let place = below(place, name);
            Ok(members.iter().map(|(name, member)| (name, member, below(&place, name))).collect())
        }
        Some(_) => Err(wrong(place, name, "an object")),
    }
}

fn any(from: &Object, names: &[&str]) -> bool {
    names.iter().any(|name| from.contains_key(*name))
}

fn below(place: &str, name: &str) -> String {
    if name.is_empty() { place.to_owned() } else { format!("{place}/{name}") }
}

fn wrong(place: &str, name: &str, expected: &str) -> String {
    format!("{} must be {expected}", at(&below(place, name)))
}

fn at(place: &str) -> String {
    if place.is_empty() { "the schema".into() } else { quote(place) }
}

/// A pointer in a reference is percent-encoded (RFC 6901, section 6).
fn unescaped(pointer: &str) -> String {
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

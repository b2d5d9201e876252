//! From a JSON schema to nodes.

use super::words::{any, at, below, choices, count, flag, members, numbers, texts, types, unescaped, weight, wrong};
use super::{Applied, Contains, Index, InputSchema, Keywords, Lists, MAX_DEPTH, Node, Objects, Texts};
use crate::tools::pattern::Pattern;
use crate::tools::quote::quote;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The most schemas inside a schema.
const MAX_NODES: usize = 10_000;
/// The most patterns, each of which takes up to a megabyte.
const MAX_PATTERNS: usize = 64;
/// The most JSON values of a schema.
const MAX_VALUES: usize = 100_000;

/// Would restrict, and are not understood.
const REFUSED: [&str; 4] = ["unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"];

pub(super) type Found<T> = Result<T, String>;
pub(super) type Object = Map<String, Value>;

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

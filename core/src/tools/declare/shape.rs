//! What a schema describes, without the schema: the shape of a value, bounded in depth and size.

use super::MAX_TEXT;
use super::names::Names;
use crate::tools::quote::head;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The most levels of a shape, and the most shapes of one tool.
const MAX_DEPTH: usize = 12;
const MAX_SHAPES: usize = 400;
/// The most alternatives of one shape, and characters of one of them.
const MAX_CHOICES: usize = 40;
const MAX_CHOICE: usize = 80;
/// The most characters of one description inside a schema.
const MAX_DESCRIPTION: usize = 1000;

/// The shape of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Any,
    Null,
    Bool,
    Integer,
    Number,
    Text,
    Bytes,
    /// One of these scalars.
    Literal(Vec<Value>),
    List(Box<Shape>),
    Tuple(Vec<Shape>),
    /// An object with values of one shape, under any name.
    Map(Box<Shape>),
    Record(Vec<Field>),
    Union(Vec<Shape>),
    Named(String),
}

/// One entry of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) required: bool,
    pub(super) default: Option<Value>,
    pub(super) description: String,
}

/// A shape with a name.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) description: String,
}

/// Reads the schemas of one tool.
pub(super) struct Reader<'a> {
    tool: &'a str,
    names: &'a mut Names,
    /// Whether records that stand alone are given names, as Python needs it.
    names_records: bool,
    pub(super) definitions: Vec<Definition>,
    shapes: usize,
    text: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tool: &'a str, names: &'a mut Names, names_records: bool) -> Reader<'a> {
        Reader { tool, names, names_records, definitions: Vec::new(), shapes: 0, text: 0 }
    }

    /// The arguments, and the shape of further ones if any are allowed beside them.
    pub(super) fn arguments(&mut self, schema: &Value) -> (Vec<Field>, Option<Shape>) {
        let mut inside = Inside::new(schema);
        let Value::Object(keywords) = schema else { return (Vec::new(), Some(Shape::Any)) };
        let fields = self.fields(keywords, &mut inside, 1);
        let others = match keywords.get("additionalProperties") {
            Some(Value::Bool(false)) => None,
            Some(others @ Value::Object(_)) => Some(self.shape(others, "others", &mut inside, 1)),
            _ if fields.is_empty() && !keywords.contains_key("properties") => Some(Shape::Any),
            _ => None,
        };
        (fields, others)
    }

    /// The result.
    pub(super) fn result(&mut self, schema: &Value) -> Shape {
        self.shape(schema, "result", &mut Inside::new(schema), 1)
    }

    fn shape(&mut self, schema: &Value, wish: &str, inside: &mut Inside<'_>, depth: usize) -> Shape {
        self.shapes += 1;
        let Value::Object(keywords) = schema else { return Shape::Any };
        if depth > MAX_DEPTH || self.shapes > MAX_SHAPES {
            return Shape::Any;
        }
        if let Some(Value::String(reference)) = keywords.get("$ref") {
            return self.reference(reference, inside, depth);
        }
        if let Some(choices) = literal(keywords) {
            return Shape::Literal(choices);
        }
        for name in ["anyOf", "oneOf"] {
            if let Some(Value::Array(schemas)) = keywords.get(name) {
                let shapes = schemas.iter().take(MAX_CHOICES).map(|schema| self.shape(schema, wish, inside, depth + 1));
                return union(shapes.collect(), schemas.len() > MAX_CHOICES);
            }
        }
        if let Some(Value::Array(schemas)) = keywords.get("allOf")
            && !keywords.contains_key("properties")
        {
            return match schemas.as_slice() {
                [schema] => self.shape(schema, wish, inside, depth + 1),
                _ => Shape::Any,
            };
        }
        match keywords.get("type") {
            Some(Value::Array(kinds)) => {
                let kinds = kinds.iter().take(8).filter_map(Value::as_str);
                let shapes: Vec<Shape> = kinds.map(|kind| self.typed(kind, keywords, wish, inside, depth)).collect();
                union(shapes, false)
            }
            Some(Value::String(kind)) => self.typed(kind, keywords, wish, inside, depth),
            _ if keywords.contains_key("properties") => self.typed("object", keywords, wish, inside, depth),
            _ if keywords.contains_key("items") => self.typed("array", keywords, wish, inside, depth),
            _ => Shape::Any,
        }
    }

    fn typed(
        &mut self,
        kind: &str,
        keywords: &Map<String, Value>,
        wish: &str,
        inside: &mut Inside<'_>,
        depth: usize,
    ) -> Shape {
        match kind {
            "null" => Shape::Null,
            "boolean" => Shape::Bool,
            "integer" => Shape::Integer,
            "number" => Shape::Number,
            "string" => Shape::Text,
            "array" => self.list(keywords, wish, inside, depth),
            "object" => self.object(keywords, wish, inside, depth),
            _ => Shape::Any,
        }
    }

    fn list(&mut self, keywords: &Map<String, Value>, wish: &str, inside: &mut Inside<'_>, depth: usize) -> Shape {
        let wish = format!("{wish}_item");
        let (prefix, rest) = match keywords.get("items") {
            Some(prefix @ Value::Array(_)) => (Some(prefix), keywords.get("additionalItems")),
            items => (keywords.get("prefixItems"), items),
        };
        match (prefix, rest) {
            (Some(Value::Array(schemas)), rest) if schemas.len() <= MAX_CHOICES => {
                let closed = rest == Some(&Value::Bool(false))
                    || keywords.get("maxItems").and_then(Value::as_u64) == Some(schemas.len() as u64);
                let shapes: Vec<Shape> =
                    schemas.iter().map(|schema| self.shape(schema, &wish, inside, depth + 1)).collect();
                if closed { Shape::Tuple(shapes) } else { Shape::List(Box::new(Shape::Any)) }
            }
            (_, Some(items)) => Shape::List(Box::new(self.shape(items, &wish, inside, depth + 1))),
            _ => Shape::List(Box::new(Shape::Any)),
        }
    }

    fn object(&mut self, keywords: &Map<String, Value>, wish: &str, inside: &mut Inside<'_>, depth: usize) -> Shape {
        let Some(Value::Object(properties)) = keywords.get("properties").filter(|properties| **properties != empty())
        else {
            let shape = match keywords.get("additionalProperties") {
                Some(others @ Value::Object(_)) => self.shape(others, wish, inside, depth + 1),
                _ => Shape::Any,
            };
            return Shape::Map(Box::new(shape));
        };
        if properties.len() == 1 && properties.contains_key("$bytes") {
            return Shape::Bytes;
        }
        if !self.names_records {
            return Shape::Record(self.fields(keywords, inside, depth));
        }
        let name = self.names.unique(&format!("{}_{wish}", self.tool), self.tool);
        self.define(name, keywords, |reader| Shape::Record(reader.fields(keywords, inside, depth)))
    }

    fn fields(&mut self, keywords: &Map<String, Value>, inside: &mut Inside<'_>, depth: usize) -> Vec<Field> {
        let Some(Value::Object(properties)) = keywords.get("properties") else { return Vec::new() };
        let required: Vec<&str> = match keywords.get("required") {
            Some(Value::Array(names)) => names.iter().take(MAX_SHAPES).filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let field = |(name, schema): (&String, &Value)| Field {
            name: name.clone(),
            shape: self.shape(schema, name, inside, depth + 1),
            required: required.contains(&name.as_str()),
            default: schema.get("default").cloned(),
            description: self.description(schema),
        };
        // Names are as long as their writer made them; those beyond reason are left out.
        let short = |(name, _): &(&String, &Value)| name.len() <= 200;
        properties.iter().take(MAX_SHAPES).filter(short).map(field).collect()
    }

    fn reference(&mut self, reference: &str, inside: &mut Inside<'_>, depth: usize) -> Shape {
        if let Some(name) = inside.known.get(reference) {
            return Shape::Named(name.clone());
        }
        let pointer = reference.strip_prefix('#').filter(|pointer| pointer.starts_with('/'));
        let Some(schema @ Value::Object(keywords)) = pointer.and_then(|pointer| inside.root.pointer(pointer)) else {
            return Shape::Any;
        };
        let wish = reference.rsplit('/').next().unwrap_or_default();
        let name = self.names.unique(wish, self.tool);
        inside.known.insert(reference.to_owned(), name.clone());
        self.define(name, keywords, |reader| {
            let has_fields = keywords.get("properties").is_some_and(|properties| *properties != empty());
            if has_fields && !keywords.contains_key("$ref") && !keywords.contains_key("anyOf") {
                Shape::Record(reader.fields(keywords, inside, depth + 1))
            } else {
                reader.shape(schema, wish, inside, depth + 1)
            }
        })
    }

    /// Puts a definition before those that it needs.
    fn define(&mut self, name: String, keywords: &Map<String, Value>, shape: impl FnOnce(&mut Self) -> Shape) -> Shape {
        let description = self.description_of(keywords);
        let index = self.definitions.len();
        self.definitions.push(Definition { name: name.clone(), shape: Shape::Any, description });
        self.definitions[index].shape = shape(self);
        Shape::Named(name)
    }

    fn description(&mut self, schema: &Value) -> String {
        schema.as_object().map(|keywords| self.description_of(keywords)).unwrap_or_default()
    }

    fn description_of(&mut self, keywords: &Map<String, Value>) -> String {
        let text = keywords.get("description").and_then(Value::as_str).unwrap_or_default();
        let text = head(text, MAX_DESCRIPTION.min(MAX_TEXT.saturating_sub(self.text)));
        self.text += text.len();
        text.to_owned()
    }
}

/// Where references are looked up.
struct Inside<'s> {
    root: &'s Value,
    known: HashMap<String, String>,
}

impl<'s> Inside<'s> {
    fn new(root: &'s Value) -> Inside<'s> {
        Inside { root, known: HashMap::new() }
    }
}

fn empty() -> Value {
    Value::Object(Map::new())
}

/// The choices, if they are few and short scalars that a type can name.
fn literal(keywords: &Map<String, Value>) -> Option<Vec<Value>> {
    let choices = match (keywords.get("const"), keywords.get("enum")) {
        (Some(constant), _) => vec![constant.clone()],
        (None, Some(Value::Array(choices))) if (1..=MAX_CHOICES).contains(&choices.len()) => choices.clone(),
        _ => return None,
    };
    let fits = |choice: &Value| match choice {
        Value::String(text) => text.len() <= MAX_CHOICE,
        Value::Number(number) => !number.is_f64(),
        Value::Null | Value::Bool(_) => true,
        Value::Array(_) | Value::Object(_) => false,
    };
    choices.iter().all(fits).then_some(choices)
}

/// Each shape once, null last; anything if one of them is.
fn union(shapes: Vec<Shape>, is_cut: bool) -> Shape {
    let mut flat: Vec<Shape> = Vec::new();
    for shape in shapes {
        let inner = if let Shape::Union(inner) = shape { inner } else { vec![shape] };
        for shape in inner {
            if !flat.contains(&shape) {
                flat.push(shape);
            }
        }
    }
    if is_cut || flat.contains(&Shape::Any) || flat.is_empty() {
        return Shape::Any;
    }
    flat.sort_by_key(|shape| *shape == Shape::Null); // stable
    if flat.len() == 1 { flat.remove(0) } else { Shape::Union(flat) }
}

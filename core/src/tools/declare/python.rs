//! Python stubs: functions with named arguments, typed dictionaries for objects.

use super::names::Names;
use super::shape::{Definition, Field, Reader, Shape};
use super::{MAX_TEXT, hints, lines, literal};
use crate::tools::tool::Face;
use serde_json::Value;

const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

pub(super) fn declare<'a>(faces: impl Iterator<Item = &'a Face>) -> String {
    let mut out = String::from(
        "# Functions of the host: from host import tools\nfrom typing import Any, Literal, NotRequired, TypedDict\n",
    );
    let mut names = Names::default();
    for face in faces {
        function(face, &mut names, &mut out);
    }
    out
}

fn function(face: &Face, names: &mut Names, out: &mut String) {
    let mut reader = Reader::new(&face.name, names, true);
    let (fields, others) = reader.arguments(&face.input_schema);
    let result = face.output_schema.as_ref().map_or(Shape::Any, |schema| reader.result(schema));
    for definition in &reader.definitions {
        define(definition, out);
    }
    let (sayable, unsayable): (Vec<&Field>, Vec<&Field>) = fields.iter().partition(|field| is_identifier(&field.name));
    // Positional are the first arguments, as long as they are required; the rest go by name.
    let positional = fields.iter().take_while(|field| field.required && is_identifier(&field.name)).count();
    let mut parameters: Vec<String> = sayable[..positional].iter().map(|field| parameter(field)).collect();
    let mut named: Vec<&&Field> = sayable[positional..].iter().collect();
    named.sort_by_key(|field| !field.required); // stable
    if !named.is_empty() {
        parameters.push("*".into());
        parameters.extend(named.into_iter().map(|field| parameter(field)));
    }
    match (&others, unsayable.is_empty()) {
        (Some(shape), true) => parameters.push(format!("**others: {}", of(shape))),
        (None, true) => {}
        (_, false) => parameters.push("**others: Any".into()),
    }
    let keyword = KEYWORDS.contains(&face.name.as_str());
    if keyword {
        out.push_str(&format!("\n# call it as getattr(tools, \"{0}\")(...)", face.name));
    }
    let name = if keyword { format!("{}_", face.name) } else { face.name.clone() };
    out.push_str(&format!("\ndef {name}({}) -> {}:\n", parameters.join(", "), of(&result)));
    document(face, &sayable, &unsayable, out);
}

fn document(face: &Face, sayable: &[&Field], unsayable: &[&Field], out: &mut String) {
    let mut text = lines(&face.description, MAX_TEXT);
    let mut notes = Vec::new();
    for field in sayable.iter().filter(|field| !field.description.is_empty()) {
        notes.push(format!("{}: {}", field.name, lines(&field.description, MAX_TEXT).join(" ")));
    }
    for field in unsayable {
        let required = if field.required { ", required" } else { "" };
        let description = lines(&field.description, MAX_TEXT).join(" ");
        notes.push(format!("**{{{}: …}} ({}{required}): {description}", literal(&field.name), of(&field.shape)));
    }
    notes.extend(hints(face));
    if !text.is_empty() && !notes.is_empty() {
        text.push(String::new());
    }
    text.extend(notes);
    if text.is_empty() {
        out.push_str("    ...\n");
    } else {
        docstring(&text, out);
    }
}

fn define(definition: &Definition, out: &mut String) {
    let Definition { name, shape, description } = definition;
    let Shape::Record(fields) = shape else {
        out.push_str(&format!("\ntype {name} = {}\n", of(shape)));
        return;
    };
    if fields.iter().any(|field| !is_identifier(&field.name)) {
        let entries: Vec<String> =
            fields.iter().map(|field| format!("{}: {}", literal(&field.name), entry(field))).collect();
        out.push_str(&format!("\n{name} = TypedDict(\"{name}\", {{{}}})\n", entries.join(", ")));
        return;
    }
    out.push_str(&format!("\nclass {name}(TypedDict):\n"));
    let text = lines(description, MAX_TEXT);
    if !text.is_empty() {
        docstring(&text, out);
    }
    for field in fields {
        out.push_str(&format!("    {}: {}", field.name, entry(field)));
        let text = lines(&field.description, MAX_TEXT).join(" ");
        out.push_str(&if text.is_empty() { "\n".to_owned() } else { format!("  # {text}\n") });
    }
    if fields.is_empty() && text.is_empty() {
        out.push_str("    ...\n");
    }
}

fn entry(field: &Field) -> String {
    if field.required { of(&field.shape) } else { format!("NotRequired[{}]", of(&field.shape)) }
}

fn parameter(field: &Field) -> String {
    let Field { name, shape, required, default, .. } = field;
    let shape = of(shape);
    match default {
        _ if *required => format!("{name}: {shape}"),
        Some(default) => format!("{name}: {shape} = {}", value(default)),
        None => format!("{name}: {shape} = ..."),
    }
}

/// A default that is short enough to be shown.
fn value(value: &Value) -> String {
    const MAX_SHOWN: usize = 80;
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.len() <= MAX_SHOWN => literal(text),
        Value::Array(values) if values.is_empty() => "[]".into(),
        Value::Object(values) if values.is_empty() => "{}".into(),
        _ => "...".into(),
    }
}

/// A shape as an annotation.
fn of(shape: &Shape) -> String {
    let list = |shapes: &[Shape], between: &str| shapes.iter().map(of).collect::<Vec<_>>().join(between);
    match shape {
        Shape::Any => "Any".into(),
        Shape::Null => "None".into(),
        Shape::Bool => "bool".into(),
        Shape::Integer => "int".into(),
        Shape::Number => "float".into(),
        Shape::Text => "str".into(),
        Shape::Bytes => "bytes".into(),
        Shape::Literal(choices) => {
            format!("Literal[{}]", choices.iter().map(literal_value).collect::<Vec<_>>().join(", "))
        }
        Shape::List(item) => format!("list[{}]", of(item)),
        Shape::Tuple(items) if items.is_empty() => "tuple[()]".into(),
        Shape::Tuple(items) => format!("tuple[{}]", list(items, ", ")),
        Shape::Map(value) => format!("dict[str, {}]", of(value)),
        Shape::Record(_) => "dict[str, Any]".into(),
        Shape::Union(shapes) => list(shapes, " | "),
        Shape::Named(name) => name.clone(),
    }
}

fn literal_value(choice: &Value) -> String {
    match choice {
        Value::String(text) => literal(text),
        scalar => value(scalar),
    }
}

/// Text between triple quotes, which it cannot end: every quote and backslash in it is escaped where
/// it could matter.
fn docstring(text: &[String], out: &mut String) {
    let safe: Vec<String> = text.iter().map(|line| line.replace('\\', "\\\\").replace("\"\"", "\\\"\\\"")).collect();
    let joined = safe.join("\n    ").replace("\n    \n", "\n\n");
    let ends_in_quote = joined.ends_with('"');
    let several = text.len() > 1;
    let joined = if ends_in_quote && !several { format!("{} ", joined) } else { joined };
    let end = if several { "\n    " } else { "" };
    out.push_str(&format!("    \"\"\"{}{joined}{end}\"\"\"\n", if joined.starts_with('"') { " " } else { "" }));
}

fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
        && !KEYWORDS.contains(&name)
        && name.len() <= 64
}

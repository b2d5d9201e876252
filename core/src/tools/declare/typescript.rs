//! TypeScript declarations: functions that take one object of arguments and give a promise.

use super::names::Names;
use super::shape::{Definition, Field, Reader, Shape};
use super::{MAX_TEXT, hints, lines, literal};
use crate::tools::tool::Face;

/// Words that no function can have as its name.
const RESERVED: [&str; 46] = [
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

pub(super) fn declare<'a>(faces: impl Iterator<Item = &'a Face>) -> String {
    let mut out = String::from("/** Functions of the host. */\ndeclare namespace tools {\n");
    let mut names = Names::default();
    for (index, face) in faces.enumerate() {
        out.push_str(if index == 0 { "" } else { "\n" });
        function(face, &mut names, &mut out);
    }
    out.push_str("}\n");
    out
}

fn function(face: &Face, names: &mut Names, out: &mut String) {
    let mut reader = Reader::new(&face.name, names, false);
    let (fields, others) = reader.arguments(&face.input_schema);
    let result = face.output_schema.as_ref().map_or(Shape::Any, |schema| reader.result(schema));
    for definition in &reader.definitions {
        define(definition, out);
    }
    let mut text = lines(&face.description, MAX_TEXT);
    text.extend(hints(face));
    let reserved = RESERVED.contains(&face.name.as_str());
    if reserved {
        text.push(format!("Call it as tools[\"{}\"](…).", face.name));
    }
    comment(&text, 1, out);
    let optional = if fields.iter().any(|field| field.required) { "" } else { "?" };
    let arguments = match (fields.is_empty(), &others) {
        (true, None) => String::new(),
        (true, Some(shape)) => format!("args?: {}", map(shape, 1)),
        (false, None) => format!("args{optional}: {}", record(&fields, 1)),
        (false, Some(shape)) => format!("args{optional}: {} & {}", record(&fields, 1), map(shape, 1)),
    };
    let end = if reserved { "_" } else { "" };
    out.push_str(&format!("  function {}{end}({arguments}): Promise<{}>;\n", face.name, of(&result, 1)));
}

fn define(definition: &Definition, out: &mut String) {
    let Definition { name, shape, description } = definition;
    comment(&lines(description, MAX_TEXT), 1, out);
    match shape {
        Shape::Record(fields) => out.push_str(&format!("  interface {name} {}\n", record(fields, 1))),
        shape => out.push_str(&format!("  type {name} = {};\n", of(shape, 1))),
    }
}

/// An object's type, on lines of their own inside `level` blocks.
fn record(fields: &[Field], level: usize) -> String {
    let mut out = String::from("{\n");
    for field in fields {
        let mut text = lines(&field.description, MAX_TEXT);
        let shown = field.default.as_ref().filter(|value| !value.is_object() && !value.is_array());
        if let Some(default) = shown.map(ToString::to_string).filter(|text| text.len() <= 80) {
            text.push(lines(&format!("@default {default}"), 100).join(" "));
        }
        comment(&text, level + 1, &mut out);
        let optional = if field.required { "" } else { "?" };
        let name = if is_identifier(&field.name) { field.name.clone() } else { literal(&field.name) };
        out.push_str(&format!("{}{name}{optional}: {};\n", indent(level + 1), of(&field.shape, level + 1)));
    }
    out.push_str(&indent(level));
    out.push('}');
    out
}

fn map(value: &Shape, level: usize) -> String {
    format!("Record<string, {}>", of(value, level))
}

fn of(shape: &Shape, level: usize) -> String {
    match shape {
        Shape::Any => "any".into(),
        Shape::Null => "null".into(),
        Shape::Bool => "boolean".into(),
        Shape::Integer | Shape::Number => "number".into(),
        Shape::Text => "string".into(),
        Shape::Bytes => "Uint8Array".into(),
        Shape::Literal(choices) => {
            let text = |choice: &serde_json::Value| choice.as_str().map_or_else(|| choice.to_string(), literal);
            choices.iter().map(text).collect::<Vec<_>>().join(" | ")
        }
        Shape::List(item) => match item.as_ref() {
            Shape::Union(_) | Shape::Literal(_) => format!("({})[]", of(item, level)),
            item => format!("{}[]", of(item, level)),
        },
        Shape::Tuple(items) => format!("[{}]", items.iter().map(|item| of(item, level)).collect::<Vec<_>>().join(", ")),
        Shape::Map(value) => map(value, level),
        Shape::Record(fields) => record(fields, level),
        Shape::Union(shapes) => shapes.iter().map(|shape| of(shape, level)).collect::<Vec<_>>().join(" | "),
        Shape::Named(name) => name.clone(),
    }
}

/// A comment that its text cannot end.
fn comment(text: &[String], level: usize, out: &mut String) {
    let safe: Vec<String> = text.iter().map(|line| line.replace("*/", "*\\/")).collect();
    let indent = indent(level);
    match safe.as_slice() {
        [] => {}
        [line] => out.push_str(&format!("{indent}/** {line} */\n")),
        lines => {
            let body: String =
                lines.iter().map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n").collect();
            out.push_str(&format!("{indent}/**\n{body}{indent} */\n"));
        }
    }
}

fn indent(level: usize) -> String {
    "  ".repeat(level)
}

fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    let is_start = |character: char| character.is_ascii_alphabetic() || character == '_' || character == '$';
    characters.next().is_some_and(is_start)
        && characters.all(|character| is_start(character) || character.is_ascii_digit())
}

//! Declarations as a model reads them, and what hostile schemas cannot do to them.

use super::*;
use serde_json::{Value, json};

fn tool(name: &str, input: Value) -> Tool {
    Tool::suspending(name).input_schema(input)
}

fn shop() -> Vec<Tool> {
    vec![
        tool(
            "price",
            json!({
                "type": "object",
                "properties": {
                    "symbol": {"type": "string", "description": "What to look up."},
                    "currency": {"type": "string", "enum": ["EUR", "USD"], "default": "EUR"},
                    "when": {"anyOf": [{"type": "null"}, {"type": "string"}]},
                    "options": {
                        "type": "object",
                        "properties": {"depth": {"type": "integer", "description": "How far."}, "exact": {"type": "boolean"}},
                        "required": ["depth"],
                    },
                },
                "required": ["symbol"],
            }),
        )
        .description("The price of one piece.\n\nIn the currency asked for.")
        .output_schema(json!({"type": "number"}))
        .read_only(true),
        tool(
            "save_tree",
            json!({
                "type": "object",
                "properties": {
                    "root": {"$ref": "#/$defs/tree-node"},
                    "data": {"type": "object", "properties": {"$bytes": {"type": "string"}}, "required": ["$bytes"]},
                    "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": false},
                    "content-type": {"type": "string"},
                },
                "required": ["root", "data"],
                "$defs": {"tree-node": {
                    "type": "object",
                    "description": "A node.",
                    "properties": {
                        "value": {"type": ["integer", "null"]},
                        "children": {"type": "array", "items": {"$ref": "#/$defs/tree-node"}},
                    },
                    "required": ["value"],
                }},
            }),
        ),
        tool("anything", json!({"type": "object"})),
        tool("now", json!({"type": "object", "properties": {}, "additionalProperties": false})),
    ]
}

#[test]
fn python_reads_well() {
    let expected = r#"# Functions of the host: from host import tools
from typing import Any, Literal, NotRequired, TypedDict

class PriceOptions(TypedDict):
    depth: int  # How far.
    exact: NotRequired[bool]

def price(symbol: str, *, currency: Literal["EUR", "USD"] = "EUR", when: str | None = ..., options: PriceOptions = ...) -> float:
    """The price of one piece.

    In the currency asked for.

    symbol: What to look up.
    Hints: changes nothing.
    """

class TreeNode(TypedDict):
    """A node."""
    value: int | None
    children: NotRequired[list[TreeNode]]

def save_tree(root: TreeNode, data: bytes, *, pair: tuple[int, str] = ..., **others: Any) -> Any:
    """**{"content-type": …} (str): """

def anything(**others: Any) -> Any:
    ...

def now() -> Any:
    ...
"#;
    assert_eq!(declarations(&shop(), DeclarationLanguage::Python), expected);
}

#[test]
fn typescript_reads_well() {
    let expected = r#"/** Functions of the host. */
declare namespace tools {
  /**
   * The price of one piece.
   *
   * In the currency asked for.
   * Hints: changes nothing.
   */
  function price(args: {
    /** What to look up. */
    symbol: string;
    /** @default "EUR" */
    currency?: "EUR" | "USD";
    when?: string | null;
    options?: {
      /** How far. */
      depth: number;
      exact?: boolean;
    };
  }): Promise<number>;

  /** A node. */
  interface TreeNode {
    value: number | null;
    children?: TreeNode[];
  }
  function save_tree(args: {
    root: TreeNode;
    data: Uint8Array;
    pair?: [number, string];
    "content-type"?: string;
  }): Promise<any>;

  function anything(args?: Record<string, any>): Promise<any>;

  function now(): Promise<any>;
}
"#;
    assert_eq!(declarations(&shop(), DeclarationLanguage::TypeScript), expected);
}

#[test]
fn names_that_mean_something_else_are_not_used_as_they_are() {
    let tools = [
        tool(
            "delete",
            json!({"type": "object", "properties": {"class": {"type": "string"}, "x": {}}, "required": ["class", "x"]}),
        ),
        tool(
            "import",
            json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/Any"}}, "$defs": {"Any": {"type": "object", "properties": {"b": {"const": 1}}}}}),
        ),
        tool(
            "again",
            json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/ImportAny"}}, "$defs": {"ImportAny": {"type": "array", "items": {"$ref": "#/$defs/ImportAny"}}}}),
        ),
        tool("x(): pass\nimport os\ndef y", json!({"type": "object"})),
    ];
    let python = declarations(&tools, DeclarationLanguage::Python);
    for part in [
        "def delete(*, x: Any, **others: Any)",
        "**{\"class\": …} (str, required)",
        "getattr(tools, \"import\")(...)\ndef import_(",
        "class ImportAny(TypedDict)",
        "type AgainImportAny = list[AgainImportAny]",
    ] {
        assert!(python.contains(part), "{part} is not in {python}");
    }
    let typescript = declarations(&tools, DeclarationLanguage::TypeScript);
    for part in [
        "tools[\"delete\"]",
        "function delete_(args: {\n    class: string;",
        "interface ImportAny {",
        "type AgainImportAny = AgainImportAny[];",
    ] {
        assert!(typescript.contains(part), "{part} is not in {typescript}");
    }
    assert!(!python.contains("import os") && !typescript.contains("import os"));
}

#[test]
fn a_hostile_text_stays_in_its_comment_or_string() {
    let texts = [
        "\"\"\"\nimport evil\n\"\"\"",
        "*/ evil(); /*",
        "x\\",
        "\\\"\"\"evil",
        "a\r evil\u{2028}evil\u{202e}live\u{85}evil",
        "\"",
        "\"\"",
        "*",
        "/",
    ];
    for text in texts {
        let input = json!({
            "type": "object",
            "description": text,
            "properties": {
                "a": {"type": "string", "description": text, "default": text},
                text: {"enum": [text], "description": text},
                "r": {"$ref": "#/$defs/n"},
            },
            "$defs": {"n": {"type": "object", "description": text, "properties": {"q": {"description": text}, text: {}}},
                      text: {"type": "object", "properties": {"z": {"description": text}}}},
        });
        let tool = tool("t", input).description(text);
        let python = outside_of_python(&declarations(std::slice::from_ref(&tool), DeclarationLanguage::Python));
        assert!(!python.contains("evil") && !python.contains("\\"), "{text:?}: {python}");
        let typescript = outside_of_typescript(&declarations(&[tool], DeclarationLanguage::TypeScript));
        assert!(!typescript.contains("evil") && !typescript.contains("\\"), "{text:?}: {typescript}");
    }
}

/// What is left of a Python text without comments and strings; every string must end.
fn outside_of_python(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("\"\"\"") || first == '"' {
            let quote = if rest.starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
            rest = &rest[quote.len()..];
            while !rest.starts_with(quote) {
                let skipped = if rest.starts_with('\\') { 2 } else { 1 };
                rest = &rest[rest.char_indices().nth(skipped).expect("the string ends").0..];
                assert!(quote.len() == 3 || !rest.starts_with('\n'), "a line end in a string");
            }
            rest = &rest[quote.len()..];
        } else if first == '#' {
            rest = &rest[rest.find('\n').unwrap()..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

fn outside_of_typescript(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("/*") {
            rest = &rest[rest.find("*/").expect("the comment ends") + 2..];
        } else if first == '"' {
            rest = &rest[1..];
            while !rest.starts_with('"') {
                let skipped = if rest.starts_with('\\') { 2 } else { 1 };
                rest = &rest[rest.char_indices().nth(skipped).expect("the string ends").0..];
            }
            rest = &rest[1..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

#[test]
fn a_hostile_schema_cannot_make_a_declaration_long() {
    let wide: serde_json::Map<String, Value> = (0..5000)
        .map(|index| {
            (format!("p{index}"), json!({"type": "object", "properties": {"x": {"description": "d".repeat(5000)}}}))
        })
        .collect();
    let deep = (0..50).fold(json!({"type": "string"}), |inner, _| json!({"type": "object", "properties": {"n": inner, "m": {"anyOf": [{"type": "array", "items": {"type": "integer"}}]}}}));
    let definitions: serde_json::Map<String, Value> = (0..50)
        .map(|index| (format!("d{index}"), json!({"anyOf": [{"type": "array", "items": {"$ref": format!("#/$defs/d{}", index + 1)}}, {"$ref": format!("#/$defs/d{}", index + 1)}]})))
        .collect();
    let many: Vec<String> = (0..10_000).map(|index| index.to_string()).collect();
    for input in [
        json!({"type": "object", "properties": wide}),
        json!({"type": "object", "properties": {"deep": deep}}),
        json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": definitions}),
        json!({"type": "object", "properties": {"x": {"enum": many}, "y": {"const": "c".repeat(100_000)}, "z": {"default": "c".repeat(100_000)}}}),
        json!({"type": "object", "properties": {"n".repeat(100_000): {}}}),
        json!({"$ref": "#"}),
        json!({"type": "object", "properties": {"x": {"$ref": "#"}, "y": {"$ref": "#/properties/y"}}}),
        json!(7),
    ] {
        let tool = tool("t", input).description("w".repeat(100_000));
        for language in [DeclarationLanguage::Python, DeclarationLanguage::TypeScript] {
            let text = declarations(std::slice::from_ref(&tool), language);
            assert!(text.len() < 200_000, "{}", text.len());
        }
    }
}

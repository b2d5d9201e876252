//! Declarations of tools for whoever writes the program that calls them: a person, or a model.
//!
//! Schemas and descriptions may come from strangers. They can neither leave the comment or string that
//! they stand in, nor choose how long a declaration is: depth, number of types and length of texts
//! are capped, and what lies beyond a cap is declared as anything.

mod names;
mod python;
mod shape;
#[cfg(test)]
mod tests;
mod typescript;

use super::Tool;
use super::registry::is_name;
use super::tool::Face;
use serde::{Deserialize, Serialize};

/// The language of declarations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DeclarationLanguage {
    /// Stubs in Python's syntax.
    #[serde(rename = "python")]
    Python,
    /// Declarations in TypeScript's syntax.
    #[serde(rename = "typescript")]
    TypeScript,
}

impl DeclarationLanguage {
    /// The language's name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            DeclarationLanguage::Python => "python",
            DeclarationLanguage::TypeScript => "typescript",
        }
    }

    /// Finds a language by its name in JSON.
    pub fn parse(name: &str) -> Option<DeclarationLanguage> {
        [DeclarationLanguage::Python, DeclarationLanguage::TypeScript]
            .into_iter()
            .find(|language| language.as_str() == name)
    }
}

/// Declares tools in a language, from their schemas and descriptions: what a program that calls them
/// may rely on, in the form that people and models read best.
///
/// Python gets stubs of functions with named arguments. TypeScript gets functions that take one object
/// and give a promise. Schemas are not judged here: what makes no sense is declared as anything, and a tool
/// whose name no sandbox would take is left out.
///
/// ```
/// use sandcell::{DeclarationLanguage, Tool, declarations};
/// let price = Tool::suspending("price").description("The price of one piece.").input_schema(serde_json::json!({
///     "type": "object",
///     "properties": {"symbol": {"type": "string"}, "currency": {"type": "string", "default": "EUR"}},
///     "required": ["symbol"],
/// })).output_schema(serde_json::json!({"type": "number"}));
/// let python = declarations(&[price], DeclarationLanguage::Python);
/// assert!(python.contains("def price(symbol: str, *, currency: str = \"EUR\") -> float:"));
/// ```
pub fn declarations(tools: &[Tool], language: DeclarationLanguage) -> String {
    declare(tools.iter().map(|tool| &tool.face), language)
}

/// As [`declarations`], of what tools say of themselves.
pub(super) fn declare<'a>(faces: impl Iterator<Item = &'a Face>, language: DeclarationLanguage) -> String {
    // A name is the one text that stands in no comment and no string.
    let faces = faces.filter(|face| is_name(&face.name));
    match language {
        DeclarationLanguage::Python => python::declare(faces),
        DeclarationLanguage::TypeScript => typescript::declare(faces),
    }
}

/// The most characters that the descriptions inside one tool's schemas have together.
const MAX_TEXT: usize = 8000;

/// A text of strangers as lines that are safe in any comment: without control characters, and without
/// those that make text look like other text.
fn lines(text: &str, most: usize) -> Vec<String> {
    let cut = super::quote::head(text.trim(), most);
    let mut lines: Vec<String> =
        cut.lines().map(|line| line.trim_end().chars().filter(|c| is_plain(*c)).collect()).collect();
    if cut.len() < text.trim().len()
        && let Some(last) = lines.last_mut()
    {
        last.push('…');
    }
    lines
}

fn is_plain(character: char) -> bool {
    let separates = matches!(character, '\u{85}' | '\u{2028}' | '\u{2029}');
    let reorders = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (character == '\t' || !character.is_control()) && !separates && !reorders
}

/// A string literal of both languages: JSON, with what is not plain escaped.
fn literal(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let escape = |character: char| match is_plain(character) && character != '\t' {
        true => character.to_string(),
        false => format!("\\u{:04x}", u32::from(character)),
    };
    json.chars().map(escape).collect()
}

/// What the hints of a tool say, as words.
fn hints(face: &Face) -> Option<String> {
    let words = [
        ("readOnlyHint", "changes nothing"),
        ("destructiveHint", "may destroy"),
        ("idempotentHint", "repeating a call changes nothing more"),
        ("openWorldHint", "reaches outside"),
    ];
    let is_set = |name: &str| face.annotations.get(name) == Some(&serde_json::Value::Bool(true));
    let said: Vec<&str> = words.iter().filter(|(name, _)| is_set(name)).map(|(_, words)| *words).collect();
    (!said.is_empty()).then(|| format!("Hints: {}.", said.join(", ")))
}

//! x

use serde::{Deserialize, Serialize};

/// The language of declarations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Language {
    /// Stubs in Python's syntax.
    #[serde(rename = "python")]
    Python,
    /// Declarations in TypeScript's syntax.
    #[serde(rename = "typescript")]
    TypeScript,
}

impl Language {
    /// Finds a language by its name in JSON.
    pub fn parse(name: &str) -> Option<Language> {
        match name {
            "python" => Some(Language::Python),
            "typescript" => Some(Language::TypeScript),
            _ => None,
        }
    }
}

pub(super) fn declarations(_: &[super::Tool], _: Language) -> String {
    String::new()
}

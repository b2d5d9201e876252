//! What a compiler or parser found in a program, as data.

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// The program cannot be run.
    Error,
    /// It can, and may not do what it should.
    Warning,
    /// It belongs to the finding before it.
    Note,
}

impl Severity {
    /// The word for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// What a compiler or parser found in the program, in terms of the user's own files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What was found, in one sentence.
    pub message: String,
    /// The file, as the caller named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column, from 1, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What the compiler calls findings of this kind, such as `-Wunused-variable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The lines of the source that it is about, as the compiler shows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out_of_the_json_form() {
        let found = Diagnostic {
            severity: Severity::Warning,
            message: "unused variable 'x'".into(),
            file: Some("main.c".into()),
            line: Some(3),
            column: None,
            code: None,
            source: None,
        };
        let json = serde_json::to_value(&found).unwrap();
        let expected = serde_json::json!(
            {"severity": "warning", "message": "unused variable 'x'", "file": "main.c", "line": 3}
        );
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<Diagnostic>(json).unwrap(), found);
    }
}

//! Names that guests can write: identifiers of Python and JavaScript alike, each once.

use std::collections::BTreeSet;

/// The longest that a name may be.
const LONGEST: usize = 64;

/// Words that neither language takes as a name, or that a global of the guest would hide.
const TAKEN: [&str; 66] = [
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "def",
    "default",
    "del",
    "delete",
    "do",
    "elif",
    "else",
    "enum",
    "except",
    "export",
    "extends",
    "false",
    "False",
    "finally",
    "for",
    "from",
    "function",
    "global",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "is",
    "lambda",
    "let",
    "match",
    "new",
    "None",
    "nonlocal",
    "not",
    "null",
    "or",
    "package",
    "pass",
    "private",
    "protected",
    "public",
    "raise",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "True",
    "try",
    "typeof",
    "var",
    "while",
    "with",
    "yield",
];

/// The names that are given so far.
#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// The name of a server's tool: what a name may not have becomes `_`, and a name that is taken
    /// gets a number.
    pub(super) fn give(&mut self, prefix: &str, tool: &str) -> String {
        let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let mut name: String = prefix.chars().chain(tool.chars()).map(allowed).collect();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            name.insert_str(0, "tool_");
        }
        name.truncate(LONGEST);
        if TAKEN.contains(&name.as_str()) {
            name.push('_');
        }
        let mut given = name.clone();
        let mut number = 2;
        while !self.0.insert(given.clone()) {
            let end = format!("_{number}");
            given = format!("{}{end}", &name[..name.len().min(LONGEST - end.len())]);
            number += 1;
        }
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_an_identifier_and_is_given_once() {
        let mut names = Names::default();
        let mut give = |prefix: &str, tool: &str| names.give(prefix, tool);
        assert_eq!(give("files_", "read"), "files_read");
        assert_eq!(give("files_", "get-sum"), "files_get_sum");
        assert_eq!(give("files_", "get.sum"), "files_get_sum_2");
        assert_eq!(give("", "import"), "import_");
        assert_eq!(give("", "9 lives"), "tool_9_lives");
        assert_eq!(give("", "größe"), "gr__e");
        assert_eq!(give("", ""), "tool_");
        let long = "x".repeat(200);
        assert_eq!(give("", &long), "x".repeat(64));
        assert_eq!(give("", &long), format!("{}_2", "x".repeat(62)));
    }
}

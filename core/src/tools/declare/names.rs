//! Names of types: identifiers, each used once.

use std::collections::HashSet;

/// The most characters of a type's name.
const MAX_NAME: usize = 60;

/// Names that mean something in one of the languages.
const TAKEN: [&str; 18] = [
    "Any",
    "Array",
    "Date",
    "Error",
    "False",
    "Literal",
    "Map",
    "None",
    "NotRequired",
    "Object",
    "Promise",
    "Record",
    "Set",
    "String",
    "True",
    "TypedDict",
    "Uint8Array",
    "Number",
];

#[derive(Default)]
pub(super) struct Names {
    used: HashSet<String>,
}

impl Names {
    /// A name like the wish that nothing else bears: the wish itself, or with the tool's name before
    /// it, or with a number behind.
    pub(super) fn unique(&mut self, wish: &str, tool: &str) -> String {
        let short = pascal(wish);
        let long = pascal(&format!("{tool}_{wish}"));
        let numbered = (2u32..).map(|number| format!("{long}{number}"));
        let free = [short, long.clone()].into_iter().chain(numbered).find(|name| self.is_free(name));
        let name = free.unwrap_or(long);
        self.used.insert(name.clone());
        name
    }

    fn is_free(&self, name: &str) -> bool {
        !TAKEN.contains(&name) && !self.used.contains(name)
    }
}

/// `line_item` as `LineItem`.
fn pascal(text: &str) -> String {
    let mut name = String::new();
    let mut starts = true;
    for character in text.chars().take(MAX_NAME) {
        if !character.is_ascii_alphanumeric() {
            starts = true;
        } else if starts {
            name.push(character.to_ascii_uppercase());
            starts = false;
        } else {
            name.push(character);
        }
    }
    match name.chars().next() {
        None => "Value".into(),
        Some(first) if first.is_ascii_digit() => format!("N{name}"),
        Some(_) => name,
    }
}

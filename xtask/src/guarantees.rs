//! docs/guarantees.md names a test for each promise; a test that was renamed or removed is
//! noticed here.

use crate::source::{root, rust_files};
use std::fs;

const PAGE: &str = "docs/guarantees.md";

/// Fails if the page names a test that no Rust file has.
pub(crate) fn check() -> Result<(), String> {
    let page = fs::read_to_string(root().join(PAGE)).map_err(|error| format!("{PAGE}: {error}"))?;
    let tests = tests_named_in(&page);
    if tests.is_empty() {
        return Err(format!("{PAGE} names no test"));
    }
    let sources = rust_files()?;
    let exists = |name: &str| {
        let definition = format!("fn {name}(");
        sources.iter().any(|(_, text)| text.contains(&definition))
    };
    let unknown: Vec<_> = tests.into_iter().filter(|name| !exists(name)).collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(format!("{PAGE} names tests that do not exist: {}", unknown.join(", ")))
    }
}

/// The functions behind paths such as `limits::tests::name`; `tests::*` stands for a whole module.
fn tests_named_in(page: &str) -> Vec<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    quoted.filter_map(|path| path.rsplit_once("::")).map(|(_, name)| name).filter(|name| *name != "*").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_from_paths_in_backticks() {
        let page = "| a `/proc` file | `a::tests::first`, `a::second` (cli), `b::tests::*` |";
        assert_eq!(tests_named_in(page), ["first", "second"]);
    }
}

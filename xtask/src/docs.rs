//! Pages of docs/ that are generated from the tables, so that they cannot drift from the code.

use crate::cargo::{output, sandcell};
use crate::parity;
use crate::source::root;
use std::fs;

const PAGES: [&str; 5] = ["limits", "errors", "languages", "cli", "parity"];

/// Writes the pages, or with `check` compares them. The commands must have been built.
pub(crate) fn docs(check: bool) -> Result<(), String> {
    let mut old = Vec::new();
    for page in PAGES {
        let path = root().join("docs").join(format!("{page}.md"));
        let current = match page {
            "parity" => output(&mut parity::page())?,
            _ => output(&mut sandcell(&["reference", page]))?,
        };
        if fs::read_to_string(&path).ok().as_deref() == Some(current.as_str()) {
            continue;
        }
        if check {
            old.push(format!("docs/{page}.md"));
        } else {
            fs::write(&path, current).map_err(|error| format!("docs/{page}.md: {error}"))?;
            println!("wrote docs/{page}.md");
        }
    }
    if old.is_empty() { Ok(()) } else { Err(format!("{} not current: run `cargo xtask docs`", old.join(", "))) }
}

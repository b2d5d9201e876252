//! Which capability is shown by which case in which language, and that no cell is empty.
//!
//! The rows come from the tables of core, so that a limit or a kind of status that is added makes the
//! page incomplete until a case shows it. What a language leaves out, it leaves out for a reason that
//! stands in its list of skips. What its runner really ran is recorded, and held against this.

mod page;
mod records;
mod rows;

pub use page::page;
pub use records::{Record, check_records, record};
pub use rows::{Row, all_rows, shown_by};

use crate::cases::Case;
use crate::places;
use std::collections::BTreeMap;
use std::fs;

/// A language that runs the cases.
#[derive(Debug)]
pub struct Language {
    /// Its name in records.
    pub name: &'static str,
    /// Its column on the page.
    pub column: &'static str,
    /// Where its runner is.
    pub runner: &'static str,
    skips: Skips,
}

/// Why cases are left out, and where that is written.
#[derive(Debug)]
enum Skips {
    /// Nothing is.
    None,
    /// By the case's name.
    Cases(&'static str),
    /// By a field of the case, or of what it expects, that the language has no way to say.
    Fields(&'static str),
}

/// Every language that runs the cases. A binding gets its column here.
pub const LANGUAGES: [Language; 3] = [
    Language { name: "rust", column: "Rust", runner: "tests/all/cases.rs", skips: Skips::None },
    Language {
        name: "command_line",
        column: "command line",
        runner: "tests/all/cases.rs",
        skips: Skips::Fields("tests/conformance/skips/command_line.json"),
    },
    Language {
        name: "python",
        column: "Python",
        runner: "bindings-python/tests/test_conformance.py",
        skips: Skips::Cases("bindings-python/tests/skips.json"),
    },
];

impl Language {
    /// The language of this name.
    ///
    /// # Panics
    /// If there is none.
    pub fn named(name: &str) -> &'static Language {
        LANGUAGES.iter().find(|language| language.name == name).unwrap()
    }

    /// Why it leaves out which of these cases.
    ///
    /// # Panics
    /// If a reason is empty, or is none for any of the cases.
    pub fn skipped(&self, cases: &[Case]) -> BTreeMap<String, String> {
        let reasons: BTreeMap<String, String> = match self.skips {
            Skips::None => return BTreeMap::new(),
            Skips::Cases(file) | Skips::Fields(file) => {
                serde_json::from_str(&fs::read_to_string(places::workspace().join(file)).unwrap()).unwrap()
            }
        };
        let concerns = |what: &str, case: &Case| match self.skips {
            Skips::None => false,
            Skips::Cases(_) => case.name == what,
            Skips::Fields(_) => rows::says(case, what),
        };
        for (what, reason) in &reasons {
            assert!(!reason.is_empty(), "{}: `{what}` is skipped without a reason", self.name);
            assert!(cases.iter().any(|case| concerns(what, case)), "{}: no case has `{what}`", self.name);
        }
        let reason =
            |case: &Case| reasons.iter().find(|(what, _)| concerns(what, case)).map(|(_, reason)| reason.clone());
        cases.iter().filter_map(|case| Some((case.name.clone(), reason(case)?))).collect()
    }
}

/// What is missing for every cell to be filled: nothing when it is as it should be.
pub fn gaps(cases: &[Case]) -> Vec<String> {
    let mut gaps = Vec::new();
    let rows = all_rows();
    let mut shown: BTreeMap<Row, usize> = BTreeMap::new();
    for case in cases {
        for row in shown_by(case) {
            if !rows.contains(&row) {
                gaps.push(format!("{} shows {row}, which is no row", case.name));
            }
            *shown.entry(row).or_default() += 1;
        }
    }
    for row in rows {
        match (shown.get(&row), row.exempt()) {
            (None, None) => gaps.push(format!("no case shows {row}")),
            (Some(_), Some(_)) => gaps.push(format!("{row} is shown: it needs no reason not to be")),
            _ => {}
        }
    }
    gaps
}

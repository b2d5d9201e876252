//! What the runners really ran: a line for each case, `ran NAME` or `skipped NAME`.

use super::{LANGUAGES, Language};
use crate::cases::Case;
use crate::places;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What one run of a runner did.
#[derive(Debug, Default)]
pub struct Record {
    lines: Vec<String>,
}

impl Record {
    /// A case that was run to its end and held.
    pub fn ran(&mut self, case: &str) {
        self.lines.push(format!("ran {case}"));
    }

    /// A case that was left out.
    pub fn skipped(&mut self, case: &str) {
        self.lines.push(format!("skipped {case}"));
    }
}

/// Keeps a record of one part of a language's runner, where [`check_records`] looks for it.
pub fn record(language: &Language, part: &str, record: &Record) {
    let file = places::scratch("parity").join(format!("{}.{part}", language.name));
    fs::write(file, record.lines.join("\n")).unwrap();
}

/// Compares the records in a folder with what every language must have run.
pub fn check_records(folder: &Path, cases: &[Case]) -> Vec<String> {
    let all: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    let mut problems = Vec::new();
    for language in &LANGUAGES {
        let skipped = language.skipped(cases);
        let mut done: BTreeMap<String, bool> = BTreeMap::new();
        for line in lines(folder, language.name) {
            match line.split_once(' ') {
                Some(("ran", case)) => done.insert(case.to_owned(), true),
                Some(("skipped", case)) => done.insert(case.to_owned(), false),
                _ => None,
            };
        }
        for case in &all {
            match (done.remove(*case), skipped.contains_key(*case)) {
                (Some(true), false) | (Some(false), true) => {}
                (None, _) => problems.push(format!("{}: {case} was not run", language.name)),
                (Some(true), true) => problems.push(format!("{}: {case} runs and stands in the skips", language.name)),
                (Some(false), false) => {
                    problems.push(format!("{}: {case} was skipped without a reason", language.name))
                }
            }
        }
        problems.extend(done.into_keys().map(|case| format!("{}: there is no case {case}", language.name)));
    }
    problems
}

fn lines(folder: &Path, language: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).map(|entries| entries.flatten().collect()).unwrap_or_else(|_| Vec::new());
    let ours = entries
        .into_iter()
        .filter(|entry| entry.file_name().to_string_lossy().split_once('.').is_some_and(|(name, _)| name == language));
    ours.flat_map(|entry| fs::read_to_string(entry.path()).unwrap().lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

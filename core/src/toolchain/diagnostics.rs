//! Reading what clang and lld print (the text form of clang's manual, "Formatting of Diagnostics").
//!
//! The source decides what much of that text says, so nothing is decided by it, and all of it is
//! bounded: whoever makes a compiler print something odd is told something odd about his own program.

use super::Findings;
use super::names;
use crate::outcome::{Diagnostic, Severity};

/// The most findings that are kept, and the most of each.
const MOST_FINDINGS: usize = 64;
const MOST_MESSAGE_BYTES: usize = 2 << 10;
const MOST_SOURCE_BYTES: usize = 2 << 10;
/// The most of the text that is kept.
const MOST_TEXT_BYTES: usize = 64 << 10;

/// How a line that begins a finding names what it is.
const SEVERITIES: [(&str, Severity); 5] = [
    ("fatal error: ", Severity::Error),
    ("error: ", Severity::Error),
    ("warning: ", Severity::Warning),
    ("note: ", Severity::Note),
    ("remark: ", Severity::Note),
];

/// What the linker calls itself at the start of its lines.
const LINKER: &str = "wasm-ld: ";
/// The same of the compiler's driver.
const DRIVER: &str = "clang: ";

impl Findings {
    /// Adds what a tool printed; `units` are the names of the program's units.
    pub(super) fn add(&mut self, printed: &[u8], units: &[String]) {
        let text = names::as_seen(&String::from_utf8_lossy(printed), units);
        for line in text.lines() {
            match begin(line, units) {
                Some(_) if self.diagnostics.len() == MOST_FINDINGS => break,
                Some(found) => self.diagnostics.push(found),
                None if belongs(line) => {
                    self.diagnostics.last_mut().into_iter().for_each(|last| add_source(last, line))
                }
                None => {}
            }
        }
        let left = MOST_TEXT_BYTES.saturating_sub(self.text.len());
        self.text.push_str(cut(&text, left));
    }

    /// Of a program that was compiled nothing is an error, whatever its source makes the compiler print.
    pub(super) fn without_errors(&mut self) {
        let errors = self.diagnostics.iter_mut().filter(|found| found.severity == Severity::Error);
        errors.for_each(|found| found.severity = Severity::Warning);
    }

    /// The first error, in one sentence.
    pub(super) fn first_error(&self) -> Option<&str> {
        let error = self.diagnostics.iter().find(|found| found.severity == Severity::Error)?;
        Some(&error.message)
    }
}

/// The finding that a line begins, if it begins one.
fn begin(line: &str, units: &[String]) -> Option<Diagnostic> {
    if let Some(rest) = line.strip_prefix(LINKER) {
        let (severity, message) = severity(rest)?;
        // `NAME: undefined symbol: f` speaks of one of the program's units.
        let file =
            units.iter().find(|unit| message.strip_prefix(unit.as_str()).is_some_and(|rest| rest.starts_with(": ")));
        let message = file.map_or(message, |file| &message[file.len() + 2..]);
        return Some(finding(severity, message, file.cloned(), None, None));
    }
    if let Some((severity, message)) = line.strip_prefix(DRIVER).and_then(severity).or_else(|| severity(line)) {
        return Some(finding(severity, message, None, None, None));
    }
    // `FILE:LINE:COLUMN: error: …`: the first place where that holds.
    line.match_indices(": ").find_map(|(at, colon)| {
        let (severity, message) = severity(&line[at + colon.len()..])?;
        let (rest, column) = line[..at].rsplit_once(':')?;
        let (file, line) = rest.rsplit_once(':')?;
        let (line, column) = (line.parse().ok()?, column.parse().ok()?);
        Some(finding(severity, message, Some(file.to_owned()), Some(line), Some(column)))
    })
}

fn severity(text: &str) -> Option<(Severity, &str)> {
    SEVERITIES.iter().find_map(|(word, severity)| Some((*severity, text.strip_prefix(word)?)))
}

fn finding(
    severity: Severity,
    message: &str,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
) -> Diagnostic {
    // `… [-Wunused-variable]`, `… [-Werror,-Wreturn-type]`
    let (message, code) = match message.strip_suffix(']').and_then(|message| message.rsplit_once(" [")) {
        Some((message, code)) if code.starts_with("-W") => (message, Some(code.rsplit(',').next().unwrap_or(code))),
        _ => (message, None),
    };
    Diagnostic {
        severity,
        message: cut(message, MOST_MESSAGE_BYTES).to_owned(),
        file: file.map(|file| cut(&file, 256).to_owned()),
        // Where there is no place, clang writes 0.
        line: line.filter(|line| *line > 0),
        column: column.filter(|column| *column > 0),
        code: code.map(|code| cut(code, 64).to_owned()),
        source: None,
    }
}

/// Whether a line shows the source that a finding is about: `   12 | int x`, `      | ^`.
fn belongs(line: &str) -> bool {
    let Some((number, _)) = line.split_once('|') else { return false };
    number.bytes().all(|byte| byte == b' ' || byte.is_ascii_digit())
}

fn add_source(found: &mut Diagnostic, line: &str) {
    let source = found.source.get_or_insert_default();
    let left = MOST_SOURCE_BYTES.saturating_sub(source.len());
    if line.len() < left {
        if !source.is_empty() {
            source.push('\n');
        }
        source.push_str(line);
    }
}

/// The start of a text, of whole characters.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Findings {
        let mut findings = Findings::default();
        findings.add(text.as_bytes(), &["main.c".to_owned()]);
        findings
    }

    #[test]
    fn a_source_forges_no_error_of_a_program_that_was_compiled() {
        let mut found = findings("evil.c:1:1: error: pwned:7:2: warning: hi [-W#warnings]\n");
        assert_eq!(found.first_error(), Some("pwned:7:2: warning: hi"));
        found.without_errors();
        assert_eq!((found.first_error(), found.diagnostics[0].severity), (None, Severity::Warning));
    }

    #[test]
    fn findings_of_compiler_and_linker_become_data() {
        let found = findings(
            "In file included from /program/main.c:1:\n/program/a.h:3:5: error: use of undeclared identifier 'x'\n    3 |     x = 1;\n      |     ^\n\
             /program/main.c:9:1: warning: unused variable 'y' [-Wunused-variable]\n1 warning and 1 error generated.\n\
             wasm-ld: error: /objects/0.o: undefined symbol: f\nfatal error: too many errors\n",
        );
        let [error, warning, symbol, fatal] = &found.diagnostics[..] else { panic!("{:?}", found.diagnostics) };
        assert_eq!(
            (error.severity, error.file.as_deref(), error.line, error.column),
            (Severity::Error, Some("a.h"), Some(3), Some(5))
        );
        assert_eq!(error.message, "use of undeclared identifier 'x'");
        assert_eq!(error.source.as_deref(), Some("    3 |     x = 1;\n      |     ^"));
        assert_eq!(
            (warning.message.as_str(), warning.code.as_deref()),
            ("unused variable 'y'", Some("-Wunused-variable"))
        );
        assert_eq!((symbol.message.as_str(), symbol.file.as_deref()), ("undefined symbol: f", Some("main.c")));
        assert_eq!((fatal.message.as_str(), fatal.file.as_deref()), ("too many errors", None));
        assert!(!found.text.contains("/program") && !found.text.contains("/objects"), "{}", found.text);
    }

    #[test]
    fn what_a_source_makes_a_compiler_print_is_bounded() {
        let long = format!("/program/main.c:1:2: error: {}\n", "ü".repeat(5_000));
        let found = findings(&long.repeat(200));
        assert_eq!(found.diagnostics.len(), MOST_FINDINGS);
        assert!(found.diagnostics.iter().all(|found| found.message.len() <= MOST_MESSAGE_BYTES));
        assert!(found.text.len() <= MOST_TEXT_BYTES);
        for odd in [
            "",
            ":",
            ": error: ",
            "a:b:c: error: x",
            "a:1:99999999999: error: x",
            "|",
            " | ",
            "error: ",
            "x: error: y: error: z]",
            "a:0:0: note: n []",
        ] {
            findings(odd);
        }
        assert_eq!(findings("a:0:0: note: n [").diagnostics[0].line, None);
    }
}

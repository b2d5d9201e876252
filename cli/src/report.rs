//! Outcomes and errors as text, JSON and exit status.

use crate::failure::{INTERRUPTED, STOPPED};
use sandcell::{Diagnostic, LimitKey, Limits, Outcome, Status, Stream, Unit};
use serde::Serialize;
use std::io::{self, ErrorKind, Write};

/// The exit status that stands for how a run ended.
pub(crate) fn exit_status(status: &Status) -> u8 {
    match status {
        Status::Exited { code } => match u8::try_from(*code) {
            Ok(code) => code,
            // The kernel keeps the low byte; a failure must not become a success.
            Err(_) => (*code as u8).max(1),
        },
        Status::Raised { .. } => 1,
        Status::Exceeded { .. } | Status::Trapped { .. } => STOPPED,
        Status::Cancelled => INTERRUPTED,
        // A status that this command does not know yet is at least no success.
        _ => STOPPED,
    }
}

/// Prints one value as one line of JSON on standard output.
pub(crate) fn print_json(value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    write_all(io::stdout().lock(), &line)
}

/// Prints plain text on standard output.
pub(crate) fn print_text(text: &str) -> io::Result<()> {
    write_all(io::stdout().lock(), text.as_bytes())
}

/// Prints what the guest printed to the same stream.
pub(crate) fn print_output(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    match stream {
        Stream::Stdout => write_all(io::stdout().lock(), bytes),
        Stream::Stderr => write_all(io::stderr().lock(), bytes),
    }
}

/// Prints one line about anything but a clean end.
pub(crate) fn print_ending(outcome: &Outcome, limits: &Limits) {
    for (cut, name) in [(outcome.stdout_truncated, "output"), (outcome.stderr_truncated, "error output")] {
        if cut {
            let kept = with_unit(LimitKey::OutputBytes, limits.value(LimitKey::OutputBytes));
            notice(&format!(
                "the middle of the guest's {name} was dropped; the first and last half of {kept} are kept"
            ));
        }
    }
    if let Some(line) = ending(outcome, limits) {
        notice(&line);
    }
}

/// What a compiler found in a program that runs all the same. Of one that does not, it is on standard error already.
pub(crate) fn print_warnings(outcome: &Outcome) {
    if matches!(outcome.status, Status::Raised { .. }) {
        return;
    }
    for Diagnostic { severity, message, file, line, column, code, .. } in &outcome.diagnostics {
        let place = [file.clone(), line.map(|line| line.to_string()), column.map(|column| column.to_string())];
        let place: Vec<String> = place.into_iter().flatten().collect();
        let code = code.as_ref().map(|code| format!(" [{code}]")).unwrap_or_default();
        notice(&format!("{}: {}: {message}{code}", place.join(":"), severity.as_str()));
    }
}

/// One line for every end that the guest's own output does not explain.
fn ending(outcome: &Outcome, limits: &Limits) -> Option<String> {
    let what = match &outcome.status {
        Status::Exited { .. } => String::new(),
        Status::Raised { r#type, .. } => format!("the program raised {}", r#type),
        // Nothing of it ran, so it was the compiler that exceeded a limit of its own: the hint says which.
        Status::Exceeded { limit } if outcome.usage.fuel == 0 => format!("the program exceeded {limit}"),
        Status::Exceeded { limit } => {
            format!("the guest exceeded {limit} ({})", with_unit(*limit, limits.value(*limit)))
        }
        Status::Trapped { reason } => format!("the guest trapped: {}", word(reason)),
        Status::Cancelled => "the run was cancelled".to_owned(),
        other => format!("the run ended as {}", word(other)),
    };
    let line = [what.as_str(), outcome.hint.as_str()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    (!line.is_empty()).then(|| line.join(". "))
}

/// Prints what the run cost and what was refused, one fact per line, to standard error.
pub(crate) fn print_usage(outcome: &Outcome) {
    for denial in &outcome.denials {
        notice(&format!("denied {} of {} `{}`", denial.operation, denial.what, denial.name));
    }
    // From the JSON form, so that a new field cannot be forgotten here.
    if let Ok(serde_json::Value::Object(usage)) = serde_json::to_value(&outcome.usage) {
        for (name, value) in usage {
            let value = value.as_u64().map_or_else(|| format!("{:.3}", value.as_f64().unwrap_or(0.0)), grouped);
            notice(&format!("{name:<18} {value:>20}"));
        }
    }
}

/// One line on standard error that says who speaks. Names in it may come from a guest: what could
/// forge a line or turn the terminal's text around is shown, not sent.
pub(crate) fn notice(text: &str) {
    let visible: String = text
        .chars()
        .flat_map(|c| if is_deceptive(c) { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    // Nobody can be told that standard error is closed.
    writeln!(io::stderr(), "sandcell: {visible}").ok();
}

/// Control characters, also the ones that order text from right to left (Unicode UAX #9).
fn is_deceptive(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// A value of a limit with its unit, bytes in the largest unit that fits exactly.
pub(crate) fn with_unit(limit: LimitKey, value: u64) -> String {
    match limit.unit() {
        Unit::Bytes => bytes(value),
        Unit::Milliseconds => format!("{} ms", grouped(value)),
        Unit::Fuel | Unit::Count => grouped(value),
    }
}

/// Bytes in the largest binary unit that loses nothing.
fn bytes(value: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(shift, _)| value != 0 && value.trailing_zeros() >= *shift) {
        Some((shift, unit)) => format!("{} {unit}", grouped(value >> shift)),
        None => format!("{} bytes", grouped(value)),
    }
}

/// Digits in groups of three.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// A rounded size for people.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// A table's text up to its first full stop, without the line breaks of its source.
pub(crate) fn first_sentence(doc: &str) -> String {
    let line = doc.split_whitespace().collect::<Vec<_>>().join(" ");
    line.split_inclusive(". ").next().unwrap_or_default().trim_end_matches([' ', '.']).to_owned()
}

/// Text in lines of at most `width` characters; a longer word has a line of its own.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The JSON word of a value, such as `stack_overflow`.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other["kind"].as_str().unwrap_or("unknown").to_owned(),
        Err(_) => "unknown".to_owned(),
    }
}

/// Writes and flushes. A reader that has gone away, as in `sandcell run … | head -1`, is no
/// failure of ours.
fn write_all(mut to: impl Write, bytes: &[u8]) -> io::Result<()> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandcell::{TrapReason, Usage};

    fn ended(status: Status, hint: &str) -> Outcome {
        Outcome {
            status,
            stdout: Vec::new(),
            stdout_truncated: false,
            stderr: Vec::new(),
            stderr_truncated: false,
            result: None,
            result_truncated: false,
            artifacts: Vec::new(),
            files: sandcell::FilesDiff::default(),
            denials: Vec::new(),
            diagnostics: Vec::new(),
            tool_calls: sandcell::ToolRecord::default(),
            usage: Usage::default(),
            hint: hint.to_owned(),
        }
    }

    #[test]
    fn a_failure_of_the_guest_never_becomes_a_success() {
        for (code, status) in [(0, 0), (3, 3), (255, 255), (256, 1), (512, 1), (258, 2), (u32::MAX, 255)] {
            assert_eq!(exit_status(&Status::Exited { code }), status, "{code}");
        }
        assert_eq!(exit_status(&Status::Exceeded { limit: LimitKey::Fuel }), 125);
        assert_eq!(exit_status(&Status::Trapped { reason: TrapReason::Unreachable }), 125);
        assert_eq!(exit_status(&Status::Cancelled), 130);
    }

    #[test]
    fn every_end_but_a_clean_one_gets_one_line() {
        let limits = Limits::new();
        let line = |status, hint| {
            let mut outcome = ended(status, hint);
            outcome.usage.fuel = 1;
            ending(&outcome, &limits)
        };
        assert_eq!(line(Status::Exited { code: 0 }, ""), None);
        assert_eq!(
            line(Status::Exceeded { limit: LimitKey::MemoryBytes }, "Use less.").as_deref(),
            Some("the guest exceeded memory_bytes (512 MiB). Use less.")
        );
        assert_eq!(
            line(Status::Trapped { reason: TrapReason::StackOverflow }, "").as_deref(),
            Some("the guest trapped: stack_overflow")
        );
        let compiling = ended(Status::Exceeded { limit: LimitKey::MemoryBytes }, "The compiler was stopped.");
        let line = ending(&compiling, &limits);
        assert_eq!(line.as_deref(), Some("the program exceeded memory_bytes. The compiler was stopped."));
    }

    #[test]
    fn numbers_are_readable_and_exact() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(bytes(512 << 20), "512 MiB");
        assert_eq!(bytes(0), "0 bytes");
        assert_eq!(bytes(1025), "1,025 bytes");
        assert_eq!(bytes(1 << 40), "1,024 GiB");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("aa bb ccccc dd", 5), ["aa bb", "ccccc", "dd"]);
        assert_eq!(wrapped("", 5), [""; 0]);
    }

    #[test]
    fn a_sentence_ends_at_its_full_stop() {
        assert_eq!(first_sentence(" Length of one\n file. Past it writing fails."), "Length of one file");
        assert_eq!(first_sentence("See `a.b` there."), "See `a.b` there");
    }
}

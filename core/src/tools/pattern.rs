//! Regular expressions in linear time, small enough to be compiled and run for anybody.

use super::quote::head;
use regex::{Regex, RegexBuilder};

/// The longest text that a pattern is asked about, in bytes; a longer one does not match. Time is
/// linear in the text, but also in the size of the pattern.
pub(super) const MAX_TEXT_BYTES: usize = 64 << 10;

/// The most that one compiled pattern takes, in bytes.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// A compiled pattern and its source.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// A pattern that must match a text from its start to its end.
    pub(super) fn whole(text: &str) -> Result<Pattern, String> {
        // Alone first: in the group, `a)|(?:b` would be something else.
        compile(text)?;
        Ok(Pattern { text: text.to_owned(), regex: compile(&format!(r"\A(?:{text})\z"))? })
    }

    /// A pattern that must match somewhere in a text.
    pub(super) fn anywhere(text: &str) -> Result<Pattern, String> {
        Ok(Pattern { text: text.to_owned(), regex: compile(text)? })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        text.len() <= MAX_TEXT_BYTES && self.regex.is_match(text)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

fn compile(text: &str) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(text);
    builder.size_limit(MAX_COMPILED_BYTES).dfa_size_limit(MAX_COMPILED_BYTES).nest_limit(50).crlf(false);
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "is too large".to_owned(),
        error => {
            // The last line says what, those before it show where.
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            format!("is no regular expression that runs in linear time: {}", head(&reason, 120))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_pattern_cannot_be_left_through_its_group() {
        assert!(Pattern::whole("a)|(?:b").is_err());
        assert!(Pattern::whole("(?x)a # )").is_err());
        let either = Pattern::whole("(?i)a|b").unwrap();
        assert!(either.matches("A") && !either.matches("ab") && !either.matches("b\n"));
        let lines = Pattern::whole("(?m)^a$").unwrap();
        assert!(lines.matches("a") && !lines.matches("a\nb") && !lines.matches("b\na"));
    }

    #[test]
    fn a_text_that_is_too_long_is_not_looked_at() {
        let any = Pattern::anywhere("").unwrap();
        assert!(any.matches(&"x".repeat(MAX_TEXT_BYTES)) && !any.matches(&"x".repeat(MAX_TEXT_BYTES + 1)));
    }

    #[test]
    fn what_needs_back_tracking_or_much_memory_is_refused() {
        for bad in [r"(a)\1", "(?!a)b", "(?<=a)b", r"\w{1000}{1000}", &"(".repeat(100_000)] {
            let reason = Pattern::anywhere(bad).unwrap_err();
            assert!(reason.len() < 300, "{reason}");
        }
    }
}

//! Text of guests and schemas inside messages: cut, so that nobody else chooses a message's size.

/// The most characters of a guest's text in a message.
pub(super) const MAX_ECHO: usize = 64;

/// The text in back-quotes, control characters as `?`, cut to [`MAX_ECHO`] characters.
pub(super) fn quote(text: &str) -> String {
    let plain = |character: char| if character.is_control() { '?' } else { character };
    let mut quoted = String::from("`");
    quoted.extend(head(text, MAX_ECHO).chars().map(plain));
    quoted.push('`');
    quoted
}

/// The first `most` characters.
pub(super) fn head(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_character_and_control_characters_do_not_pass() {
        assert_eq!(quote("price"), "`price`");
        assert_eq!(quote("a\u{1b}[31m\n"), "`a?[31m?`");
        assert_eq!(quote(&"ä".repeat(1000)).chars().count(), MAX_ECHO + 2);
        assert_eq!((head("äöü", 2), head("äöü", 3), head("", 3)), ("äö", "äöü", ""));
    }
}

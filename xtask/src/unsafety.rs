//! `unsafe` lives in its rooms only. The lint denies it elsewhere, but an `allow` is one line; this
//! looks for the word itself, outside comments and strings.

use crate::source::rust_files;

/// Where `unsafe` may stand: files, and folders with a slash at the end.
const ROOMS: [&str; 2] = ["core/src/memory/", "core/src/engine/artifact.rs"];

/// Fails if `unsafe` is used anywhere else.
pub(crate) fn check() -> Result<(), String> {
    let mut found = Vec::new();
    let mut rooms_used = 0;
    for (path, text) in rust_files()? {
        let lines = lines_with_unsafe(&text);
        if ROOMS.iter().any(|room| path == *room || (room.ends_with('/') && path.starts_with(room))) {
            rooms_used += usize::from(!lines.is_empty());
        } else {
            found.extend(lines.into_iter().map(|line| format!("{path}:{line}")));
        }
    }
    if !found.is_empty() {
        return Err(format!("unsafe outside {}: {}", ROOMS.join(" and "), found.join(", ")));
    }
    if rooms_used == 0 {
        return Err("no unsafe was found at all, not even in its rooms: the check looks in the wrong place".into());
    }
    Ok(())
}

/// The numbers of the lines in which the keyword stands.
fn lines_with_unsafe(text: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    for (index, line) in code_only(text).lines().enumerate() {
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        if words.clone().any(|word| word == "unsafe") {
            lines.push(index + 1);
        }
    }
    lines
}

/// The text with comments, strings and characters blanked out; lines stay where they are.
fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match &bytes[at..] {
            [b'/', b'/', ..] => find(text, at, "\n").unwrap_or(bytes.len()),
            [b'/', b'*', ..] => end_of_comment(bytes, at),
            [b'"', ..] => end_of_string(bytes, at),
            [b'r', rest @ ..] if !follows_a_word(bytes, at) && raw_hashes(rest).is_some() => {
                let close = format!("\"{}", "#".repeat(raw_hashes(rest).unwrap_or(0)));
                let open = at + 1 + close.len();
                find(text, open, &close).map_or(bytes.len(), |found| found + close.len())
            }
            // A character, not a lifetime: 'x' or '\…'.
            [b'\'', b'\\', _, ..] => find(text, at + 3, "'").map_or(bytes.len(), |found| found + 1),
            [b'\'', _, b'\'', ..] => at + 3,
            _ => at,
        };
        if end == at {
            code.push(char::from(bytes[at]));
            at += 1;
        } else {
            let newlines = bytes[at..end.min(bytes.len())].iter().filter(|byte| **byte == b'\n').count();
            code.push(' ');
            code.extend(std::iter::repeat_n('\n', newlines));
            at = end;
        }
    }
    code
}

fn find(text: &str, from: usize, what: &str) -> Option<usize> {
    text.as_bytes().get(from..)?.windows(what.len()).position(|part| part == what.as_bytes()).map(|found| from + found)
}

fn follows_a_word(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| bytes[before]);
    // The b of br"…" belongs to the string.
    before.is_some_and(|byte| (byte.is_ascii_alphanumeric() && byte != b'b') || byte == b'_')
}

/// The hashes between `r` and the quote of a raw string.
fn raw_hashes(rest: &[u8]) -> Option<usize> {
    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
    (rest.get(hashes) == Some(&b'"')).then_some(hashes)
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Block comments nest.
fn end_of_comment(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_keyword_in_code_is_found() {
        let text = "// unsafe\n/* unsafe /* unsafe */ unsafe */ fn a() {}\nlet s = \"unsafe \\\" unsafe\";\n\
                    let r = br#\"unsafe \" unsafe\"#;\nlet c = '\"'; unsafe { f() }\n#![allow(unsafe_code)]\n\
                    let x: &'static str = \"\";\nlet q = '\\''; let n = \"a\nb\"; unsafe fn g() {}\n";
        assert_eq!(lines_with_unsafe(text), [5, 9]);
    }

    #[test]
    fn an_end_in_the_middle_of_something_is_no_panic() {
        for text in ["\"", "\"\\", "/*", "r#\"", "'", "'\\", "r", "//"] {
            assert!(lines_with_unsafe(text).is_empty(), "{text}");
        }
    }
}

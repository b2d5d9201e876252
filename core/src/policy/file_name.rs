//! A checked name of a file of a program: the one rule for names that a caller gives to files.

use crate::error::{Error, Result};
use std::fmt;

/// The name of a file of a program, relative to the program's folder: `main.py`, `lib/x.py`.
///
/// It cannot lead out of the folder, nor forge a line of a traceback or of a compiler's output.
///
/// ```
/// use sandcell::FileName;
/// assert_eq!(FileName::parse("lib/x.py")?.as_str(), "lib/x.py");
/// for bad in ["", "/etc/passwd", "../x.py", "lib/./x.py", "lib//x.py", "lib/", "x\0.py", "x\n.py"] {
///     assert!(FileName::parse(bad).is_err());
/// }
/// # Ok::<(), sandcell::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileName(String);

impl FileName {
    /// The longest name, in bytes, folders included.
    pub const MAX_BYTES: usize = 1024;
    /// The longest part of it between slashes, in bytes (`NAME_MAX` of Linux).
    pub const MAX_PART_BYTES: usize = 255;

    /// Checks a name. Nothing is normalised: two names that differ are two files.
    ///
    /// # Errors
    /// `file_name_invalid`: empty, absolute, `.` or `..` or nothing between slashes, a control character, a
    /// part over 255 bytes, a name over 1024.
    pub fn parse(text: &str) -> Result<FileName> {
        match problem(text) {
            None => Ok(FileName(text.to_owned())),
            Some(reason) => Err(Error::FileNameInvalid { name: text.chars().take(120).collect(), reason }),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names of the folders that it lies in, from the outermost.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(end, _)| &self.0[..end])
    }
}

fn problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty");
    }
    if text.len() > FileName::MAX_BYTES {
        return Some("it is longer than 1024 bytes");
    }
    if text.starts_with('/') {
        return Some("it is absolute");
    }
    if text.chars().any(char::is_control) {
        return Some("it contains NUL or another control character");
    }
    text.split('/').find_map(|part| match part {
        "" => Some("it has an empty part"),
        "." | ".." => Some("it contains . or .."),
        part if part.len() > FileName::MAX_PART_BYTES => Some("a part of it is longer than 255 bytes"),
        _ => None,
    })
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for FileName {
    type Err = Error;
    fn from_str(text: &str) -> Result<FileName> {
        FileName::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_leave_the_folder_or_be_another_file_is_refused() {
        let (long, deep) = ("n".repeat(256), "n/".repeat(600) + "x");
        let bad =
            ["", "/", "/a", "..", "../a", "a/..", "a/../b", ".", "./a", "a/.", "a//b", "a/", "a\0", "a\nb", "\u{9b}"];
        for bad in bad.into_iter().chain([&*long, &*deep]) {
            assert_eq!(FileName::parse(bad).unwrap_err().code().as_str(), "file_name_invalid", "{bad:?}");
        }
        for good in ["...", "a", "a b/ü.py", ".hidden", "<stdin>", "a\\b", "-rf", "..a/b.."] {
            assert_eq!(FileName::parse(good).unwrap().to_string(), good);
        }
    }

    #[test]
    fn folders_are_told_from_the_outermost() {
        assert_eq!(FileName::parse("a/b/c.py").unwrap().folders().collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(FileName::parse("c.py").unwrap().folders().count(), 0);
    }
}

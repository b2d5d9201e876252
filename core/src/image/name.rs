//! Names of images: they become file names, so there is one rule for them.

use crate::error::{Error, Result};

/// Checks a name: 1 to 64 of `a-z`, `0-9`, `-`, `_`, `.`, starting with a letter or digit.
pub(super) fn check(name: &str) -> Result<&str> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if name.len() <= 64 && starts_well && name.bytes().all(allowed) {
        return Ok(name);
    }
    Err(Error::DocumentInvalid {
        what: format!("image name `{}`", name.chars().take(64).collect::<String>()),
        reason: "use 1 to 64 of a-z, 0-9, -, _ and ., starting with a letter or digit".into(),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_that_could_leave_the_cache_are_refused() {
        for bad in ["", "..", ".", "a/b", "../x", "A", "a\0", "-a", &"a".repeat(65)] {
            assert!(super::check(bad).is_err(), "{bad:?}");
        }
        assert!(super::check("python-3.15_x").is_ok());
    }
}

//! Names of images: they become file names, so there is one rule for them.

use crate::error::{Error, Result};
use crate::language::Language;

/// Checks a name: 1 to 64 of `a-z`, `0-9`, `-`, `_`, `.`, starting with a letter or digit.
pub(super) fn check(name: &str) -> Result<&str> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if name.len() <= 64 && starts_well && name.bytes().all(allowed) {
        return Ok(name);
    }
    Err(invalid(name, "use 1 to 64 of a-z, 0-9, -, _ and ., starting with a letter or digit".into()))
}

/// Checks the name of an image to be made: it must not stand for another one.
pub(super) fn check_new(name: &str) -> Result<&str> {
    match Language::alias(name) {
        None => check(name),
        Some(language) => Err(invalid(name, format!("it stands for the image {}", language.image()))),
    }
}

/// The name of the file that says which image `name` stands for.
pub(super) fn of_file(name: &str) -> Result<&str> {
    check(Language::alias(name).map_or(name, |language| language.image()))
}

fn invalid(name: &str, reason: String) -> Error {
    Error::DocumentInvalid { what: format!("image name `{}`", name.chars().take(64).collect::<String>()), reason }
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

    #[test]
    fn the_name_of_a_language_stands_for_its_image_and_nothing_else_may_take_it() {
        assert_eq!(super::of_file("cpp").unwrap(), "clang");
        assert_eq!(super::of_file("science").unwrap(), "science");
        assert!(super::check_new("c").is_err() && super::check_new("cpp").is_err());
        assert!(super::check_new("javascript").is_ok());
    }
}

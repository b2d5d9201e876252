//! A checked absolute path inside the guest's file tree.

use crate::error::{Error, Result};
use std::fmt;

/// An absolute path in the guest's tree, without `..`, NUL, empty or over-long names.
///
/// ```
/// use sandcell::GuestPath;
/// assert_eq!(GuestPath::parse("/data//x/./y/")?.as_str(), "/data/x/y");
/// assert!(GuestPath::parse("/data/../etc").is_err());
/// assert!(GuestPath::parse("data").is_err());
/// # Ok::<(), sandcell::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GuestPath(String);

impl GuestPath {
    /// The longest path, in bytes (`PATH_MAX` of Linux).
    pub const MAX_BYTES: usize = 4096;
    /// The longest name, in bytes (`NAME_MAX` of Linux).
    pub const MAX_NAME_BYTES: usize = 255;

    /// Checks a path. Repeated slashes, `.` and a trailing slash are normalised away.
    ///
    /// # Errors
    /// `guest_path_invalid`: relative, `..`, NUL, a name over 255 bytes, a path over 4096.
    pub fn parse(text: &str) -> Result<GuestPath> {
        let refuse = |reason| Err(Error::GuestPathInvalid { path: text.chars().take(120).collect(), reason });
        if !text.starts_with('/') {
            return refuse("it must start with /");
        }
        if text.len() > Self::MAX_BYTES {
            return refuse("it is longer than 4096 bytes");
        }
        if text.contains('\0') {
            return refuse("it contains NUL");
        }
        let mut normal = String::with_capacity(text.len());
        for name in text.split('/').filter(|name| !name.is_empty() && *name != ".") {
            if name == ".." {
                return refuse("it contains ..");
            }
            if name.len() > Self::MAX_NAME_BYTES {
                return refuse("a name in it is longer than 255 bytes");
            }
            normal.push('/');
            normal.push_str(name);
        }
        if normal.is_empty() {
            normal.push('/');
        }
        Ok(GuestPath(normal))
    }

    /// The path as text; `/` or `/a/b` without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder it lies in, and its own name; `None` for `/`.
    pub(crate) fn split_last(&self) -> Option<(GuestPath, &str)> {
        let (folder, name) = self.0.rsplit_once('/').filter(|(_, name)| !name.is_empty())?;
        let folder = if folder.is_empty() { "/" } else { folder };
        Some((GuestPath(folder.to_owned()), name))
    }

    /// The names from the root down; none for `/`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }
}

impl fmt::Display for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for GuestPath {
    type Err = Error;
    fn from_str(text: &str) -> Result<GuestPath> {
        GuestPath::parse(text)
    }
}

impl serde::Serialize for GuestPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for GuestPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<GuestPath, D::Error> {
        GuestPath::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_could_leave_the_tree_are_refused() {
        let long = format!("/{}", "n".repeat(256));
        let deep = "/n".repeat(3000);
        for bad in ["", "a", "../a", "/..", "/a/../b", "/a\0", &long, &deep] {
            assert!(GuestPath::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(GuestPath::parse("/").unwrap().names().count(), 0);
        assert_eq!(GuestPath::parse("/...").unwrap().as_str(), "/...");
    }
}

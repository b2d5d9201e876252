//! The cache of compiled code, shared by processes that start together, die, or find it damaged.

use sandcell_tests::census::{alone, say};
use sandcell_tests::cli::{self, Ran};
use sandcell_tests::guests;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

/// A module that takes about two seconds to compile.
fn big_module() -> String {
    let mut text = String::from("(module (memory (export \"memory\") 1)\n");
    for index in 0..5000 {
        writeln!(
            text,
            "(func (param i32 i32) (result i32) (local i32) (local.set 2 (i32.mul (local.get 0) (i32.const {index})))
              (loop $l (i32.store (local.get 2) (i32.add (i32.load (local.get 2)) (local.get 1)))
                (br_if $l (i32.lt_u (local.tee 2 (i32.add (local.get 2) (i32.const 4))) (local.get 1))))
              (local.get 2))"
        )
        .unwrap();
    }
    text + "(func (export \"_start\")))"
}

/// A folder with a module and a place for a cache.
struct Place {
    folder: tempfile::TempDir,
    module: PathBuf,
    cache: PathBuf,
}

fn place(module: &[u8]) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let (path, cache) = (folder.path().join("module.wat"), folder.path().join("cache"));
    fs::write(&path, module).unwrap();
    Place { folder, module: path, cache }
}

fn small() -> Place {
    place(&guests::wat_source("catch"))
}

impl Place {
    fn command(&self) -> Command {
        let mut command = cli::sandcell_with_cache(&self.cache);
        command.args(["run", "--wasm"]).arg(&self.module);
        command
    }

    fn run(&self) -> Ran {
        cli::run(&mut self.command())
    }

    /// The finished artifacts, and whatever else lies beside them.
    fn artifacts(&self) -> Vec<PathBuf> {
        entries(&self.cache.join("artifacts"))
    }

    fn only_artifact(&self) -> PathBuf {
        let artifacts = self.artifacts();
        assert_eq!(artifacts.len(), 1, "{artifacts:?}");
        assert!(!artifacts[0].file_name().unwrap().to_str().unwrap().starts_with('.'), "{artifacts:?}");
        artifacts[0].clone()
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    // An entry may go while it is listed.
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

#[test]
fn eight_processes_that_start_together_build_once_and_all_succeed() {
    let place = place(big_module().as_bytes());
    let done = AtomicBool::new(false);
    // Every folder that is built in or put in place is another file: whoever builds a second
    // time makes a new one.
    let seen = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                let found = place.artifacts().into_iter().filter_map(|path| Some(fs::metadata(path).ok()?.ino()));
                seen.extend(found);
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            seen
        });
        let start = || place.command().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut children: Vec<_> = (0..8).map(|_| start()).collect();
        for child in &mut children {
            assert_eq!(cli::wait(child).code(), Some(0));
            let mut stderr = String::new();
            std::io::Read::read_to_string(child.stderr.as_mut().unwrap(), &mut stderr).unwrap();
            assert_eq!(stderr, "");
        }
        done.store(true, Ordering::Relaxed);
        watch.join().unwrap()
    });
    assert_eq!(seen.len(), 1, "several were built: {seen:?}");
    place.only_artifact();
}

#[test]
fn a_builder_that_is_killed_leaves_nothing_in_the_way() {
    let place = place(big_module().as_bytes());
    let mut builder = place.command().stdout(Stdio::null()).spawn().unwrap();
    while place.artifacts().is_empty() {
        assert!(builder.try_wait().unwrap().is_none(), "it was done before it could be killed");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let left = place.artifacts();
    assert!(left[0].file_name().unwrap().to_str().unwrap().starts_with(".building-"), "{left:?}");
    cli::signal(&builder, rustix::process::Signal::KILL);
    assert_eq!(cli::wait(&mut builder).code(), None);

    let next = place.run();
    assert_eq!((next.code, &*next.stderr), (Some(0), ""));
    place.only_artifact();
}

#[test]
fn a_builder_that_is_killed_lets_those_who_wait_go_on() {
    let place = place(big_module().as_bytes());
    let mut builder = place.command().stdout(Stdio::null()).spawn().unwrap();
    while place.artifacts().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let mut waiting = place.command().stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    cli::signal(&builder, rustix::process::Signal::KILL);
    cli::wait(&mut builder);
    assert_eq!(cli::wait(&mut waiting).code(), Some(0));
    place.only_artifact();
}

#[test]
fn a_cache_that_cannot_be_written_is_a_warning_and_the_program_runs() {
    let mut place = small();
    // Below a file there is no folder, whoever asks.
    place.cache = place.module.join("cache");
    let ran = place.run();
    assert_eq!(ran.code, Some(42), "{ran:?}");
    assert!(ran.stderr.contains("not cached"), "{}", ran.stderr);
}

#[test]
fn a_cache_on_a_read_only_file_system_is_read_and_not_written() {
    alone(|| {
        let place = small();
        fs::create_dir(&place.cache).unwrap();
        // Private, as the library would have made it, before nothing can be changed any more.
        let Some(mount) = Mounted::tmpfs(&place.cache, "mode=0700") else { return };
        assert_eq!(place.run().code, Some(42));
        place.only_artifact();
        mount.remount_read_only();
        let warm = place.run();
        assert_eq!((warm.code, &*warm.stderr), (Some(42), ""));
        fs::write(&place.module, guests::wat_source("memory_sum")).unwrap();
        let cold = cli::run(place.command().args(["--limit", "memory_bytes=1m"]));
        assert_eq!(cold.code, Some(16), "{cold:?}");
        assert!(cold.stderr.contains("not cached"), "{}", cold.stderr);
        place.only_artifact();
    });
}

#[test]
fn a_damaged_artifact_is_rebuilt_with_a_warning_and_then_trusted_again() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("a flipped bit", |artifact| {
            let mut code = fs::read(artifact.join("code.cwasm")).unwrap();
            let middle = code.len() / 2;
            code[middle] ^= 4;
            fs::write(artifact.join("code.cwasm"), code).unwrap();
        }),
        ("a truncated file", |artifact| {
            fs::OpenOptions::new().write(true).open(artifact.join("code.cwasm")).unwrap().set_len(100).unwrap();
        }),
        ("a missing file", |artifact| fs::remove_file(artifact.join("code.cwasm")).unwrap()),
        ("a record that is no record", |artifact| fs::write(artifact.join("record.json"), "{}").unwrap()),
        ("a link instead of the file", |artifact| {
            fs::rename(artifact.join("code.cwasm"), artifact.join("elsewhere")).unwrap();
            std::os::unix::fs::symlink("elsewhere", artifact.join("code.cwasm")).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let place = small();
        assert_eq!(place.run().code, Some(42));
        damage(&place.only_artifact());
        let ran = place.run();
        assert_eq!(ran.code, Some(42), "{what}: {ran:?}");
        assert!(ran.stderr.contains("will be rebuilt"), "{what}: {}", ran.stderr);
        assert!(!ran.stderr.contains('\u{1b}'), "colours without a terminal: {:?}", ran.stderr);
        let again = place.run();
        assert_eq!((again.code, &*again.stderr), (Some(42), ""), "{what}");
        place.only_artifact();
    }
}

#[test]
fn a_copied_cache_is_checked_once_and_used() {
    let place = small();
    assert_eq!(place.run().code, Some(42));
    let copy = Place { cache: place.folder.path().join("copy"), ..small() };
    let copied = Command::new("cp").arg("-a").arg(&place.cache).arg(&copy.cache).status().unwrap();
    assert!(copied.success());
    let before = fs::metadata(copy.only_artifact().join("code.cwasm")).unwrap().ino();
    let ran = copy.run();
    assert_eq!((ran.code, &*ran.stderr), (Some(42), ""));
    assert_eq!(fs::metadata(copy.only_artifact().join("code.cwasm")).unwrap().ino(), before, "it was built again");
}

#[test]
fn a_full_disk_under_a_read_write_mount_is_enospc_for_the_guest() {
    alone(|| {
        let folder = tempfile::tempdir().unwrap();
        let Some(_mount) = Mounted::tmpfs(folder.path(), "size=1m") else { return };
        let mount = sandcell::Mount::host(folder.path(), "/", sandcell::Access::ReadWrite).unwrap();
        let script = "quiet 'f 1 open until_error fd 1024 60000 iov 8 fd_write again errno . \
            fd 0 fd_filestat_set_size errno . fd 'x write errno .";
        let lines = guests::calls(sandcell::Policy::new().mount(mount), &[], script);
        assert_eq!(lines, ["51", "0", "0"]);
    });
}

/// A file system of its own, as long as this lives.
pub(crate) struct Mounted(PathBuf);

impl Mounted {
    /// `None`, and said so, where this process may not mount.
    pub(crate) fn tmpfs(at: &Path, options: &str) -> Option<Mounted> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Mounted(at.to_owned())),
            other => {
                say(&format!("NOT RUN: no tmpfs can be mounted here ({other:?})"));
                None
            }
        }
    }

    fn remount_read_only(&self) {
        self.remount("ro");
    }

    /// Gives it this much room.
    pub(crate) fn resize(&self, size: &str) {
        self.remount(&format!("size={size}"));
    }

    fn remount(&self, options: &str) {
        let remounted =
            Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status().unwrap();
        assert!(remounted.success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

//! Writers that are killed (SIGKILL) at any moment: what was there before is still there or the new is,
//! whole, and whoever writes next leaves nothing of the dead one behind.

use sandcell::{Image, Limits, Policy, Program, Snapshot, Trust};
use sandcell_tests::images::{self, Small, check_small, is_there, unfinished};
use sandcell_tests::{cli, guests};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The variable that names the folder a child works in.
const FOLDER: &str = "KILLED_FOLDER";

/// A process of this test binary that runs one of the endless parts below.
fn child(part: &str, folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", &format!("killed::{part}"), "--nocapture"]).env(FOLDER, folder);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn folder() -> PathBuf {
    std::env::var_os(FOLDER).expect("a part of another test").into()
}

fn kill(child: &mut Child, after: Duration) {
    std::thread::sleep(after);
    assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
    cli::signal(child, rustix::process::Signal::KILL);
    assert_eq!(cli::wait(child).code(), None);
}

/// Kills a writer that replaces `file` for ever: every other time while it writes.
fn kill_writer(writer: &mut Child, file: &Path, (round, delay): (usize, Duration)) {
    wait_until(writer, || file.exists());
    if round % 2 == 0 {
        return kill(writer, delay);
    }
    std::thread::sleep(delay);
    let unfinished = file.with_file_name(".file.unfinished");
    wait_until(writer, || unfinished.exists());
    kill(writer, Duration::ZERO);
}

fn wait_until(child: &mut Child, what: impl Fn() -> bool) {
    while !what() {
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Times that are spread evenly and look like chance.
fn delays(count: u64, most: Duration) -> impl Iterator<Item = Duration> {
    (1..=count).map(move |index| most.mul_f64((index as f64 * 0.618_034).fract()))
}

#[test]
#[ignore = "a part of another test"]
fn build_and_remove_for_ever() {
    let engine = images::engine(&folder().join("cache"));
    let small = Small::prepare();
    loop {
        small.build(&engine).unwrap();
        std::fs::write(folder().join("began"), "").unwrap();
        Image::remove(&engine, "small").unwrap();
    }
}

#[test]
fn an_image_whose_builder_is_killed_is_missing_or_whole_and_the_next_build_leaves_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let cache = place.path().join("cache");
    let small = Small::prepare();
    let (mut whole, mut missing) = (0, 0);
    for delay in delays(40, Duration::from_millis(60)) {
        let mut builder = child("build_and_remove_for_ever", place.path());
        wait_until(&mut builder, || place.path().join("began").exists());
        kill(&mut builder, delay);
        std::fs::remove_file(place.path().join("began")).unwrap();

        // Of its own each time: an engine remembers what it has loaded.
        *(if is_there(&images::engine(&cache), "small") { &mut whole } else { &mut missing }) += 1;
        check_small(&small.build(&images::engine(&cache)).unwrap());
        assert_eq!(unfinished(&cache), Vec::<String>::new());
        assert_eq!(std::fs::read_dir(cache.join("images")).unwrap().count(), 1);
    }
    assert!(missing > 0, "no builder was killed at work ({whole} images were whole)");
}

#[test]
fn an_image_is_as_it_was_when_one_that_derives_from_it_is_killed() {
    let place = tempfile::tempdir().unwrap();
    let cache = place.path().join("cache");
    images::copy_python(&cache);
    let python = || Image::load(&images::engine(&cache), "python").unwrap();
    let before = python().info().clone();
    let derive = || {
        let mut command = cli::sandcell_with_cache(&cache);
        let setup = "import os; ballast = os.urandom(40 << 20)";
        command.args(["image", "derive", "--from", "python", "--name", "derived", "--json", "--setup", setup]);
        command
    };
    for delay in delays(5, Duration::from_millis(100)) {
        let mut deriver = derive().stdout(Stdio::null()).spawn().unwrap();
        wait_until(&mut deriver, || !unfinished(&cache).is_empty());
        kill(&mut deriver, delay);
        assert_eq!(python().info(), &before);
        if is_there(&images::engine(&cache), "derived") {
            // It was done a moment before.
            Image::remove(&images::engine(&cache), "derived").unwrap();
        }
    }
    let derived = cli::run(&mut derive());
    assert_eq!((derived.code, &*derived.stderr), (Some(0), ""));
    assert_eq!(unfinished(&cache), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(cache.join("images")).unwrap().count(), 2);
    let derived = Image::load(&images::engine(&cache), "derived").unwrap();
    let outcome = guests::run_in(&derived, Policy::new(), &[], Program::code("print(len(ballast))"));
    assert_eq!(outcome.stdout_text(), format!("{}\n", 40 << 20));
}

/// Bytes that do not compress, and how to find out that all of them are there.
const FILL: &str = "import os, hashlib\ndata = os.urandom(6 << 20)\ndigest = hashlib.sha256(data).digest()";
const IS_WHOLE: &str = "hashlib.sha256(data).digest() == digest";

#[test]
#[ignore = "a part of another test"]
fn save_snapshots_for_ever() {
    let mut sandbox = guests::sandbox(guests::python(), Policy::new(), Limits::new());
    let snapshots = [(); 2].map(|()| {
        assert!(sandbox.run(Program::code(FILL)).unwrap().is_success());
        sandbox.snapshot().unwrap()
    });
    let place = folder().join("file");
    loop {
        for snapshot in &snapshots {
            snapshot.save(&place, None).unwrap();
        }
    }
}

#[test]
fn a_snapshot_whose_writer_is_killed_is_the_old_one_or_the_new_one() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    let left = || std::fs::read_dir(place.path()).unwrap().count();
    let mut at_work = 0;
    let load = || Snapshot::load(guests::python(), &file, None, &Limits::new()).unwrap();
    for when in delays(14, Duration::from_millis(80)).enumerate() {
        let _ = std::fs::remove_file(&file);
        let mut writer = child("save_snapshots_for_ever", place.path());
        kill_writer(&mut writer, &file, when);
        at_work += usize::from(left() == 2);
        let outcome = load().fork().unwrap().run(Program::code(IS_WHOLE)).unwrap();
        assert_eq!(outcome.result, Some(json!(true)), "{outcome:?}");
    }
    assert!(at_work > 0, "no writer was killed at work");
    load().save(&file, None).unwrap();
    assert_eq!(left(), 1, "what a dead writer left is still there");
}

#[test]
#[ignore = "a part of another test"]
fn export_for_ever() {
    let engine = images::engine(&folder().join("cache"));
    Small::prepare().build(&engine).unwrap();
    let key = sandcell::SnapshotKey::new(&[7; 32]).unwrap();
    loop {
        Image::export(&engine, "small", &folder().join("out/file"), Some(&key), &mut |_| ()).unwrap();
    }
}

#[test]
fn an_archive_whose_writer_is_killed_is_whole_or_not_there() {
    let place = tempfile::tempdir().unwrap();
    let (out, file) = (place.path().join("out"), place.path().join("out/file"));
    std::fs::create_dir(&out).unwrap();
    let trust = Trust::key(&sandcell::SnapshotKey::new(&[7; 32]).unwrap());
    let mut at_work = 0;
    for when in delays(14, Duration::from_millis(40)).enumerate() {
        let mut writer = child("export_for_ever", place.path());
        kill_writer(&mut writer, &file, when);
        at_work += usize::from(std::fs::read_dir(&out).unwrap().count() == 2);
        let cache = tempfile::tempdir().unwrap();
        let engine = images::engine(&cache.path().join("cache"));
        check_small(&Image::import(&engine, &file, &trust, &Limits::new(), &mut |_| ()).unwrap());
    }
    assert!(at_work > 0, "no writer was killed at work");
    let key = sandcell::SnapshotKey::new(&[7; 32]).unwrap();
    let engine = images::engine(&place.path().join("cache"));
    Image::export(&engine, "small", &file, Some(&key), &mut |_| ()).unwrap();
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1, "what a dead writer left is still there");
}

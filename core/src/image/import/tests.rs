//! Archives that their importer trusts and that are wrong all the same: whoever seals can make
//! mistakes. None may leave anything in the cache.

use super::super::archive::{self, Kind};
use super::super::manifest;
use super::*;
use crate::code::Code;
use crate::engine::{Baseline, CacheDir, Start};
use crate::guest::Driver;
use std::fs;
use std::io::Write as _;
use tempfile::TempDir;

type Files = Vec<(&'static str, Kind, Vec<u8>)>;

fn engine() -> (TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder().cache(CacheDir::at(folder.path().join("cache"))).build().unwrap();
    (folder, engine)
}

fn manifest(engine: &Engine) -> Manifest {
    Manifest {
        name: "small".into(),
        language: "wat".into(),
        abi: crate::guest::Abi::Reactor,
        engine: engine.machine(Start::Image).unwrap().fingerprint,
        baseline: None,
        code: Digest::of(b"code"),
        base: None,
        argv0: "small".into(),
        scripts: None,
        env: BTreeMap::new(),
        folders: Vec::new(),
        memory: Vec::new(),
        globals: Vec::new(),
        driver: Driver::Own,
    }
}

/// All the files of an image, none of which is what it should be but the manifest.
fn files(manifest: &Manifest) -> Files {
    vec![
        ("code.cwasm", Kind::Code, b"this is no code".to_vec()),
        ("image.json", Kind::Manifest, serde_json::to_vec(manifest).unwrap()),
        ("files.bin", Kind::Files, Vec::new()),
        ("memory.bin", Kind::Memory, vec![0; 65536]),
        ("state.bin", Kind::State, Vec::new()),
    ]
}

fn describe(engine: &Engine) -> Description {
    Description {
        name: "small".into(),
        image: Digest::of(b"image"),
        engine: manifest::made_by(engine, None).unwrap(),
        system: std::env::consts::OS.into(),
        baseline: Baseline::of_this_machine().unwrap(),
    }
}

/// Imports an archive of these files by its own digest, from a cache that ends as empty as it was.
fn refused(change: impl FnOnce(&mut Manifest, &mut Description), replace: impl FnOnce(&mut Files)) -> Error {
    let (folder, engine) = engine();
    let (mut manifest, mut description) = (manifest(&engine), describe(&engine));
    change(&mut manifest, &mut description);
    let mut files = files(&manifest);
    replace(&mut files);
    let source = |(name, kind, content): &(&str, Kind, Vec<u8>)| archive::Source {
        name: (*name).to_owned(),
        kind: *kind,
        raw_bytes: content.len() as u64,
        sha256: None,
        content: std::io::Cursor::new(content.clone()),
    };
    let mut bytes = Vec::new();
    let sources = files.iter().map(source).collect();
    let digest = archive::write(&mut bytes, description, sources, None, u64::MAX, &mut |_| ()).unwrap();
    let path = folder.path().join("archive");
    fs::File::create(&path).unwrap().write_all(&bytes).unwrap();

    let trust = Trust::sha256(&digest.to_string()).unwrap();
    let error = Image::import(&engine, &path, &trust, &Limits::new(), &mut |_| ()).unwrap_err();
    let root = engine.cache().unwrap().root();
    for kind in ["artifacts", "images", "names"] {
        let left = fs::read_dir(root.join(kind)).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{kind} after {error}");
    }
    error
}

#[test]
fn a_trusted_archive_whose_parts_disagree_is_damaged_and_leaves_nothing() {
    let same = |_: &mut Manifest, _: &mut Description| ();
    let all = |_: &mut Files| ();
    let found = [
        refused(same, all),
        refused(|manifest, _| manifest.name = "other".into(), all),
        refused(|manifest, _| manifest.engine = Digest::of(b"other"), all),
        refused(same, |files| drop(files.pop())),
        refused(same, |files| files[1].2 = b"{}".to_vec()),
        refused(same, |files| files[0].1 = Kind::Licence),
        refused(same, |files| files.push(("record.json", Kind::Manifest, b"{}".to_vec()))),
    ];
    let reasons =
        ["code is gone", "disagree", "disagree", "no state.bin", "missing field", "code.cwasm", "record.json"];
    for (error, reason) in found.iter().zip(reasons) {
        assert_eq!(error.code(), Code::ImageDamaged, "{error}");
        assert!(error.to_string().contains(reason), "{error} without {reason}");
    }
}

#[test]
fn an_archive_of_another_engine_or_system_is_a_mismatch() {
    let all = |_: &mut Files| ();
    let engine = refused(|_, description| description.engine = Digest::of(b"other"), all);
    let system = refused(|_, description| description.system = "plan9".into(), all);
    for (error, what) in [(engine, "another engine"), (system, "another operating system")] {
        assert_eq!(error.code(), Code::ImageMismatch, "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn an_archive_for_a_baseline_that_this_machine_lacks_or_does_not_have_code_for_is_refused() {
    let all = |_: &mut Files| ();
    let machine = Baseline::of_this_machine().unwrap();
    for lacked in Baseline::ALL.into_iter().filter(|baseline| !baseline.runs_on(machine)) {
        let error = refused(|_, description| description.baseline = lacked, all);
        let Error::ImageMismatch { what, expected, found, .. } = &error else { panic!("{error}") };
        assert_eq!((*what, &**expected, &**found), ("CPU baseline", machine.as_str(), lacked.as_str()));
    }
    let other = Baseline::ALL.into_iter().find(|baseline| baseline.runs_on(machine) && *baseline != machine);
    let Some(other) = other else { return };
    // The index says one baseline and the manifest another, or a baseline whose engine did not make it.
    let lies: [fn(&mut Manifest, Baseline); 2] = [
        |manifest, other| manifest.baseline = Some(other),
        |manifest, _| manifest.baseline = Baseline::of_this_machine(),
    ];
    for lie in lies {
        let error = refused(|manifest, _| lie(manifest, other), all);
        assert!(error.code() == Code::ImageDamaged && error.to_string().contains("disagree"), "{error}");
    }
}

#[test]
fn what_a_killed_import_left_is_cleared_by_the_next() {
    let (folder, engine) = engine();
    let cache = engine.cache().unwrap();
    cache
        .stage(|staged| {
            fs::write(staged.join("file"), b"").unwrap();
            Ok(())
        })
        .unwrap();
    let staged = cache.folder("images").unwrap().join(".staged");
    assert!(!staged.exists());
    fs::create_dir(&staged).unwrap();
    fs::write(staged.join("left"), b"left").unwrap();
    cache
        .stage(|staged| {
            assert_eq!(fs::read_dir(staged).unwrap().count(), 0);
            Ok(())
        })
        .unwrap();
    assert!(!staged.exists());
    drop(folder);
}

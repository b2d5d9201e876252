//! Images on a full disk, with foreign files, and for other processors.

use super::cache::Mounted;
use sandcell::{Code, Derivation, Engine, Image, Limits, Policy, Program, SnapshotKey, Trust};
use sandcell_tests::census::alone;
use sandcell_tests::images::{self, Small, check_small, is_there, unfinished};
use sandcell_tests::{cli, guests};
use serde_json::json;
use std::fs;
use std::path::Path;

#[test]
fn an_image_that_does_not_fit_the_disk_is_refused_whole_and_built_when_there_is_room() {
    alone(|| {
        let place = tempfile::tempdir().unwrap();
        let cache = place.path().join("cache");
        fs::create_dir(&cache).unwrap();
        let small = Small::prepare();
        let (mut built, mut refused) = (0, 0);
        for kilobytes in (4..400).step_by(16) {
            let Some(mount) = Mounted::tmpfs(&cache, &format!("mode=0700,size={kilobytes}k")) else { return };
            let engine = || images::engine(&cache);
            match small.build(&engine()) {
                Ok(image) => {
                    check_small(&image);
                    assert!(is_there(&engine(), "small"), "{kilobytes}k");
                    built += 1;
                }
                Err(error) => {
                    assert!(matches!(error.code(), Code::HostIo | Code::CacheUnwritable), "{kilobytes}k: {error}");
                    assert!(!is_there(&engine(), "small"), "{kilobytes}k");
                    refused += 1;
                }
            }
            assert_eq!(unfinished(&cache), Vec::<String>::new(), "{kilobytes}k");
            mount.resize("2m");
            check_small(&small.build(&engine()).unwrap());
        }
        assert!(built > 2 && refused > 2, "{built} built, {refused} refused");
    });
}

#[test]
fn an_image_that_is_derived_onto_a_full_disk_is_refused_and_the_one_it_comes_from_goes_on() {
    alone(|| {
        let place = tempfile::tempdir().unwrap();
        let cache = place.path().join("cache");
        fs::create_dir(&cache).unwrap();
        let Some(mount) = Mounted::tmpfs(&cache, "mode=0700,size=450m") else { return };
        images::copy_python(&cache);
        let python = Image::load(&images::engine(&cache), "python").unwrap();
        let derivation = Derivation::new().setup("x = b'x' * (100 << 20)");
        let error = python.derive("large", &derivation, &mut |_| ()).unwrap_err();
        assert_eq!(error.code(), Code::HostIo, "{error}");
        let sound = |name: &str, code: &str| {
            let image = Image::load(&images::engine(&cache), name).unwrap();
            guests::run_in(&image, Policy::new(), &[], Program::code(code)).stdout_text().into_owned()
        };
        assert_eq!(sound("python", "print(1)"), "1\n");
        assert!(!is_there(&images::engine(&cache), "large"));
        assert_eq!((unfinished(&cache), fs::read_dir(cache.join("images")).unwrap().count()), (Vec::new(), 1));
        mount.resize("900m");
        python.derive("large", &derivation, &mut |_| ()).unwrap();
        assert_eq!(sound("large", "print(len(x))"), format!("{}\n", 100 << 20));
    });
}

#[test]
fn files_and_folders_swapped_between_two_images_are_noticed() {
    let place = tempfile::tempdir().unwrap();
    let cache = place.path().join("cache");
    images::copy_python(&cache);
    let load = |name: &str| Image::load(&images::engine(&cache), name);
    let python = load("python").unwrap();
    let derived = python.derive("other", &Derivation::new().setup("marker = 1"), &mut |_| ()).unwrap();
    let small = Small::prepare().build(&images::engine(&cache)).unwrap();
    let (one, other) = (&python.info().path, &derived.info().path);
    let artifacts: Vec<_> = fs::read_dir(cache.join("artifacts")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [code, other_code] = artifacts.as_slice() else { panic!("{artifacts:?}") };

    let exchange = |a: &Path, b: &Path| {
        let aside = place.path().join("aside");
        fs::rename(a, &aside).unwrap();
        fs::rename(b, a).unwrap();
        fs::rename(&aside, b).unwrap();
    };
    let pair = |name: &str| (one.join(name), other.join(name));
    let swaps = [
        pair("memory.bin"),
        pair("state.bin"),
        pair("image.json"),
        pair("record.json"),
        (one.clone(), other.clone()),
        (one.clone(), small.info().path.clone()),
    ];
    for (a, b) in &swaps {
        exchange(a, b);
        for name in ["python", "other"] {
            if name == "python" || b.starts_with(other) {
                let error = load(name).unwrap_err();
                assert_eq!(error.code(), Code::ImageDamaged, "{}: {error}", a.display());
            }
        }
        exchange(a, b);
        assert!(load("python").is_ok() && load("other").is_ok(), "{} put back", a.display());
    }
    // Native code of another module: the one thing that must never run. It is damaged and gone.
    exchange(&code.join("code.cwasm"), &other_code.join("code.cwasm"));
    for name in ["python", "small"] {
        let error = load(name).unwrap_err();
        assert_eq!(error.code(), Code::ImageDamaged, "{name}: {error}");
    }
    check_small(&Small::prepare().build(&images::engine(&cache)).unwrap());
}

#[test]
fn an_image_that_has_lost_its_name_is_swept_when_it_is_not_new_and_others_stay() {
    let place = tempfile::tempdir().unwrap();
    let cache = place.path().join("cache");
    let small = Small::prepare();
    let lower = Engine::builder().cache(sandcell::CacheDir::at(&cache)).cpu_baseline(baselines().0[0]).build().unwrap();
    let old = small.build(&lower).unwrap();
    let new = small.build(&images::engine(&cache)).unwrap();
    assert_ne!(old.info().digest, new.info().digest);
    let left = cache.join("images").join(format!(".building-{}", new.info().digest));
    fs::create_dir(&left).unwrap();
    fs::write(left.join("memory.bin"), "left by a killed builder").unwrap();
    let count = |kind: &str| fs::read_dir(cache.join(kind)).unwrap().count();

    assert_eq!(Image::sweep(&images::engine(&cache)).unwrap(), 24);
    assert_eq!((count("images"), count("artifacts")), (2, 2));
    let an_hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    for entry in fs::read_dir(cache.join("images")).unwrap() {
        let record = fs::File::open(entry.unwrap().path().join("record.json")).unwrap();
        record.set_modified(an_hour_ago).unwrap();
    }
    assert!(Image::sweep(&images::engine(&cache)).unwrap() > 100_000);
    assert_eq!((count("images"), count("artifacts")), (1, 1));
    check_small(&Image::load(&images::engine(&cache), "small").unwrap());
    // Who has it goes on.
    check_small(&old);
}

/// Named baselines that this machine has, the highest last, and one that it lacks.
fn baselines() -> (Vec<&'static str>, &'static str) {
    let all = ["x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64"];
    let (had, lacked) =
        all.into_iter().partition::<Vec<_>, _>(|name| Engine::builder().cpu_baseline(*name).build().is_ok());
    assert!(!had.is_empty(), "this machine has no named baseline");
    (had, lacked[0])
}

#[test]
fn an_image_for_a_lower_baseline_is_exported_imported_and_run_by_engines_for_this_very_cpu() {
    let key = SnapshotKey::new(&[7; 32]).unwrap();
    let small = Small::prepare();
    let mut digests = Vec::new();
    for baseline in baselines().0 {
        let place = tempfile::tempdir().unwrap();
        let (cache, archive) = (place.path().join("cache"), place.path().join("archive"));
        let native = images::engine(&cache);
        let lower = Engine::builder().cache(sandcell::CacheDir::at(&cache)).cpu_baseline(baseline).build().unwrap();
        let built = small.build(&lower).unwrap();
        assert_eq!(built.info().baseline.as_deref(), Some(baseline));
        check_small(&built);
        // As everybody else finds it.
        let loaded = Image::load(&native, "small").unwrap();
        assert_eq!(loaded.info(), built.info());
        check_small(&loaded);

        Image::export(&native, "small", &archive, Some(&key), &mut |_| ()).unwrap();
        let elsewhere = images::engine(&place.path().join("elsewhere"));
        let trust = Trust::key(&key);
        let imported = Image::import(&elsewhere, &archive, &trust, &Limits::new(), &mut |_| ()).unwrap();
        assert_eq!(
            (&imported.info().digest, &imported.info().baseline),
            (&built.info().digest, &built.info().baseline)
        );
        check_small(&imported);
        // A session that was saved here goes on there.
        let mut sandbox = guests::sandbox(&loaded, Policy::new(), Limits::new());
        assert_eq!(sandbox.run(Program::code("")).unwrap().stdout_text(), "1\n");
        let bytes = sandbox.snapshot().unwrap().to_bytes(None).unwrap();
        let restored = sandcell::Snapshot::from_bytes(&imported, &bytes, None, &Limits::new()).unwrap();
        assert_eq!(restored.fork().unwrap().run(Program::code("")).unwrap().stdout_text(), "2\n");
        // Building for this very CPU gives another image, which takes the name over.
        let here = small.build(&native).unwrap();
        assert_eq!(here.info().baseline, None);
        digests.extend([here.info().digest.clone(), built.info().digest.clone()]);
    }
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), baselines().0.len() + 1);
}

#[test]
fn the_command_refuses_a_baseline_that_is_unknown_or_lacking_by_name() {
    let place = tempfile::tempdir().unwrap();
    for (baseline, part) in [("pentium", "none of x86-64"), (baselines().1, baselines().1)] {
        let mut command = cli::sandcell_with_cache(&place.path().join("cache"));
        let ran = cli::run(command.args(["image", "build", "python", "--json", "--baseline", baseline]));
        assert_eq!(ran.code, Some(126), "{ran:?}");
        let error = &ran.json()["error"];
        assert_eq!(error["code"], json!("document_invalid"));
        assert!(error["message"].as_str().unwrap().contains(part), "{error}");
    }
    assert!(!place.path().join("cache/images").exists());
}

//! The cache against damage, foreign files, other builders and a full or closed disk.
#![allow(clippy::unwrap_used)]

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `(module (func (export "_start")))`
fn module() -> Vec<u8> {
    wat::parse_str(r#"(module (func (export "_start")))"#).unwrap()
}

fn fingerprint(engine: &Engine) -> Digest {
    engine.machine(Start::Module).unwrap().fingerprint
}

fn engine(path: &std::path::Path) -> Engine {
    Engine::builder().cache(CacheDir::at(path)).build().unwrap()
}

/// The one artifact's code file.
fn code_file(root: &std::path::Path) -> PathBuf {
    let entry = fs::read_dir(root.join("artifacts")).unwrap().next().unwrap().unwrap();
    entry.path().join("code.cwasm")
}

#[test]
fn a_second_engine_loads_what_the_first_compiled() {
    let folder = tempfile::tempdir().unwrap();
    let key = engine(folder.path()).compile(Start::Module, &module()).unwrap().key;
    let before = fs::metadata(code_file(folder.path())).unwrap().modified().unwrap();
    assert!(engine(folder.path()).load(Start::Module, key).unwrap().is_some());
    assert_eq!(engine(folder.path()).compile(Start::Module, &module()).unwrap().key, key);
    assert_eq!(fs::metadata(code_file(folder.path())).unwrap().modified().unwrap(), before);
}

#[test]
fn everything_in_the_cache_is_private_to_the_user() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    engine(folder.path()).compile(Start::Module, &module()).unwrap();
    let mut pending = vec![folder.path().to_owned()];
    while let Some(path) = pending.pop() {
        let found = fs::symlink_metadata(&path).unwrap();
        let expected = if found.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(found.permissions().mode() & 0o777, expected, "{}", path.display());
        if found.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}

#[test]
fn code_that_is_flipped_truncated_missing_foreign_or_open_to_others_is_rebuilt() {
    type Damage = fn(&std::path::Path);
    let damage: [(&str, Damage); 7] = [
        ("one bit flipped", |path| {
            let mut bytes = fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("truncated", |path| fs::File::options().write(true).open(path).unwrap().set_len(100).unwrap()),
        ("empty", |path| fs::write(path, b"").unwrap()),
        ("missing", |path| fs::remove_file(path).unwrap()),
        ("another file", |path| fs::write(path, b"\x7fELF").unwrap()),
        ("a symlink", |path| {
            let moved = path.with_extension("moved");
            fs::rename(path, &moved).unwrap();
            std::os::unix::fs::symlink(moved, path).unwrap();
        }),
        ("writable by others", |path| fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap()),
    ];
    for (what, damage) in damage {
        let folder = tempfile::tempdir().unwrap();
        let key = engine(folder.path()).compile(Start::Module, &module()).unwrap().key;
        let sound = fs::read(code_file(folder.path())).unwrap();
        damage(&code_file(folder.path()));
        assert!(engine(folder.path()).load(Start::Module, key).unwrap().is_none(), "{what} was trusted");
        engine(folder.path()).compile(Start::Module, &module()).unwrap();
        assert_eq!(fs::read(code_file(folder.path())).unwrap(), sound, "{what} was not rebuilt");
        assert_eq!(fs::metadata(code_file(folder.path())).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_damaged_record_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let key = engine(folder.path()).compile(Start::Module, &module()).unwrap().key;
    let record = code_file(folder.path()).with_file_name("record.json");
    for text in ["", "{", "[]", r#"{"files": {}, "more": 1}"#] {
        fs::write(&record, text).unwrap();
        assert!(engine(folder.path()).load(Start::Module, key).unwrap().is_none(), "{text}");
        engine(folder.path()).compile(Start::Module, &module()).unwrap();
    }
}

#[test]
fn a_copied_cache_is_hashed_once_and_then_trusted() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = engine(from.path()).compile(Start::Module, &module()).unwrap().key;
    let entry = code_file(from.path());
    let target = to.path().join("artifacts").join(key.to_string());
    sealed::create_private_folder(&target).unwrap();
    for name in ["code.cwasm", "record.json"] {
        fs::copy(entry.with_file_name(name), target.join(name)).unwrap();
    }
    let old = fs::read(target.join("record.json")).unwrap();
    assert!(engine(to.path()).load(Start::Module, key).unwrap().is_some());
    assert_ne!(fs::read(target.join("record.json")).unwrap(), old);
}

#[test]
fn what_a_killed_builder_left_is_cleared_and_never_read() {
    let folder = tempfile::tempdir().unwrap();
    let engine_a = engine(folder.path());
    let key = engine_a.compile(Start::Module, &module()).unwrap().key;
    let cache = engine_a.cache().unwrap();
    cache.discard("artifacts", key);
    let left = folder.path().join("artifacts").join(format!(".building-{key}"));
    sealed::create_private_folder(&left).unwrap();
    fs::write(left.join("code.cwasm"), b"half").unwrap();
    assert!(engine(folder.path()).load(Start::Module, key).unwrap().is_none());
    engine(folder.path()).compile(Start::Module, &module()).unwrap();
    assert!(!left.exists());
}

#[test]
fn eight_builders_at_once_build_once() {
    let folder = tempfile::tempdir().unwrap();
    let built = AtomicUsize::new(0);
    let key = Digest::of(b"key");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let cache = Cache::open(CacheDir::at(folder.path())).unwrap();
                let build = |folder: &std::path::Path| {
                    built.fetch_add(1, Ordering::Relaxed);
                    let digest = write_private(&folder.join("file"), b"content").unwrap();
                    Ok(std::collections::BTreeMap::from([("file".to_owned(), digest)]))
                };
                assert!(cache.build("artifacts", key, build).unwrap().file("file").is_ok());
            });
        }
    });
    assert_eq!(built.load(Ordering::Relaxed), 1);
}

#[test]
fn a_failed_build_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(CacheDir::at(folder.path())).unwrap();
    let key = Digest::of(b"key");
    let failed = cache.build("artifacts", key, |folder| {
        fs::write(folder.join("half"), b"x").unwrap();
        Err(Error::Internal { reason: "disk full".into() })
    });
    assert!(failed.is_err());
    assert_eq!(fs::read_dir(folder.path().join("artifacts")).unwrap().count(), 0);
}

#[test]
fn the_least_recently_used_artifacts_go_when_the_cache_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(CacheDir::at(folder.path()).max_bytes(3_000)).unwrap();
    let keys: Vec<Digest> = (0..4u8).map(|index| Digest::of(&[index])).collect();
    for key in &keys {
        let build = |folder: &std::path::Path| {
            let digest = write_private(&folder.join("file"), &[0; 900]).unwrap();
            Ok(std::collections::BTreeMap::from([("file".to_owned(), digest)]))
        };
        cache.build("artifacts", *key, build).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(10));
        if key == &keys[1] {
            cache.open_entry("artifacts", keys[0]).unwrap().unwrap().touch();
        }
    }
    let there: Vec<bool> = keys.iter().map(|key| cache.open_entry("artifacts", *key).unwrap().is_some()).collect();
    assert!(there[3] && !there[1], "{there:?}");
}

#[test]
fn without_a_writable_cache_code_is_compiled_in_memory() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let below_a_file = file.path().join("cache");
    let code = engine(&below_a_file).compile(Start::Module, &module()).unwrap();
    assert_eq!(code.module.exports().count(), 1);
}

#[test]
fn a_cache_of_another_kind_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = Engine::builder().cache(CacheDir::at(file.path())).build();
    assert!(matches!(refused, Err(Error::CacheUnwritable { .. })));
}

#[test]
fn an_entry_in_the_place_of_another_is_not_that_other_one() {
    let folder = tempfile::tempdir().unwrap();
    let key = engine(folder.path()).compile(Start::Module, &module()).unwrap().key;
    let other = Digest::of(b"another module");
    let artifacts = folder.path().join("artifacts");
    fs::rename(artifacts.join(key.to_string()), artifacts.join(other.to_string())).unwrap();
    assert!(engine(folder.path()).load(Start::Module, other).unwrap().is_none());
}

#[test]
fn a_folder_that_is_open_to_others_and_not_a_cache_is_refused_and_keeps_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), b"mine").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let refused = Engine::builder().cache(CacheDir::at(folder.path())).build();
    assert!(matches!(refused, Err(Error::CacheUnwritable { .. })));
    assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o755);
}

#[test]
fn a_folder_of_another_user_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    // Only root can give a folder away; everybody else has /usr as one of another user.
    let is_given_away = std::os::unix::fs::chown(folder.path(), Some(65_534), None).is_ok();
    let path = if is_given_away { folder.path() } else { std::path::Path::new("/usr") };
    let refused = Engine::builder().cache(CacheDir::at(path)).build();
    assert!(matches!(refused, Err(Error::CacheUnwritable { reason, .. }) if reason.contains("another user")));
}

#[test]
fn an_engine_with_explicit_traps_leaves_others_their_handlers() {
    let explicit = Engine::builder().explicit_traps(true).build().unwrap();
    let default = Engine::builder().build().unwrap();
    assert!(explicit.check_handlers().is_ok());
    assert!(default.check_handlers().is_ok());
    assert_ne!(fingerprint(&explicit), fingerprint(&default));
}

#[test]
fn sparse_segments_of_many_memories_are_not_laid_out_at_compile_time() {
    let memory = r#"(memory 4000)"#;
    let segments = |index: usize| {
        format!("(data (memory {index}) (i32.const 0) \"a\") (data (memory {index}) (i32.const 200000000) \"b\")")
    };
    let text = format!("(module {} {})", memory.repeat(3), (0..3).map(segments).collect::<String>());
    let engine = Engine::builder().build().unwrap();
    let compiled =
        engine.machine(Start::Module).unwrap().wasmtime.precompile_module(&wat::parse_str(text).unwrap()).unwrap();
    assert!(compiled.len() < 8 << 20, "{} bytes", compiled.len());
}

#[test]
fn garbage_and_truncated_modules_are_refused_by_name() {
    let engine = Engine::builder().build().unwrap();
    let whole = module();
    for bytes in [&b""[..], b"\0asm", b"garbage", &whole[..whole.len() - 1]] {
        assert!(matches!(engine.compile(Start::Module, bytes), Err(Error::ModuleInvalid { .. })), "{bytes:?}");
    }
}

/// The baselines that this machine has.
fn baselines() -> impl Iterator<Item = Baseline> {
    let machine = Baseline::of_this_machine().unwrap();
    Baseline::ALL.into_iter().filter(move |baseline| baseline.runs_on(machine))
}

#[test]
fn code_for_a_lower_baseline_uses_no_more_and_is_loaded_by_engines_for_this_very_cpu() {
    let floats = r#"(module (func (export "_start") (drop (f64x2.ceil (f64x2.splat (f64.const 1.5))))))"#;
    let folder = tempfile::tempdir().unwrap();
    let native = engine(folder.path());
    let for_baseline = |baseline: Baseline| {
        let cache = CacheDir::at(folder.path());
        Engine::builder().cache(cache).cpu_baseline(baseline.as_str()).build().unwrap()
    };
    let mut fingerprints = vec![fingerprint(&native)];
    for baseline in baselines() {
        let lower = for_baseline(baseline);
        fingerprints.push(fingerprint(&lower));
        let own = lower.machine(Start::Image).unwrap().fingerprint;
        assert_eq!(native.image_fingerprint(Some(baseline)).unwrap(), own);
        assert_eq!(lower.image_fingerprint(None).unwrap(), native.machine(Start::Image).unwrap().fingerprint);

        let code = lower.compile(Start::Module, &wat::parse_str(floats).unwrap()).unwrap();
        assert!(native.load(Start::Module, code.key).unwrap().is_some(), "{baseline}");
        let file = folder.path().join("artifacts").join(code.key.to_string()).join("code.cwasm");
        if baseline != Baseline::Aarch64 {
            let uses = compiled_with(&fs::read(file).unwrap(), "has_avx");
            assert_eq!(uses, baseline >= Baseline::X86_64V3, "{baseline}");
        }
    }
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 1 + baselines().count(), "two baselines have one fingerprint");
}

/// Whether a setting is on in what wasmtime writes beside code: its length, its name, 2 for a
/// switch, and the switch.
fn compiled_with(code: &[u8], setting: &str) -> bool {
    let field = [&[setting.len() as u8], setting.as_bytes(), &[2]].concat();
    let at = code.windows(field.len()).position(|found| found == field).unwrap();
    code[at + field.len()] == 1
}

#[test]
fn a_baseline_that_is_unknown_or_that_this_machine_lacks_is_refused_by_name() {
    let refused = |name: &str| match Engine::builder().cpu_baseline(name).build().map(drop) {
        Err(Error::DocumentInvalid { what, reason }) => {
            assert_eq!(what, "engine setting `cpu_baseline`");
            reason
        }
        other => panic!("{name}: {other:?}"),
    };
    assert!(refused("pentium").contains("none of x86-64, x86-64-v2, x86-64-v3, x86-64-v4, aarch64"));
    let machine = Baseline::of_this_machine().unwrap();
    let lacked: Vec<_> = Baseline::ALL.into_iter().filter(|baseline| !baseline.runs_on(machine)).collect();
    assert!(!lacked.is_empty());
    for baseline in lacked {
        let reason = refused(baseline.as_str());
        assert!(reason.contains(&format!("has {machine}, and code for {baseline}")), "{reason}");
    }
}

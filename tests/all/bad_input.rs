//! Modules, policies and programs that cannot be used are refused before anything runs, by the
//! code and the fact that tells what to change.

use sandcell::{
    Access, CacheDir, Class, Clock, Code, Engine, Error, Image, LimitKey, Limits, Mount, Policy, Program, Sandbox,
};
use sandcell_tests::{cli, guests, places};
use std::collections::BTreeMap;
use std::fs;

fn command(module: &[u8]) -> Result<Image, Error> {
    Image::command(guests::engine(), "guest", module, &Limits::new())
}

fn refusal(module: &str) -> Error {
    command(module.as_bytes()).unwrap_err()
}

fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn a_module_cut_off_anywhere_is_refused_as_invalid() {
    let whole = binary(std::str::from_utf8(&guests::wat_source("clock_flood")).unwrap());
    assert!(command(&whole).is_ok());
    for len in 0..whole.len() {
        let error = match command(&whole[..len]) {
            Err(error) => error,
            // Only the names are missing: a custom section, which comes last.
            Ok(_) => {
                assert_eq!(whole[len], 0, "{len} of {} bytes are accepted", whole.len());
                continue;
            }
        };
        assert!(matches!(error.code(), Code::ModuleInvalid | Code::ExportMissing), "{len}: {error}");
    }
}

#[test]
fn a_module_with_any_byte_changed_is_refused_or_runs_within_its_limits() {
    let whole = binary(std::str::from_utf8(&guests::wat_source("catch")).unwrap());
    let limits = guests::limits(&[("fuel", 1_000_000), ("memory_bytes", 16 << 20)]);
    let mut ran = 0;
    for at in 0..whole.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut module = whole.clone();
            module[at] ^= change;
            if let Ok(image) = command(&module)
                && let Ok(mut sandbox) = Sandbox::builder(&image).limits(limits.clone()).build()
            {
                let code = sandbox.run(Program::command()).map(|_| ran += 1).map_err(|error| error.code());
                assert!(matches!(code, Ok(()) | Err(Code::ModuleExceeds)), "{at} {change}: {code:?}");
            }
        }
    }
    assert!(ran > 0);
}

#[test]
fn what_is_no_module_is_refused_as_invalid() {
    for garbage in [
        &b""[..],
        b"hello",
        b"\0asm",
        b"\0asm\x01\0\0",
        b"\x7fELF\x02\x01\x01",
        b"\xff\xfe\xfd",
        b"(module",
        b"(modul)",
    ] {
        assert_eq!(command(garbage).unwrap_err().code(), Code::ModuleInvalid, "{garbage:?}");
    }
    // A component is another thing.
    assert_eq!(command(b"\0asm\x0d\0\x01\0").unwrap_err().code(), Code::ModuleInvalid);
}

#[test]
fn proposals_that_are_off_are_refused_as_invalid() {
    for module in [
        "(module (memory i64 1) (func (export \"_start\")))",
        "(module (memory 1 1 shared) (func (export \"_start\")))",
        "(module (type (struct (field i32))) (func (export \"_start\") (drop (struct.new 0 (i32.const 1)))))",
        "(module (memory 1 (pagesize 1)) (func (export \"_start\")))",
    ] {
        assert_eq!(refusal(module).code(), Code::ModuleInvalid, "{module}");
    }
}

#[test]
fn an_unknown_import_is_named() {
    for (module, name) in [
        ("env", "system"),
        ("wasi_unstable", "fd_write"),
        ("wasi_snapshot_preview1", "path_chmod"),
        ("host", "calls"),
        ("", ""),
    ] {
        let text = format!("(module (import \"{module}\" \"{name}\" (func)) (func (export \"_start\")))");
        match refusal(&text) {
            Error::ImportUnknown { module: found, name: field } => assert_eq!((&*found, &*field), (module, name)),
            other => panic!("{other:?}"),
        }
    }
    for import in ["(memory 1)", "(global i32)", "(table 1 funcref)", "(tag)"] {
        let text = format!("(module (import \"env\" \"thing\" {import}) (func (export \"_start\")))");
        assert_eq!(refusal(&text).code(), Code::ImportUnknown, "{import}");
    }
}

#[test]
fn a_known_import_with_another_type_is_refused() {
    for import in ["(func (param i32))", "(func (result i64))", "(memory 1)", "(global i32)"] {
        let text =
            format!("(module (import \"wasi_snapshot_preview1\" \"fd_write\" {import}) (func (export \"_start\")))");
        let error = refusal(&text);
        assert_eq!(error.code(), Code::ModuleInvalid, "{import}: {error}");
        assert!(error.to_string().contains("fd_write"), "{error}");
    }
}

#[test]
fn a_module_without_a_fitting_start_is_refused_by_the_exports_name() {
    for module in [
        "(module)",
        "(module (func (export \"main\")))",
        "(module (func (export \"_start\") (param i32)))",
        "(module (func (export \"_start\") (result i32) (i32.const 0)))",
        "(module (memory (export \"_start\") 1))",
        "(module (global (export \"_start\") i32 (i32.const 0)))",
    ] {
        assert!(matches!(refusal(module), Error::ExportMissing { name: "_start", .. }), "{module}");
    }
}

#[test]
fn a_guest_whose_memory_is_not_exported_cannot_have_the_host_touch_any() {
    let image = guests::compile(
        "no-memory",
        br#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
        (memory 1) (func (export "_start") (call $proc_exit (call $random_get (i32.const 0) (i32.const 8)))))"#,
    );
    assert_eq!(guests::run(&image).status, sandcell::Status::Exited { code: 21 });
}

#[test]
fn a_module_of_200_mb_is_refused_by_its_size_before_it_is_parsed() {
    // Not a module at all: had it been looked at, it would be invalid.
    let huge = vec![0x20; 200_000_000];
    match command(&huge).unwrap_err() {
        Error::ModuleExceeds { limit: LimitKey::ModuleBytes, needed: 200_000_000, allowed } => {
            assert_eq!(allowed, LimitKey::ModuleBytes.default_value());
        }
        other => panic!("{other:?}"),
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.wasm");
    fs::File::create(&path).unwrap().set_len(200_000_000).unwrap();
    let ran = cli::run(cli::sandcell_for_modules().args(["run", "--json", "--wasm"]).arg(&path));
    assert_eq!(ran.code, Some(126));
    assert_eq!(ran.json()["error"]["code"], "module_exceeds");
}

#[test]
fn a_module_with_data_segments_runs_on_every_engine_the_library_makes() {
    let module = br#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
        (memory (export "memory") 40)
        (data (i32.const 7) "\2a") (data (i32.const 2621439) "\01") (data $passive "\05")
        (func (export "_start")
            (memory.init $passive (i32.const 100) (i32.const 0) (i32.const 1))
            (call $proc_exit (i32.add (i32.load8_u (i32.const 7))
                (i32.add (i32.load8_u (i32.const 2621439)) (i32.load8_u (i32.const 100)))))))"#;
    let cache = tempfile::tempdir().unwrap();
    for (kind, builder) in [
        ("default", Engine::builder()),
        ("no cache", Engine::builder().no_cache()),
        ("explicit traps", Engine::builder().explicit_traps(true)),
        ("small stack", Engine::builder().stack_bytes(64 << 10)),
        ("cold cache", Engine::builder().cache(CacheDir::at(cache.path()))),
        ("warm cache", Engine::builder().cache(CacheDir::at(cache.path()))),
    ] {
        let engine = builder.build().unwrap();
        let image = Image::command(&engine, "data", module, &Limits::new()).unwrap();
        for _ in 0..3 {
            assert_eq!(guests::run(&image).status, sandcell::Status::Exited { code: 48 }, "{kind}");
        }
    }
}

#[test]
fn an_engine_with_an_impossible_stack_is_refused() {
    for bytes in [0, 1000, (64 << 20) + 1, usize::MAX] {
        assert_eq!(Engine::builder().stack_bytes(bytes).build().unwrap_err().code(), Code::DocumentInvalid);
    }
}

fn build(policy: Policy) -> Error {
    Sandbox::builder(&guests::wat("calls")).policy(policy).build().unwrap_err()
}

#[test]
fn mounts_that_cannot_be_used_are_refused_by_their_guest_path() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for host in [folder.path().join("missing"), folder.path().join("file")] {
        for mount in [Mount::host(&host, "/data", Access::ReadOnly).unwrap(), Mount::overlay(&host, "/data").unwrap()] {
            let error = build(Policy::new().mount(mount));
            assert_eq!(error.code(), Code::MountInvalid, "{error}");
            assert!(error.to_string().contains("/data"), "{error}");
        }
    }
    let twice = Policy::new().mount(Mount::memory("/a").unwrap()).mount(Mount::overlay(folder.path(), "/a/.").unwrap());
    assert_eq!(build(twice).code(), Code::MountInvalid);
    for path in ["", "relative", "/a/../b", "/nul\0"] {
        assert_eq!(Mount::memory(path).unwrap_err().code(), Code::GuestPathInvalid, "{path:?}");
    }
    let inside = BTreeMap::from([("../out".to_owned(), Vec::new())]);
    assert_eq!(Mount::memory_with("/a", inside, Access::ReadOnly).unwrap_err().code(), Code::GuestPathInvalid);
    // Python's own read-only folder cannot be covered.
    let covering = Policy::new().mount(Mount::memory("/usr/local/lib").unwrap());
    let refused = Sandbox::builder(guests::python()).policy(covering).build().unwrap_err();
    assert_eq!(refused.code(), Code::MountInvalid);
}

#[test]
fn variables_that_cannot_be_passed_are_refused() {
    for (name, value) in [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "x\0y")] {
        let error = build(Policy::new().env(name, value));
        assert_eq!(error.code(), Code::EnvironmentInvalid, "{name:?} {value:?}");
    }
    let mut sandbox = guests::sandbox(&guests::wat("calls"), Policy::new(), Limits::new());
    let error = sandbox.run(Program::command().arg("a\0b")).unwrap_err();
    assert_eq!(error.code(), Code::EnvironmentInvalid);
    assert!(sandbox.run(Program::command().arg("1 .")).unwrap().is_success());
}

#[test]
fn programs_that_do_not_fit_the_image_are_refused() {
    let mut module = guests::sandbox(&guests::wat("calls"), Policy::new(), Limits::new());
    assert_eq!(module.run(Program::code("print(1)")).unwrap_err().code(), Code::ProgramInvalid);
    let mut python = guests::sandbox(guests::python(), Policy::new(), Limits::new());
    for program in [Program::command(), Program::code("x\0y")] {
        assert_eq!(python.run(program).unwrap_err().code(), Code::ProgramInvalid);
    }
    for name in ["..", "", "a\0b", "/a.py", "a//b.py"] {
        assert_eq!(python.run(Program::code("1").named(name)).unwrap_err().code(), Code::FileNameInvalid, "{name}");
    }
    assert_eq!(python.run(Program::code("print(1)")).unwrap().stdout_text(), "1\n");
}

#[test]
fn files_are_read_from_outside_by_guest_paths_only() {
    let policy = Policy::new().mount(Mount::memory("/d").unwrap());
    let mut sandbox = guests::sandbox(&guests::wat("calls"), policy, guests::limits(&[("file_bytes", 10)]));
    sandbox.write_file("/d/x", b"content").unwrap();
    for (path, code) in [
        ("d/x", Code::GuestPathInvalid),
        ("/d/../d/x", Code::GuestPathInvalid),
        ("/d/missing", Code::FileUnavailable),
        ("/d", Code::FileUnavailable),
        ("/etc/passwd", Code::FileUnavailable),
    ] {
        assert_eq!(sandbox.read_file(path).unwrap_err().code(), code, "{path}");
    }
    for (path, content) in [("/nowhere/x", &b""[..]), ("/d", b""), ("/d/large", b"more than ten")] {
        assert_eq!(sandbox.write_file(path, content).unwrap_err().code(), Code::FileUnavailable, "{path}");
    }
    assert_eq!(sandbox.read_file("/d/x").unwrap(), b"content");
}

#[test]
fn documents_with_unknown_fields_are_refused() {
    for text in [
        r#"{"netwrok": []}"#,
        r#"{"mounts": [{"kind": "memory", "guest": "/a", "acess": "ro"}]}"#,
        r#"{"mounts": [{"kind": "hots", "guest": "/a"}]}"#,
        r#"{"mounts": [{"kind": "host", "host": "/tmp", "guest": "relative"}]}"#,
        r#"{"clock": {"kind": "frozen", "realtime": 1}}"#,
        r#"{"clock": {"kind": "real", "realtime_ns": 1}}"#,
        r#"{"seed": -1}"#,
    ] {
        assert!(serde_json::from_str::<Policy>(text).is_err(), "{text}");
    }
    assert!(serde_json::from_str::<Policy>("{}").is_ok_and(|policy| policy == Policy::new()));
    assert!(serde_json::from_str::<Limits>(r#"{"fule": 1}"#).is_err());
    assert!(serde_json::from_str::<sandcell::Status>(r#"{"kind": "cancelled", "code": 1}"#).is_err());
    assert!(serde_json::from_str::<Clock>(r#"{"kind": "frozen"}"#).is_ok_and(|clock| clock == Clock::frozen()));
}

#[test]
fn every_code_has_a_json_form_with_class_and_remedy() {
    let classes = [Class::Usage, Class::Module, Class::Host, Class::Internal].map(Class::as_str);
    for code in Code::ALL {
        let name = serde_json::to_value(code).unwrap();
        assert_eq!(name, code.as_str());
        assert!(classes.contains(&code.class().as_str()) && code.hint().ends_with('.'), "{code}");
        assert_eq!(Code::parse(code.as_str()), Some(*code));
    }
    for (error, code) in errors() {
        let json = error.to_json();
        assert_eq!(json.as_object().unwrap().len(), 1);
        let error = json["error"].as_object().unwrap();
        assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "class", "message", "hint"]);
        assert_eq!(error["code"], code);
        let message = error["message"].as_str().unwrap();
        assert!(!message.contains("wasmtime") && !message.contains(env!("CARGO_MANIFEST_DIR")), "{message}");
    }
}

/// Errors as users meet them.
fn errors() -> Vec<(Error, &'static str)> {
    let empty = tempfile::tempdir().unwrap();
    let engine = Engine::builder().cache(CacheDir::at(empty.path().join("cache"))).build().unwrap();
    let mut limits = Limits::new();
    vec![
        (limits.set("fule", 1).unwrap_err(), "limit_unknown"),
        (limits.set("fuel", 0).unwrap_err(), "limit_range"),
        (Mount::memory("x").unwrap_err(), "guest_path_invalid"),
        (build(Policy::new().mount(Mount::overlay(empty.path().join("no"), "/a").unwrap())), "mount_invalid"),
        (build(Policy::new().env("=", "")), "environment_invalid"),
        (refusal("(module)"), "export_missing"),
        (refusal("nonsense"), "module_invalid"),
        (refusal("(module (import \"a\" \"b\" (func)) (func (export \"_start\")))"), "import_unknown"),
        (Image::load(&engine, "python").unwrap_err(), "image_missing"),
        (Engine::builder().stack_bytes(1).build().unwrap_err(), "document_invalid"),
        (
            Engine::builder().cache(CacheDir::at(places::workspace().join("Cargo.toml"))).build().unwrap_err(),
            "cache_unwritable",
        ),
    ]
}

//! The JavaScript image as images and snapshots go: derived, exported, imported, saved and restored.

use sandcell::{
    CacheDir, Derivation, Engine, Image, Limits, Policy, Program, Sandbox, Snapshot, SnapshotKey, Tool, Trust,
};
use sandcell_tests::guests;
use serde_json::{Value, json};

fn value(sandbox: &mut Sandbox, code: &str) -> Value {
    let outcome = sandbox.run(Program::code(code)).unwrap();
    assert!(outcome.is_success(), "{code}\n{:?}", outcome.status);
    outcome.result.unwrap_or_default()
}

const SESSION: &str = "const map = new Map([[1, {deep: [1n, /x/g]}]]); class Counter { #n = 0; next() { return ++this.#n } }
    const counter = new Counter(), generator = (function* () { yield 1; yield 2 })(); generator.next(); counter.next();
    const waiting = new Promise(resolve => { globalThis.settle = resolve }); const {join} = await import('node:path');
    require('fs').writeFileSync('/tmp/kept', 'file'); const weak = new WeakRef(map); let buffer = new Uint8Array([1, 2, 3]).subarray(1);
    const then = waiting.then(value => value * 2)";
const GOES_ON: &str = "settle(21); [map.get(1).deep[0] === 1n, map.get(1).deep[1].test('x'), counter.next(), generator.next().value, await then,
    join('a', 'b'), require('fs').readFileSync('/tmp/kept', 'utf8'), weak.deref() === map, buffer[0]]";

fn expected() -> Value {
    json!([true, true, 2, 2, 42, "a/b", "file", true, 2])
}

#[test]
fn a_session_goes_on_from_a_fork_from_bytes_and_from_bytes_of_a_fork() {
    let key = SnapshotKey::new(&[9; 32]).unwrap();
    let mut sandbox = guests::sandbox(guests::javascript(), Policy::new(), Limits::new());
    value(&mut sandbox, SESSION);
    let snapshot = sandbox.snapshot().unwrap();
    assert_eq!(value(&mut snapshot.fork().unwrap(), GOES_ON), expected());
    for key in [None, Some(&key)] {
        let bytes = snapshot.to_bytes(key).unwrap();
        let read = Snapshot::from_bytes(guests::javascript(), &bytes, key, &Limits::new()).unwrap();
        let mut fork = read.fork().unwrap();
        let again = fork.snapshot().unwrap().to_bytes(None).unwrap();
        assert_eq!(value(&mut fork, GOES_ON), expected());
        let again = Snapshot::from_bytes(guests::javascript(), &again, None, &Limits::new()).unwrap();
        assert_eq!(value(&mut again.fork().unwrap(), GOES_ON), expected());
    }
    assert_eq!(value(&mut sandbox, GOES_ON), expected());
    let draw = "[Math.random(), crypto.randomUUID()]";
    let reseeded = || value(&mut snapshot.restore().reseed(true).build().unwrap(), draw);
    assert_ne!(reseeded(), reseeded());
}

#[test]
fn a_restored_session_sees_the_tools_that_it_was_given_and_no_others() {
    let tool = |name: &str, says: &'static str| Tool::new(name, move |_| Ok(json!(says).into()));
    let build = |tools: Vec<Tool>, globals: bool| {
        let mut policy = Policy::new();
        policy.tools.globals = globals;
        Sandbox::builder(guests::javascript()).policy(policy).tools(tools).build().unwrap()
    };
    let mut first = build(vec![tool("old", "first"), tool("both", "first")], true);
    assert_eq!(
        value(&mut first, "const kept = tools.both; [await old(), await both(), Object.keys(tools)]"),
        json!(["first", "first", ["old", "both"]])
    );
    let bytes = first.snapshot().unwrap().to_bytes(None).unwrap();
    let snapshot = Snapshot::from_bytes(guests::javascript(), &bytes, None, &Limits::new()).unwrap();

    let mut policy = Policy::new();
    policy.tools.globals = true;
    let mut second =
        snapshot.restore().policy(policy).tools([tool("both", "second"), tool("new_one", "second")]).build().unwrap();
    let seen = "[typeof old, await both(), await new_one(), Object.keys(tools), await kept(), (await tools.list()).length, 'old' in tools]";
    assert_eq!(
        value(&mut second, seen),
        json!(["undefined", "second", "second", ["both", "new_one"], "second", 2, false])
    );

    // Without the policy's word, and without any tools.
    let mut third = snapshot.restore().policy(Policy::new()).tools([tool("both", "third")]).build().unwrap();
    assert_eq!(
        value(&mut third, "[typeof both, typeof old, await tools.both()]"),
        json!(["undefined", "undefined", "third"])
    );
    let mut fourth = snapshot.restore().policy(Policy::new()).build().unwrap();
    let none = "[typeof both, Object.keys(tools), await tools.list(), await tools.both().catch(error => error.kind)]";
    assert_eq!(value(&mut fourth, none), json!(["undefined", [], [], "unknown_tool"]));
    // The session itself goes on with its own.
    assert_eq!(value(&mut first, "[await old(), await both()]"), json!(["first", "first"]));
}

#[test]
fn a_result_of_a_restored_session_is_held_to_its_own_limit() {
    let mut large = guests::sandbox(guests::javascript(), Policy::new(), guests::limits(&[("result_bytes", 8 << 20)]));
    let text = "'x'.repeat(3 << 20)";
    assert_eq!(value(&mut large, text).as_str().unwrap().len(), 3 << 20);
    let snapshot = large.snapshot().unwrap();
    let outcome = snapshot.restore().limits(Limits::new()).build().unwrap().run(Program::code(text)).unwrap();
    assert!(outcome.is_success() && outcome.result_truncated, "{:?}", outcome.status);
    for bytes in [0, 100, 300] {
        let mut small =
            guests::sandbox(guests::javascript(), Policy::new(), guests::limits(&[("result_bytes", bytes)]));
        for code in ["'y'.repeat(5000)", "Array(500).fill('xy')"] {
            let outcome = small.run(Program::code(code)).unwrap();
            assert!(outcome.is_success(), "{bytes} {code}: {:?}", outcome.status);
        }
    }
}

#[test]
fn an_image_is_derived_exported_and_imported_with_what_its_setup_left() {
    let place = tempfile::tempdir().unwrap();
    let engine = &Engine::new().unwrap();
    let derivation = Derivation::new()
        .setup("const ready = [1, 2, 3].map(x => x * 2); import {shout} from '/lib/words.mjs'; globalThis.drawn = Math.random")
        .file("/lib/words.mjs", b"export const shout = text => text.toUpperCase() + '!';".to_vec())
        .unwrap();
    let name = format!("javascript-derived-{}", std::process::id());
    let derived = guests::javascript().derive(&name, &derivation, &mut |_| ()).unwrap();
    let check = |image: &Image| {
        let run = || {
            let mut sandbox = guests::sandbox(image, Policy::new(), Limits::new());
            assert_eq!(value(&mut sandbox, "[ready, shout('a')]"), json!([[2, 4, 6], "A!"]));
            assert_eq!(value(&mut sandbox, "const ready = 1; (await import('/lib/words.mjs')).shout('b')"), "B!");
            value(&mut sandbox, "[Math.random(), drawn(), crypto.randomUUID()]")
        };
        assert_ne!(run(), run(), "forks draw their own random numbers");
    };
    check(&derived);
    check(&Image::load(engine, &name).unwrap());

    let (archive, key) = (place.path().join("archive"), SnapshotKey::new(&[3; 32]).unwrap());
    let exported = Image::export(engine, &name, &archive, Some(&key), &mut |_| ());
    exported.unwrap();
    let elsewhere = Engine::builder().cache(CacheDir::at(place.path().join("elsewhere"))).build().unwrap();
    let imported = Image::import(&elsewhere, &archive, &Trust::key(&key), &Limits::new(), &mut |_| ()).unwrap();
    assert_eq!(imported.info().digest, derived.info().digest);
    check(&imported);
    // What a session saved here goes on there.
    let mut sandbox = guests::sandbox(&derived, Policy::new(), Limits::new());
    value(&mut sandbox, SESSION);
    let bytes = sandbox.snapshot().unwrap().to_bytes(None).unwrap();
    let restored = Snapshot::from_bytes(&imported, &bytes, None, &Limits::new()).unwrap();
    assert_eq!(value(&mut restored.fork().unwrap(), GOES_ON), expected());
    // A setup that fails leaves no image.
    let broken = Derivation::new().setup("throw new RangeError('no')");
    let error = guests::javascript().derive("javascript-broken", &broken, &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("RangeError") || error.to_string().contains("no"), "{error}");
    Image::remove(engine, &name).unwrap();
}

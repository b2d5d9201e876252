//! Instrumented modules behave as the whole ones did, and what cannot be saved is refused.

use super::*;
use crate::memory::{MemoryImage, SlotPool};
use std::sync::Arc;
use wasmtime::{Config, Engine, Instance, Module, Store, Val};

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

const COUNTER: &str = r#"(module
  (memory (export "memory") 1)
  (global $count (mut i32) (i32.const 5))
  (global $fixed i32 (i32.const 9))
  (global $wide (mut i64) (i64.const 7))
  (data (i32.const 16) "abc")
  (data "passive")
  (data (i32.const 17) "X")
  (table 1 funcref)
  (elem (i32.const 0) $hidden)
  (func $start (global.set $count (i32.const 6)))
  (func $hidden (result i32) (i32.add (global.get $count) (global.get $fixed)))
  (func (export "next") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (i32.store (i32.const 32) (global.get $count))
    (call_indirect (result i32) (i32.const 0)))
  (start $start))"#;

#[test]
fn segments_become_memory_and_globals_and_the_start_function_exports() {
    let made = instrument(&wasm(COUNTER), &["hidden"]).unwrap();
    assert_eq!(made.memory.len(), 64 << 10);
    assert_eq!(&made.memory[16..19], b"aXc");
    assert_eq!(made.globals, ["sandcell:global:0", "sandcell:global:2"]);
    let module = Module::new(&Engine::default(), &made.wasm).unwrap();
    let exports: Vec<&str> = module.exports().map(|export| export.name()).collect();
    assert_eq!(exports, ["memory", "next", "sandcell:global:0", "sandcell:global:2", START, "hidden"]);
}

#[test]
fn a_saved_instance_goes_on_where_it_was_in_any_number_of_copies() {
    let pool = SlotPool::new(None);
    let mut config = Config::new();
    config.with_host_memory(Arc::new(pool)).memory_init_cow(false);
    let engine = Engine::new(&config).unwrap();
    let made = instrument(&wasm(COUNTER), &[]).unwrap();
    let module = Module::new(&engine, &made.wasm).unwrap();
    let first = MemoryImage::of_bytes(&made.memory).unwrap();

    let mut store = Store::new(&engine, ());
    let instance = SlotPool::lend(&first, || Instance::new(&mut store, &module, &[])).unwrap();
    let next = |store: &mut Store<()>, instance: &Instance| {
        instance.get_typed_func::<(), i32>(&mut *store, "next").unwrap().call(store, ()).unwrap()
    };
    // The start function did not run by itself: what it does is part of the state to be saved.
    assert_eq!(next(&mut store, &instance), 6 + 9);
    let memory = instance.get_memory(&mut store, "memory").unwrap().data(&store).to_vec();
    let globals: Vec<Val> =
        made.globals.iter().map(|name| instance.get_global(&mut store, name).unwrap().get(&mut store)).collect();

    let saved = MemoryImage::of_bytes(&memory).unwrap();
    for _ in 0..3 {
        let mut store = Store::new(&engine, ());
        let instance = SlotPool::lend(&saved, || Instance::new(&mut store, &module, &[])).unwrap();
        for (name, value) in made.globals.iter().zip(&globals) {
            instance.get_global(&mut store, name).unwrap().set(&mut store, *value).unwrap();
        }
        assert_eq!(instance.get_memory(&mut store, "memory").unwrap().data(&store)[32], 6);
        assert_eq!(next(&mut store, &instance), 7 + 9);
    }
}

#[test]
fn state_outside_memory_and_globals_is_refused_by_name() {
    let refused = |text: &str| instrument(&wasm(text), &[]).unwrap_err();
    assert_eq!(refused("(module)"), NotImageable::Memories(0));
    assert_eq!(refused("(module (memory 1) (memory 1))"), NotImageable::Memories(2));
    assert_eq!(refused("(module (memory i64 1))"), NotImageable::MemoryKind);
    assert_eq!(refused("(module (import \"m\" \"m\" (memory 1)))"), NotImageable::ImportedState);
    assert_eq!(refused("(module (import \"m\" \"g\" (global (mut i32))) (memory 1))"), NotImageable::ImportedState);
    let reference = "(module (memory 1) (global (mut funcref) (ref.null func)))";
    assert_eq!(refused(reference), NotImageable::ReferenceGlobal(0));
    let table = "(module (memory 1) (table (export \"t\") 1 funcref))";
    assert_eq!(refused(table), NotImageable::ExportedTable(0));
    let far = "(module (memory 1) (data (i32.const 65535) \"ab\"))";
    assert_eq!(refused(far), NotImageable::SegmentPlace);
    let moved = "(module (memory 1) (global $g i32 (i32.const 0)) (data (global.get $g) \"ab\"))";
    assert_eq!(refused(moved), NotImageable::SegmentPlace);
    let set = "(module (memory 1) (table 1 funcref) (func (table.set (i32.const 0) (ref.null func))))";
    assert_eq!(refused(set), NotImageable::HiddenState("table.set"));
    let init = "(module (memory 1) (data \"x\") (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0))))";
    assert_eq!(refused(init), NotImageable::HiddenState("memory.init"));
}

#[test]
fn a_function_that_is_not_there_is_named() {
    let missing = instrument(&wasm(COUNTER), &["PyObject_CallOneArg"]).unwrap_err();
    assert_eq!(missing, NotImageable::NoFunction("PyObject_CallOneArg".into()));
    let exported = instrument(&wasm(COUNTER), &["next"]).unwrap();
    assert_eq!(exported.globals.len(), 2);
}

#[test]
fn a_module_without_exports_gets_those_it_needs() {
    let made = instrument(&wasm("(module (memory 1) (global (mut i32) (i32.const 3)) (func))"), &[]).unwrap();
    let module = Module::new(&Engine::default(), &made.wasm).unwrap();
    assert_eq!(module.exports().count(), 1);
}

#[test]
fn truncated_modules_are_refused_at_every_length() {
    let whole = wasm(COUNTER);
    for length in 0..whole.len() {
        // Cut between two sections a module may still be well formed; it must not panic.
        let _ = instrument(&whole[..length], &["hidden"]);
    }
    assert!(instrument(b"\0asm\x01\0\0\0\x0b\xff", &[]).is_err());
}

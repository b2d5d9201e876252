//! The reader of snapshots against any bytes. What must hold is said in
//! `core/src/snapshot/format/oracle.rs`; the tests there run it without a fuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sandcell::fuzzing::snapshot_reader(bytes);
});

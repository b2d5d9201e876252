//! The format against damage, lies and other people's snapshots.

mod damage;
mod lies;

use super::header::{HEADER_BYTES, Header, Length, Section};
use super::oracle::mend;
use super::{Contents, Expect, Origin, PAGE_BYTES, PageRun, State, architecture, differing, read, write};
use crate::code::Code;
use crate::engine::Digest;
use crate::error::{Error, Result};
use crate::guest::GlobalValue;
use crate::limits::LimitKey;
use crate::wire::{Effort, Key, SEAL_BYTES};

const MAX: u64 = 16 << 20;
/// Where the first section begins in a keyless or keyed file alike.
const BODY: usize = HEADER_BYTES;

fn key(byte: u8) -> Key {
    Key::new(&[byte; 32]).unwrap()
}

fn origin() -> Origin {
    Origin { image: Digest::of(b"image"), engine: Digest::of(b"engine") }
}

fn expect(key: Option<&Key>) -> Expect<'_> {
    Expect { origin: origin(), architecture: architecture(), key, max_bytes: MAX, max_memory_bytes: MAX }
}

fn state() -> State {
    State {
        globals: vec![
            GlobalValue::I32(-2),
            GlobalValue::I64(i64::MIN),
            GlobalValue::F32(f32::NAN.to_bits()),
            GlobalValue::F64(f64::NAN.to_bits() | 1),
            GlobalValue::V128(u128::MAX - 1),
        ],
        files: (0..3000u32).flat_map(u32::to_le_bytes).collect(),
        session: b"turn 7".to_vec(),
    }
}

/// 512 KiB of which the image has the first half: one page changed in it, two behind it.
fn memory() -> (Vec<u8>, Vec<u8>, Vec<PageRun>) {
    let image: Vec<u8> = (0..1u32 << 16).flat_map(u32::to_le_bytes).collect();
    let mut memory = image.clone();
    memory.resize(1 << 19, 0);
    memory[3 * PAGE_BYTES + 17] ^= 1;
    memory[70 * PAGE_BYTES..72 * PAGE_BYTES].fill(0xaa);
    let runs = differing(&[PageRun { first: 0, count: 128 }], &memory, &image);
    (memory, image, runs)
}

fn contents(memory: &[u8], runs: &[PageRun]) -> Contents {
    let pages = runs.iter().flat_map(|run| run.of(memory).unwrap()).copied().collect();
    Contents { origin: origin(), state: state(), memory_bytes: memory.len() as u64, runs: runs.to_vec(), pages }
}

fn sample(key: Option<&Key>) -> Vec<u8> {
    let (memory, _, runs) = memory();
    write(&contents(&memory, &runs), key, MAX).unwrap()
}

/// The sample with other fields in its header and checksums that agree.
fn with_header(change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut bytes = sample(None);
    let mut header = Header::decode(bytes.first_chunk().unwrap()).unwrap();
    change(&mut header);
    bytes[..HEADER_BYTES].copy_from_slice(&header.encode().unwrap());
    mend(&mut bytes);
    bytes
}

/// A snapshot made of these stored sections, whose declared raw lengths are true or not.
fn assembled(memory_bytes: u64, sections: [(&[u8], u64); 5]) -> Vec<u8> {
    let how = Header::decode(sample(None).first_chunk().unwrap()).unwrap();
    let lengths = sections.map(|(stored, raw)| Length { stored: stored.len() as u64, raw });
    let mut bytes = Header { memory_bytes, sections: lengths, ..how }.encode().unwrap().to_vec();
    sections.iter().for_each(|(stored, _)| bytes.extend(*stored));
    bytes.extend([0; SEAL_BYTES]);
    mend(&mut bytes);
    bytes
}

/// The stored form of a section.
fn packed(raw: &[u8]) -> Vec<u8> {
    let mut stored = Vec::new();
    crate::wire::compress(Effort { level: 3, threads: 1 }, [raw], raw.len() as u64, &mut stored).unwrap();
    stored
}

fn code(result: Result<Contents>) -> Code {
    result.unwrap_err().code()
}

fn reason(result: Result<Contents>) -> String {
    match result.unwrap_err() {
        Error::SnapshotInvalid { reason } => reason,
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_written_is_read_with_and_without_a_key() {
    let (memory, image, runs) = memory();
    assert_eq!(runs, [PageRun { first: 3, count: 1 }, PageRun { first: 70, count: 2 }]);
    let key = key(1);
    for key in [None, Some(&key)] {
        let contents = read(&sample(key), &expect(key)).unwrap();
        assert_eq!((contents.memory_bytes, &contents.state, &contents.runs), (1 << 19, &state(), &runs));
        let mut restored = image.clone();
        restored.resize(memory.len(), 0);
        let mut pages = contents.pages.as_slice();
        for run in contents.runs {
            let range = run.bytes();
            restored[range.start as usize..range.end as usize]
                .copy_from_slice(pages.split_off(..run.count as usize * PAGE_BYTES).unwrap());
        }
        assert!(pages.is_empty() && restored == memory);
    }
}

#[test]
fn an_unchanged_guest_without_state_has_a_byte_form_too() {
    let empty = State { globals: vec![], files: vec![], session: vec![] };
    let bytes = write(&Contents { state: empty.clone(), ..contents(&[], &[]) }, None, MAX).unwrap();
    assert_eq!(bytes.len(), HEADER_BYTES + SEAL_BYTES);
    let contents = read(&bytes, &expect(None)).unwrap();
    assert_eq!((contents.state, contents.runs.len(), contents.memory_bytes), (empty, 0, 0));
}

#[test]
fn pages_that_were_written_back_to_what_they_were_are_not_stored() {
    let (mut memory, image, _) = memory();
    memory[3 * PAGE_BYTES + 17] ^= 1;
    memory[70 * PAGE_BYTES..71 * PAGE_BYTES].fill(0);
    let written = [PageRun { first: 3, count: 1 }, PageRun { first: 70, count: 2 }];
    assert_eq!(differing(&written, &memory, &image), [PageRun { first: 71, count: 1 }]);
    // A run that leaves the memory is followed as far as it goes.
    assert!(differing(&[PageRun { first: 127, count: u32::MAX }], &memory, &image).is_empty());
}

#[test]
fn the_same_guest_has_the_same_bytes() {
    assert_eq!(sample(None), sample(None));
}

#[test]
fn a_snapshot_of_something_else_is_refused_by_name() {
    let bytes = sample(None);
    let other = Digest::of(b"other");
    let refused = |expect: Expect<'_>| match read(&bytes, &expect).unwrap_err() {
        Error::SnapshotMismatch { what, expected, found } => {
            assert_ne!(expected, found);
            what
        }
        other => panic!("{other}"),
    };
    assert_eq!(refused(Expect { origin: Origin { image: other, ..origin() }, ..expect(None) }), "image");
    assert_eq!(refused(Expect { origin: Origin { engine: other, ..origin() }, ..expect(None) }), "engine");
    assert_eq!(refused(Expect { architecture: "riscv64-linux".into(), ..expect(None) }), "architecture");
}

#[test]
fn only_the_right_key_opens_a_keyed_snapshot_and_no_key_opens_one_without() {
    let (mine, theirs) = (key(1), key(2));
    let forged = |bytes: &[u8], key| match read(bytes, &expect(key)).unwrap_err() {
        Error::SnapshotForged { reason } => reason,
        other => panic!("{other}"),
    };
    assert!(forged(&sample(Some(&mine)), Some(&theirs)).contains("not sealed with this key"));
    assert!(forged(&sample(Some(&mine)), None).contains("none was given"));
    assert!(forged(&sample(None), Some(&mine)).contains("without a key"));
    // The flag alone does not help: the seal covers it.
    let mut unflagged = sample(Some(&mine));
    unflagged[10] = 0;
    mend(&mut unflagged);
    assert!(forged(&unflagged, Some(&mine)).contains("without a key"));
    let flagged = with_header(|header| header.keyed = true);
    assert!(forged(&flagged, Some(&mine)).contains("not sealed with this key"));
}

#[test]
fn a_snapshot_above_a_limit_is_neither_written_nor_read() {
    let (memory, _, runs) = memory();
    let bytes = sample(None);
    let refused = |expect| match read(&bytes, &expect).unwrap_err() {
        Error::SnapshotExceeds { limit, needed, allowed } => (limit, needed, allowed),
        other => panic!("{other}"),
    };
    let length = bytes.len() as u64;
    let small = Expect { max_bytes: length - 1, ..expect(None) };
    assert_eq!(refused(small), (LimitKey::SnapshotBytes, length, length - 1));
    let small = Expect { max_memory_bytes: (1 << 19) - 1, ..expect(None) };
    assert_eq!(refused(small), (LimitKey::MemoryBytes, 1 << 19, (1 << 19) - 1));
    let written = write(&contents(&memory, &runs), None, length - 1);
    assert_eq!(written.unwrap_err().code(), Code::SnapshotExceeds);
}

#[test]
fn nothing_of_the_guest_is_printed() {
    let printed = format!("{:?}", read(&sample(None), &expect(None)).unwrap());
    assert!(printed.len() < 400 && !printed.contains("170"), "{printed}");
}

#[test]
fn a_key_is_long_enough_and_never_printed() {
    assert!(Key::new(&[1; 15]).is_err() && Key::new(&[1; 1025]).is_err());
    assert_eq!(format!("{:?}", key(b'k')), "SnapshotKey(..)");
}

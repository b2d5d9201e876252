//! Archives against damage, lies, and being imported where they do not fit.

use super::index::Index;
use super::*;
use crate::code::Code;
use crate::engine::Baseline;
use crate::error::Result;
use crate::image::progress::Progress;
use crate::wire::{Seal, compress};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};

const MAX: u64 = 64 << 20;

fn description() -> Description {
    Description {
        name: "python".into(),
        image: Digest::of(b"image"),
        engine: Digest::of(b"engine"),
        system: std::env::consts::OS.into(),
        baseline: Baseline::of_this_machine().unwrap(),
    }
}

fn expect() -> Expect {
    Expect { engines: vec![Digest::of(b"engine")], machine: Baseline::of_this_machine(), max_bytes: MAX }
}

/// Code that does not compress, a memory with holes, something empty.
fn files() -> Vec<(&'static str, Kind, Vec<u8>)> {
    let mut memory = vec![0; 3 << 20];
    memory[2_000_000..2_000_100].fill(9);
    let code = (0..50_000u64).flat_map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7).to_le_bytes()).collect();
    vec![
        ("code.cwasm", Kind::Code, code),
        ("memory.bin", Kind::Memory, memory),
        ("image.json", Kind::Manifest, b"{}".to_vec()),
        ("empty", Kind::Licence, Vec::new()),
    ]
}

fn sources(files: &[(&'static str, Kind, Vec<u8>)]) -> Vec<Source<&'static [u8]>> {
    files
        .iter()
        .map(|(name, kind, content)| Source {
            name: (*name).to_owned(),
            kind: *kind,
            raw_bytes: content.len() as u64,
            sha256: Some(Digest::of(content)),
            content: &*content.clone().leak(),
        })
        .collect()
}

fn sample(key: Option<&Key>) -> (Vec<u8>, Digest) {
    let mut bytes = Vec::new();
    let digest = write(&mut bytes, description(), sources(&files()), key, MAX, &mut |_| ()).unwrap();
    (bytes, digest)
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

type Unpacked = BTreeMap<String, Vec<u8>>;

/// Reads into a folder; also says how many files were opened.
fn import(bytes: &[u8], trust: Trust<'_>, expect: &Expect) -> (Result<(Description, Unpacked)>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut into = unpack_into(folder.path());
    let mut opened = 0;
    let counted = |entry: &Entry| {
        opened += 1;
        into(entry)
    };
    let found = read(&file_of(bytes), trust, expect, counted, &mut |_| ()).map(|(description, digests)| {
        let read = |name: &String| fs::read(folder.path().join(name)).unwrap();
        (description, digests.keys().map(|name| (name.clone(), read(name))).collect())
    });
    (found, opened)
}

/// Refused with this code before any file was opened.
fn refused(bytes: &[u8], trust: Trust<'_>, expect: &Expect) -> Code {
    let (found, opened) = import(bytes, trust, expect);
    assert_eq!(opened, 0);
    found.unwrap_err().code()
}

/// An archive with this index, over these stored bytes, under a digest that its importer trusts.
fn sealed(stored: &[u8], index: &[u8]) -> (Vec<u8>, Digest) {
    let mut bytes = [&prefix(false)[..], stored, index, &(index.len() as u32).to_le_bytes()].concat();
    let mut seal = Seal::new(None).unwrap();
    seal.update(&bytes);
    bytes.extend(seal.finish());
    let digest = Digest::of(&bytes);
    (bytes, digest)
}

fn index_of(bytes: &[u8]) -> (Index, Vec<u8>) {
    let end = bytes.len() - SEAL_BYTES - LENGTH_BYTES;
    let length = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) as usize;
    (serde_json::from_slice(&bytes[end - length..end]).unwrap(), bytes[PREFIX_BYTES..end - length].to_vec())
}

/// The sample with another index, sealed and trusted.
fn with_index(change: impl FnOnce(&mut Index)) -> (Vec<u8>, Digest) {
    let (mut index, stored) = index_of(&sample(None).0);
    change(&mut index);
    sealed(&stored, &serde_json::to_vec(&index).unwrap())
}

#[test]
fn what_is_written_is_read_by_digest_and_by_key() {
    let key = Key::new(&[1; 32]).unwrap();
    let (plain, plain_digest) = sample(None);
    let (keyed, keyed_digest) = sample(Some(&key));
    assert_eq!((plain_digest, keyed_digest), (Digest::of(&plain), Digest::of(&keyed)));
    let by_digest = [(&plain, Trust::Digest(plain_digest)), (&keyed, Trust::Digest(keyed_digest))];
    for (bytes, trust) in by_digest.into_iter().chain([(&keyed, Trust::Key(&key))]) {
        let (found, unpacked) = import(bytes, trust, &expect()).0.unwrap();
        assert_eq!(found, description());
        let expected = files().into_iter().map(|(name, _, content)| (name.to_owned(), content));
        assert!(unpacked == expected.collect::<Unpacked>());
    }
}

#[test]
fn unpacked_files_are_private_and_zeros_take_no_room() {
    let (bytes, digest) = sample(None);
    let folder = tempfile::tempdir().unwrap();
    let into = unpack_into(folder.path());
    read(&file_of(&bytes), Trust::Digest(digest), &expect(), into, &mut |_| ()).unwrap();
    let memory = fs::metadata(folder.path().join("memory.bin")).unwrap();
    assert_eq!((memory.len(), memory.permissions().mode() & 0o777), (3 << 20, 0o600));
    assert!(memory.blocks() * 512 < 1 << 20, "{} blocks", memory.blocks());
    // A file that is there already is not written over.
    let into = unpack_into(folder.path());
    let again = read(&file_of(&bytes), Trust::Digest(digest), &expect(), into, &mut |_| ());
    assert_eq!(again.unwrap_err().code(), Code::HostIo);
}

#[test]
fn nothing_is_opened_of_an_archive_that_is_not_trusted() {
    let (mine, theirs) = (Key::new(&[1; 32]).unwrap(), Key::new(&[2; 32]).unwrap());
    let (plain, digest) = sample(None);
    let (keyed, _) = sample(Some(&mine));
    for (bytes, trust) in [
        (&plain, Trust::Digest(Digest::of(b"another"))),
        (&keyed, Trust::Digest(digest)),
        (&plain, Trust::Key(&mine)),
        (&keyed, Trust::Key(&theirs)),
    ] {
        assert_eq!(refused(bytes, trust, &expect()), Code::ImageUntrusted, "{trust:?}");
    }
    // Saying that it is keyed does not make it so.
    let mut flagged = plain;
    flagged[10] = 1;
    assert_eq!(refused(&flagged, Trust::Key(&mine), &expect()), Code::ImageUntrusted);
}

#[test]
fn damage_anywhere_is_found_before_anything_is_opened() {
    let key = Key::new(&[1; 32]).unwrap();
    let (bytes, digest) = sample(Some(&key));
    let step = |at: usize| if at < 200 || bytes.len() - at < 1500 { 1 } else { 4999 };
    for trust in [Trust::Digest(digest), Trust::Key(&key)] {
        let mut at = 0;
        while at < bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let found = refused(&flipped, trust, &expect());
            assert!(
                matches!(found, Code::ImageUntrusted | Code::ImageDamaged | Code::ImageMismatch),
                "byte {at}: {found}"
            );
            let found = refused(&bytes[..at], trust, &expect());
            assert!(matches!(found, Code::ImageUntrusted | Code::ImageDamaged), "cut at {at}: {found}");
            at += step(at);
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(matches!(refused(&longer, trust, &expect()), Code::ImageUntrusted | Code::ImageDamaged));
    }
}

#[test]
fn an_archive_that_does_not_fit_is_refused_by_name() {
    let (bytes, digest) = sample(None);
    let what = |bytes: &[u8], digest, expect: Expect| match import(bytes, Trust::Digest(digest), &expect) {
        (Err(Error::ImageMismatch { what, expected, found, .. }), 0) => {
            assert_ne!(expected, found);
            what
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(what(&bytes, digest, Expect { engines: vec![Digest::of(b"other")], ..expect() }), "engine");
    assert_eq!(what(&bytes, digest, Expect { machine: None, ..expect() }), "CPU baseline");
    let (newer, trusted) = with_index(|index| index.description.baseline = Baseline::X86_64V4);
    assert_eq!(what(&newer, trusted, Expect { machine: Some(Baseline::X86_64V3), ..expect() }), "CPU baseline");
    let (foreign, trusted) = with_index(|index| index.description.system = "plan9".into());
    assert_eq!(what(&foreign, trusted, expect()), "operating system");
    let mut other = bytes;
    other[8] = 2;
    assert_eq!(what(&other, digest, expect()), "format version");
}

#[test]
fn an_image_above_the_limit_is_neither_written_nor_read() {
    let (bytes, digest) = sample(None);
    let refused_at = |max_bytes| refused(&bytes, Trust::Digest(digest), &Expect { max_bytes, ..expect() });
    // By its own size, which is known before it is read, and by what it unpacks to.
    assert_eq!(refused_at(bytes.len() as u64 - 1), Code::ImageExceeds);
    assert_eq!(refused_at(bytes.len() as u64), Code::ImageExceeds);
    let mut nothing = Vec::new();
    let written = write(&mut nothing, description(), sources(&files()), None, 1 << 20, &mut |_| ());
    assert_eq!((written.unwrap_err().code(), nothing.len()), (Code::ImageExceeds, 0));
}

#[test]
fn a_trusted_archive_that_lies_is_still_refused() {
    let refused_with = |change: fn(&mut Index)| {
        let (bytes, digest) = with_index(change);
        refused(&bytes, Trust::Digest(digest), &expect())
    };
    for name in ["../evil", "/etc/passwd", "a/b", "", ".", "..", "a\0", "A"] {
        let (bytes, digest) = with_index(|index| index.entries[0].name = name.into());
        assert_eq!(refused(&bytes, Trust::Digest(digest), &expect()), Code::ImageDamaged, "{name}");
    }
    assert_eq!(refused_with(|index| index.entries[0].name = "empty".into()), Code::ImageDamaged);
    assert_eq!(refused_with(|index| index.entries[0].stored_bytes += 1), Code::ImageDamaged);
    assert_eq!(refused_with(|index| index.entries[0].stored_bytes = u64::MAX), Code::ImageDamaged);
    assert_eq!(refused_with(|index| index.entries[0].raw_bytes = u64::MAX), Code::ImageExceeds);
    assert_eq!(refused_with(|index| index.description.name = "../x".into()), Code::DocumentInvalid);
    let (_, stored) = index_of(&sample(None).0);
    for text in ["", "{}", "[", &"[".repeat(100_000)] {
        let (bytes, digest) = sealed(&stored, text.as_bytes());
        assert_eq!(refused(&bytes, Trust::Digest(digest), &expect()), Code::ImageDamaged);
    }
    let (bytes, digest) = sealed(&stored, &vec![b' '; (256 << 10) + 1]);
    assert_eq!(refused(&bytes, Trust::Digest(digest), &expect()), Code::ImageDamaged);

    // These are found while unpacking.
    let fails_with = |change: fn(&mut Index)| {
        let (bytes, digest) = with_index(change);
        import(&bytes, Trust::Digest(digest), &expect()).0.unwrap_err().code()
    };
    assert_eq!(fails_with(|index| index.entries[1].sha256 = Digest::of(b"another")), Code::ImageDamaged);
    assert_eq!(fails_with(|index| index.entries[1].raw_bytes -= 1), Code::ImageDamaged);
    assert_eq!(fails_with(|index| index.entries[1].raw_bytes += 1), Code::ImageDamaged);
    assert_eq!(fails_with(|index| index.entries.swap(0, 1)), Code::ImageDamaged);
}

#[test]
fn a_bomb_writes_no_more_than_was_declared() {
    let zeros = vec![0; 32 << 20];
    let mut bomb = Vec::new();
    compress(crate::wire::Effort { level: 3, threads: 1 }, [&zeros[..]], zeros.len() as u64, &mut bomb).unwrap();
    let entry = Entry {
        name: "bomb".into(),
        kind: Kind::Files,
        stored_bytes: bomb.len() as u64,
        raw_bytes: 1000,
        sha256: Digest::of(&zeros[..1000]),
    };
    let index = serde_json::to_vec(&Index { description: description(), entries: vec![entry] }).unwrap();
    let (bytes, digest) = sealed(&bomb, &index);
    let folder = tempfile::tempdir().unwrap();
    let found = read(&file_of(&bytes), Trust::Digest(digest), &expect(), unpack_into(folder.path()), &mut |_| ());
    assert_eq!(found.unwrap_err().code(), Code::ImageDamaged);
    assert_eq!(fs::metadata(folder.path().join("bomb")).unwrap().len(), 1000);
}

#[test]
fn changing_the_archive_between_verifying_and_unpacking_gains_nothing() {
    let (bytes, digest) = sample(None);
    let file = file_of(&bytes);
    // Another sound archive with other code, of which the importer knows nothing.
    let mut other = files();
    other[0].2.reverse();
    let mut evil = Vec::new();
    write(&mut evil, description(), sources(&other), None, MAX, &mut |_| ()).unwrap();
    let swapped = |_: &Entry| {
        file.write_all_at(&evil, 0).unwrap();
        Ok(std::io::sink())
    };
    let found = read(&file, Trust::Digest(digest), &expect(), swapped, &mut |_| ());
    assert_eq!(found.unwrap_err().code(), Code::ImageDamaged);
}

#[test]
fn a_source_that_is_not_what_it_was_said_to_be_is_not_exported() {
    let exported = |change: fn(&mut Source<&'static [u8]>)| {
        let mut sources = sources(&files());
        change(&mut sources[0]);
        write(std::io::sink(), description(), sources, None, MAX, &mut |_| ()).unwrap_err().code()
    };
    assert_eq!(exported(|source| source.sha256 = Some(Digest::of(b"another"))), Code::ImageDamaged);
    assert_eq!(exported(|source| source.raw_bytes -= 1), Code::ImageDamaged);
    assert_eq!(exported(|source| source.raw_bytes += 1), Code::ImageDamaged);
    assert_eq!(exported(|source| source.name = "../x".into()), Code::ImageDamaged);
    assert_eq!(exported(|source| source.name = "empty".into()), Code::ImageDamaged);
}

#[test]
fn progress_ends_where_it_said_it_would() {
    let mut last: Vec<Progress> = Vec::new();
    let mut seen = |progress: Progress| match last.last_mut() {
        Some(found) if found.stage == progress.stage => {
            assert!(found.done <= progress.done && found.total == progress.total);
            *found = progress;
        }
        _ => last.push(progress),
    };
    let mut file = tempfile::tempfile().unwrap();
    let digest = write(&file, description(), sources(&files()), None, MAX, &mut seen).unwrap();
    read(&file, Trust::Digest(digest), &expect(), |_| Ok(std::io::sink()), &mut seen).unwrap();
    assert_eq!(last.iter().map(|found| found.stage.as_str()).collect::<Vec<_>>(), ["pack", "verify", "install"]);
    assert!(last.iter().all(|found| found.done == found.total));
    file.rewind().unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(Digest::of(&bytes), digest);
}

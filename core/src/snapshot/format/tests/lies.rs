//! Snapshots whose checksums are right and whose fields are not: anybody can make these.

use super::*;

#[test]
fn each_field_of_the_header_is_judged_by_itself() {
    let with_byte = |at: usize, value: u8| {
        let mut bytes = sample(None);
        assert_ne!(bytes[at], value);
        bytes[at] = value;
        mend(&mut bytes);
        code(read(&bytes, &expect(None)))
    };
    for at in 0..8 {
        assert_eq!(with_byte(at, 0x55), Code::SnapshotInvalid, "magic");
    }
    for at in 8..10 {
        assert_eq!(with_byte(at, 2), Code::SnapshotMismatch, "version");
    }
    assert_eq!(with_byte(10, 1), Code::SnapshotForged, "keyed");
    assert_eq!(with_byte(10, 2), Code::SnapshotInvalid, "an unknown flag");
    assert_eq!(with_byte(11, 1), Code::SnapshotInvalid, "an unknown flag");
    for at in 12..16 {
        assert_eq!(with_byte(at, 1), Code::SnapshotInvalid, "what must be zero");
    }
    assert_eq!(with_byte(16, b'y'), Code::SnapshotMismatch, "architecture");
    assert_eq!(with_byte(16, b' '), Code::SnapshotInvalid, "an architecture that is no name");
    assert_eq!(with_byte(31, b'x'), Code::SnapshotInvalid, "text behind the end of a name");
    for at in 32..96 {
        let flipped = sample(None)[at] ^ 1;
        assert_eq!(with_byte(at, flipped), Code::SnapshotMismatch, "image and engine");
    }
    // Not a whole number of WebAssembly pages, longer than any memory, and shorter than its pages.
    for (at, value) in [(96, 1), (97, 0x10), (100, 1), (103, 0x80), (98, 0)] {
        let found = with_byte(at, value);
        assert!(matches!(found, Code::SnapshotInvalid | Code::SnapshotExceeds), "{at}: {found}");
    }
    for at in 104..BODY - 32 {
        let flipped = sample(None)[at] ^ 0x81;
        let found = with_byte(at, flipped);
        assert!(matches!(found, Code::SnapshotInvalid | Code::SnapshotExceeds), "{at}: {found}");
    }
}

#[test]
fn huge_declared_lengths_are_refused_before_memory_is_asked_for() {
    for huge in [u64::MAX, u64::MAX - 4095, 1 << 63, 1 << 40, 1 << 33] {
        for section in Section::ALL {
            let raw = with_header(|header| header.sections[section as usize].raw = huge);
            let found = code(read(&raw, &expect(None)));
            assert!(matches!(found, Code::SnapshotInvalid | Code::SnapshotExceeds), "{section:?} {huge}: {found}");
            let stored = with_header(|header| header.sections[section as usize].stored = huge);
            assert_eq!(code(read(&stored, &expect(None))), Code::SnapshotInvalid, "{section:?} {huge}");
        }
        let memory = with_header(|header| header.memory_bytes = huge);
        assert!(matches!(code(read(&memory, &expect(None))), Code::SnapshotInvalid | Code::SnapshotExceeds));
    }
    // Stored lengths whose sum wraps around to the right one.
    let wrapped = with_header(|header| {
        header.sections[0].stored = header.sections[0].stored.wrapping_add(1 << 63);
        header.sections[1].stored = header.sections[1].stored.wrapping_add(1 << 63);
    });
    assert_eq!(reason(read(&wrapped, &expect(None))), "its length is not the one that it declares");
}

#[test]
fn a_page_table_that_lies_is_refused_whatever_its_checksum() {
    let pages = vec![1; 4 * PAGE_BYTES];
    let packed_pages = packed(&pages);
    let with_runs = |runs: &[(u32, u32)], pages_raw: u64| {
        let table: Vec<u8> = runs.iter().flat_map(|&(first, count)| PageRun { first, count }.encode()).collect();
        let sections = [
            (&[][..], 0),
            (&packed(&table)[..], table.len() as u64),
            (&packed_pages[..], pages_raw),
            (&[][..], 0),
            (&[][..], 0),
        ];
        read(&assembled(1 << 19, sections), &expect(None))
    };
    let all = pages.len() as u64;
    assert!(with_runs(&[(0, 1), (5, 2), (127, 1)], all).is_ok());
    assert!(with_runs(&[(0, 1), (1, 3)], all).is_ok(), "touching is not overlapping");
    for (runs, lie) in [
        (&[(0, 3), (2, 1)][..], "ascending"),
        (&[(5, 2), (0, 2)], "ascending"),
        (&[(5, 2), (5, 2)], "ascending"),
        (&[(126, 4)], "leaves the memory"),
        (&[(128, 4)], "leaves the memory"),
        (&[(u32::MAX, 4)], "leaves the memory"),
        (&[(u32::MAX, u32::MAX)], "leaves the memory"),
        (&[(0, u32::MAX), (1, 5)], "leaves the memory"),
        (&[(0, 4), (9, 0)], "empty run"),
        (&[(0, 0), (0, 4)], "empty run"),
        (&[(0, 3)], "another length"),
        (&[(0, 5)], "another length"),
        (&[], "another length"),
        (&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)], "impossible length"),
    ] {
        let found = reason(with_runs(runs, all));
        assert!(found.contains(lie), "{runs:?}: {found}");
    }
    assert!(reason(with_runs(&[(0, 4)], all - 1)).contains("impossible length"));
}

#[test]
fn globals_of_no_type_and_with_too_many_bits_are_refused() {
    let with_global = |kind: u8, bits: u128| {
        let raw = [&[kind][..], &bits.to_le_bytes()].concat();
        let stored = packed(&raw);
        let none = (&[][..], 0);
        read(&assembled(0, [(&stored, 17), none, none, none, none]), &expect(None))
    };
    assert_eq!(with_global(0x7f, 1).unwrap().state.globals, [GlobalValue::I32(1)]);
    assert!(reason(with_global(0x70, 0)).contains("type"));
    for (kind, bits) in [(0x7f, 1 << 32), (0x7d, 1 << 127), (0x7e, 1 << 64), (0x7c, u128::MAX)] {
        assert!(reason(with_global(kind, bits)).contains("more bits"));
    }
}

#[test]
fn a_section_of_another_length_than_declared_is_refused() {
    let stored = packed(&[7; 5000]);
    let none = (&[][..], 0);
    let with_files = |stored: &[u8], raw| read(&assembled(0, [none, none, none, (stored, raw), none]), &expect(None));
    assert!(with_files(&stored, 5000).is_ok());
    for raw in [0, 1, 4999, 5001, 100_000] {
        assert_eq!(code(with_files(&stored, raw)), Code::SnapshotInvalid, "{raw}");
    }
    assert_eq!(code(with_files(&[], 1)), Code::SnapshotInvalid);
    assert_eq!(code(with_files(&[stored.as_slice(), &[0]].concat(), 5000)), Code::SnapshotInvalid);
    assert_eq!(code(with_files(&stored[..stored.len() - 1], 5000)), Code::SnapshotInvalid);
}

#[test]
fn a_bomb_of_zstd_ends_at_the_declared_length() {
    let none = (&[][..], 0);
    // 1 GiB of zeros in a few kilobytes, declared as a page, and as what the caps just allow.
    let bomb = zstd::stream::encode_all(std::io::Read::take(std::io::repeat(0), 1 << 30), 3).unwrap();
    assert!(bomb.len() < 200_000);
    for raw in [1, 4096, MAX] {
        let files = read(&assembled(0, [none, none, none, (&bomb, raw), none]), &expect(None));
        assert!(reason(files).contains("files cannot be expanded: a section is longer than declared"));
    }
    let files = read(&assembled(0, [none, none, none, (&bomb, 1 << 30), none]), &expect(None));
    assert_eq!(code(files), Code::SnapshotExceeds);
    // A second frame, a frame that is skipped, and a window larger than the reader has.
    let frame = packed(&[7; 5000]);
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9][..], &frame].concat();
    let mut wide = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    wide.window_log(27).unwrap();
    std::io::Write::write_all(&mut wide, &[7; 5000]).unwrap();
    for stored in [[frame.clone(), frame].concat(), skipped, wide.finish().unwrap()] {
        let files = read(&assembled(0, [none, none, none, (&stored, 5000), none]), &expect(None));
        assert_eq!(code(files), Code::SnapshotInvalid);
    }
}

//! Snapshots that were cut off, flipped or added to.

use super::super::oracle;
use super::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

#[test]
fn a_snapshot_that_is_cut_off_anywhere_is_refused() {
    let key = key(1);
    for key in [None, Some(&key)] {
        let bytes = sample(key);
        for length in 0..bytes.len() {
            assert_eq!(code(read(&bytes[..length], &expect(key))), Code::SnapshotInvalid, "{length}");
        }
    }
}

#[test]
fn one_with_its_end_cut_off_and_both_checksums_put_right_is_refused() {
    let bytes = sample(None);
    for length in BODY + SEAL_BYTES..bytes.len() {
        let mut cut = bytes[..length].to_vec();
        mend(&mut cut);
        assert_eq!(reason(read(&cut, &expect(None))), "its length is not the one that it declares");
    }
}

#[test]
fn every_flipped_byte_is_found() {
    let key = key(1);
    for key in [None, Some(&key)] {
        let bytes = sample(key);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let found = code(read(&flipped, &expect(key)));
            let expected: &[Code] = match at {
                8..10 => &[Code::SnapshotMismatch],
                0..BODY => &[Code::SnapshotInvalid],
                _ if key.is_some() => &[Code::SnapshotForged],
                _ => &[Code::SnapshotInvalid],
            };
            assert!(expected.contains(&found), "byte {at}: {found}");
        }
    }
}

#[test]
fn bytes_behind_the_end_are_refused() {
    let bytes = sample(None);
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(code(read(&longer, &expect(None))), Code::SnapshotInvalid);
    // Also when the seal is moved behind them.
    mend(&mut longer);
    assert_eq!(reason(read(&longer, &expect(None))), "its length is not the one that it declares");
    assert_eq!(code(read(&[bytes.clone(), bytes].concat(), &expect(None))), Code::SnapshotInvalid);
}

#[test]
fn thousands_of_seeded_mutations_give_an_error_or_a_sound_snapshot() {
    let seed = oracle::seed();
    assert!(oracle::snapshot_reader(&seed));
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..4000 {
        let mut bytes = seed.clone();
        for _ in 0..1 + random.next_u32() % 4 {
            // Every other round in the header: it is short beside the rest.
            let reach = if round % 2 == 0 { BODY } else { bytes.len() };
            let at = random.next_u32() as usize % reach.min(bytes.len());
            match random.next_u32() % 6 {
                0 => bytes[at] = random.next_u32() as u8,
                1 => bytes[at] = 0xff,
                2 => bytes[at..].iter_mut().take(8).for_each(|byte| *byte = 0xff),
                3 => bytes.truncate(at + 1),
                4 => bytes.insert(at, 0),
                _ => bytes[at] = bytes[at].wrapping_add(1),
            }
        }
        *if oracle::snapshot_reader(&bytes) { &mut accepted } else { &mut refused } += 1;
    }
    // Both ways are taken: mutated page contents are sound, lengths are not.
    assert!(accepted > 100 && refused > 1000, "{accepted} accepted, {refused} refused");
}

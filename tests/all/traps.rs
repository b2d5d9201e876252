//! Traps by their reason, for every kind of engine. The reasons themselves, case by case, stand in
//! `tests/conformance/traps.json`.

use sandcell::{CacheDir, Engine, Image, Limits, Outcome, Policy, Program, Status, TrapReason};
use sandcell_tests::{cases, folders, guests, places};
use std::collections::BTreeSet;

/// The guests `trap_*` and what must become of them, from the cases every language runs.
fn trapping() -> Vec<(String, Status)> {
    let cases = cases::read(&places::workspace().join("tests/conformance/traps.json")).unwrap();
    let guest = |case: cases::Case| {
        let guest = case.image.strip_prefix("wasm:")?.to_owned();
        (guest.starts_with("trap_") || guest == "recurse").then(|| (guest, case.expect.status.unwrap()))
    };
    cases.into_iter().filter_map(guest).collect()
}

#[test]
fn every_trapping_guest_and_every_reason_has_a_case() {
    let files = folders::listed(&places::workspace().join("guests/wat"), "wat");
    let names = files.iter().map(|path| path.file_stem().unwrap().to_str().unwrap());
    let there: BTreeSet<&str> = names.filter(|name| name.starts_with("trap_")).collect();
    let trapping = trapping();
    let tested: BTreeSet<&str> = trapping.iter().map(|(name, _)| name.as_str()).collect();
    assert!(there.is_subset(&tested), "{:?}", there.difference(&tested).collect::<Vec<_>>());

    let reasons: BTreeSet<String> = trapping.iter().map(|(_, status)| format!("{status:?}")).collect();
    for reason in TrapReason::ALL.into_iter().filter(|reason| *reason != TrapReason::Other) {
        assert!(reasons.contains(&format!("{:?}", Status::Trapped { reason })), "{reason:?}");
    }
}

#[test]
fn engines_with_explicit_traps_and_with_a_cache_give_the_same_reasons() {
    let cache = tempfile::tempdir().unwrap();
    let cached = || Engine::builder().cache(CacheDir::at(cache.path()));
    for (kind, engine) in [
        ("explicit traps", Engine::builder().explicit_traps(true)),
        ("a cold cache", cached()),
        ("a warm cache", cached()),
        ("a warm cache and explicit traps", cached().explicit_traps(true)),
    ] {
        let engine = engine.build().unwrap();
        for (guest, status) in trapping() {
            let module = guests::wat_source(&guest);
            let image = Image::command(&engine, &guest, &module, &Limits::new()).unwrap();
            assert_eq!(guests::run(&image).status, status, "{guest} with {kind}");
        }
    }
}

#[test]
fn traps_on_many_threads_at_once_end_only_their_own_guests() {
    let status = |outcome: Outcome| outcome.status;
    let trapping = trapping();
    std::thread::scope(|scope| {
        for offset in 0..8 {
            let trapping = &trapping;
            scope.spawn(move || {
                for round in 0..20 {
                    let (guest, expected) = &trapping[(offset * 7 + round) % trapping.len()];
                    assert_eq!(status(guests::run(&guests::wat(guest))), *expected, "{guest}");
                    assert_eq!(status(guests::run(&guests::wat("catch"))), Status::Exited { code: 42 });
                }
            });
        }
    });
}

#[test]
fn exceptions_that_are_kept_are_bounded_for_every_size_of_memory_bytes() {
    for mib in [1, 8, 64] {
        let limits = [("memory_bytes", mib << 20)];
        let outcome = guests::run_in(&guests::wat("exception_bomb"), Policy::new(), &limits, Program::command());
        assert_eq!(outcome.status, Status::Exceeded { limit: sandcell::LimitKey::MemoryBytes }, "{mib} MiB");
        assert!(outcome.usage.peak_memory_bytes <= mib << 20);
    }
}

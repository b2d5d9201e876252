//! Each limit bites, with the exact status and within its bound. What needs no measuring stands
//! in `tests/conformance/limits.json`.

use crate::endless;
use sandcell::{LimitKey, Outcome, Policy, Program, Status};
use sandcell_tests::census::{self, Census, alone};
use sandcell_tests::guests;
use std::time::Duration;

const MIB: u64 = 1 << 20;

/// Late by at most this much, also while other tests use the machine: one of a few tries must be
/// in time.
const LATE_MS: f64 = 100.0;
const TRIES: usize = 5;

#[test]
fn whatever_a_guest_does_for_ever_ends_at_its_deadline() {
    for guest in endless::all() {
        // Page faults burn no fuel: a guest that touches much new memory is interrupted later.
        let deadline_ms = if guest.guest == "fill_256m" { 1500 } else { 200 };
        let latest = deadline_ms as f64 + LATE_MS;
        let mut times = Vec::new();
        for _ in 0..TRIES {
            let outcome = guest.run(&[("deadline_ms", deadline_ms)]);
            assert_eq!(outcome.status, Status::Exceeded { limit: LimitKey::DeadlineMs }, "{}", guest.name);
            assert!(outcome.usage.wall_ms >= deadline_ms as f64, "{} ended early", guest.name);
            times.push(outcome.usage.wall_ms);
            if outcome.usage.wall_ms <= latest {
                break;
            }
        }
        assert!(times.last().unwrap() <= &latest, "{} ended after {times:?} ms", guest.name);
    }
}

/// How late depends on the host's page faults, some 4 µs for each page of `memory_bytes`.
#[test]
fn filling_memory_that_was_never_touched_ends_after_its_page_faults_at_the_latest() {
    let outcome = guests::run_in(&guests::wat("fill_256m"), Policy::new(), &[("deadline_ms", 20)], Program::command());
    assert_eq!(outcome.status, Status::Exceeded { limit: LimitKey::DeadlineMs });
    assert!(outcome.usage.wall_ms < 5_000.0, "{} ms", outcome.usage.wall_ms);
}

#[test]
fn whatever_a_guest_does_for_ever_can_be_cancelled_from_another_thread() {
    for guest in endless::all() {
        let outcome = guest.cancelled_after(Duration::from_millis(50));
        assert_eq!(outcome.status, Status::Cancelled, "{}", guest.name);
        assert!(outcome.usage.wall_ms < 20_000.0, "{} ended by something else", guest.name);
    }
}

#[test]
fn a_guest_that_waits_says_how_long_it_waited_for_the_host() {
    let waiting = endless::all().into_iter().find(|guest| guest.name == "a pipe that stays silent").unwrap();
    let outcome = waiting.run(&[("deadline_ms", 200)]);
    assert!(outcome.usage.host_wait_ms > 100.0 && outcome.usage.host_wait_ms <= outcome.usage.wall_ms);
    let computing =
        guests::run_in(&guests::wat("loop_forever"), Policy::new(), &[("deadline_ms", 50)], Program::command());
    assert_eq!(computing.usage.host_wait_ms, 0.0);
}

#[test]
fn guests_that_waited_for_input_leave_no_thread_and_no_descriptor() {
    alone(|| {
        let blocked: Vec<_> = endless::all().into_iter().filter(|guest| guest.reads_input()).collect();
        assert_eq!(blocked.len(), 3);
        // Whatever the first run sets up for the process stays.
        blocked.iter().for_each(|guest| drop(guest.run(&[("deadline_ms", 20)])));
        let before = settled(|_| true);
        for guest in &blocked {
            for _ in 0..5 {
                guest.run(&[("deadline_ms", 20)]);
                guest.cancelled_after(Duration::from_millis(5));
            }
        }
        // The thread of a reader that cannot be interrupted ends when its reader returns.
        let after = settled(|now| now.threads == before.threads && now.descriptors == before.descriptors);
        assert_eq!((after.threads, after.descriptors), (before.threads, before.descriptors));
    });
}

/// Counts until `enough` or for ten seconds.
fn settled(enough: impl Fn(&Census) -> bool) -> Census {
    for _ in 0..1000 {
        let census = Census::take();
        if enough(&census) {
            return census;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Census::take()
}

#[test]
fn fuel_ends_a_run_and_is_reported_exactly() {
    for guest in ["loop_forever", "clock_flood", "open_flood", "fill_256m"] {
        let guest = endless::all().into_iter().find(|one| one.guest == guest).unwrap();
        let outcome = guest.run(&[("fuel", 5_000_000)]);
        assert_eq!(outcome.status, Status::Exceeded { limit: LimitKey::Fuel }, "{}", guest.name);
        assert_eq!(outcome.usage.fuel, 5_000_000, "{}", guest.name);
    }
}

#[test]
fn a_memory_bomb_sees_growth_fail_and_the_host_grows_by_no_more_than_the_limit() {
    alone(|| {
        let outcome = guests::run(&guests::wat("memory_sum"));
        assert!(matches!(outcome.status, Status::Exited { .. }));
        let before = census::resident_bytes();
        for guest in ["memory_bomb", "memory_bomb", "memory_sum"] {
            let limits = [("memory_bytes", 256 * MIB)];
            let outcome = guests::run_in(&guests::wat(guest), Policy::new(), &limits, Program::command());
            assert!(matches!(outcome.status, Status::Exited { code: 0 | 4096 }), "{:?}", outcome.status);
            assert_eq!(outcome.usage.peak_memory_bytes, 256 * MIB);
        }
        let peak = census::peak_resident_bytes(std::process::id());
        assert!(peak <= before + 256 * MIB + 64 * MIB, "from {before} to {peak}");
        let after = census::resident_bytes();
        assert!(after <= before + 8 * MIB, "{} MiB stayed", (after - before) / MIB);
    });
}

#[test]
fn a_flood_of_output_of_one_gib_keeps_its_exact_head_and_tail_in_little_memory() {
    alone(|| {
        let image = guests::wat("write_1g");
        let before = census::resident_bytes();
        let limits = [("output_bytes", MIB), ("deadline_ms", 120_000)];
        let outcome = guests::run_in(&image, Policy::new(), &limits, Program::command());
        assert!(outcome.is_success(), "{:?}", outcome.status);
        assert!(outcome.stdout_truncated && !outcome.stderr_truncated);
        assert_eq!(outcome.usage.output_bytes, 1 << 30);
        assert_eq!(outcome.stdout.len() as u64, MIB);
        let numbers: Vec<u64> =
            outcome.stdout.chunks_exact(8).map(|cell| u64::from_le_bytes(cell.try_into().unwrap())).collect();
        let half = numbers.len() as u64 / 2;
        assert!(numbers.iter().copied().eq((0..half).chain((1 << 27) - half..1 << 27)));
        let peak = census::peak_resident_bytes(std::process::id());
        assert!(peak <= before + 16 * MIB, "from {before} to {peak}");
    });
}

#[test]
fn reading_a_flood_of_input_holds_no_more_of_it_than_a_buffer() {
    alone(|| {
        let image = guests::wat("read_stdin");
        guests::run(&image);
        let before = census::resident_bytes();
        let flood = std::io::Read::take(std::io::repeat(7), (1 << 30) + 5);
        let program = Program::command().stdin(sandcell::Stdin::reader(flood));
        let outcome = guests::run_in(&image, Policy::new(), &[("deadline_ms", 120_000)], program);
        assert_eq!(outcome.status, Status::Exited { code: 5 });
        let peak = census::peak_resident_bytes(std::process::id());
        assert!(peak <= before + 16 * MIB, "from {before} to {peak}");
    });
}

#[test]
fn a_recursion_without_end_is_a_trap_for_every_size_of_stack() {
    for bytes in [64 << 10, 1 << 20, 64 << 20] {
        let engine = sandcell::Engine::builder().stack_bytes(bytes).build().unwrap();
        let module = guests::wat_source("recurse");
        let image = sandcell::Image::command(&engine, "recurse", &module, &sandcell::Limits::new()).unwrap();
        for _ in 0..3 {
            let outcome = guests::run(&image);
            let overflow = Status::Trapped { reason: sandcell::TrapReason::StackOverflow };
            assert_eq!(outcome.status, overflow, "{bytes}");
        }
    }
}

#[test]
fn a_small_stack_of_the_calling_thread_is_no_limit_for_the_guest() {
    // Compiling is the host's work and needs the host's stack.
    let image = guests::wat("recurse");
    let run = move || guests::run(&image).status;
    let status = std::thread::Builder::new().stack_size(128 << 10).spawn(run).unwrap().join().unwrap();
    assert_eq!(status, Status::Trapped { reason: sandcell::TrapReason::StackOverflow });
}

#[test]
fn bytes_written_to_a_host_mount_count_against_the_same_quotas() {
    use sandcell::{Access, Mount};
    let quotas: [(&str, u64, &str, &[&str]); 4] = [
        ("fs_bytes", MIB, "until_error fd 1024 60000 iov 8 fd_write again errno .", &["51"]),
        ("file_bytes", MIB, "until_error fd 1024 60000 iov 8 fd_write again errno .", &["22"]),
        ("fs_nodes", 100, "until_error 3 name path_create_directory again errno . count .", &["51", "99"]),
        (
            "fs_bytes",
            MIB,
            "fd 1152921504606846976 fd_filestat_set_size errno . fd 0 2000000 fd_allocate errno .",
            &["22", "51"],
        ),
    ];
    for (limit, value, script, lines) in quotas {
        let folder = tempfile::tempdir().unwrap();
        let policy = Policy::new().mount(Mount::host(folder.path(), "/", Access::ReadWrite).unwrap());
        let script = format!("quiet 'f 1 open {script}");
        assert_eq!(guests::calls(policy, &[(limit, value)], &script), lines, "{limit}");
        let written = std::fs::metadata(folder.path().join("f")).unwrap().len();
        assert!(written <= MIB, "{written} bytes reached the host");
        assert!(std::fs::read_dir(folder.path()).unwrap().count() <= 100);
    }
}

#[test]
fn running_again_starts_with_new_fuel_a_new_deadline_and_the_same_files() {
    let policy = Policy::new().mount(sandcell::Mount::memory("/").unwrap());
    let mut sandbox = guests::sandbox(&guests::wat("calls"), policy, guests::limits(&[("fs_bytes", MIB)]));
    let mut run = |script: &str| -> Outcome { sandbox.run(Program::command().arg(script)).unwrap() };
    let first = run("'f 1 open fd 'kept write");
    assert_eq!(first.files.added, ["/f"]);
    let second = run("'f 0 openro fd 9 read");
    assert_eq!(second.stdout_text(), "openro 0\nread 0 4 kept\n");
    assert!(second.usage.fuel < 1_000_000);
    // The quota is the sandbox's, not the run's.
    run("'big 1 open fd 1000000 fd_filestat_set_size quiet until_error fd 1024 60000 iov 8 fd_write again");
    assert!(run("'more 1 open until_error fd 1024 60000 iov 8 fd_write again").stdout_text().contains("fd_write 51"));
}

#[test]
fn folders_cannot_be_nested_deeper_than_a_path_is_long() {
    // Into each folder through the one above it, until a new one is refused.
    let script = "quiet 1024 3 store32 3 'd path_create_directory until_error \
                  1024 load32 1 'd 2 -4194626 -1 0 1028 path_open 1024 load32 fd_close 1024 1028 load32 store32 \
                  1024 load32 'd path_create_directory again errno .";
    let policy = Policy::new().mount(sandcell::Mount::memory("/").unwrap());
    let given = [("fs_nodes", 100_000)];
    let mut sandbox = guests::sandbox(&guests::wat("calls"), policy, guests::limits(&given));
    let outcome = sandbox.run(Program::command().arg(script)).unwrap();
    assert_eq!((outcome.stdout_text().as_ref(), &outcome.status), ("37\n", &Status::Exited { code: 0 }));
    // Folders are no files: nothing is listed, and it took no walk over half a million names.
    assert!(outcome.files.added.is_empty() && !outcome.files.truncated);
}

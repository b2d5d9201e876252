//! Guests that go on from a state: the same numbers, positions, time and randomness.

use super::*;
use crate::error::Error;
use crate::policy::Seed;
use crate::vfs::{Caps, Take};
use crate::wasi::{Grants, WasiState};

const CAPS: Caps = Caps { nodes: 1_000, content_bytes: 1 << 20, descriptors: 256 };

fn grants() -> Grants {
    let limits = Limits::new();
    Grants {
        args: Vec::new(),
        env: Vec::new(),
        mounts: Vec::new(),
        clock: policy::Clock::Real,
        seed: None,
        stdin: Stdin::bytes("again"),
        host_bytes: Arc::new(Budget::new(limits.value(LimitKey::HostBytes))),
        limits,
        interrupt: Arc::new(Interrupt::start(Duration::from_secs(60))),
    }
}

fn encoded(state: &WasiState) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.encode(&mut bytes);
    bytes
}

/// The state as it is, and as it is read from its bytes.
fn both(state: WasiState) -> [WasiState; 2] {
    let bytes = encoded(&state);
    let read = WasiState::decode(&bytes, CAPS).unwrap();
    assert_eq!(encoded(&read), bytes);
    [state, read]
}

fn restored(state: &WasiState, take: Take, change: impl FnOnce(&mut Grants)) -> Guest {
    let mut grants = grants();
    change(&mut grants);
    let (budget, interrupt) = (grants.host_bytes.clone(), grants.interrupt.clone());
    Guest { ctx: WasiCtx::restore(state, grants, take).unwrap(), bytes: vec![0; MEMORY_BYTES], budget, interrupt }
}

impl Guest {
    fn random(&mut self, len: u32) -> Vec<u8> {
        self.call(|ctx, memory| ctx.random_get(memory, DATA, len)).unwrap();
        self.slice(DATA, len).to_vec()
    }

    fn monotonic(&mut self) -> u64 {
        self.call(|ctx, memory| ctx.clock_time_get(memory, 1, 0, OUT)).unwrap();
        self.u64(OUT)
    }

    fn preopen(&mut self, fd: u32) -> Result<String, Errno> {
        self.call(|ctx, memory| ctx.fd_prestat_get(memory, fd, OUT))?;
        let len = self.u32(OUT + 4);
        self.call(|ctx, memory| ctx.fd_prestat_dir_name(memory, fd, DATA, len))?;
        Ok(String::from_utf8(self.slice(DATA, len).to_vec()).unwrap())
    }
}

#[test]
fn every_descriptor_keeps_its_number_position_rights_and_flags() {
    let mut guest = Guest::new();
    let hello = guest.open("hello", OFlags::default(), Rights::FD_READ | Rights::FD_SEEK).unwrap();
    let new = guest.create("new");
    let appended = guest.open_with(ROOT, "log", OFlags::CREAT, Rights::FILE, FdFlags::APPEND).unwrap();
    let dir = guest.open("dir", OFlags::DIRECTORY, Rights::DIRECTORY).unwrap();
    guest.read(hello, 5).unwrap();
    guest.write(appended, b"one").unwrap();
    guest.close(new).unwrap();
    guest.close(0).unwrap();
    let used = guest.budget.used();
    for state in both(guest.ctx.capture()) {
        let mut again = restored(&state, Take::Continue, |_| {});
        assert_eq!(again.open_descriptors(), guest.open_descriptors());
        assert_eq!(again.budget.used(), used);
        for fd in guest.open_descriptors() {
            assert_eq!(again.rights(fd), guest.rights(fd), "{fd}");
            assert_eq!(again.preopen(fd), guest.preopen(fd), "{fd}");
        }
        assert_eq!((again.preopen(ROOT).as_deref(), again.preopen(FIXED).as_deref()), (Ok("/"), Ok("/fixed")));
        assert_eq!(again.read(hello, 64).unwrap(), b", world");
        again.seek(appended, 0, 0).unwrap();
        again.write(appended, b"two").unwrap();
        assert_eq!((again.size("log"), guest.size("log")), (Ok(6), Ok(3)));
        assert_eq!(again.open_with(dir, "inner", OFlags::default(), Rights::FD_READ, FdFlags::default()), Ok(0));
        assert_eq!(again.create("next"), new);
        again.write(1, b"printed").unwrap();
        assert_eq!(again.ctx.end_run().stdout.bytes, b"printed");
        drop(again.ctx.into_vfs());
        assert_eq!(again.budget.used(), 0);
    }
}

#[test]
fn standard_input_is_the_new_runs() {
    let mut guest = Guest::new();
    guest.read(0, 3).unwrap();
    for state in both(guest.ctx.capture()) {
        assert_eq!(restored(&state, Take::Continue, |_| {}).read(0, 64).unwrap(), b"again");
    }
}

#[test]
fn a_seeded_stream_goes_on_and_another_begins_anew() {
    for taken in [0, 1, 3, 4, 63, 64, 65, 255, 256, 257, 1_000] {
        let seeded = |setup: &mut Setup| setup.seed = Some(Seed(5));
        let mut guest = Guest::with(seeded);
        let start = Guest::with(seeded).random(100);
        guest.random(taken);
        let states = both(guest.ctx.capture());
        let expected = guest.random(100);
        for state in states {
            assert_eq!(restored(&state, Take::Continue, |_| {}).random(100), expected, "{taken}");
            let same = restored(&state, Take::Continue, |grants| grants.seed = Some(Seed(5))).random(100);
            assert_eq!(same, expected, "{taken}");
            let other = restored(&state, Take::Continue, |grants| grants.seed = Some(Seed(6))).random(100);
            assert_ne!(other, expected);
            let fork = restored(&state, Take::Start, |grants| grants.seed = Some(Seed(5))).random(100);
            assert_eq!(fork, start);
        }
    }
}

#[test]
fn without_a_seed_no_two_guests_share_randomness_and_a_state_holds_none() {
    let mut guest = Guest::new();
    let before = encoded(&guest.ctx.capture());
    guest.random(100);
    let state = guest.ctx.capture();
    assert!(state.random.is_none());
    assert_eq!(encoded(&state).len(), before.len());
    let mut seen = vec![guest.random(32)];
    for take in [Take::Start, Take::Continue] {
        seen.push(restored(&state, take, |_| {}).random(32));
        seen.push(restored(&state, take, |_| {}).random(32));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
}

#[test]
fn the_monotonic_clock_goes_on_and_starts_anew_with_a_fork_of_an_image() {
    let frozen = || policy::Clock::Frozen { realtime_ns: 1_000 };
    let guest = Guest::with(|setup| setup.clock = clock(frozen()));
    guest.ctx.clock.sleep(guest.ctx.clock.due(super::super::abi::ClockId::Monotonic, 500, false));
    for state in both(guest.ctx.capture()) {
        assert_eq!(restored(&state, Take::Continue, |grants| grants.clock = frozen()).monotonic(), 500);
        assert_eq!(restored(&state, Take::Start, |grants| grants.clock = frozen()).monotonic(), 0);
    }
    let mut guest = Guest::new();
    std::thread::sleep(Duration::from_millis(20));
    let before = guest.monotonic();
    for state in both(guest.ctx.capture()) {
        let mut again = restored(&state, Take::Continue, |_| {});
        assert!(again.monotonic() >= before);
        for state in both(again.ctx.capture()) {
            assert!(restored(&state, Take::Continue, |_| {}).monotonic() >= before);
        }
        assert!(restored(&state, Take::Start, |_| {}).monotonic() < before);
    }
}

#[test]
fn what_was_open_on_the_host_answers_badf_until_it_is_closed() {
    let host = tempfile::tempdir().unwrap();
    std::fs::write(host.path().join("file"), "host").unwrap();
    let mount = || {
        let dir = crate::vfs::open_folder(host.path()).unwrap();
        let source = Source::Host { dir, access: Access::ReadWrite, symlinks: false };
        vec![MountPoint { guest: GuestPath::parse("/host").unwrap(), source }]
    };
    let mut guest = Guest::with(|setup| {
        let memory = Source::Memory { files: Vec::new(), access: Access::ReadWrite };
        let mut mounts = mount();
        mounts.push(MountPoint { guest: GuestPath::parse("/memory").unwrap(), source: memory });
        let quota = Quota { fs_bytes: 1 << 20, fs_nodes: 100, file_bytes: 1 << 20 };
        setup.vfs = Vfs::new(mounts, quota, setup.host_bytes.clone(), setup.clock.clone()).unwrap();
    });
    let on_host = guest.open("file", OFlags::default(), Rights::FILE).unwrap();
    for state in both(guest.ctx.capture()) {
        let mut again = restored(&state, Take::Continue, |grants| grants.mounts = mount());
        assert_eq!(again.size("file"), Ok(4), "the mount is there");
        assert_eq!(again.read(on_host, 4), Err(Errno::Badf));
        assert_eq!(again.rights(on_host), Err(Errno::Badf));
        assert_eq!(again.call(|ctx, memory| ctx.fd_renumber(memory, ROOT, on_host)), Err(Errno::Badf));
        assert_eq!(again.open("file", OFlags::default(), Rights::FD_READ), Ok(on_host + 1), "its number is taken");
        assert_eq!(again.close(on_host), Err(Errno::Badf));
        assert_eq!(again.open("file", OFlags::default(), Rights::FD_READ), Ok(on_host), "and free now");

        let mut without = restored(&state, Take::Continue, |_| {});
        assert_eq!(without.preopen(ROOT), Err(Errno::Badf));
        assert_eq!(without.size("file"), Err(Errno::Badf));
        assert_eq!(without.preopen(ROOT + 1).as_deref(), Ok("/memory"));
        for state in both(without.ctx.capture()) {
            let mut still = restored(&state, Take::Continue, |grants| grants.mounts = mount());
            assert_eq!(still.preopen(ROOT), Err(Errno::Badf));
            assert_eq!(still.preopen(on_host + 1).as_deref(), Ok("/host"), "granted anew, behind");
        }
        let budget = without.budget.clone();
        drop(without);
        assert_eq!(budget.used(), 0);
    }
}

#[test]
fn more_descriptors_than_a_limit_allows_are_refused_by_its_name() {
    let mut guest = Guest::new();
    for index in 0..10 {
        guest.create(&format!("file{index}"));
    }
    let state = guest.ctx.capture();
    let refused = |change: &dyn Fn(&mut Grants)| {
        let mut grants = grants();
        change(&mut grants);
        let budget = grants.host_bytes.clone();
        let error = WasiCtx::restore(&state, grants, Take::Continue).err().unwrap();
        assert_eq!(budget.used(), 0);
        match error {
            Error::SnapshotExceeds { limit, needed, allowed } => (limit, needed, allowed),
            other => panic!("{other}"),
        }
    };
    let few = |grants: &mut Grants| grants.limits = Limits::new().with(LimitKey::OpenFiles, 8).unwrap();
    assert_eq!(refused(&few), (LimitKey::OpenFiles, 15, 8));
    let (limit, needed, allowed) = refused(&|grants| grants.host_bytes = Arc::new(Budget::new(9_000)));
    assert!(limit == LimitKey::HostBytes && needed > allowed && allowed == 9_000);
}

#[test]
fn a_state_from_anybody_is_refused_or_works() {
    let mut guest = Guest::with(|setup| setup.seed = Some(Seed(1)));
    let removed = guest.create("removed");
    guest.write(removed, b"content").unwrap();
    guest.open("dir", OFlags::DIRECTORY, Rights::DIRECTORY).unwrap();
    let len = guest.put(PATH, b"removed");
    guest.call(|ctx, memory| ctx.path_unlink_file(memory, ROOT, PATH, len)).unwrap();
    let bytes = encoded(&guest.ctx.capture());
    for length in 0..bytes.len() {
        assert!(WasiState::decode(&bytes[..length], CAPS).is_err(), "{length}");
    }
    assert!(WasiState::decode(&[&bytes[..], &[0]].concat(), CAPS).is_err());
    for at in 0..bytes.len() {
        for change in [1, 0x10, 0xFF] {
            let mut changed = bytes.clone();
            changed[at] ^= change;
            let Ok(state) = WasiState::decode(&changed, CAPS) else { continue };
            let grants = grants();
            let budget = grants.host_bytes.clone();
            let Ok(ctx) = WasiCtx::restore(&state, grants, Take::Continue) else { continue };
            let interrupt = ctx.interrupt.clone();
            let mut guest = Guest { ctx, bytes: vec![0; MEMORY_BYTES], budget: budget.clone(), interrupt };
            for fd in 0..10 {
                let _ = guest.read(fd, 8);
                let _ = guest.write(fd, b"x");
                let _ = guest.rights(fd);
                let _ = guest.close(fd);
            }
            drop(guest.ctx.into_vfs());
            assert_eq!(budget.used(), 0, "{at} {change}");
        }
    }
}

/// Prints what a fork costs.
#[test]
#[ignore = "prints times"]
#[allow(clippy::print_stderr)]
fn times() {
    let image = Source::Image { files: vec![("f".to_owned(), Arc::new("zip") as Bytes)], detached: false };
    let mut mounts = vec![MountPoint { guest: GuestPath::parse("/lib").unwrap(), source: image }];
    mounts.extend(["/tmp", "/home", "/work", "/out"].map(|guest| MountPoint {
        guest: GuestPath::parse(guest).unwrap(),
        source: Source::Memory { files: Vec::new(), access: Access::ReadWrite },
    }));
    let quota = Quota { fs_bytes: 1 << 20, fs_nodes: 100, file_bytes: 1 << 20 };
    let guest = Guest::with(|setup| {
        setup.vfs = Vfs::new(mounts, quota, setup.host_bytes.clone(), setup.clock.clone()).unwrap();
    });
    let state = guest.ctx.capture().into_start();
    for (what, seed) in [("with a seed", Some(Seed(1))), ("without a seed", None)] {
        let mut best = f64::MAX;
        for _ in 0..20 {
            let started = Instant::now();
            for _ in 0..10_000 {
                let grants = Grants { seed, ..grants() };
                drop(WasiCtx::restore(&state, grants, Take::Start).unwrap());
            }
            best = best.min(started.elapsed().as_secs_f64() / 10_000.0 * 1e6);
        }
        eprintln!("restore and drop {what}: {best:.3} µs");
    }
    let mut best = f64::MAX;
    for _ in 0..20 {
        let started = Instant::now();
        (0..10_000).for_each(|_| drop(grants()));
        best = best.min(started.elapsed().as_secs_f64() / 10_000.0 * 1e6);
    }
    eprintln!("of which making the grants: {best:.3} µs");
}

//! Clocks, polling, input that comes late, and the deadline.

use super::*;
use crate::wasi::Stop;
use crate::wasi::abi::{EVENT_BYTES, SUBSCRIPTION_BYTES};
use crate::wasi::context::Credit;

const CLOCK: u8 = 0;
const READ: u8 = 1;
const WRITE: u8 = 2;
const SUBSCRIPTIONS: u32 = 4096;
const EVENTS: u32 = 8192;

/// One event: userdata, errno, type, bytes and flags.
type Event = (u64, u16, u8, u64, u16);

impl Guest {
    fn subscribe_fd(&mut self, index: u32, kind: u8, fd: u32) {
        let at = SUBSCRIPTIONS + index * SUBSCRIPTION_BYTES;
        self.put(at, &[0; SUBSCRIPTION_BYTES as usize]);
        self.put(at, &u64::from(100 + index).to_le_bytes());
        self.put(at + 8, &[kind]);
        self.put(at + 16, &fd.to_le_bytes());
    }

    fn subscribe_clock(&mut self, index: u32, id: u32, timeout: u64, absolute: bool) {
        self.subscribe_fd(index, CLOCK, id);
        let at = SUBSCRIPTIONS + index * SUBSCRIPTION_BYTES;
        self.put(at + 24, &timeout.to_le_bytes());
        self.put(at + 40, &[absolute.into()]);
    }

    /// The events, and whether the call waited for them.
    fn poll(&mut self, count: u32) -> Result<(Vec<Event>, bool), Failure> {
        let mut memory = GuestMemory::new(&mut self.bytes);
        let mut waiting = self.ctx.poll_oneoff(&mut memory, SUBSCRIPTIONS, EVENTS, count, OUT)?;
        let waited = waiting.is_some();
        while let Some(call) = waiting {
            block_on(&self.interrupt, call.wait(&self.interrupt))?;
            waiting = self.ctx.poll_again(&mut memory, call)?;
        }
        let events = (0..self.u32(OUT)).map(|index| {
            let at = EVENTS + index * EVENT_BYTES;
            let word = self.u32(at + 8);
            (self.u64(at), word as u16, (word >> 16) as u8, self.u64(at + 16), self.u32(at + 24) as u16)
        });
        Ok((events.collect(), waited))
    }

    fn time(&mut self, id: u32) -> u64 {
        self.call(|ctx, memory| ctx.clock_time_get(memory, id, 0, OUT)).unwrap();
        self.u64(OUT)
    }
}

fn frozen() -> Guest {
    Guest::with(|setup| setup.clock = clock(policy::Clock::Frozen { realtime_ns: 1_000_000 }))
}

fn deadline(ms: u64) -> impl FnOnce(&mut Setup) {
    move |setup| setup.interrupt = Arc::new(Interrupt::start(Duration::from_millis(ms)))
}

#[test]
fn files_and_streams_are_ready_at_once_and_bad_descriptors_say_so() {
    let mut guest = Guest::new();
    let file = guest.open("hello", OFlags::default(), Rights::FILE).unwrap();
    guest.seek(file, 5, 0).unwrap();
    let reader = guest.open("hello", OFlags::default(), Rights::FD_READ).unwrap();
    let subscriptions =
        [(READ, 0), (WRITE, 1), (WRITE, 2), (READ, file), (WRITE, file), (READ, 99), (READ, 1), (WRITE, ROOT)];
    for (index, (kind, fd)) in subscriptions.into_iter().enumerate() {
        guest.subscribe_fd(index as u32, kind, fd);
    }
    guest.subscribe_fd(8, WRITE, reader);
    guest.subscribe_clock(9, 1, 60_000_000_000, false);
    guest.subscribe_clock(10, 9, 0, false);
    let badf = Errno::Badf as u16;
    let expected = vec![
        (100, 0, READ, 5, 0),
        (101, 0, WRITE, 1, 0),
        (102, 0, WRITE, 1, 0),
        (103, 0, READ, 7, 0),
        (104, 0, WRITE, 1, 0),
        (105, badf, READ, 0, 0),
        (106, badf, READ, 0, 0),
        (107, badf, WRITE, 0, 0),
        (108, Errno::NotCapable as u16, WRITE, 0, 0),
        (110, Errno::Inval as u16, CLOCK, 0, 0),
    ];
    assert_eq!(guest.poll(11), Ok((expected, false)));
    guest.read(0, 5).unwrap();
    guest.seek(file, 0, 2).unwrap();
    guest.subscribe_fd(1, READ, file);
    assert_eq!(guest.poll(2), Ok((vec![(100, 0, READ, 0, 1), (101, 0, READ, 0, 1)], false)));
}

#[test]
fn the_nearest_clock_ends_the_wait_and_all_that_are_due_fire() {
    let mut guest = Guest::new();
    guest.subscribe_clock(0, 1, 20_000_000, false);
    guest.subscribe_clock(1, 0, 60_000_000_000, false);
    guest.subscribe_clock(2, 2, 1, true);
    let began = Instant::now();
    assert_eq!(guest.poll(2), Ok((vec![(100, 0, CLOCK, 0, 0)], true)));
    assert!(began.elapsed() >= Duration::from_millis(20));
    assert_eq!(guest.poll(3), Ok((vec![(102, 0, CLOCK, 0, 0)], false)));
    let soon = guest.time(0) + 10_000_000;
    guest.subscribe_clock(0, 0, soon, true);
    assert_eq!(guest.poll(1), Ok((vec![(100, 0, CLOCK, 0, 0)], true)));
    assert!(guest.time(0) >= soon);
}

#[test]
fn a_frozen_clock_sleeps_without_waiting_and_moves_by_what_was_asked() {
    let mut guest = frozen();
    assert_eq!((guest.time(0), guest.time(1), guest.time(0)), (1_000_000, 0, 1_000_000));
    guest.subscribe_clock(0, 1, 3_600_000_000_000, false);
    guest.subscribe_clock(1, 1, 7_200_000_000_000, false);
    guest.subscribe_clock(2, 0, 3_600_001_000_000, true);
    let fired = vec![(100, 0, CLOCK, 0, 0), (102, 0, CLOCK, 0, 0)];
    assert_eq!(guest.poll(3), Ok((fired, false)));
    assert_eq!((guest.time(0), guest.time(3)), (3_600_001_000_000, 3_600_000_000_000));
    guest.subscribe_fd(1, WRITE, 1);
    assert_eq!(guest.poll(2), Ok((vec![(101, 0, WRITE, 1, 0)], false)));
    assert_eq!(guest.time(1), 3_600_000_000_000);
}

#[test]
fn an_unknown_event_type_or_flag_is_invalid_and_writes_no_event() {
    let mut guest = Guest::new();
    guest.subscribe_fd(0, WRITE, 1);
    guest.subscribe_fd(1, 3, 1);
    assert_eq!(guest.poll(2), Err(Failure::Errno(Errno::Inval)));
    guest.subscribe_clock(1, 0, 0, false);
    guest.put(SUBSCRIPTIONS + SUBSCRIPTION_BYTES + 40, &[2]);
    assert_eq!(guest.poll(2), Err(Failure::Errno(Errno::Inval)));
    assert_eq!(guest.slice(EVENTS, 64), [0; 64]);
}

#[test]
fn events_may_be_written_over_the_subscriptions() {
    let mut guest = Guest::new();
    (0..64).for_each(|index| guest.subscribe_fd(index, WRITE, 1));
    let mut memory = GuestMemory::new(&mut guest.bytes);
    let answer = guest.ctx.poll_oneoff(&mut memory, SUBSCRIPTIONS, SUBSCRIPTIONS + 8, 64, OUT);
    assert!(matches!(answer, Ok(None)));
    assert_eq!(guest.u32(OUT), 64);
    assert_eq!(guest.u64(SUBSCRIPTIONS + 8 + 63 * EVENT_BYTES), 163);
}

#[test]
fn sleeping_ends_at_the_deadline() {
    let mut guest = Guest::with(deadline(30));
    guest.subscribe_clock(0, 1, u64::MAX, false);
    let began = Instant::now();
    assert_eq!(guest.poll(1), Err(Failure::Stop(Stop::Deadline)));
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[cfg(unix)]
#[test]
fn input_that_never_comes_ends_at_the_deadline() {
    let (ours, _theirs) = std::io::pipe().unwrap();
    let mut guest = Guest::with(|setup| {
        deadline(30)(setup);
        setup.stdin = Stdin::descriptor(ours.into());
    });
    guest.subscribe_fd(0, READ, 0);
    assert_eq!(guest.poll(1), Err(Failure::Stop(Stop::Deadline)));
}

#[cfg(unix)]
#[test]
fn input_that_comes_late_wakes_the_guest() {
    let (ours, mut theirs) = std::io::pipe().unwrap();
    let mut guest = Guest::with(|setup| setup.stdin = Stdin::descriptor(ours.into()));
    guest.subscribe_fd(0, READ, 0);
    guest.subscribe_clock(1, 1, 10_000_000, false);
    assert_eq!(guest.poll(2), Ok((vec![(101, 0, CLOCK, 0, 0)], true)));
    let writer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        std::io::Write::write_all(&mut theirs, b"late").unwrap();
    });
    assert_eq!(guest.poll(1), Ok((vec![(100, 0, READ, 4, 0)], true)));
    assert_eq!(guest.read(0, 3).unwrap(), b"lat");
    assert_eq!(guest.read(0, 3).unwrap(), b"e");
    writer.join().unwrap();
    assert_eq!(guest.poll(1).unwrap().0, [(100, 0, READ, 0, 1)]);
}

#[cfg(unix)]
#[test]
fn a_read_that_would_wait_has_no_effect_and_nonblocking_input_says_again() {
    let (ours, _theirs) = std::io::pipe().unwrap();
    let mut guest = Guest::with(|setup| setup.stdin = Stdin::descriptor(ours.into()));
    guest.put_iov(IOVS, DATA, 5);
    let memory = guest.bytes.clone();
    let read = |guest: &mut Guest| guest.ctx.fd_read(&mut GuestMemory::new(&mut guest.bytes), 0, IOVS, 1, OUT);
    assert_eq!(read(&mut guest), Ok(crate::wasi::file::Progress::Wait));
    assert!(guest.bytes == memory);
    let nonblock = FdFlags::NONBLOCK.bits().into();
    guest.call(|ctx, memory| ctx.fd_fdstat_set_flags(memory, 0, nonblock)).unwrap();
    assert_eq!(read(&mut guest), Err(Failure::Errno(Errno::Again)));
}

/// A guest whose deadline has passed, with a file on the host open as 5 and one in memory as 6.
fn late(folder: &std::path::Path) -> Guest {
    std::fs::write(folder.join("file"), "on the host").unwrap();
    let dir = crate::vfs::open_folder(folder).unwrap();
    let host = Source::Host { dir, access: Access::ReadWrite, symlinks: false };
    let memory = Source::Memory { files: Vec::new(), access: Access::ReadWrite };
    let mut guest = Guest::with(|setup| {
        let mounts = [("/", memory), ("/host", host)];
        let mounts = mounts.map(|(guest, source)| MountPoint { guest: GuestPath::parse(guest).unwrap(), source });
        let quota = Quota { fs_bytes: 1 << 20, fs_nodes: 100, file_bytes: 1 << 20 };
        setup.vfs = Vfs::new(mounts.into(), quota, setup.host_bytes.clone(), setup.clock.clone()).unwrap();
    });
    let len = guest.put(PATH, b"file");
    let all = Rights::FILE.bits();
    guest.call(|ctx, memory| ctx.path_open(memory, 4, 0, PATH, len, 0, all, 0, 0, OUT)).unwrap();
    assert_eq!((guest.u32(OUT), guest.create("new")), (5, 6));
    let interrupt = Arc::new(Interrupt::start(Duration::ZERO));
    guest.ctx.credit = Credit::new(interrupt.clone());
    guest.ctx.vfs.set_pace(Some(Box::new(Credit::new(interrupt.clone()))));
    guest.ctx.interrupt = interrupt;
    guest
}

#[test]
fn a_call_that_may_take_long_by_itself_is_not_begun_after_the_deadline() {
    type Call = fn(&mut WasiCtx, GuestMemory<'_>) -> Result<(), Failure>;
    let calls: &[(&str, Call)] = &[
        ("fd_sync", |ctx, memory| ctx.fd_sync(memory, 5)),
        ("fd_datasync", |ctx, memory| ctx.fd_datasync(memory, 5)),
        ("fd_pwrite on the host", |ctx, memory| ctx.fd_pwrite(memory, 5, IOVS, 1, 0, OUT)),
        ("fd_pread on the host", |ctx, memory| ctx.fd_pread(memory, 5, IOVS, 1, 0, OUT)),
        ("fd_pwrite of 1024 buffers", |ctx, memory| ctx.fd_pwrite(memory, 6, DATA, 1024, 0, OUT)),
        ("fd_pwrite of 1024 empty buffers", |ctx, memory| ctx.fd_pwrite(memory, 6, DATA + 8192, 1024, 0, OUT)),
        ("fd_close on the host", |ctx, memory| ctx.fd_close(memory, 5)),
        ("fd_renumber on the host", |ctx, memory| ctx.fd_renumber(memory, 6, 5)),
        ("path_unlink_file on the host", |ctx, memory| ctx.path_unlink_file(memory, 4, PATH, 4)),
        ("path_open with O_TRUNC", |ctx, memory| ctx.path_open(memory, 4, 0, PATH, 4, 8, 0x40, 0, 0, OUT)),
        ("path_open of a long path", |ctx, memory| ctx.path_open(memory, ROOT, 0, 40 << 10, 4096, 0, 2, 0, 0, OUT)),
    ];
    for (name, call) in calls {
        let folder = tempfile::tempdir().unwrap();
        let mut guest = late(folder.path());
        guest.put_iov(IOVS, DATA, 5);
        guest.put(PATH, b"file");
        (0..1024).for_each(|index| guest.put_iov(DATA + 8 * index, 0, 1));
        guest.put(40 << 10, &b"./".repeat(2048));
        let used = (guest.budget.used(), guest.ctx.vfs.fs_bytes_used(), guest.open_descriptors());
        // What the credit allows before the first look: far less than each of these costs.
        let stopped = (0..2).any(|_| {
            let answer = call(&mut guest.ctx, GuestMemory::new(&mut guest.bytes));
            guest.ctx.end_if_stopped(answer) == Err(Failure::Stop(Stop::Deadline))
        });
        assert!(stopped, "{name}");
        if !name.contains("1024") {
            let after = (guest.budget.used(), guest.ctx.vfs.fs_bytes_used(), guest.open_descriptors());
            assert_eq!(after, used, "{name}");
        }
        assert_eq!(std::fs::read(folder.path().join("file")).unwrap(), b"on the host", "{name}");
    }
}

#[test]
fn work_that_uses_no_fuel_meets_the_deadline() {
    type Call = fn(&mut WasiCtx, GuestMemory<'_>) -> Result<(), Failure>;
    let calls: &[Call] = &[
        |ctx, memory| ctx.random_get(memory, 0, 64 << 10),
        |ctx, memory| ctx.sched_yield(memory),
        |ctx, mut memory| ctx.fd_write(&mut memory, 1, 0, 1024, OUT + (16 << 10)).map(drop),
        |ctx, memory| ctx.path_open(memory, ROOT, 0, 1000, 1, 0, 0, 0, 0, OUT),
        |ctx, memory| ctx.fd_filestat_set_size(memory, 5, 0),
        |ctx, memory| ctx.fd_readdir(memory, ROOT, 32 << 10, 1000, 0, OUT),
    ];
    for (index, call) in calls.iter().enumerate() {
        let mut guest = Guest::with(deadline(30));
        guest.create("new");
        (0..1024).for_each(|index| guest.put_iov(8 * index, 0, 32 << 10));
        let began = Instant::now();
        let stop = loop {
            match call(&mut guest.ctx, GuestMemory::new(&mut guest.bytes)) {
                Err(Failure::Stop(stop)) => break stop,
                _ => assert!(began.elapsed() < Duration::from_secs(20), "{index}"),
            }
        };
        assert_eq!(stop, Stop::Deadline, "{index}");
    }
}

//! Every pointer of every function, pointing where it must not.

use super::*;
use crate::wasi::abi::{EVENT_BYTES, SUBSCRIPTION_BYTES};

type Call = fn(&mut WasiCtx, GuestMemory<'_>, u32) -> Result<(), Failure>;

/// Each call has one pointer that is the third argument of the closure, and is fine otherwise.
/// All of them would have an effect if that pointer were good.
const CALLS: &[(&str, Call)] = &[
    ("args_get argv", |ctx, memory, bad| ctx.args_get(memory, bad, DATA)),
    ("args_get argv_buf", |ctx, memory, bad| ctx.args_get(memory, DATA, bad)),
    ("args_sizes_get count", |ctx, memory, bad| ctx.args_sizes_get(memory, bad, DATA)),
    ("args_sizes_get bytes", |ctx, memory, bad| ctx.args_sizes_get(memory, DATA, bad)),
    ("environ_get environ", |ctx, memory, bad| ctx.environ_get(memory, bad, DATA)),
    ("environ_get environ_buf", |ctx, memory, bad| ctx.environ_get(memory, DATA, bad)),
    ("environ_sizes_get count", |ctx, memory, bad| ctx.environ_sizes_get(memory, bad, DATA)),
    ("environ_sizes_get bytes", |ctx, memory, bad| ctx.environ_sizes_get(memory, DATA, bad)),
    ("clock_res_get out", |ctx, memory, bad| ctx.clock_res_get(memory, 0, bad)),
    ("clock_time_get out", |ctx, memory, bad| ctx.clock_time_get(memory, 0, 0, bad)),
    ("fd_fdstat_get out", |ctx, memory, bad| ctx.fd_fdstat_get(memory, 1, bad)),
    ("fd_filestat_get out", |ctx, memory, bad| ctx.fd_filestat_get(memory, ROOT, bad)),
    ("fd_pread iovs", |ctx, memory, bad| ctx.fd_pread(memory, FILE, bad, 1, 0, OUT)),
    ("fd_pread out", |ctx, memory, bad| ctx.fd_pread(memory, FILE, IOVS, 1, 0, bad)),
    ("fd_prestat_get out", |ctx, memory, bad| ctx.fd_prestat_get(memory, ROOT, bad)),
    ("fd_prestat_dir_name path", |ctx, memory, bad| ctx.fd_prestat_dir_name(memory, FIXED, bad, 6)),
    ("fd_pwrite iovs", |ctx, memory, bad| ctx.fd_pwrite(memory, FILE, bad, 1, 0, OUT)),
    ("fd_pwrite out", |ctx, memory, bad| ctx.fd_pwrite(memory, FILE, IOVS, 1, 0, bad)),
    ("fd_read iovs", |ctx, mut memory, bad| ctx.fd_read(&mut memory, FILE, bad, 1, OUT).map(drop)),
    ("fd_read out", |ctx, mut memory, bad| ctx.fd_read(&mut memory, FILE, IOVS, 1, bad).map(drop)),
    ("fd_read out of stdin", |ctx, mut memory, bad| ctx.fd_read(&mut memory, 0, IOVS, 1, bad).map(drop)),
    ("fd_readdir buf", |ctx, memory, bad| ctx.fd_readdir(memory, ROOT, bad, 64, 0, OUT)),
    ("fd_readdir out", |ctx, memory, bad| ctx.fd_readdir(memory, ROOT, DATA, 64, 0, bad)),
    ("fd_seek out", |ctx, memory, bad| ctx.fd_seek(memory, FILE, 1, 0, bad)),
    ("fd_tell out", |ctx, memory, bad| ctx.fd_tell(memory, FILE, bad)),
    ("fd_write iovs", |ctx, mut memory, bad| ctx.fd_write(&mut memory, 1, bad, 1, OUT).map(drop)),
    ("fd_write out", |ctx, mut memory, bad| ctx.fd_write(&mut memory, 1, IOVS, 1, bad).map(drop)),
    ("fd_write out of a file", |ctx, mut memory, bad| ctx.fd_write(&mut memory, FILE, IOVS, 1, bad).map(drop)),
    ("path_create_directory path", |ctx, memory, bad| ctx.path_create_directory(memory, ROOT, bad, 3)),
    ("path_filestat_get path", |ctx, memory, bad| ctx.path_filestat_get(memory, ROOT, 0, bad, 3, OUT)),
    ("path_filestat_get out", |ctx, memory, bad| ctx.path_filestat_get(memory, ROOT, 0, PATH, 3, bad)),
    ("path_filestat_set_times path", |ctx, memory, bad| ctx.path_filestat_set_times(memory, ROOT, 0, bad, 3, 0, 0, 4)),
    ("path_link old", |ctx, memory, bad| ctx.path_link(memory, ROOT, 0, bad, 3, ROOT, OTHER_PATH, 3)),
    ("path_link new", |ctx, memory, bad| ctx.path_link(memory, ROOT, 0, OTHER_PATH, 3, ROOT, bad, 3)),
    ("path_open path", |ctx, memory, bad| ctx.path_open(memory, ROOT, 0, bad, 3, 1, 2, 0, 0, OUT)),
    ("path_open out", |ctx, memory, bad| ctx.path_open(memory, ROOT, 0, PATH, 3, 1, 2, 0, 0, bad)),
    ("path_readlink path", |ctx, memory, bad| ctx.path_readlink(memory, ROOT, bad, 3, DATA, 9, OUT)),
    ("path_readlink buf", |ctx, memory, bad| ctx.path_readlink(memory, ROOT, PATH, 3, bad, 9, OUT)),
    ("path_readlink out", |ctx, memory, bad| ctx.path_readlink(memory, ROOT, PATH, 3, DATA, 9, bad)),
    ("path_remove_directory path", |ctx, memory, bad| ctx.path_remove_directory(memory, ROOT, bad, 3)),
    ("path_rename old", |ctx, memory, bad| ctx.path_rename(memory, ROOT, bad, 3, ROOT, OTHER_PATH, 3)),
    ("path_rename new", |ctx, memory, bad| ctx.path_rename(memory, ROOT, OTHER_PATH, 3, ROOT, bad, 3)),
    ("path_symlink target", |ctx, memory, bad| ctx.path_symlink(memory, bad, 3, ROOT, PATH, 3)),
    ("path_symlink path", |ctx, memory, bad| ctx.path_symlink(memory, PATH, 3, ROOT, bad, 3)),
    ("path_unlink_file path", |ctx, memory, bad| ctx.path_unlink_file(memory, ROOT, bad, 3)),
    ("poll_oneoff in", |ctx, mut memory, bad| ctx.poll_oneoff(&mut memory, bad, DATA, 1, OUT).map(drop)),
    ("poll_oneoff out", |ctx, mut memory, bad| ctx.poll_oneoff(&mut memory, DATA, bad, 1, OUT).map(drop)),
    ("poll_oneoff count", |ctx, mut memory, bad| ctx.poll_oneoff(&mut memory, DATA, PATH, 1, bad).map(drop)),
    ("random_get buf", |ctx, memory, bad| ctx.random_get(memory, bad, 8)),
];

/// The descriptor of an open file in these tests.
const FILE: u32 = 5;

#[test]
fn a_pointer_outside_memory_faults_and_nothing_has_happened() {
    let end = MEMORY_BYTES as u32;
    for (name, call) in CALLS {
        for bad in [end - 1, end, end + 1, u32::MAX - 7, u32::MAX] {
            let mut guest = Guest::new();
            assert_eq!(guest.create("new"), FILE);
            guest.put(PATH, b"abc");
            guest.put(OTHER_PATH, b"new");
            guest.put_iov(IOVS, DATA, 5);
            let (memory, used) = (guest.bytes.clone(), guest.budget.used());
            assert_eq!(guest.call(|ctx, memory| call(ctx, memory, bad)), Err(Errno::Fault), "{name} {bad}");
            assert!(guest.bytes == memory, "{name} {bad} wrote to memory");
            assert_eq!(guest.budget.used(), used, "{name} {bad}");
            assert_eq!(guest.open_descriptors(), [0, 1, 2, 3, 4, 5], "{name} {bad}");
            assert_eq!(guest.size("abc"), Err(Errno::Noent), "{name} {bad} made a file");
            assert_eq!(guest.size("new"), Ok(0), "{name} {bad} wrote a file");
            assert_eq!(guest.seek(FILE, 0, 1), Ok(0), "{name} {bad} moved the position");
            assert_eq!(guest.read(0, 10).unwrap(), b"typed", "{name} {bad} consumed input");
            let parts = guest.ctx.end_run();
            assert_eq!(parts.stdout.written, 0, "{name} {bad} printed");
            assert!(parts.denials.is_empty(), "{name} {bad}");
        }
    }
}

#[test]
fn a_module_without_a_memory_gets_a_fault_from_calls_that_need_one() {
    for (name, call) in CALLS {
        let mut guest = Guest::new();
        guest.create("new");
        let mut nowhere = Vec::new();
        let answer = call(&mut guest.ctx, GuestMemory::new(&mut nowhere), 0);
        assert_eq!(answer, Err(Failure::Errno(Errno::Fault)), "{name}");
    }
    let mut guest = Guest::new();
    assert_eq!(guest.ctx.fd_close(GuestMemory::new(&mut []), 1), Ok(()));
}

#[test]
fn a_buffer_outside_memory_faults_before_the_buffers_ahead_of_it_are_used() {
    let mut guest = Guest::new();
    let file = guest.open("hello", OFlags::default(), Rights::FILE).unwrap();
    for (bad, len) in [(MEMORY_BYTES as u32, 1), (DATA, MEMORY_BYTES as u32), (u32::MAX, u32::MAX)] {
        guest.put_iov(IOVS, DATA, 4);
        guest.put_iov(IOVS + 8, bad, len);
        let memory = guest.bytes.clone();
        let read =
            |ctx: &mut WasiCtx, fd, mut memory: GuestMemory<'_>| ctx.fd_read(&mut memory, fd, IOVS, 2, OUT).map(drop);
        assert_eq!(guest.call(|ctx, memory| read(ctx, file, memory)), Err(Errno::Fault));
        assert_eq!(guest.call(|ctx, memory| read(ctx, 0, memory)), Err(Errno::Fault));
        assert_eq!(
            guest.call(|ctx, mut memory| ctx.fd_write(&mut memory, 1, IOVS, 2, OUT).map(drop)),
            Err(Errno::Fault)
        );
        assert_eq!(
            guest.call(|ctx, mut memory| ctx.fd_write(&mut memory, file, IOVS, 2, OUT).map(drop)),
            Err(Errno::Fault)
        );
        assert!(guest.bytes == memory);
    }
    assert_eq!(guest.read(file, 64).unwrap(), b"hello, world");
    assert_eq!(guest.read(0, 64).unwrap(), b"typed");
    assert_eq!(guest.ctx.end_run().stdout.written, 0);
}

#[test]
fn lengths_that_wrap_are_invalid() {
    let mut guest = Guest::new();
    guest.bytes = vec![0; 4 << 20];
    // 1,024 buffers that overlap: up to u32::MAX bytes together, and then one more.
    for index in 0..1024 {
        guest.put_iov(8 * index, 0, 64 << 10);
    }
    assert_eq!(guest.call(|ctx, mut memory| ctx.fd_write(&mut memory, 1, 0, 1024, OUT).map(drop)), Ok(()));
    (0..1024).for_each(|index| guest.put_iov(8 * index, 0, 4 << 20));
    assert_eq!(guest.call(|ctx, mut memory| ctx.fd_write(&mut memory, 1, 0, 1024, OUT).map(drop)), Err(Errno::Inval));
    for count in [1025, 1 << 29, (1 << 29) + 1, u32::MAX] {
        assert_eq!(
            guest.call(|ctx, mut memory| ctx.fd_write(&mut memory, 1, 0, count, OUT).map(drop)),
            Err(Errno::Inval),
            "{count}"
        );
    }
    let events = u32::MAX / SUBSCRIPTION_BYTES.min(EVENT_BYTES) + 1;
    for count in [0, 1025, events, u32::MAX] {
        let poll = guest.call(|ctx, mut memory| ctx.poll_oneoff(&mut memory, 0, 0, count, OUT).map(drop));
        assert_eq!(poll, Err(Errno::Inval), "{count}");
    }
    assert_eq!(guest.ctx.end_run().stdout.written, 64 << 20);
}

#[test]
fn buffers_that_overlap_the_array_they_are_named_in_do_no_harm() {
    let mut guest = Guest::new();
    let file = guest.create("new");
    assert_eq!(guest.write(file, &[0xff; 64]), Ok(64));
    guest.seek(file, 0, 0).unwrap();
    // The first read replaces the second entry by a pointer beyond memory.
    guest.put_iov(IOVS, IOVS + 8, 8);
    guest.put_iov(IOVS + 8, DATA, 8);
    let read = guest.call(|ctx, mut memory| ctx.fd_read(&mut memory, file, IOVS, 2, OUT).map(drop));
    assert_eq!((read, guest.u32(OUT)), (Ok(()), 8));
    assert_eq!(guest.slice(IOVS + 8, 8), [0xff; 8]);
    assert_eq!(guest.seek(file, 0, 1), Ok(8));
}

#[test]
fn paths_that_are_too_long_or_no_text_are_refused_unread() {
    let mut guest = Guest::new();
    guest.put(DATA, &[b'a'; 8192]);
    let open =
        |guest: &mut Guest, len| guest.call(|ctx, memory| ctx.path_open(memory, ROOT, 0, DATA, len, 1, 2, 0, 0, OUT));
    assert_eq!(open(&mut guest, 4097), Err(Errno::NameTooLong));
    assert_eq!(open(&mut guest, 256), Err(Errno::NameTooLong));
    assert_eq!(open(&mut guest, u32::MAX), Err(Errno::Fault));
    guest.put(DATA, b"\xff\xfe");
    assert_eq!(open(&mut guest, 2), Err(Errno::Ilseq));
    assert_eq!(guest.open_descriptors(), [0, 1, 2, 3, 4]);
}

#[test]
fn unknown_numbers_are_invalid() {
    let mut guest = Guest::new();
    let file = guest.create("new");
    let len = guest.put(PATH, b"x");
    let invalid: &[Call] = &[
        |ctx, memory, _| ctx.clock_time_get(memory, 4, 0, OUT),
        |ctx, memory, _| ctx.clock_res_get(memory, u32::MAX, OUT),
        |ctx, memory, file| ctx.fd_seek(memory, file, 0, 3, OUT),
        |ctx, memory, file| ctx.fd_advise(memory, file, 0, 0, 6),
        |ctx, memory, file| ctx.fd_fdstat_set_flags(memory, file, 1 << 5),
        |ctx, memory, file| ctx.fd_filestat_set_times(memory, file, 0, 0, 1 << 4),
        |ctx, memory, file| ctx.fd_filestat_set_times(memory, file, 0, 0, 3),
        |ctx, memory, file| ctx.fd_filestat_set_times(memory, file, 0, 0, 12),
        |ctx, memory, _| ctx.path_open(memory, ROOT, 2, PATH, 1, 1, 0, 0, 0, OUT),
        |ctx, memory, _| ctx.path_open(memory, ROOT, 0, PATH, 1, 1 << 4, 0, 0, 0, OUT),
        |ctx, memory, _| ctx.path_open(memory, ROOT, 0, PATH, 1, 1, 0, 0, 1 << 5, OUT),
        |ctx, memory, _| ctx.path_link(memory, ROOT, 2, PATH, 1, ROOT, PATH, 1),
        |ctx, memory, _| ctx.proc_raise(memory, 31),
        |ctx, memory, _| ctx.sock_shutdown(memory, 1, 4),
    ];
    for (index, call) in invalid.iter().enumerate() {
        assert_eq!(guest.call(|ctx, memory| call(ctx, memory, file)), Err(Errno::Inval), "{index}");
    }
    assert_eq!((len, guest.size("x")), (1, Err(Errno::Noent)));
}

#[test]
fn a_bad_descriptor_is_badf_everywhere() {
    let calls: &[Call] = &[
        |ctx, memory, fd| ctx.fd_advise(memory, fd, 0, 0, 0),
        |ctx, memory, fd| ctx.fd_allocate(memory, fd, 0, 1),
        |ctx, memory, fd| ctx.fd_close(memory, fd),
        |ctx, memory, fd| ctx.fd_datasync(memory, fd),
        |ctx, memory, fd| ctx.fd_fdstat_get(memory, fd, OUT),
        |ctx, memory, fd| ctx.fd_fdstat_set_flags(memory, fd, 0),
        |ctx, memory, fd| ctx.fd_fdstat_set_rights(memory, fd, 0, 0),
        |ctx, memory, fd| ctx.fd_filestat_get(memory, fd, OUT),
        |ctx, memory, fd| ctx.fd_filestat_set_size(memory, fd, 0),
        |ctx, memory, fd| ctx.fd_filestat_set_times(memory, fd, 0, 0, 0),
        |ctx, memory, fd| ctx.fd_pread(memory, fd, IOVS, 1, 0, OUT),
        |ctx, memory, fd| ctx.fd_prestat_get(memory, fd, OUT),
        |ctx, memory, fd| ctx.fd_prestat_dir_name(memory, fd, DATA, 9),
        |ctx, memory, fd| ctx.fd_pwrite(memory, fd, IOVS, 1, 0, OUT),
        |ctx, mut memory, fd| ctx.fd_read(&mut memory, fd, IOVS, 1, OUT).map(drop),
        |ctx, memory, fd| ctx.fd_readdir(memory, fd, DATA, 64, 0, OUT),
        |ctx, memory, fd| ctx.fd_renumber(memory, fd, 1),
        |ctx, memory, fd| ctx.fd_renumber(memory, 1, fd),
        |ctx, memory, fd| ctx.fd_seek(memory, fd, 0, 0, OUT),
        |ctx, memory, fd| ctx.fd_sync(memory, fd),
        |ctx, memory, fd| ctx.fd_tell(memory, fd, OUT),
        |ctx, mut memory, fd| ctx.fd_write(&mut memory, fd, IOVS, 1, OUT).map(drop),
        |ctx, memory, fd| ctx.path_create_directory(memory, fd, PATH, 1),
        |ctx, memory, fd| ctx.path_filestat_get(memory, fd, 0, PATH, 1, OUT),
        |ctx, memory, fd| ctx.path_filestat_set_times(memory, fd, 0, PATH, 1, 0, 0, 0),
        |ctx, memory, fd| ctx.path_link(memory, fd, 0, PATH, 1, ROOT, PATH, 1),
        |ctx, memory, fd| ctx.path_link(memory, ROOT, 0, PATH, 1, fd, PATH, 1),
        |ctx, memory, fd| ctx.path_open(memory, fd, 0, PATH, 1, 0, 0, 0, 0, OUT),
        |ctx, memory, fd| ctx.path_readlink(memory, fd, PATH, 1, DATA, 9, OUT),
        |ctx, memory, fd| ctx.path_remove_directory(memory, fd, PATH, 1),
        |ctx, memory, fd| ctx.path_rename(memory, fd, PATH, 1, ROOT, PATH, 1),
        |ctx, memory, fd| ctx.path_rename(memory, ROOT, PATH, 1, fd, PATH, 1),
        |ctx, memory, fd| ctx.path_symlink(memory, PATH, 1, fd, PATH, 1),
        |ctx, memory, fd| ctx.path_unlink_file(memory, fd, PATH, 1),
        |ctx, memory, fd| ctx.sock_accept(memory, fd, 0, OUT),
        |ctx, memory, fd| ctx.sock_recv(memory, fd, IOVS, 1, 0, OUT, DATA),
        |ctx, memory, fd| ctx.sock_send(memory, fd, IOVS, 1, 0, OUT),
        |ctx, memory, fd| ctx.sock_shutdown(memory, fd, 1),
    ];
    let mut guest = Guest::new();
    guest.put(PATH, b"x");
    for (index, call) in calls.iter().enumerate() {
        for fd in [5, 255, 1 << 31, u32::MAX] {
            assert_eq!(guest.call(|ctx, memory| call(ctx, memory, fd)), Err(Errno::Badf), "{index} {fd}");
        }
    }
    for call in &calls[calls.len() - 4..] {
        assert_eq!(guest.call(|ctx, memory| call(ctx, memory, 1)), Err(Errno::Notsock));
    }
}

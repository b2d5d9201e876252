//! Reading, writing, positions, rights and flags of files.

use super::*;

#[test]
fn a_file_is_written_and_read_at_its_position() {
    let mut guest = Guest::new();
    let file = guest.create("new");
    assert_eq!(guest.write(file, b"0123456789"), Ok(10));
    assert_eq!(guest.seek(file, -6, 1), Ok(4));
    assert_eq!(guest.read(file, 3).unwrap(), b"456");
    assert_eq!(guest.call(|ctx, memory| ctx.fd_tell(memory, file, OUT)), Ok(()));
    assert_eq!(guest.u64(OUT), 7);
    assert_eq!(guest.read(file, 100).unwrap(), b"789");
    assert_eq!(guest.read(file, 100).unwrap(), b"");
    assert_eq!(guest.seek(file, 1000, 1), Ok(1010));
    assert_eq!(guest.read(file, 100).unwrap(), b"");
    assert_eq!(guest.seek(file, -2, 2), Ok(8));
}

#[test]
fn seeking_before_the_start_or_past_the_last_offset_is_invalid_and_moves_nothing() {
    let mut guest = Guest::new();
    let file = guest.open("hello", OFlags::default(), Rights::FILE).unwrap();
    guest.seek(file, 5, 0).unwrap();
    for (offset, whence) in [(-1, 0), (-6, 1), (-13, 2), (i64::MIN, 0), (i64::MIN, 1), (i64::MAX, 1), (i64::MAX, 2)] {
        assert_eq!(guest.seek(file, offset, whence), Err(Errno::Inval), "{offset} {whence}");
    }
    assert_eq!(guest.seek(file, 0, 1), Ok(5));
    assert_eq!(guest.seek(file, i64::MAX, 0), Ok(i64::MAX as u64));
    assert_eq!(guest.read(file, 8).unwrap(), b"");
    assert!(matches!(guest.write(file, b"x"), Err(Errno::Fbig)), "a position at the end of all offsets");
}

#[test]
fn several_buffers_are_filled_and_emptied_in_order() {
    let mut guest = Guest::new();
    let file = guest.create("new");
    guest.put(DATA, b"abcdef");
    guest.put_iov(IOVS, DATA + 3, 3);
    guest.put_iov(IOVS + 8, 0, 0);
    guest.put_iov(IOVS + 16, DATA, 3);
    guest.call(|ctx, mut memory| ctx.fd_write(&mut memory, file, IOVS, 3, OUT).map(drop)).unwrap();
    assert_eq!(guest.u32(OUT), 6);
    guest.put_iov(IOVS, DATA + 100, 2);
    guest.put_iov(IOVS + 8, DATA + 200, 9);
    guest.put_iov(IOVS + 16, DATA + 300, 9);
    guest.call(|ctx, memory| ctx.fd_pread(memory, file, IOVS, 3, 1, OUT)).unwrap();
    assert_eq!(guest.u32(OUT), 5);
    assert_eq!((guest.slice(DATA + 100, 2), guest.slice(DATA + 200, 4)), (&b"ef"[..], &b"abc\0"[..]));
}

#[test]
fn reading_and_writing_at_an_offset_leaves_the_position_alone() {
    let mut guest = Guest::new();
    let file = guest.create("new");
    guest.write(file, b"0123456789").unwrap();
    let len = guest.put(DATA, b"XY");
    guest.put_iov(IOVS, DATA, len);
    guest.call(|ctx, memory| ctx.fd_pwrite(memory, file, IOVS, 1, 4, OUT)).unwrap();
    guest.call(|ctx, memory| ctx.fd_pread(memory, file, IOVS, 1, 5, OUT)).unwrap();
    assert_eq!(guest.slice(DATA, 2), b"Y6");
    for offset in [1 << 63, u64::MAX] {
        let pread = guest.call(|ctx, memory| ctx.fd_pread(memory, file, IOVS, 1, offset, OUT));
        let pwrite = guest.call(|ctx, memory| ctx.fd_pwrite(memory, file, IOVS, 1, offset, OUT));
        assert_eq!((pread, pwrite), (Err(Errno::Inval), Err(Errno::Inval)));
    }
    assert_eq!(guest.seek(file, 0, 1), Ok(10));
    guest.seek(file, 0, 0).unwrap();
    assert_eq!(guest.read(file, 100).unwrap(), b"0123XY6789");
}

#[test]
fn an_appending_file_writes_at_its_end_until_the_flag_is_cleared() {
    let mut guest = Guest::new();
    let file = guest.open_with(ROOT, "hello", OFlags::default(), Rights::FILE, FdFlags::APPEND).unwrap();
    assert_eq!(guest.write(file, b"!"), Ok(1));
    assert_eq!(guest.seek(file, 0, 1), Ok(13));
    guest.seek(file, 0, 0).unwrap();
    guest.write(file, b"?").unwrap();
    guest.call(|ctx, memory| ctx.fd_pwrite(memory, file, IOVS, 1, 0, OUT)).unwrap();
    assert_eq!(guest.seek(file, 0, 1), Ok(14));
    guest.call(|ctx, memory| ctx.fd_fdstat_set_flags(memory, file, 0)).unwrap();
    guest.seek(file, 0, 0).unwrap();
    guest.write(file, b"J").unwrap();
    guest.seek(file, 0, 0).unwrap();
    assert_eq!(guest.read(file, 100).unwrap(), b"Jello, world!??");
}

#[test]
fn flags_that_cannot_be_switched_are_invalid_and_those_of_opening_are_kept() {
    let mut guest = Guest::new();
    let file = guest.open_with(ROOT, "hello", OFlags::default(), Rights::FILE, FdFlags::SYNC).unwrap();
    let flags = |guest: &mut Guest, fd| {
        guest.call(|ctx, memory| ctx.fd_fdstat_get(memory, fd, OUT)).unwrap();
        guest.u32(OUT) >> 16
    };
    let set = |guest: &mut Guest, fd, flags: FdFlags| {
        guest.call(|ctx, memory| ctx.fd_fdstat_set_flags(memory, fd, flags.bits().into()))
    };
    for flag in [FdFlags::DSYNC, FdFlags::RSYNC, FdFlags::SYNC] {
        assert_eq!(set(&mut guest, file, flag | FdFlags::APPEND), Err(Errno::Inval));
    }
    assert_eq!(flags(&mut guest, file), u32::from(FdFlags::SYNC.bits()));
    assert_eq!(set(&mut guest, file, FdFlags::NONBLOCK), Ok(()));
    assert_eq!(flags(&mut guest, file), u32::from((FdFlags::SYNC | FdFlags::NONBLOCK).bits()));
    assert_eq!(guest.write(file, b"J"), Ok(1));
    assert_eq!(set(&mut guest, ROOT, FdFlags::APPEND), Err(Errno::Badf));
    assert_eq!(flags(&mut guest, ROOT), 0);
}

#[test]
fn a_descriptor_reads_and_writes_only_what_it_was_opened_for() {
    let mut guest = Guest::new();
    let reader = guest.open("hello", OFlags::default(), Rights::FD_READ | Rights::FD_SEEK).unwrap();
    let writer = guest.open("hello", OFlags::default(), Rights::FD_WRITE | Rights::FD_SEEK).unwrap();
    assert_eq!(guest.write(reader, b"x"), Err(Errno::Badf));
    assert_eq!(guest.call(|ctx, memory| ctx.fd_pwrite(memory, reader, IOVS, 1, 0, OUT)), Err(Errno::Badf));
    assert_eq!(guest.read(writer, 5), Err(Errno::Badf));
    assert_eq!(guest.call(|ctx, memory| ctx.fd_pread(memory, writer, IOVS, 1, 0, OUT)), Err(Errno::Badf));
    assert_eq!(guest.read(reader, 100).unwrap(), b"hello, world");
    let mut denied = |call: fn(&mut WasiCtx, GuestMemory<'_>, u32) -> Result<(), Failure>| {
        assert_eq!(guest.call(|ctx, memory| call(ctx, memory, reader)), Err(Errno::NotCapable));
    };
    denied(|ctx, memory, fd| ctx.fd_advise(memory, fd, 0, 1, 0));
    denied(|ctx, memory, fd| ctx.fd_allocate(memory, fd, 0, 100));
    denied(|ctx, memory, fd| ctx.fd_filestat_set_size(memory, fd, 1));
    denied(|ctx, memory, fd| ctx.fd_filestat_set_times(memory, fd, 1, 1, 5));
    denied(|ctx, memory, fd| ctx.fd_filestat_get(memory, fd, OUT));
    denied(|ctx, memory, fd| ctx.fd_fdstat_set_flags(memory, fd, 1));
    denied(|ctx, memory, fd| ctx.fd_sync(memory, fd));
    denied(|ctx, memory, fd| ctx.fd_datasync(memory, fd));
    assert_eq!(guest.size("hello"), Ok(12));
}

#[test]
fn rights_can_be_given_up_and_never_taken_back() {
    let mut guest = Guest::new();
    let wanted = Rights::FD_READ | Rights::FD_WRITE | Rights::FD_SEEK | Rights::FD_TELL;
    let file = guest.open("hello", OFlags::default(), wanted).unwrap();
    let (base, inheriting) = guest.rights(file).unwrap();
    assert_eq!(base, wanted.bits());
    let less = (Rights::FD_SEEK | Rights::FD_TELL).bits();
    let set = |guest: &mut Guest, base, inheriting| {
        guest.call(|ctx, memory| ctx.fd_fdstat_set_rights(memory, file, base, inheriting))
    };
    assert_eq!(set(&mut guest, less, inheriting), Ok(()));
    assert_eq!(guest.read(file, 5), Err(Errno::Badf));
    assert_eq!(guest.write(file, b"x"), Err(Errno::Badf));
    for more in [base, u64::MAX, 1 << 40, less | 1] {
        assert_eq!(set(&mut guest, more, inheriting), Err(Errno::NotCapable), "{more:b}");
    }
    assert_eq!(set(&mut guest, less, u64::MAX), Err(Errno::NotCapable));
    assert_eq!(guest.rights(file).unwrap(), (less, inheriting));
    assert_eq!(set(&mut guest, Rights::FD_TELL.bits(), 0), Ok(()));
    assert_eq!(guest.seek(file, 0, 1), Ok(0));
    assert_eq!(guest.seek(file, 1, 1), Err(Errno::NotCapable));
}

#[test]
fn sizes_are_set_and_allocated_within_the_quota() {
    let mut guest = Guest::new();
    let file = guest.create("new");
    let allocate =
        |guest: &mut Guest, offset, len| guest.call(|ctx, memory| ctx.fd_allocate(memory, file, offset, len));
    assert_eq!(allocate(&mut guest, 0, 100), Ok(()));
    assert_eq!(allocate(&mut guest, 10, 10), Ok(()));
    assert_eq!(guest.size("new"), Ok(100));
    assert_eq!(allocate(&mut guest, 90, 20), Ok(()));
    assert_eq!(guest.size("new"), Ok(110));
    assert_eq!(allocate(&mut guest, 0, 0), Err(Errno::Inval));
    assert_eq!(allocate(&mut guest, u64::MAX, 1), Err(Errno::Fbig));
    assert_eq!(allocate(&mut guest, 1 << 62, 1 << 62), Err(Errno::Fbig));
    let set = |guest: &mut Guest, size| guest.call(|ctx, memory| ctx.fd_filestat_set_size(memory, file, size));
    assert_eq!(set(&mut guest, u64::MAX), Err(Errno::Fbig));
    assert_eq!(set(&mut guest, i64::MAX as u64), Err(Errno::Fbig));
    assert_eq!(guest.size("new"), Ok(110));
    assert_eq!(set(&mut guest, 3), Ok(()));
    assert_eq!(guest.size("new"), Ok(3));
}

#[test]
fn time_stamps_are_set_on_files_and_directories() {
    let mut guest = Guest::new();
    let file = guest.create("new");
    let directory = guest.open("dir", OFlags::DIRECTORY, Rights::DIRECTORY).unwrap();
    for fd in [file, directory] {
        guest.call(|ctx, memory| ctx.fd_filestat_set_times(memory, fd, 111, 222, 1 | 4)).unwrap();
        guest.call(|ctx, memory| ctx.fd_filestat_get(memory, fd, OUT)).unwrap();
        assert_eq!((guest.u64(OUT + 40), guest.u64(OUT + 48)), (111, 222));
        guest.call(|ctx, memory| ctx.fd_filestat_set_times(memory, fd, 1, 2, 8)).unwrap();
        guest.call(|ctx, memory| ctx.fd_filestat_get(memory, fd, OUT)).unwrap();
        assert_eq!(guest.u64(OUT + 40), 111);
        assert!(guest.u64(OUT + 48) > 1_600_000_000_000_000_000);
    }
}

#[test]
fn a_directory_is_no_file() {
    let mut guest = Guest::new();
    let fd = guest.open("dir", OFlags::DIRECTORY, Rights::DIRECTORY | Rights::FD_SEEK | Rights::FD_READ).unwrap();
    assert_eq!(guest.rights(fd).unwrap().0, Rights::DIRECTORY.bits());
    assert_eq!(guest.read(fd, 5), Err(Errno::Badf));
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Badf));
    assert_eq!(guest.seek(fd, 0, 1), Err(Errno::Badf));
    assert_eq!(guest.call(|ctx, memory| ctx.fd_tell(memory, fd, OUT)), Err(Errno::Badf));
    assert_eq!(guest.call(|ctx, memory| ctx.fd_pread(memory, fd, IOVS, 1, 0, OUT)), Err(Errno::Badf));
    assert_eq!(guest.call(|ctx, memory| ctx.fd_pwrite(memory, fd, IOVS, 1, 0, OUT)), Err(Errno::Badf));
    assert_eq!(guest.call(|ctx, memory| ctx.fd_allocate(memory, fd, 0, 1)), Err(Errno::Badf));
    assert_eq!(guest.call(|ctx, memory| ctx.fd_filestat_set_size(memory, fd, 0)), Err(Errno::Badf));
    assert_eq!(guest.call(|ctx, memory| ctx.fd_sync(memory, fd)), Ok(()));
}

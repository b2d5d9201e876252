//! Standard streams, arguments, randomness and the end of a run.

use super::*;
use crate::wasi::Exit;

#[test]
fn what_is_printed_is_captured_wherever_the_stream_was_moved() {
    let mut guest = Guest::new();
    assert_eq!(guest.write(1, b"out "), Ok(4));
    assert_eq!(guest.write(2, b"err"), Ok(3));
    let file = guest.create("new");
    guest.call(|ctx, memory| ctx.fd_renumber(memory, 1, file)).unwrap();
    assert_eq!(guest.write(1, b"lost"), Err(Errno::Badf));
    assert_eq!(guest.write(file, b"moved"), Ok(5));
    guest.close(2).unwrap();
    assert_eq!(guest.size("new"), Ok(0));
    let parts = guest.ctx.end_run();
    assert_eq!((parts.stdout.bytes, parts.stderr.bytes), (b"out moved".to_vec(), b"err".to_vec()));
}

#[test]
fn output_past_the_limit_keeps_its_first_and_last_half_and_writing_succeeds() {
    let mut guest = Guest::with(|setup| setup.limits = Limits::new().with(LimitKey::OutputBytes, 10).unwrap());
    assert_eq!(guest.write(1, b"0123456789"), Ok(10));
    assert_eq!(guest.write(1, b"abcdefghijklmnop"), Ok(16));
    let stdout = guest.ctx.end_run().stdout;
    assert_eq!((stdout.bytes, stdout.truncated, stdout.written), (b"01234lmnop".to_vec(), true, 26));
}

#[test]
fn the_streams_have_no_position_and_are_no_terminal() {
    let mut guest = Guest::new();
    for fd in 0..3 {
        assert_eq!(guest.seek(fd, 0, 1), Err(Errno::Spipe));
        assert_eq!(guest.call(|ctx, memory| ctx.fd_tell(memory, fd, OUT)), Err(Errno::Spipe));
        guest.call(|ctx, memory| ctx.fd_fdstat_get(memory, fd, OUT)).unwrap();
        assert_eq!(guest.slice(OUT, 1), [0]);
        guest.call(|ctx, memory| ctx.fd_filestat_get(memory, fd, OUT)).unwrap();
        assert_eq!((guest.u64(OUT), guest.u64(OUT + 8), guest.u64(OUT + 16)), (0, u64::from(fd), 0));
    }
    assert_eq!(guest.call(|ctx, memory| ctx.fd_pread(memory, 0, IOVS, 1, 0, OUT)), Err(Errno::Spipe));
    assert_eq!(guest.call(|ctx, memory| ctx.fd_pwrite(memory, 1, IOVS, 1, 0, OUT)), Err(Errno::Spipe));
    assert_eq!(guest.read(1, 5), Err(Errno::Badf));
    assert_eq!(guest.write(0, b"x"), Err(Errno::Badf));
}

#[test]
fn input_is_read_in_pieces_and_ends() {
    let mut guest = Guest::new();
    guest.put_iov(IOVS, DATA, 2);
    guest.put_iov(IOVS + 8, DATA + 100, 2);
    guest.call(|ctx, mut memory| ctx.fd_read(&mut memory, 0, IOVS, 2, OUT).map(drop)).unwrap();
    assert_eq!((guest.u32(OUT), guest.slice(DATA, 2), guest.slice(DATA + 100, 2)), (4, &b"ty"[..], &b"pe"[..]));
    assert_eq!(guest.read(0, 10).unwrap(), b"d");
    assert_eq!(guest.read(0, 10).unwrap(), b"");
}

#[test]
fn arguments_and_environment_arrive() {
    let mut guest = Guest::new();
    guest.call(|ctx, memory| ctx.args_sizes_get(memory, OUT, OUT + 4)).unwrap();
    assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (2, 17));
    guest.call(|ctx, memory| ctx.args_get(memory, OUT, DATA)).unwrap();
    assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (DATA, DATA + 8));
    assert_eq!(guest.slice(DATA, 18), b"program\0argument\0\0");
    guest.call(|ctx, memory| ctx.environ_sizes_get(memory, OUT, OUT + 4)).unwrap();
    assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (1, 11));
    guest.call(|ctx, memory| ctx.environ_get(memory, OUT, DATA)).unwrap();
    assert_eq!(guest.slice(DATA, 11), b"NAME=value\0");
}

#[test]
fn seeded_randomness_is_the_published_stream_however_it_is_cut() {
    let mut whole = Guest::with(|setup| setup.seed = Some(policy::Seed(7)));
    whole.bytes = vec![0; 200_000];
    whole.call(|ctx, memory| ctx.random_get(memory, 0, 200_000)).unwrap();
    // ChaCha20 of RFC 8439 with the SHA-256 of domain and seed as key, nonce and counter zero,
    // computed by an independent program.
    let published = [0x68, 0x57, 0x50, 0x54, 0x63, 0x1d, 0x47, 0x89, 0xdf, 0x41, 0x55, 0x34, 0x19, 0x46, 0x08, 0xde];
    assert_eq!(whole.slice(0, 16), published);
    let mut pieces = Guest::with(|setup| setup.seed = Some(policy::Seed(7)));
    pieces.bytes = vec![0; 200_000];
    for at in (0..200_000).step_by(4000) {
        pieces.call(|ctx, memory| ctx.random_get(memory, at, 4000)).unwrap();
    }
    assert!(pieces.bytes == whole.bytes);
    let mut other = Guest::with(|setup| setup.seed = Some(policy::Seed(8)));
    other.call(|ctx, memory| ctx.random_get(memory, 0, 16)).unwrap();
    assert_ne!(other.slice(0, 16), published);
}

#[test]
fn unseeded_guests_differ() {
    let (mut one, mut two) = (Guest::new(), Guest::new());
    for guest in [&mut one, &mut two] {
        guest.call(|ctx, memory| ctx.random_get(memory, 0, 32)).unwrap();
    }
    assert_ne!(one.slice(0, 32), two.slice(0, 32));
}

#[test]
fn a_run_leaves_nothing_behind_in_the_budget() {
    let mut guest = Guest::new();
    for index in 0..20 {
        guest.create(&format!("file{index}"));
    }
    guest.write(1, &[b'x'; 10_000]).unwrap();
    assert!(guest.budget.used() > 25 * 256);
    drop(guest.ctx.end_run());
    drop(guest.ctx.into_vfs());
    assert_eq!(guest.budget.used(), 0);
}

#[test]
fn more_mounts_than_open_files_allows_are_refused() {
    let mut setup = setup(|setup| setup.limits = Limits::new().with(LimitKey::OpenFiles, 8).unwrap());
    let mounts = (0..6).map(|index| MountPoint {
        guest: GuestPath::parse(&format!("/m{index}")).unwrap(),
        source: Source::Memory { files: Vec::new(), access: Access::ReadWrite },
    });
    let quota = Quota { fs_bytes: 1 << 20, fs_nodes: 100, file_bytes: 1 << 20 };
    setup.vfs = Vfs::new(mounts.collect(), quota, setup.host_bytes.clone(), setup.clock.clone()).unwrap();
    let error = WasiCtx::new(setup).err().unwrap();
    assert_eq!(error.code(), crate::Code::MountInvalid);
    assert!(error.to_string().contains("open_files"), "{error}");
}

#[test]
fn raising_a_signal_is_not_supported_and_exit_is_an_error_of_its_own() {
    let mut guest = Guest::new();
    assert_eq!(guest.call(|ctx, memory| ctx.proc_raise(memory, 6)), Err(Errno::Notsup));
    assert_eq!(guest.call(|ctx, memory| ctx.sched_yield(memory)), Ok(()));
    assert_eq!(wasmtime::Error::from(Exit(7)).downcast_ref::<Exit>(), Some(&Exit(7)));
}

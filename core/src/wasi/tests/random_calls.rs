//! Calls with arguments at random: whatever comes, no panic, no leak, no number but an errno.

use super::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Numbers a guest would choose: small ones, descriptors, places in its memory, and extremes.
struct Numbers(ChaCha8Rng);

impl Numbers {
    fn small(&mut self) -> u32 {
        self.0.next_u32() % 10
    }

    fn any32(&mut self) -> u32 {
        match self.0.next_u32() % 8 {
            0..3 => self.small(),
            3..6 => self.0.next_u32() % MEMORY_BYTES as u32,
            6 => u32::MAX - self.small(),
            _ => self.0.next_u32() & !(self.0.next_u32()),
        }
    }

    fn any64(&mut self) -> u64 {
        match self.0.next_u32() % 4 {
            0..2 => self.any32().into(),
            2 => u64::MAX - u64::from(self.any32()),
            _ => (1 << (self.0.next_u32() % 64)) - u64::from(self.0.next_u32() % 2),
        }
    }

    fn path(&mut self) -> (u32, u32) {
        if self.small() == 0 {
            (self.any32(), self.any32())
        } else {
            (PATH + 16 * (self.small() % 8), 1 + self.small())
        }
    }
}

fn call(ctx: &mut WasiCtx, mut memory: GuestMemory<'_>, numbers: &mut Numbers) -> Result<(), Failure> {
    let n = numbers;
    let fd = n.small();
    let (at, len) = n.path();
    match n.0.next_u32() % 44 {
        0 => ctx.args_get(memory, n.any32(), n.any32()),
        1 => ctx.args_sizes_get(memory, n.any32(), n.any32()),
        2 => ctx.environ_get(memory, n.any32(), n.any32()),
        3 => ctx.environ_sizes_get(memory, n.any32(), n.any32()),
        4 => ctx.clock_res_get(memory, n.any32(), n.any32()),
        5 => ctx.clock_time_get(memory, n.any32(), n.any64(), n.any32()),
        6 => ctx.fd_advise(memory, fd, n.any64(), n.any64(), n.any32()),
        7 => ctx.fd_allocate(memory, fd, n.any64(), n.any64()),
        8 => ctx.fd_close(memory, fd),
        9 => ctx.fd_datasync(memory, fd),
        10 => ctx.fd_fdstat_get(memory, fd, n.any32()),
        11 => ctx.fd_fdstat_set_flags(memory, fd, n.any32()),
        12 => ctx.fd_fdstat_set_rights(memory, fd, n.any64(), n.any64()),
        13 => ctx.fd_filestat_get(memory, fd, n.any32()),
        14 => ctx.fd_filestat_set_size(memory, fd, n.any64()),
        15 => ctx.fd_filestat_set_times(memory, fd, n.any64(), n.any64(), n.any32()),
        16 => ctx.fd_pread(memory, fd, n.any32(), n.any32(), n.any64(), n.any32()),
        17 => ctx.fd_prestat_get(memory, fd, n.any32()),
        18 => ctx.fd_prestat_dir_name(memory, fd, n.any32(), n.any32()),
        19 => ctx.fd_pwrite(memory, fd, n.any32(), n.any32(), n.any64(), n.any32()),
        20 => ctx.fd_read(&mut memory, fd, n.any32(), n.any32(), n.any32()).map(drop),
        21 => ctx.fd_readdir(memory, fd, n.any32(), n.any32(), n.any64(), n.any32()),
        22 => ctx.fd_renumber(memory, fd, n.any32()),
        23 => ctx.fd_seek(memory, fd, n.any64() as i64, n.any32(), n.any32()),
        24 => ctx.fd_sync(memory, fd),
        25 => ctx.fd_tell(memory, fd, n.any32()),
        26 => ctx.fd_write(&mut memory, fd, n.any32(), n.any32(), n.any32()).map(drop),
        27 => ctx.path_create_directory(memory, fd, at, len),
        28 => ctx.path_filestat_get(memory, fd, n.any32(), at, len, n.any32()),
        29 => ctx.path_filestat_set_times(memory, fd, n.any32(), at, len, n.any64(), n.any64(), n.any32()),
        30 => ctx.path_link(memory, fd, n.any32(), at, len, n.small(), PATH, n.any32()),
        31..34 => ctx.path_open(memory, fd, n.small() % 2, at, len, n.small(), u64::MAX, n.any64(), n.small(), OUT),
        34 => ctx.path_open(memory, fd, n.any32(), at, len, n.any32(), n.any64(), n.any64(), n.any32(), n.any32()),
        35 => ctx.path_readlink(memory, fd, at, len, n.any32(), n.any32(), n.any32()),
        36 => ctx.path_remove_directory(memory, fd, at, len),
        37 => ctx.path_rename(memory, fd, at, len, n.small(), PATH, n.any32()),
        38 => ctx.path_symlink(memory, n.any32(), n.any32(), fd, at, len),
        39 => ctx.path_unlink_file(memory, fd, at, len),
        40 => ctx.poll_oneoff(&mut memory, n.any32(), n.any32(), n.any32(), n.any32()).map(drop),
        41 => ctx.random_get(memory, n.any32(), n.any32()),
        42 => ctx.sock_recv(memory, fd, n.any32(), n.any32(), n.any32(), n.any32(), n.any32()),
        _ => ctx.sock_shutdown(memory, fd, n.any32()),
    }
}

#[test]
fn calls_at_random_never_panic_and_leave_nothing_behind() {
    for seed in 0..40 {
        let mut guest = Guest::with(|setup| setup.clock = clock(policy::Clock::frozen()));
        let mut numbers = Numbers(ChaCha8Rng::seed_from_u64(seed));
        for _ in 0..2_000 {
            let names = b"hello\0..........dir/inner.......a/b/c...........x...............fixed/file......";
            guest.put(PATH, names);
            let index = numbers.any32() % (MEMORY_BYTES as u32 - 8);
            let (buffer, len) = (numbers.any32(), numbers.any32());
            guest.put_iov(index, buffer, len);
            let answer = call(&mut guest.ctx, GuestMemory::new(&mut guest.bytes), &mut numbers);
            assert!(!matches!(answer, Err(Failure::Stop(_))));
        }
        drop(guest.ctx.into_vfs());
        assert_eq!(guest.budget.used(), 0, "seed {seed}");
    }
}

//! Reading a descriptor of the host in a way that can be ended.

use rustix::event::{PollFd, PollFlags, poll};
use std::io;
use std::os::fd::AsFd;

/// Waits for input, then reads it; 0 at its end, or once the other end of `woken` is closed.
pub(super) fn read(input: impl AsFd, woken: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        let mut waited = [PollFd::new(&input, PollFlags::IN), PollFd::new(&woken, PollFlags::IN)];
        poll(&mut waited, None)?;
        // A hang-up shows in what came back whether or not it was asked for.
        if !waited[1].revents().is_empty() {
            return Ok(0);
        }
        if waited[0].revents().contains(PollFlags::NVAL) {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        match read_at_once(&input, buffer) {
            // Somebody else took what was there.
            Err(rustix::io::Errno::AGAIN) => continue,
            answer => return Ok(answer?),
        }
    }
}

/// Reads without waiting, where Linux can: somebody else may have emptied the pipe since it was
/// polled. Setting it to non-blocking instead would change it for whoever shares it.
#[cfg(target_os = "linux")]
fn read_at_once(input: impl AsFd, buffer: &mut [u8]) -> rustix::io::Result<usize> {
    use rustix::fs::{FileType, fstat};
    use rustix::io::{Errno, IoSliceMut, ReadWriteFlags, preadv2};
    // The descriptor's own position, which a pipe does not have.
    const NO_OFFSET: u64 = u64::MAX;
    let kind = FileType::from_raw_mode(fstat(&input)?.st_mode);
    if matches!(kind, FileType::Fifo | FileType::Socket) {
        match preadv2(&input, &mut [IoSliceMut::new(buffer)], NO_OFFSET, ReadWriteFlags::NOWAIT) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
            answer => return answer,
        }
    }
    rustix::io::read(input, buffer)
}

#[cfg(not(target_os = "linux"))]
fn read_at_once(input: impl AsFd, buffer: &mut [u8]) -> rustix::io::Result<usize> {
    rustix::io::read(input, buffer)
}

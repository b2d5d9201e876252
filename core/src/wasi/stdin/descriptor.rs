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
        match rustix::io::read(&input, &mut *buffer) {
            // Somebody made it non-blocking and took what was there.
            Err(rustix::io::Errno::AGAIN) => continue,
            answer => return Ok(answer?),
        }
    }
}

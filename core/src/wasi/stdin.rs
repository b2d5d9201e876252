//! What the guest reads from standard input.
//!
//! Bytes are served as they are. A reader or a descriptor of the host may block for as long as
//! it likes, so a thread of its own reads it, at most [`READ_AHEAD_BYTES`] ahead of the guest,
//! and only once the guest has asked for input. One buffer goes to and fro between the two.

use crate::limits::Budget;
use crate::vfs::Errno;
use parking_lot::{Condvar, Mutex};
use std::fmt;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;

#[cfg(unix)]
mod descriptor;

/// How far ahead of the guest the host's input is read: a pipe's own capacity on Linux.
const READ_AHEAD_BYTES: usize = 64 << 10;

/// Where a guest's standard input comes from. The default is empty: the guest reads end of
/// file at once.
#[derive(Default)]
pub struct Stdin(Source);

#[derive(Default)]
enum Source {
    #[default]
    Empty,
    Bytes(Vec<u8>),
    Reader(Box<dyn Read + Send>),
    #[cfg(unix)]
    Descriptor(std::os::fd::OwnedFd),
}

impl Stdin {
    /// End of file at once.
    pub fn empty() -> Stdin {
        Stdin(Source::Empty)
    }

    /// These bytes, then end of file.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Stdin {
        Stdin(Source::Bytes(bytes.into()))
    }

    /// Whatever `reader` gives, read by a thread of its own from the guest's first read on, up
    /// to 64 KiB ahead.
    ///
    /// A run never waits for a reader beyond its deadline, but nothing can interrupt a `read`
    /// that blocks: the thread, and `reader` with it, then outlive the run until that one call
    /// returns. On Unix `Stdin::descriptor` has no such remainder. An error or a panic of the
    /// reader is `EIO` for the guest.
    pub fn reader(reader: impl Read + Send + 'static) -> Stdin {
        Stdin(Source::Reader(Box::new(reader)))
    }

    /// A pipe, socket, terminal or file of the host, read by a thread of its own from the
    /// guest's first read on, up to 64 KiB ahead. The thread ends and the descriptor is closed
    /// with the run, also if no input ever comes.
    ///
    /// Nobody else should read from it meanwhile: except for pipes and sockets on Linux, bytes
    /// that another reader takes away between the thread's look and its read make the thread,
    /// and the end of the run with it, wait for more.
    #[cfg(unix)]
    pub fn descriptor(descriptor: std::os::fd::OwnedFd) -> Stdin {
        Stdin(Source::Descriptor(descriptor))
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Empty => "Stdin::empty",
            Source::Bytes(_) => "Stdin::bytes",
            Source::Reader(_) => "Stdin::reader",
            #[cfg(unix)]
            Source::Descriptor(_) => "Stdin::descriptor",
        })
    }
}

/// Standard input during a run.
pub(super) struct Input {
    state: State,
    host_bytes: Arc<Budget>,
}

enum State {
    Bytes {
        bytes: Vec<u8>,
        position: usize,
    },
    /// Nobody has asked yet.
    Waiting(Source),
    Pumped(Pump),
    /// The pump could not be started. The source is dropped with the run, outside the guest's call.
    Broken {
        _source: Source,
        error: Option<std::io::Error>,
    },
}

impl State {
    fn nothing() -> State {
        State::Broken { _source: Source::Empty, error: None }
    }
}

/// What can be read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ready {
    Bytes(usize),
    End,
    Failed,
}

impl Input {
    pub(super) fn new(stdin: Stdin, host_bytes: Arc<Budget>) -> Input {
        let state = match stdin.0 {
            Source::Empty => State::Bytes { bytes: Vec::new(), position: 0 },
            Source::Bytes(bytes) => State::Bytes { bytes, position: 0 },
            other => State::Waiting(other),
        };
        Input { state, host_bytes }
    }

    /// What can be read without waiting; `None` if that is nothing yet.
    pub(super) fn ready(&mut self) -> Result<Option<Ready>, Errno> {
        self.start()?;
        match &self.state {
            State::Bytes { bytes, position } => Ok(Some(match bytes.len() - position {
                0 => Ready::End,
                left => Ready::Bytes(left),
            })),
            State::Pumped(pump) => Ok(pump.shared.hand.lock().ready()),
            State::Waiting(_) | State::Broken { .. } => Err(Errno::Io),
        }
    }

    /// Fills `buffer` as far as possible without waiting; 0 if there is nothing more now. An
    /// error of the source shows in [`Input::ready`], which callers ask first.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> usize {
        match &mut self.state {
            State::Bytes { bytes, position } => {
                let left = &bytes[*position..];
                let len = left.len().min(buffer.len());
                buffer[..len].copy_from_slice(&left[..len]);
                *position += len;
                len
            }
            State::Pumped(pump) => pump.shared.take(buffer),
            State::Waiting(_) | State::Broken { .. } => 0,
        }
    }

    /// Something to wait on until [`Input::ready`] has an answer; `None` if it already has.
    pub(super) fn arrival(&self) -> Option<Arrival> {
        match &self.state {
            State::Pumped(pump) => Some(Arrival(pump.shared.clone())),
            _ => None,
        }
    }

    fn start(&mut self) -> Result<(), Errno> {
        if !matches!(self.state, State::Waiting(_)) {
            return Ok(());
        }
        self.host_bytes.reserve(READ_AHEAD_BYTES as u64).map_err(|_| Errno::Nomem)?;
        if let State::Waiting(source) = std::mem::replace(&mut self.state, State::nothing()) {
            self.state = match Pump::start(source) {
                Ok(pump) => State::Pumped(pump),
                Err((source, error)) => {
                    self.host_bytes.release(READ_AHEAD_BYTES as u64);
                    State::Broken { _source: source, error: Some(error) }
                }
            };
        }
        Ok(())
    }

    /// Why the input could not be read at all, for whoever owns the run. Nobody is told from
    /// within the guest's call: that would run the host program's code on the guest's stack.
    pub(super) fn problem(&self) -> Option<&std::io::Error> {
        match &self.state {
            State::Broken { error, .. } => error.as_ref(),
            _ => None,
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        if let State::Pumped(_) = self.state {
            self.host_bytes.release(READ_AHEAD_BYTES as u64);
        }
    }
}

/// The arrival of input, to be awaited.
pub(super) struct Arrival(Arc<Shared>);

impl Arrival {
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut hand = self.0.hand.lock();
        if hand.ready().is_some() {
            return Poll::Ready(());
        }
        hand.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

/// The thread that reads, and what it shares with the guest.
struct Pump {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Whether closing ends a read under way, so that the thread can always be joined.
    interruptible: bool,
    /// Closing it wakes a thread that polls a descriptor.
    #[cfg(unix)]
    wake: Option<std::io::PipeWriter>,
}

#[derive(Default)]
struct Shared {
    hand: Mutex<Hand>,
    /// The guest has taken everything, or has gone.
    turn: Condvar,
}

/// What the thread has read and the guest has not yet taken.
#[derive(Default)]
struct Hand {
    /// With the thread while it reads.
    buffer: Vec<u8>,
    filled: usize,
    taken: usize,
    end: Option<Ready>,
    /// The thread is inside a read, without this lock.
    reading: bool,
    closed: bool,
    waker: Option<Waker>,
}

impl Hand {
    fn ready(&self) -> Option<Ready> {
        match self.filled - self.taken {
            0 => self.end,
            left => Some(Ready::Bytes(left)),
        }
    }
}

impl Shared {
    fn take(&self, out: &mut [u8]) -> usize {
        let mut hand = self.hand.lock();
        let len = out.len().min(hand.filled - hand.taken);
        out[..len].copy_from_slice(&hand.buffer[hand.taken..hand.taken + len]);
        hand.taken += len;
        if len > 0 && hand.taken == hand.filled {
            self.turn.notify_one();
        }
        len
    }

    /// The thread's work: read when the guest has taken everything, until the end.
    fn pump(&self, mut read: impl FnMut(&mut [u8]) -> std::io::Result<usize>) {
        loop {
            let mut buffer = {
                let mut hand = self.hand.lock();
                self.turn.wait_while(&mut hand, |hand| hand.ready().is_some() && !hand.closed);
                if hand.closed {
                    return;
                }
                hand.reading = true;
                (hand.filled, hand.taken) = (0, 0);
                std::mem::take(&mut hand.buffer)
            };
            // What was reserved, once.
            buffer.resize(READ_AHEAD_BYTES, 0);
            let outcome = catch_unwind(AssertUnwindSafe(|| read(&mut buffer)));
            let mut hand = self.hand.lock();
            hand.reading = false;
            match outcome {
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(Ok(0)) => hand.end = Some(Ready::End),
                // A reader that claims more than it was given has failed.
                Ok(Ok(len)) if len <= buffer.len() => hand.filled = len,
                _ => hand.end = Some(Ready::Failed),
            }
            hand.buffer = buffer;
            if let Some(waker) = hand.waker.take() {
                waker.wake();
            }
            if hand.end.is_some() {
                return;
            }
        }
    }
}

impl Pump {
    /// Fails with the source: a reader is the host program's, and is not dropped here.
    fn start(source: Source) -> Result<Pump, (Source, std::io::Error)> {
        let shared = Arc::<Shared>::default();
        let kept = Arc::new(Mutex::new(source));
        let interruptible = !matches!(*kept.lock(), Source::Reader(_));
        #[cfg(unix)]
        let (woken, wake) = match std::io::pipe() {
            Ok(pipe) => pipe,
            Err(error) => return Err((std::mem::take(&mut *kept.lock()), error)),
        };
        let (theirs, taken) = (shared.clone(), kept.clone());
        let work = move || match std::mem::take(&mut *taken.lock()) {
            #[cfg(unix)]
            Source::Descriptor(input) => theirs.pump(|buffer| descriptor::read(&input, &woken, buffer)),
            Source::Reader(mut reader) => theirs.pump(|buffer| reader.read(buffer)),
            Source::Empty | Source::Bytes(_) => {}
        };
        match std::thread::Builder::new().name("sandcell-stdin".to_owned()).spawn(work) {
            Ok(thread) => Ok(Pump {
                shared,
                thread: Some(thread),
                interruptible,
                #[cfg(unix)]
                wake: Some(wake),
            }),
            Err(error) => Err((std::mem::take(&mut *kept.lock()), error)),
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        let reading = {
            let mut hand = self.shared.hand.lock();
            hand.closed = true;
            hand.reading
        };
        self.shared.turn.notify_one();
        #[cfg(unix)]
        drop(self.wake.take());
        // A thread that is not inside a read sees `closed` before it enters another.
        if let Some(thread) = self.thread.take().filter(|_| self.interruptible || !reading) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;

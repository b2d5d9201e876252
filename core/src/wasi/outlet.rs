//! What happens in a guest, on its way to whoever follows the run.
//!
//! The queue is short: a guest that writes faster than somebody reads waits.

use crate::limits::Budget;
use crate::outcome::{Event, FileChange, Stream};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// Output that may wait to be read: a pipe's own capacity on Linux.
const ROOM_BYTES: usize = 64 << 10;
/// What an event takes beside its bytes, about.
const EACH_BYTES: usize = 128;
/// What is always allowed, however small `host_bytes` is.
const LEAST_BYTES: usize = 4 << 10;

/// Changes of files between two looks of the reader, after which they are no longer told one by one; the
/// outcome lists what differs in the end.
const MOST_FILES: usize = 1024;

/// The events of one run that nobody has taken yet.
pub(crate) struct Outlet {
    queue: Mutex<Queue>,
    room: usize,
    charged: usize,
    host_bytes: Arc<Budget>,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    /// What waiting output takes.
    output_bytes: usize,
}

impl Outlet {
    pub(crate) fn new(host_bytes: Arc<Budget>) -> Outlet {
        let charged = if host_bytes.reserve(ROOM_BYTES as u64).is_ok() { ROOM_BYTES } else { 0 };
        Outlet { queue: Mutex::default(), room: charged.max(LEAST_BYTES), charged, host_bytes }
    }

    /// How many bytes of output may be added now.
    pub(crate) fn room(&self) -> usize {
        self.room.saturating_sub(self.queue.lock().output_bytes)
    }

    /// Adds output, which must fit.
    pub(crate) fn output(&self, stream: Stream, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let mut queue = self.queue.lock();
        queue.output_bytes += data.len();
        let goes_on = match queue.events.back_mut() {
            Some(Event::Output { stream: last, bytes }) if *last == stream => {
                bytes.extend_from_slice(data);
                true
            }
            _ => false,
        };
        if !goes_on {
            queue.output_bytes += EACH_BYTES;
            queue.events.push_back(Event::Output { stream, bytes: data.to_vec() });
        }
    }

    /// Adds what became of a file. Many changes in a row are told once for each file.
    pub(super) fn file(&self, change: FileChange, path: String) {
        let event = Event::File { change, path };
        let mut queue = self.queue.lock();
        if queue.events.len() < MOST_FILES && queue.events.back() != Some(&event) {
            queue.events.push_back(event);
        }
    }

    pub(crate) fn push(&self, event: Event) {
        self.queue.lock().events.push_back(event);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.lock().events.is_empty()
    }

    pub(crate) fn pop(&self) -> Option<Event> {
        let mut queue = self.queue.lock();
        let event = queue.events.pop_front();
        if let Some(Event::Output { bytes, .. }) = &event {
            queue.output_bytes = queue.output_bytes.saturating_sub(bytes.len() + EACH_BYTES);
        }
        event
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.host_bytes.release(self.charged as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_fill_the_queue_as_large_ones_do_and_leave_nothing_behind() {
        let budget = Arc::new(Budget::new(1 << 20));
        let outlet = Outlet::new(Arc::clone(&budget));
        let mut written = 0;
        while outlet.room() > 0 {
            outlet.output([Stream::Stdout, Stream::Stderr][written % 2], b"x");
            written += 1;
        }
        assert!((100..=ROOM_BYTES / EACH_BYTES).contains(&written), "{written}");
        while outlet.pop().is_some() {}
        assert_eq!((outlet.room(), budget.used()), (ROOM_BYTES, ROOM_BYTES as u64));
        outlet.output(Stream::Stdout, &vec![0; outlet.room()]);
        assert_eq!(outlet.room(), 0);
        drop(outlet);
        assert_eq!(budget.used(), 0);
    }
}

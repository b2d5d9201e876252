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
        match queue.events.back_mut() {
            Some(Event::Output { stream: last, bytes }) if *last == stream => bytes.extend_from_slice(data),
            _ => queue.events.push_back(Event::Output { stream, bytes: data.to_vec() }),
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
            queue.output_bytes = queue.output_bytes.saturating_sub(bytes.len());
        }
        event
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.host_bytes.release(self.charged as u64);
    }
}

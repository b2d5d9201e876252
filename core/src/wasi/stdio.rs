//! What the guest writes to standard output and standard error.
//!
//! Output is read to a cap, never collected first and measured after: of each stream the first
//! and the last half of `output_bytes` are kept, and memory grows only with what is written and
//! only after `host_bytes` has granted it. Writing itself always succeeds, so that a program
//! never notices how much of its output somebody wants to see.

use crate::limits::Budget;
use std::sync::Arc;

/// The first allocation; later ones double.
const FIRST_BYTES: usize = 1024;

/// What is left of one stream after a run.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    /// The first and the last half.
    pub(crate) bytes: Vec<u8>,
    /// How much of it was kept as the beginning.
    pub(crate) head: usize,
    /// Some of what was written is missing between the halves.
    pub(crate) truncated: bool,
    /// How much was written.
    pub(crate) written: u64,
}

impl Captured {
    /// What would be left of a stream to which this was written.
    pub(crate) fn of(bytes: &[u8], output_bytes: u64, host_bytes: &Arc<Budget>) -> Captured {
        let mut capture = Capture::new(output_bytes, Arc::clone(host_bytes));
        capture.write(bytes);
        // Nobody was told of any of it yet, so all of it is still to be told.
        Captured { head: 0, ..capture.finish() }
    }
}

/// One stream being captured.
#[derive(Debug)]
pub(super) struct Capture {
    head: Part,
    tail: Part,
    /// Where the tail's oldest byte is, once the tail is full and runs in a circle.
    oldest: usize,
    written: u64,
    /// Somebody was told that the rest is held back.
    is_cut: bool,
    host_bytes: Arc<Budget>,
}

/// A half: what it holds, what `host_bytes` has granted it, and the most it may hold.
#[derive(Debug, Default)]
struct Part {
    bytes: Vec<u8>,
    granted: usize,
    limit: usize,
}

impl Capture {
    pub(super) fn new(output_bytes: u64, host_bytes: Arc<Budget>) -> Capture {
        let limit = usize::try_from(output_bytes).unwrap_or(usize::MAX);
        let part = |limit| Part { limit, ..Part::default() };
        Capture {
            head: part(limit - limit / 2),
            tail: part(limit / 2),
            oldest: 0,
            written: 0,
            is_cut: false,
            host_bytes,
        }
    }

    /// Returns how much of it belongs to the first half.
    pub(super) fn write(&mut self, data: &[u8]) -> usize {
        self.written = self.written.saturating_add(data.len() as u64);
        let rest = self.head.fill(data, &self.host_bytes);
        let kept = data.len() - rest.len();
        let rest = self.tail.fill(rest, &self.host_bytes);
        self.overwrite(rest);
        kept
    }

    /// How much can still be kept of the beginning.
    pub(super) fn room_in_head(&self) -> usize {
        self.head.limit - self.head.bytes.len()
    }

    /// Whether it is the first time that this is asked.
    pub(super) fn cut_now(&mut self) -> bool {
        !std::mem::replace(&mut self.is_cut, true)
    }

    /// What is kept so far.
    pub(super) fn so_far(&self) -> Captured {
        let (newer, older) = self.tail.bytes.split_at(self.oldest);
        let bytes = [&self.head.bytes, older, newer].concat();
        Captured {
            truncated: self.written > bytes.len() as u64,
            head: self.head.bytes.len(),
            bytes,
            written: self.written,
        }
    }

    /// Puts `data` in the place of the tail's oldest bytes.
    fn overwrite(&mut self, data: &[u8]) {
        let size = self.tail.bytes.len();
        if size == 0 || data.is_empty() {
            return;
        }
        let last = &data[data.len().saturating_sub(size)..];
        let (first, second) = last.split_at(last.len().min(size - self.oldest));
        self.tail.bytes[self.oldest..self.oldest + first.len()].copy_from_slice(first);
        self.tail.bytes[..second.len()].copy_from_slice(second);
        self.oldest = (self.oldest + last.len()) % size;
    }

    /// Ends the capture. The bytes no longer count against `host_bytes`: they belong to the
    /// caller now.
    pub(super) fn finish(mut self) -> Captured {
        let mut bytes = std::mem::take(&mut self.head.bytes);
        let head = bytes.len();
        let (newer, older) = self.tail.bytes.split_at(self.oldest);
        bytes.reserve_exact(newer.len() + older.len());
        bytes.extend_from_slice(older);
        bytes.extend_from_slice(newer);
        let truncated = self.written > bytes.len() as u64;
        Captured { bytes, head, truncated, written: self.written }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.host_bytes.release(self.head.granted as u64);
        self.host_bytes.release(self.tail.granted as u64);
    }
}

impl Part {
    /// Appends what fits and returns the rest. Once the budget refuses, this half never grows
    /// again: otherwise bytes from before and after a gap would stand side by side.
    fn fill<'a>(&mut self, data: &'a [u8], host_bytes: &Budget) -> &'a [u8] {
        let room = self.limit - self.bytes.len();
        if room == 0 || data.is_empty() {
            return data;
        }
        let wanted = data.len().min(room);
        self.grow(wanted, host_bytes);
        let fits = wanted.min(self.granted - self.bytes.len());
        self.bytes.extend_from_slice(&data[..fits]);
        if fits < wanted {
            self.limit = self.bytes.len();
        }
        &data[fits..]
    }

    /// Makes room for `more` bytes, or for as many as the budget grants.
    fn grow(&mut self, more: usize, host_bytes: &Budget) {
        let needed = self.bytes.len() + more;
        if needed <= self.granted {
            return;
        }
        let left = usize::try_from(host_bytes.left()).unwrap_or(usize::MAX);
        let generous = needed.max(self.granted.saturating_mul(2)).max(FIRST_BYTES).min(self.limit);
        for size in [generous, needed, self.granted.saturating_add(left).min(needed)] {
            let extra = (size - self.granted) as u64;
            if host_bytes.reserve(extra).is_err() {
                continue;
            }
            if self.bytes.try_reserve_exact(size - self.bytes.len()).is_ok() {
                self.granted = size;
                return;
            }
            host_bytes.release(extra);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(limit: u64) -> Capture {
        Capture::new(limit, Arc::new(Budget::new(1 << 30)))
    }

    /// What must be kept, computed from the whole.
    fn expected(all: &[u8], limit: usize) -> Vec<u8> {
        if all.len() <= limit {
            return all.to_vec();
        }
        [&all[..limit - limit / 2], &all[all.len() - limit / 2..]].concat()
    }

    #[test]
    fn head_and_tail_are_exact_at_every_boundary_and_every_way_of_writing() {
        let all: Vec<u8> = (0..=255).cycle().take(600).collect();
        for limit in [0, 1, 2, 3, 7, 8, 100, 255, 256] {
            for total in (0..40).chain([99, 100, 101, 149, 150, 151, 254, 255, 256, 257, 599, 600]) {
                for step in [1, 2, 3, 5, 64, 600] {
                    let mut capture = capture(limit);
                    all[..total].chunks(step).for_each(|data| {
                        capture.write(data);
                    });
                    let captured = capture.finish();
                    assert_eq!(captured.bytes, expected(&all[..total], limit as usize), "{limit} {total} {step}");
                    assert_eq!(captured.truncated, total > limit as usize, "{limit} {total} {step}");
                    assert_eq!(captured.written, total as u64);
                }
            }
        }
    }

    #[test]
    fn memory_is_granted_before_it_is_used_and_given_back_after() {
        let budget = Arc::new(Budget::new(1 << 20));
        let mut capture = Capture::new(1 << 16, budget.clone());
        assert_eq!(budget.used(), 0);
        capture.write(b"hello");
        assert!((5..=4096).contains(&budget.used()), "{}", budget.used());
        for _ in 0..1000 {
            capture.write(&[7; 1000]);
        }
        assert_eq!(budget.used(), 1 << 16);
        assert_eq!(capture.finish().bytes.len(), 1 << 16);
        assert_eq!(budget.used(), 0);
        drop(Capture::new(100, budget.clone()));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn what_host_bytes_refuses_is_dropped_and_marked() {
        let budget = Arc::new(Budget::new(3000));
        let mut capture = Capture::new(1 << 20, budget.clone());
        let all: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        all.chunks(700).for_each(|data| {
            capture.write(data);
        });
        assert!(budget.used() <= 3000);
        let captured = capture.finish();
        assert!(captured.truncated && captured.written == 10_000);
        assert_eq!(captured.bytes, all[..captured.bytes.len()]);
        assert!(captured.bytes.len() > 2000);
    }
}

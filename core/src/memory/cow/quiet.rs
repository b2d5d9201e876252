//! Proof that no page of a slot became private, without looking at its pages.
//!
//! The first write to a page of a private mapping takes a page fault, and the kernel counts the
//! faults of each thread (`ru_minflt` and `ru_majflt` of getrusage(2)). A guest that ran on one
//! thread whose count did not move has written to no page but those that were private before. So
//! a slot that has served a few guests needs no search any more: it copies the same pages back.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// A thread and how many page faults it had taken. A process made by fork(2) goes on with the number of
/// the thread and counts from nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Faults {
    process: u32,
    thread: u64,
    count: u64,
}

thread_local! {
    static THREAD: u64 = {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
    /// Where the memory lies that is given back next on this thread and is known to be quiet.
    static QUIET: Cell<usize> = const { Cell::new(0) };
}

impl Faults {
    /// The count of this thread; `None` where it cannot be had.
    #[cfg(target_os = "linux")]
    pub(super) fn now() -> Option<Faults> {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
        // SAFETY: the kernel fills the structure that the pointer refers to.
        let status = unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
        if status != 0 {
            return None;
        }
        // SAFETY: the call succeeded, so the structure is filled.
        let usage = unsafe { usage.assume_init() };
        let count = u64::try_from(usage.ru_minflt).ok()?.checked_add(u64::try_from(usage.ru_majflt).ok()?)?;
        Some(Faults { process: std::process::id(), thread: THREAD.with(|thread| *thread), count })
    }

    /// Other systems count by process, or not at all.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn now() -> Option<Faults> {
        None
    }

    /// True if this thread is the same and has taken no fault since.
    pub(super) fn is_unchanged(self) -> bool {
        Faults::now() == Some(self)
    }
}

/// Watches one guest's memory from before it is lent until it is given back. Must be dropped
/// right before the memory is: then the slot learns what it has seen.
pub(crate) struct Watch {
    faults: Option<Faults>,
    base: usize,
}

impl Watch {
    /// Starts before the guest has its memory.
    pub(crate) fn start() -> Watch {
        Watch { faults: Faults::now(), base: 0 }
    }

    /// Says where the memory lies.
    pub(crate) fn covers(&mut self, memory: &[u8]) {
        self.base = memory.as_ptr() as usize;
    }

    /// Must be called on every thread on which the guest runs, or its memory is written.
    pub(crate) fn look(&mut self) {
        let here = THREAD.with(|thread| *thread);
        self.faults = self.faults.filter(|faults| faults.thread == here);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let is_quiet = self.faults.is_some_and(Faults::is_unchanged);
        QUIET.set(if is_quiet { self.base } else { 0 });
    }
}

/// Whether the memory at `base`, which is being given back, is known to be quiet. What was said
/// holds once.
pub(super) fn is_quiet(base: *const u8) -> bool {
    let quiet = QUIET.take();
    quiet != 0 && quiet == base as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_another_process_proves_nothing() {
        let Some(now) = Faults::now() else { return };
        assert!(Faults::now().is_some_and(|again| again.process == now.process && again.thread == now.thread));
        let parents = Faults { process: now.process ^ 1, ..now };
        assert_ne!(parents, now);
        assert!(!parents.is_unchanged());
    }
}

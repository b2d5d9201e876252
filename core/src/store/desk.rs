//! Where a guest's fiber and the driver of its run meet: the fiber leaves a frame and waits for the
//! answer, the driver works on its own stack. Nothing of the host program's runs on the fiber.

use super::Report;
use crate::limits::{Budget, LimitKey, Limits};
use crate::outcome::SuspendedCall;
use crate::tools::{CallResult, Request};
use parking_lot::Mutex;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

/// One guest's counter to its host. It asks one thing at a time.
pub(crate) struct Desk {
    slot: Mutex<Slot>,
    results: Mutex<Option<Vec<CallResult>>>,
    host_bytes: Arc<Budget>,
    request_bytes: u64,
}

enum Slot {
    Empty,
    Asked(Request),
    /// The driver has the request.
    Open,
    Answered(Vec<u8>),
    /// The run is being suspended, and the driver wants to know what the guest has done so far.
    Wanted(Vec<SuspendedCall>),
    Suspended(Box<Suspension>),
}

/// A run that waits for whoever resumes it.
pub(crate) struct Suspension {
    pub(crate) calls: Vec<SuspendedCall>,
    pub(crate) report: Report,
}

/// What a waiting fiber hears.
pub(crate) enum Heard {
    Answer(Vec<u8>),
    /// Say what you have done so far, and wait on.
    Report,
}

impl Desk {
    pub(crate) fn new(limits: &Limits, host_bytes: Arc<Budget>) -> Desk {
        let request_bytes = limits.value(LimitKey::HostCallBytes);
        Desk { slot: Mutex::new(Slot::Empty), results: Mutex::default(), host_bytes, request_bytes }
    }

    /// How long a frame may be.
    pub(crate) fn request_bytes(&self) -> u64 {
        self.request_bytes
    }

    /// What the host's copies of frames count against.
    pub(crate) fn host_bytes(&self) -> &Arc<Budget> {
        &self.host_bytes
    }

    /// For the fiber. False if it is asking already.
    pub(crate) fn ask(&self, request: Request) -> bool {
        let mut slot = self.slot.lock();
        let free = matches!(*slot, Slot::Empty);
        if free {
            *slot = Slot::Asked(request);
        }
        free
    }

    /// For the fiber: waits for the driver, which polls it again whenever it has something to say.
    pub(crate) fn heard(&self) -> impl Future<Output = Heard> + Send + '_ {
        poll_fn(|_| {
            let mut slot = self.slot.lock();
            match std::mem::replace(&mut *slot, Slot::Empty) {
                Slot::Answered(answer) => Poll::Ready(Heard::Answer(answer)),
                Slot::Wanted(calls) => {
                    *slot = Slot::Wanted(calls);
                    Poll::Ready(Heard::Report)
                }
                other => {
                    *slot = other;
                    Poll::Pending
                }
            }
        })
    }

    /// For the fiber: nothing can be asked while an answer is being put into memory.
    pub(crate) fn close(&self) {
        *self.slot.lock() = Slot::Open;
    }

    /// For the fiber: the answer is where it belongs.
    pub(crate) fn open(&self) {
        *self.slot.lock() = Slot::Empty;
    }

    /// For the fiber, which waits on.
    pub(crate) fn report(&self, report: Report) {
        let mut slot = self.slot.lock();
        if let Slot::Wanted(calls) = &mut *slot {
            let calls = std::mem::take(calls);
            *slot = Slot::Suspended(Box::new(Suspension { calls, report }));
        }
    }

    /// For the driver: what the guest asks, once.
    pub(crate) fn take_request(&self) -> Option<Request> {
        let mut slot = self.slot.lock();
        match std::mem::replace(&mut *slot, Slot::Open) {
            Slot::Asked(request) => Some(request),
            other => {
                *slot = other;
                None
            }
        }
    }

    /// For the driver.
    pub(crate) fn answer(&self, answer: Vec<u8>) {
        *self.slot.lock() = Slot::Answered(answer);
    }

    /// For the driver: suspends the run. False if it is already.
    pub(crate) fn suspend(&self, calls: impl FnOnce() -> Vec<SuspendedCall>) -> bool {
        let mut slot = self.slot.lock();
        let already = matches!(*slot, Slot::Suspended(_));
        if !already {
            *slot = Slot::Wanted(calls());
        }
        !already
    }

    /// For whoever drives the run: how it is suspended, if it is.
    pub(crate) fn take_suspension(&self) -> Option<Box<Suspension>> {
        let mut slot = self.slot.lock();
        match std::mem::replace(&mut *slot, Slot::Open) {
            Slot::Suspended(suspension) => Some(suspension),
            other => {
                *slot = other;
                None
            }
        }
    }

    /// For whoever resumes the run.
    pub(crate) fn resume(&self, results: Vec<CallResult>) {
        *self.results.lock() = Some(results);
    }

    /// For the driver: the results that the run was resumed with, once.
    pub(crate) fn take_results(&self) -> Option<Vec<CallResult>> {
        self.results.lock().take()
    }
}

//! Ending a run from another thread.

use crate::wasi::Interrupt;
use parking_lot::Mutex;
use std::sync::Arc;

/// Ends the run under way of one sandbox, from any thread. A clone is a reference.
#[derive(Debug, Clone)]
pub struct CancelHandle {
    current: Arc<Mutex<Option<Arc<Interrupt>>>>,
}

impl CancelHandle {
    pub(super) fn new() -> CancelHandle {
        CancelHandle { current: Arc::default() }
    }

    /// Asks the run under way to end; its outcome has the status `cancelled`. Returns whether
    /// there was a run. A guest that computes ends within a millisecond, one that waits for time, input or
    /// a tool at once. A suspended run ends when it is next resumed.
    pub fn cancel(&self) -> bool {
        let current = self.current.lock().clone();
        current.inspect(|run| run.cancel()).is_some()
    }

    pub(super) fn begin(&self, interrupt: &Arc<Interrupt>) -> Running {
        *self.current.lock() = Some(Arc::clone(interrupt));
        Running(self.clone())
    }
}

/// Forgets the run when it ends, however it ends.
pub(super) struct Running(CancelHandle);

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.current.lock() = None;
    }
}

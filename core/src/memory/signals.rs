//! Whether the process's trap handlers are still the ones the engine relies on.
//!
//! wasmtime turns the hardware fault behind an out-of-bounds access, an `unreachable` or a
//! division by zero into an orderly trap, with handlers it installs once per process. A library
//! that replaces them later (Python's `faulthandler`, a crash reporter) would turn a guest's trap
//! into the death of the host.

use parking_lot::Mutex;

#[cfg(unix)]
const SIGNALS: &[(libc::c_int, &str)] = &[
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGFPE, "SIGFPE"),
    // Darwin reports guard pages as SIGBUS.
    #[cfg(target_vendor = "apple")]
    (libc::SIGBUS, "SIGBUS"),
];

/// The handlers found right after the process's first engine was made.
static RECORDED: Mutex<Option<Vec<usize>>> = Mutex::new(None);

/// A record of the process's trap handlers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TrapHandlers(());

impl TrapHandlers {
    /// Makes an engine that relies on handlers with `make`; after the process's first such engine
    /// records the handlers it installed.
    /// Later calls only run `make`: wasmtime installs its handlers once, so the first record
    /// stays the true one.
    pub(crate) fn record_around<T, E>(make: impl FnOnce() -> Result<T, E>) -> Result<(T, TrapHandlers), E> {
        let mut recorded = RECORDED.lock();
        let made = make()?;
        recorded.get_or_insert_with(current);
        Ok((made, TrapHandlers(())))
    }

    /// The first signal whose handler is another one now.
    pub(crate) fn replaced(self) -> Option<&'static str> {
        let recorded = RECORDED.lock();
        let recorded = recorded.as_ref()?;
        let now = current();
        SIGNALS.iter().zip(recorded.iter().zip(&now)).find(|(_, (then, now))| then != now).map(|((_, name), _)| *name)
    }
}

/// The addresses of the handlers in force, in the order of `SIGNALS`.
fn current() -> Vec<usize> {
    let handler = |(signal, _): &(libc::c_int, &str)| {
        // SAFETY: a null new action only asks; `action` is a plain C struct for which all-zero
        // bytes are a valid value, and it outlives the call.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(*signal, std::ptr::null(), &mut action);
            action.sa_sigaction
        }
    };
    SIGNALS.iter().map(handler).collect()
}

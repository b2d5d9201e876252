//! What a run has printed, changed and used: at its end, or so far.

use super::State;
use crate::limits::LimitKey;
use crate::outcome::FilesDiff;
use crate::wasi::Streams;
use wasmtime::{AsContextMut, Store, StoreContextMut};

/// What a guest leaves of one run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) streams: Streams,
    pub(crate) files: FilesDiff,
    pub(crate) fuel_left: u64,
    pub(crate) peak_memory_bytes: u64,
    pub(crate) fs_bytes: u64,
    /// The guest was refused memory that it asked for.
    pub(crate) memory_refused: bool,
}

impl Report {
    /// Ends the run as far as the guest's streams are concerned.
    pub(crate) fn at_end(store: &mut Store<State>) -> Report {
        Report::of(store.as_context_mut(), |state| state.wasi.end_run())
    }

    /// Of a run that goes on.
    pub(crate) fn so_far(context: StoreContextMut<'_, State>) -> Report {
        Report::of(context, |state| state.wasi.streams_so_far())
    }

    fn of(mut context: StoreContextMut<'_, State>, streams: impl FnOnce(&mut State) -> Streams) -> Report {
        let fuel_left = context.get_fuel().unwrap_or(0);
        let state = context.data_mut();
        Report {
            fuel_left,
            streams: streams(state),
            files: state.wasi.vfs().changes_of_run(),
            peak_memory_bytes: state.meter.peak_memory_bytes(),
            fs_bytes: state.wasi.vfs().fs_bytes_used(),
            memory_refused: matches!(state.meter.refusal(), Some((LimitKey::MemoryBytes, ..))),
        }
    }
}

//! The only place that makes a `wasmtime::Store`, and the limits that live in it.
//!
//! Fuel is the only meter compiled into guests. Its yields give the host its turn: at each of
//! them the owner of the run looks at deadline and cancellation (docs/decisions/001).

mod block;
mod desk;
mod drive;
mod meter;
mod report;
mod stop;

pub(crate) use block::block_on;
pub(crate) use desk::{Desk, Heard, Suspension};
pub(crate) use drive::{Halt, Host, drive, panicked, serve};
pub(crate) use meter::Meter;
pub(crate) use report::Report;
pub(crate) use stop::{classify, refused_at_start, status_of};

use crate::error::{Error, Result};
use crate::limits::{LimitKey, Limits};
use crate::wasi::{self, WasiCtx};
use std::sync::Arc;
use wasmtime::{Memory, Store, TypedFunc};

/// Fuel between two looks at deadline and cancellation: about 0.2 ms of guest time, so that a
/// yield costs about 2 %.
const YIELD_FUEL: u64 = 1_000_000;

/// What a guest's store holds.
pub(crate) struct State {
    pub(crate) wasi: WasiCtx,
    pub(crate) meter: Meter,
    /// Where the guest asks its host; none where there are no tools.
    pub(crate) desk: Option<Arc<Desk>>,
    pub(crate) host_alloc: Option<TypedFunc<u32, u32>>,
    memory: Option<Memory>,
}

impl wasi::Host for State {
    fn wasi(&mut self) -> &mut WasiCtx {
        &mut self.wasi
    }

    fn memory(&self) -> Option<Memory> {
        self.memory
    }

    fn set_memory(&mut self, memory: Memory) {
        self.memory = Some(memory);
    }
}

/// A store for one guest, fuelled and metered.
pub(crate) fn new_store(engine: &wasmtime::Engine, wasi: WasiCtx, limits: &Limits) -> Result<Store<State>> {
    let state = State { wasi, meter: Meter::new(limits), desk: None, host_alloc: None, memory: None };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.meter);
    let fuelled =
        store.set_fuel(limits.value(LimitKey::Fuel)).and_then(|()| store.fuel_async_yield_interval(Some(YIELD_FUEL)));
    fuelled.map_err(|error| Error::Internal { reason: error.to_string() })?;
    Ok(store)
}

//! A live reactor: one instance that answers turn after turn.

use super::{Driver, GlobalValue, Reactor, Warm};
use super::{cpython, exported};
use crate::error::{Error, Result};
use crate::memory::{SlotPool, Watch};
use crate::store::{self, State};
use crate::wasi::{self, WasiCtx};
use crate::{LimitKey, Limits};
use std::future::{Future, poll_fn};
use std::pin::pin;
use wasmtime::{Instance, Memory, ModuleExport, Store, WasmParams, WasmResults};

/// A reactor between turns.
pub(crate) struct Live {
    /// Dropped before the store, see there.
    watch: Watch,
    store: Store<State>,
    instance: Instance,
    memory: Memory,
    driver: Driver,
    reactor: Reactor,
    at_rest: Vec<GlobalValue>,
}

/// What came of one turn.
pub(crate) enum Turn {
    /// Our driver's answer; empty when there is nothing to say.
    Answered(Vec<u8>),
    /// The driver itself raised: there was not even memory to report what happened.
    Raised,
    /// The guest's own `turn` returned this status.
    Status(i32),
}

/// Why a turn did not come to its end.
pub(crate) enum Broken {
    /// The guest trapped, exited or was stopped.
    Failed(wasmtime::Error),
    /// The guest's answer makes no sense.
    Answer(&'static str),
}

impl From<wasmtime::Error> for Broken {
    fn from(error: wasmtime::Error) -> Broken {
        Broken::Failed(error)
    }
}

/// The exports of one instance.
pub(super) struct Exports<'a>(&'a Instance);

/// Calls an export, on a fiber of its own.
pub(super) async fn call<P: WasmParams + Sync, R: WasmResults + Sync>(
    store: &mut Store<State>,
    exports: &Exports<'_>,
    export: &ModuleExport,
    params: P,
) -> Result<R, Broken> {
    let function = exports.0.get_module_export(&mut *store, export).and_then(wasmtime::Extern::into_func);
    let function = function.ok_or(Broken::Answer("an export is not a function"))?;
    Ok(function.typed::<P, R>(&mut *store)?.call_async(store, params).await?)
}

/// Polls what runs the guest, and sees on which threads it is polled.
async fn watched<F: Future>(watch: &mut Watch, guest: F) -> F::Output {
    let mut guest = pin!(guest);
    poll_fn(|context| {
        watch.look();
        guest.as_mut().poll(context)
    })
    .await
}

impl Live {
    /// A new guest that starts as `warm`, copy-on-write.
    ///
    /// # Errors
    /// `module_exceeds` when the start state is larger than `memory_bytes`, `host_exhausted`.
    pub(crate) fn start(reactor: &Reactor, warm: &Warm, wasi: WasiCtx, limits: &Limits) -> Result<Live> {
        let bytes = warm.memory.bytes().len() as u64;
        let allowed = limits.value(LimitKey::MemoryBytes);
        if bytes > allowed {
            return Err(Error::ModuleExceeds { limit: LimitKey::MemoryBytes, needed: bytes, allowed });
        }
        let mut watch = Watch::start();
        let mut store = store::new_store(reactor.guest().module().engine(), wasi, limits)?;
        // No code of the guest runs here, so the future is ready at its first poll, on this
        // thread: the one that the memory is lent to.
        let instance = SlotPool::lend(&warm.memory, || {
            store::block_on(reactor.guest().instance_pre().instantiate_async(&mut store))
        });
        let instance = instance.map_err(|error| start_error(&error, &store))?;
        let internal = |reason: &str| Error::Internal { reason: reason.to_owned() };
        let memory = instance
            .get_module_export(&mut store, reactor.memory())
            .and_then(wasmtime::Extern::into_memory)
            .ok_or_else(|| internal("the module's memory is gone"))?;
        wasi::Host::set_memory(store.data_mut(), memory);
        watch.covers(memory.data(&store));
        let minimum = memory.ty(&store).minimum() * memory.page_size(&store);
        store.data_mut().meter.start_at(bytes.saturating_sub(minimum));
        for (export, value) in reactor.globals().iter().zip(&warm.globals) {
            let global = instance.get_module_export(&mut store, export).and_then(wasmtime::Extern::into_global);
            let set = global.and_then(|global| global.set(&mut store, value.to_val()).ok());
            set.ok_or_else(|| internal("a global of the image does not fit its module"))?;
        }
        Ok(Live {
            watch,
            store,
            instance,
            memory,
            driver: warm.driver,
            reactor: reactor.clone(),
            at_rest: warm.globals.clone(),
        })
    }

    /// Gives the guest one turn. `most` bounds the answer that is read.
    pub(crate) async fn turn(&mut self, request: &[u8], most: usize) -> Result<Turn, Broken> {
        let exports = Exports(&self.instance);
        if let (Driver::Exported, Some(turn)) = (self.driver, self.reactor.exported()) {
            let functions = [self.reactor.host_alloc(), turn];
            let answer = exported::call_turn(&mut self.store, &exports, functions, self.memory, request, most);
            return Ok(watched(&mut self.watch, answer).await?.map_or(Turn::Raised, Turn::Answered));
        }
        match (self.driver, self.reactor.cpython()) {
            (Driver::Cpython { turn }, Some(functions)) => {
                let answer =
                    cpython::call_driver(&mut self.store, &exports, functions, self.memory, turn, request, most);
                Ok(watched(&mut self.watch, answer).await?.map_or(Turn::Raised, Turn::Answered))
            }
            _ => self.own_turn(request).await.map(Turn::Status),
        }
    }

    /// Calls the guest's own `turn(ptr, len)`.
    pub(crate) async fn own_turn(&mut self, source: &[u8]) -> Result<i32, Broken> {
        let Live { watch, store, instance, memory, reactor, .. } = self;
        let exports = Exports(instance);
        watched(watch, async {
            let len = u32::try_from(source.len()).map_err(|_| Broken::Answer("the program is longer than 4 GiB"))?;
            let mut at = 0u32;
            if len > 0 {
                at = call(store, &exports, reactor.host_alloc(), len).await?;
                let written = memory.write(&mut *store, at as usize, source);
                written.map_err(|_| Broken::Answer("host_alloc gave memory that is not there"))?;
            }
            call(store, &exports, reactor.turn(), (at, len)).await
        })
        .await
    }

    /// Calls an export without parameters whose result is of no interest, if the module has it.
    pub(crate) async fn call_if_there(&mut self, name: &str) -> Result<(), Broken> {
        match self.instance.get_func(&mut self.store, name) {
            Some(function) => {
                let results = function.ty(&self.store).results().len();
                let mut results = vec![wasmtime::Val::I32(0); results];
                let called = function.call_async(&mut self.store, &[], &mut results);
                Ok(watched(&mut self.watch, called).await?)
            }
            None => Ok(()),
        }
    }

    /// Lets the guest do what follows the end of a program.
    pub(crate) async fn finish(&mut self, most: usize) -> Result<(), Broken> {
        match self.driver {
            Driver::Own | Driver::Exported => self.call_if_there("shutdown").await,
            Driver::Cpython { .. } => self.turn(cpython::FINISH, most).await.map(drop),
        }
    }

    /// Makes SQLite forget its random state, if the guest has it.
    pub(crate) async fn forget_sqlite_random(&mut self) -> Result<(), Broken> {
        match self.instance.get_func(&mut self.store, cpython::RESEED) {
            Some(function) => {
                let function = function.typed::<(u32, u32), ()>(&self.store)?;
                Ok(watched(&mut self.watch, function.call_async(&mut self.store, (0, 0))).await?)
            }
            None => Ok(()),
        }
    }

    /// From now on turns go to this driver.
    pub(crate) fn set_driver(&mut self, driver: Driver) {
        self.driver = driver;
    }

    /// Whether turns go to a driver of ours.
    pub(crate) fn has_driver(&self) -> bool {
        self.driver != Driver::Own
    }

    pub(crate) fn driver(&self) -> Driver {
        self.driver
    }

    pub(crate) fn store(&mut self) -> &mut Store<State> {
        &mut self.store
    }

    pub(crate) fn state(&self) -> &State {
        self.store.data()
    }

    /// Puts the guest's own stack pointer and the like back to where they are between turns, for
    /// one that was stopped in the middle of its code.
    pub(crate) fn rest(&mut self) {
        for (export, value) in self.reactor.globals().iter().zip(&self.at_rest) {
            let global = self.instance.get_module_export(&mut self.store, export);
            if let Some(global) = global.and_then(wasmtime::Extern::into_global) {
                let _ = global.set(&mut self.store, value.to_val());
            }
        }
    }

    /// Linear memory as it is now.
    pub(crate) fn memory(&self) -> &[u8] {
        self.memory.data(&self.store)
    }

    /// The mutable globals as they are now.
    pub(crate) fn globals(&mut self) -> Result<Vec<GlobalValue>> {
        let exports = self.reactor.globals().iter();
        let values = exports.map(|export| {
            let global = self.instance.get_module_export(&mut self.store, export)?.into_global()?;
            GlobalValue::of(&global.get(&mut self.store))
        });
        let values: Option<Vec<_>> = values.collect();
        values.ok_or_else(|| Error::Internal { reason: "a global of the image cannot be read".into() })
    }

    /// Ends the guest and gives its state back.
    pub(crate) fn into_state(self) -> State {
        let Live { watch, store, .. } = self;
        drop(watch);
        store.into_data()
    }
}

fn start_error(error: &wasmtime::Error, store: &Store<State>) -> Error {
    store::refused_at_start(error, &store.data().meter)
        .unwrap_or_else(|| Error::Internal { reason: format!("{error:#}") })
}

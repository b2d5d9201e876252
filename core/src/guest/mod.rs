//! How a guest is driven: the command ABI and the reactor ABI of design section 6.

mod answer;
mod cpython;
mod exported;
mod host_call;
mod link;
mod live;
mod reactor;
mod warm;

pub(crate) use answer::Answer;
pub(crate) use cpython::EXPORTS as CPYTHON_EXPORTS;
pub(crate) use exported::{EXPORTS as EXPORTED_EXPORTS, FREEZE};
pub(crate) use link::Guest;
pub(crate) use live::{Broken, Live, Turn};
pub(crate) use reactor::Reactor;
pub(crate) use warm::{GlobalValue, Warm};

use crate::policy::GuestPath;
use crate::store::State;
use serde::{Deserialize, Serialize};
use wasmtime::Store;

/// Which exports drive a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Abi {
    /// A preview 1 program with `_start`: one run is one instance.
    Command,
    /// An interpreter with `turn`, which starts from an image of its warm memory.
    Reactor,
}

/// What answers the turns of a reactor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Driver {
    /// The guest's own `turn`.
    Own,
    /// Our driver in CPython: the address of its `turn` function.
    Cpython { turn: u32 },
    /// The module's own `sandcell_turn`, which answers as our drivers do.
    Exported,
}

impl Driver {
    /// Type and message of the error that a program ends in whose guest had no memory left to say so.
    pub(crate) fn out_of_memory(self) -> (&'static str, &'static str) {
        match self {
            Driver::Own | Driver::Cpython { .. } => ("MemoryError", "there was not enough memory to report more"),
            Driver::Exported => ("InternalError", "out of memory"),
        }
    }

    /// The request to forget what was imported from files below `folder`, where the driver does not do so
    /// by itself.
    pub(crate) fn forgets_modules(self, folder: &GuestPath) -> Option<Vec<u8>> {
        match self {
            Driver::Own | Driver::Exported => None,
            Driver::Cpython { .. } => Some(cpython::forgets_modules(folder)),
        }
    }
}

/// What came of one instance.
pub(crate) enum Ended {
    /// The guest returned this exit code.
    Returned(u32),
    /// The guest was running and did not return.
    Failed(wasmtime::Error),
    /// The instance could not be made.
    NotStarted(wasmtime::Error),
}

impl Guest {
    /// Makes an instance of a command in `store` and runs it to its end.
    pub(crate) async fn run(&self, store: &mut Store<State>) -> Ended {
        let instance = match self.instance_pre().instantiate_async(&mut *store).await {
            Ok(instance) => instance,
            Err(error) => return Ended::NotStarted(error),
        };
        let code = self.start(store, &instance).await;
        match code {
            Ok(code) => Ended::Returned(code),
            Err(error) => Ended::Failed(error),
        }
    }

    async fn start(&self, store: &mut Store<State>, instance: &wasmtime::Instance) -> wasmtime::Result<u32> {
        let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
        start.call_async(store, ()).await.map(|()| 0)
    }
}

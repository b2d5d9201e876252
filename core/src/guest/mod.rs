//! How a guest is driven: the command ABI and the reactor ABI of design section 6.

mod host_call;
mod link;

pub(crate) use link::Guest;

use crate::store::State;
use serde::{Deserialize, Serialize};
use wasmtime::Store;

/// Which exports drive a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Abi {
    /// A preview 1 program with `_start`: one run is one instance.
    Command,
    /// An interpreter with `run` (argv-style, once) and `turn`.
    Reactor,
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
    /// Makes an instance in `store` and runs it to its end.
    pub(crate) async fn run(&self, store: &mut Store<State>) -> Ended {
        let instance = match self.instance_pre().instantiate_async(&mut *store).await {
            Ok(instance) => instance,
            Err(error) => return Ended::NotStarted(error),
        };
        let code = match self.abi() {
            Abi::Command => self.start(store, &instance).await,
            Abi::Reactor => self.run_once(store, &instance).await,
        };
        match code {
            Ok(code) => Ended::Returned(code),
            Err(error) => Ended::Failed(error),
        }
    }

    async fn start(&self, store: &mut Store<State>, instance: &wasmtime::Instance) -> wasmtime::Result<u32> {
        let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
        start.call_async(store, ()).await.map(|()| 0)
    }

    async fn run_once(&self, store: &mut Store<State>, instance: &wasmtime::Instance) -> wasmtime::Result<u32> {
        if let Ok(initialize) = instance.get_typed_func::<(), ()>(&mut *store, "_initialize") {
            initialize.call_async(&mut *store, ()).await?;
        }
        let run = instance.get_typed_func::<(), i32>(&mut *store, "run")?;
        run.call_async(store, ()).await.map(i32::cast_unsigned)
    }
}

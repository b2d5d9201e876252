//! A run of a command module: an instance over the sandbox's file tree, driven to its end.

use super::outcome::Remains;
use super::task::{Finished, Returned, Shared};
use super::turn::{given_up, nothing};
use crate::error::Result;
use crate::guest::{Answer, Ended, Guest};
use crate::outcome::Status;
use crate::store::{self, Halt, Host, Report, State, serve};
use crate::tools::Broker;
use crate::wasi::{Setup, Stop, WasiCtx};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmtime::Store;

/// Makes the guest's side of preview 1 and runs the command over it.
pub(super) async fn run(guest: Guest, setup: Setup, shared: Shared, mut broker: Option<Broker>) -> Finished {
    let limits = setup.limits.clone();
    let store = WasiCtx::new(setup).and_then(|wasi| store::new_store(guest.module().engine(), wasi, &limits));
    let mut store = match store {
        Ok(store) => store,
        Err(error) => return nothing(error),
    };
    if let Some(outlet) = &shared.outlet {
        store.data_mut().wasi.follow(outlet.clone());
    }
    store.data_mut().desk.clone_from(&shared.desk);
    let host = shared.desk.as_deref().zip(broker.as_mut()).map(|(desk, broker)| Host { desk, broker });
    let driven = serve(&shared.interrupt, host, guest.run(&mut store)).await;
    if let Some(broker) = &mut broker {
        broker.stop(given_up(&shared.interrupt));
    }
    let driven = match driven {
        Ok(ended) => Ok(ended),
        Err(Halt::Stop(stop)) => Err(stop),
        // Nobody knows in what state the file tree is: it goes with the store.
        Err(Halt::Panic(error)) => return nothing(error),
    };
    let status = status(driven, &store);
    let taken = catch_unwind(AssertUnwindSafe(|| {
        let report = Report::at_end(&mut store);
        (report, store.into_data().wasi.into_vfs())
    }));
    match taken {
        Ok((report, tree)) => {
            let remains =
                status.map(|status| Remains { status, answer: Answer::default(), report, diagnostics: Vec::new() });
            Finished { body: Returned::Files(Box::new(tree)), remains }
        }
        Err(panic) => nothing(store::panicked(panic.as_ref())),
    }
}

/// The image's variables with the policy's laid over them; nothing of the host's.
pub(super) fn environment(
    image: &BTreeMap<String, String>,
    policy: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let mut env = image.clone();
    env.extend(policy.clone());
    env.into_iter().collect()
}

fn status(driven: Result<Ended, Stop>, store: &Store<State>) -> Result<Status> {
    match driven {
        Ok(Ended::Returned(code)) => Ok(Status::Exited { code }),
        Ok(Ended::Failed(error)) => store::classify(&error),
        Ok(Ended::NotStarted(error)) => match store::refused_at_start(&error, &store.data().meter) {
            Some(refused) => Err(refused),
            None => store::classify(&error),
        },
        Err(stop) => Ok(store::status_of(stop)),
    }
}

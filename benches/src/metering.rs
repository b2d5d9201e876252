//! What it costs to be able to stop a guest: the figures behind decision 001.

use crate::Error;
use crate::timing::{median, time};
use serde_json::{Map, Value};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use wasmtime::{Config, Engine, Linker, Module, Store};

const ROUNDS: usize = 9;

pub(crate) fn measure(figures: &mut Map<String, Value>) -> Result<(), Error> {
    let variants = [
        ("none", false, false, None),
        ("epochs", false, true, None),
        ("fuel", true, false, None),
        ("fuel_with_yields", true, false, Some(1_000_000)),
        ("both", true, true, None),
    ];
    let modules: Vec<_> = variants
        .iter()
        .map(|(_, fuel, epochs, _)| {
            let mut config = Config::new();
            config.consume_fuel(*fuel).epoch_interruption(*epochs);
            Module::new(&Engine::new(&config)?, include_str!("../guests/compute.wat"))
        })
        .collect::<Result<_, _>>()?;
    let mut times = vec![Vec::new(); variants.len()];
    for _ in 0..ROUNDS {
        for (index, (_, fuel, epochs, interval)) in variants.iter().enumerate() {
            times[index].push(time(|| run(&modules[index], *fuel, *epochs, *interval))?);
        }
    }
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    for (index, (name, ..)) in variants.iter().enumerate() {
        figures.insert(format!("metering_{name}_against_none"), (medians[index] / medians[0]).into());
    }
    Ok(())
}

fn run(module: &Module, fuel: bool, epochs: bool, interval: Option<u64>) -> Result<(), Error> {
    let mut store = Store::new(module.engine(), ());
    if fuel {
        store.set_fuel(u64::MAX / 2)?;
        store.fuel_async_yield_interval(interval)?;
    }
    if epochs {
        store.set_epoch_deadline(1 << 40);
    }
    let linker = Linker::new(module.engine());
    let mut ended = pin!(async {
        let instance = linker.instantiate_async(&mut store, module).await?;
        instance.get_typed_func::<(), ()>(&mut store, "_start")?.call_async(&mut store, ()).await
    });
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(ended) = ended.as_mut().poll(&mut context) {
            return Ok(ended?);
        }
    }
}

//! CPU-bound JavaScript: our guest against the very same module run bare by wasmtime with the same metering, and
//! what that metering costs. The programs are `guests/scheduler.js` and `guests/constraints.js`.

use crate::Error;
use crate::timing::{compare, median, time};
use sandcell::{Image, LimitKey, Limits, Program, Sandbox};
use serde_json::{Map, Value};
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use wasmtime::{Caller, Config, Engine, Extern, Linker, Memory, Module, Store, Val};

const ROUNDS: usize = 9;
const PROGRAMS: [(&str, &str); 2] =
    [("scheduler", include_str!("../guests/scheduler.js")), ("constraints", include_str!("../guests/constraints.js"))];
/// As in sandcell's engine.
const STACK_BYTES: usize = 32 << 20;
const YIELD_INTERVAL: u64 = 1_000_000;

pub(crate) fn measure(figures: &mut Map<String, Value>) -> Result<(), Error> {
    let module = std::fs::read(module_file()?)?;
    let image = Image::load(&sandcell::Engine::new()?, "javascript")?;
    let (metered, free) = (Bare::compile(&module, true)?, Bare::compile(&module, false)?);
    for (name, source) in PROGRAMS {
        let ours = || sandcell_run(&image, source);
        let theirs = || metered.run(source);
        compare(figures, &format!("javascript_{name}"), ROUNDS, ours, theirs)?;
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            with.push(metered.run(source)?);
            without.push(free.run(source)?);
        }
        figures.insert(format!("javascript_{name}_fuel_against_none"), (median(with) / median(without)).into());
    }
    Ok(())
}

/// The turn alone, in a sandbox that is there.
fn sandcell_run(image: &Image, source: &str) -> Result<f64, Error> {
    let limits = Limits::new().with(LimitKey::Fuel, LimitKey::Fuel.default_value().max(100_000_000_000))?;
    let mut sandbox = Sandbox::builder(image).limits(limits).build()?;
    time(|| {
        let outcome = sandbox.run(Program::code(source))?;
        if outcome.result.is_some() {
            Ok(())
        } else {
            Err(format!("it gave nothing: {}", outcome.stderr_text()).into())
        }
    })
}

/// The module as `sandcell image build javascript` compiled it, the newest if there are several.
fn module_file() -> Result<PathBuf, Error> {
    let home = std::env::var("HOME")?;
    let cache = std::env::var("SANDCELL_CACHE").unwrap_or_else(|_| format!("{home}/.cache/sandcell"));
    let built = std::fs::read_dir(format!("{cache}/sources"))?
        .filter_map(|entry| Some(entry.ok()?.path().join("javascript.wasm")))
        .filter(|path| path.is_file())
        .max_by_key(|path| path.metadata().and_then(|about| about.modified()).ok());
    built.ok_or_else(|| "build the image `javascript` first".into())
}

/// QuickJS in wasmtime, with nothing of ours around it.
struct Bare {
    module: Module,
    metered: bool,
}

impl Bare {
    fn compile(module: &[u8], metered: bool) -> Result<Bare, Error> {
        let mut config = Config::new();
        config.consume_fuel(metered).max_wasm_stack(STACK_BYTES).async_stack_size(STACK_BYTES + (1 << 20));
        Ok(Bare { module: Module::new(&Engine::new(&config)?, module)?, metered })
    }

    /// The time of one turn in an instance of its own.
    fn run(&self, source: &str) -> Result<f64, Error> {
        let engine = self.module.engine();
        let mut store = Store::new(engine, ());
        if self.metered {
            store.set_fuel(u64::MAX / 2)?;
            store.fuel_async_yield_interval(Some(YIELD_INTERVAL))?;
        }
        let linker = preview1(engine, &self.module)?;
        let request = format!("\n{source}");
        let instance = wait(pin!(async {
            let instance = linker.instantiate_async(&mut store, &self.module).await?;
            let initialize = instance.get_typed_func::<(), ()>(&mut store, "_initialize")?;
            initialize.call_async(&mut store, ()).await?;
            Ok::<_, Error>(instance)
        }))?;
        let memory = instance.get_memory(&mut store, "memory").ok_or("the module has no memory")?;
        let alloc = instance.get_typed_func::<u32, u32>(&mut store, "host_alloc")?;
        let turn = instance.get_typed_func::<(u32, u32), u32>(&mut store, "sandcell_turn")?;
        time(|| {
            let at = wait(pin!(alloc.call_async(&mut store, request.len() as u32)))?;
            memory.write(&mut store, at as usize, request.as_bytes())?;
            let answer = wait(pin!(turn.call_async(&mut store, (at, request.len() as u32))))? as usize;
            let answer = String::from_utf8_lossy(&memory.data(&store)[answer + 4..][..12]).into_owned();
            if answer.contains("result") { Ok(()) } else { Err(format!("it gave {answer}").into()) }
        })
    }
}

/// The least of preview 1 that the guest asks for: a clock, random bytes, an output that goes nowhere.
fn preview1(engine: &Engine, module: &Module) -> Result<Linker<()>, Error> {
    let mut linker = Linker::new(engine);
    linker.func_wrap(
        "wasi_snapshot_preview1",
        "clock_time_get",
        |mut caller: Caller<'_, ()>, _: i32, _: i64, at: u32| {
            let memory = memory(&mut caller);
            memory.write(&mut caller, at as usize, &1_000_000_u64.to_le_bytes()).map_or(21, |()| 0)
        },
    )?;
    linker.func_wrap("wasi_snapshot_preview1", "random_get", |_: Caller<'_, ()>, _: u32, _: u32| 0)?;
    for import in module.imports() {
        let ty = import.ty();
        let Some(function) = ty.func() else { continue };
        if linker.get_by_import(&mut Store::new(engine, ()), &import).is_none() {
            // EBADF (preview 1), which ends the search for preopened folders.
            linker.func_new(import.module(), import.name(), function.clone(), |_, _, results| {
                results.iter_mut().for_each(|result| *result = Val::I32(8));
                Ok(())
            })?;
        }
    }
    Ok(linker)
}

fn memory(caller: &mut Caller<'_, ()>) -> Memory {
    caller.get_export("memory").and_then(Extern::into_memory).expect("the guest exports its memory")
}

fn wait<F: Future>(mut future: std::pin::Pin<&mut F>) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

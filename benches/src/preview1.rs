//! File I/O of one guest: our preview 1 on a memory mount against wasmtime-wasi's on a host folder.

use crate::Error;
use crate::timing::{compare, time};
use sandcell::{Engine, Image, Limits, Mount, Policy, Program, Sandbox};
use serde_json::{Map, Value};
use wasmtime::{Config, Linker, Module, Store};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

const ROUNDS: usize = 15;

pub(crate) fn measure(figures: &mut Map<String, Value>) -> Result<(), Error> {
    empty(figures)?;
    let guests =
        [("io_4k", include_str!("../guests/io.wat")), ("open_stat_close", include_str!("../guests/files.wat"))];
    for (name, text) in guests {
        let engine = Engine::builder().build()?;
        let image = Image::command(&engine, name, text.as_bytes(), &Limits::new())?;
        let theirs = Theirs::new(text)?;
        compare(figures, name, ROUNDS, || ours(&image), || theirs.run())?;
    }
    Ok(())
}

/// What a sandbox and a run cost by themselves: a module that returns at once, over one memory
/// mount, against an instance of wasmtime-wasi with one preopened folder.
fn empty(figures: &mut Map<String, Value>) -> Result<(), Error> {
    let text = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;
    let engine = Engine::builder().build()?;
    let image = Image::command(&engine, "empty", text.as_bytes(), &Limits::new())?;
    let theirs = Theirs::new(text)?;
    let ours = || time(|| ours(&image).map(drop));
    compare(figures, "empty_run", 500, ours, || theirs.run())
}

fn ours(image: &Image) -> Result<f64, Error> {
    let policy = Policy::new().mount(Mount::memory("/")?);
    let mut sandbox = Sandbox::builder(image).policy(policy).build()?;
    time(|| {
        let outcome = sandbox.run(Program::command())?;
        if outcome.is_success() { Ok(()) } else { Err(format!("ours: {:?}", outcome.status).into()) }
    })
}

struct Theirs {
    module: Module,
    linker: Linker<WasiP1Ctx>,
}

impl Theirs {
    fn new(text: &str) -> Result<Theirs, Error> {
        let mut config = Config::new();
        config.consume_fuel(true);
        let engine = wasmtime::Engine::new(&config)?;
        let mut linker = Linker::new(&engine);
        p1::add_to_linker_sync(&mut linker, |context| context)?;
        Ok(Theirs { module: Module::new(&engine, text)?, linker })
    }

    /// A fresh folder each time, as our memory mount is fresh; made and removed outside the
    /// measurement, on both sides.
    fn run(&self) -> Result<f64, Error> {
        let folder = tempfile::tempdir()?;
        let mut builder = WasiCtxBuilder::new();
        builder.allow_blocking_current_thread(true);
        builder.preopened_dir(folder.path(), "/", FsPerms::ReadWrite)?;
        let mut store = Store::new(self.module.engine(), builder.build_p1());
        store.set_fuel(u64::MAX / 2)?;
        time(|| {
            let instance = self.linker.instantiate(&mut store, &self.module)?;
            instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())?;
            Ok(())
        })
    }
}

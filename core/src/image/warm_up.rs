//! Warming a reactor up: what runs once, so that no fork has to run it.

use super::instrument::START;
use super::recipe::DriverKind;
use super::{Image, ImageFiles, Kind};
use crate::error::{Error, Result};
use crate::guest::{Answer, Broken, Driver, FREEZE, Live, Reactor, Turn, Warm};
use crate::limits::{Budget, LimitKey, Limits};
use crate::memory::MemoryImage;
use crate::policy::{Clock, GuestPath};
use crate::store::{self, Halt, block_on, drive};
use crate::vfs::{self, Quota, Take, Vfs};
use crate::wasi::{self, Grants, Interrupt, Setup, Stdin, WasiCtx};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What a warm-up may use: importing a large library takes seconds, not minutes.
const DEADLINE: Duration = Duration::from_secs(600);
const FUEL: u64 = 1 << 50;
const MEMORY_BYTES: u64 = 2 << 30;
const FILE_BYTES: u64 = 1 << 30;
/// What is kept of an answer.
const ANSWER_BYTES: usize = 1 << 20;

/// What an image warms up with.
pub(super) struct Surroundings<'a> {
    pub(super) name: &'a str,
    pub(super) argv0: &'a str,
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) files: &'a ImageFiles,
}

/// A reactor being warmed up.
pub(super) struct WarmUp {
    name: String,
    live: Live,
    interrupt: Arc<Interrupt>,
}

impl WarmUp {
    /// Starts a reactor from the memory its module has before anything has run.
    pub(super) fn from_module(
        reactor: &Reactor,
        memory: &[u8],
        kind: DriverKind,
        around: &Surroundings<'_>,
    ) -> Result<WarmUp> {
        let memory = MemoryImage::of_bytes(memory).map_err(Error::host_io("making a memory image"))?;
        let start = Warm { memory, globals: Vec::new(), driver: Driver::Own };
        let interrupt = Arc::new(Interrupt::start(DEADLINE));
        let wasi = context(around, &interrupt)?;
        let live = Live::start(reactor, &start, wasi, &limits()?)?;
        let mut warm_up = WarmUp { name: around.name.to_owned(), live, interrupt };
        warm_up.step(async |live| live.call_if_there(START).await)?;
        warm_up.step(async |live| live.call_if_there("_initialize").await)?;
        match kind {
            // A command has no warm-up at all.
            DriverKind::Own | DriverKind::Command => {}
            DriverKind::Cpython => warm_up.install_driver(kind)?,
            DriverKind::Exported => warm_up.live.set_driver(Driver::Exported),
        }
        Ok(warm_up)
    }

    /// Goes on from the warm guest of an image.
    pub(super) fn from_image(base: &Image, name: &str) -> Result<WarmUp> {
        let Kind::Reactor(start) = base.kind() else { return Err(crate::snapshot::not_a_session(base)) };
        let interrupt = Arc::new(Interrupt::start(DEADLINE));
        let limits = limits()?;
        let grants = Grants {
            args: Vec::new(),
            env: Vec::new(),
            mounts: Vec::new(),
            clock: Clock::Real,
            seed: None,
            stdin: Stdin::empty(),
            limits: limits.clone(),
            host_bytes: Arc::new(Budget::new(limits.value(LimitKey::HostBytes))),
            interrupt: Arc::clone(&interrupt),
        };
        let wasi = WasiCtx::restore(&start.wasi, grants, Take::Start)?;
        let live = Live::start(&start.reactor, &start.warm, wasi, &limits)?;
        Ok(WarmUp { name: name.to_owned(), live, interrupt })
    }

    /// Puts a file into the guest's tree.
    pub(super) fn write_file(&mut self, path: &GuestPath, content: &[u8]) -> Result<()> {
        self.live.store().data_mut().wasi.vfs().write_file(path, content)
    }

    /// Runs the driver's source in the interpreter and finds its `turn`.
    fn install_driver(&mut self, kind: DriverKind) -> Result<()> {
        let source = serde_json::Value::from(kind.source());
        // A JSON string is a Python string literal too.
        let bootstrap = format!(
            "exec('''import sys, types
module = sys.modules['_sandcell'] = types.ModuleType('_sandcell')
exec(compile(source, '<sandcell>', 'exec'), module.__dict__)
module.install()
print(id(module.turn), flush=True)
''', {{'source': {source}}})"
        );
        let printed = self.own_turn(&bootstrap)?;
        let turn = printed.trim().parse().map_err(|_| self.failed(&format!("its driver did not start: {printed}")))?;
        self.live.set_driver(Driver::Cpython { turn });
        Ok(())
    }

    /// Runs code of the recipe or of the user.
    pub(super) fn run(&mut self, code: &str) -> Result<()> {
        if self.live.driver() == Driver::Own {
            return self.own_turn(code).map(drop);
        }
        // A fork of an image is seeded before anything else runs in it.
        self.ask(&format!("f{{\"name\": \"<setup>\"}}\n{code}"))
    }

    /// Gives the guest what translates its programs.
    pub(super) fn install_translator(&mut self, source: &str) -> Result<()> {
        self.ask(&format!("T\n{source}"))
    }

    fn ask(&mut self, request: &str) -> Result<()> {
        let turn = self.step(async |live| live.turn(request.as_bytes(), ANSWER_BYTES).await);
        let streams = self.live.store().data_mut().wasi.end_run();
        let answer = match turn? {
            Turn::Answered(bytes) => Answer::parse(&bytes).map_err(|reason| self.failed(&reason))?,
            Turn::Raised => return Err(self.failed("there was not enough memory to run it")),
            Turn::Status(status) => return Err(self.failed(&format!("it ended with status {status}"))),
        };
        match answer {
            Answer { raised: Some(raised), .. } => Err(self.failed(&raised.traceback)),
            Answer { exit: Some(code), .. } if code != 0 => {
                Err(self
                    .failed(&format!("it exited with code {code}: {}", String::from_utf8_lossy(&streams.stderr.bytes))))
            }
            _ => Ok(()),
        }
    }

    /// Leaves nothing behind that two forks must not share, and gives the guest back.
    pub(super) fn finish(mut self) -> Result<Live> {
        match self.live.driver() {
            Driver::Own => {}
            Driver::Cpython { .. } => {
                self.step(async |live| live.forget_sqlite_random().await)?;
                self.own_turn("exec('import _sandcell; _sandcell.freeze()', {})")?;
            }
            Driver::Exported => {
                self.step(async |live| live.turn(FREEZE, ANSWER_BYTES).await)?;
            }
        }
        Ok(self.live)
    }

    /// Gives the guest a turn of its own kind and returns what it printed.
    fn own_turn(&mut self, code: &str) -> Result<String> {
        let status = self.step(async |live| live.own_turn(code.as_bytes()).await);
        let streams = self.live.store().data_mut().wasi.end_run();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match status? {
            0 => Ok(text(&streams.stdout.bytes)),
            _ => Err(self.failed(&text(&streams.stderr.bytes))),
        }
    }

    fn step<T>(&mut self, work: impl AsyncFnOnce(&mut Live) -> Result<T, Broken>) -> Result<T> {
        let interrupt = Arc::clone(&self.interrupt);
        let refuelled = self.live.store().set_fuel(FUEL);
        refuelled.map_err(|error| Error::Internal { reason: error.to_string() })?;
        self.live.store().data_mut().wasi.begin_run(Stdin::empty(), Arc::clone(&interrupt));
        let done = block_on(drive(&interrupt, work(&mut self.live)));
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Broken::Answer(reason))) => Err(self.failed(reason)),
            Ok(Err(Broken::Failed(error))) => {
                let streams = self.live.store().data_mut().wasi.end_run();
                let words = String::from_utf8_lossy(&streams.stderr.bytes).into_owned();
                let status = store::classify(&error)?;
                Err(self.failed(&format!("the guest ended ({status:?}): {words}")))
            }
            Err(Halt::Stop(_)) => Err(self.failed("it took longer than ten minutes")),
            Err(Halt::Panic(error)) => Err(error),
        }
    }

    fn failed(&self, reason: &str) -> Error {
        Error::ImageSetupFailed { name: self.name.clone(), reason: reason.trim_end().to_owned() }
    }
}

/// Limits under which images are made: the caller's machine, not a guest's allowance.
pub(super) fn limits() -> Result<Limits> {
    Limits::new()
        .with(LimitKey::MemoryBytes, MEMORY_BYTES)?
        .with(LimitKey::Fuel, FUEL)?
        .with(LimitKey::FsBytes, FILE_BYTES)?
        .with(LimitKey::FileBytes, FILE_BYTES)?
        .with(LimitKey::HostBytes, 2 * FILE_BYTES)
}

/// A context over the image's own mounts, with nothing of the host's.
fn context(around: &Surroundings<'_>, interrupt: &Arc<Interrupt>) -> Result<WasiCtx> {
    let limits = limits()?;
    let clock = wasi::clock(Clock::Real);
    let host_bytes = Arc::new(Budget::new(limits.value(LimitKey::HostBytes)));
    let quota = Quota::of(&limits);
    let now = Arc::clone(&clock) as Arc<dyn vfs::Now>;
    WasiCtx::new(Setup {
        args: vec![around.argv0.to_owned()],
        env: around.env.clone().into_iter().collect(),
        vfs: Vfs::new(around.files.mounts(), quota, Arc::clone(&host_bytes), now)?,
        clock,
        seed: None,
        stdin: Stdin::empty(),
        limits,
        host_bytes,
        interrupt: Arc::clone(interrupt),
    })
}

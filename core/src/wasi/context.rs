//! The state behind the guest's calls: descriptors, streams, clock, and the credit they spend.

use super::denials::Denials;
use super::descriptor::{Descriptor, Kind};
use super::process::Strings;
use super::random::Random;
use super::stdin::{Input, Stdin};
use super::stdio::{Capture, Captured};
use super::table::Table;
use super::{Clock, Failure, Interrupt, Outlet, Stop};
use crate::error::Error;
use crate::limits::{Budget, LimitKey, Limits};
use crate::outcome::Denial;
use crate::policy::Seed;
use crate::vfs::{Errno, Pace, Vfs};
use std::sync::Arc;

/// Credit between two looks at the deadline. Calls without further work take tens of
/// nanoseconds, so a look comes every few dozen microseconds.
const CREDIT: u32 = 1024;

/// What calls cost in credit.
pub(super) mod cost {
    /// Every call.
    pub(in crate::wasi) const CALL: u32 = 1;
    /// A call that resolves a path or may reach the host's disk.
    pub(in crate::wasi) const DISK: u32 = 64;
    /// A call whose work does not show in its arguments: look at the deadline at once.
    pub(in crate::wasi) const UNBOUNDED: u32 = super::CREDIT + 1;
    /// This many bytes moved cost one credit: moving them takes about as long as a call.
    pub(in crate::wasi) const BYTES_PER_CREDIT: u32 = 4096;
    /// The most bytes moved between two looks at the credit.
    pub(in crate::wasi) const CHUNK_BYTES: u32 = 1 << 20;
}

/// What a guest starts with.
pub(crate) struct Setup {
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) vfs: Vfs,
    pub(crate) clock: Arc<Clock>,
    pub(crate) seed: Option<Seed>,
    pub(crate) stdin: Stdin,
    pub(crate) limits: Limits,
    pub(crate) host_bytes: Arc<Budget>,
    pub(crate) interrupt: Arc<Interrupt>,
}

/// Preview 1 for one guest.
pub(crate) struct WasiCtx {
    pub(super) args: Strings,
    pub(super) env: Strings,
    pub(super) vfs: Vfs,
    pub(super) table: Table,
    pub(super) clock: Arc<Clock>,
    pub(super) random: Random,
    pub(super) stdin: Input,
    pub(super) stdout: Capture,
    pub(super) stderr: Capture,
    pub(super) denials: Denials,
    pub(super) interrupt: Arc<Interrupt>,
    pub(super) credit: Credit,
    /// Where what happens goes, if somebody follows the run.
    pub(super) outlet: Option<Arc<Outlet>>,
    output_bytes: u64,
    host_bytes: Arc<Budget>,
}

/// What a guest wrote and was refused in one run.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    pub(crate) stdout: Captured,
    pub(crate) stderr: Captured,
    pub(crate) denials: Vec<Denial>,
}

impl WasiCtx {
    /// Opens the standard streams as 0, 1 and 2 and the mounts from 3 on.
    ///
    /// # Errors
    /// `environment_invalid`; `mount_invalid` when there are more mounts than `open_files` or
    /// `host_bytes` allow; `host_io` when the operating system gives no randomness.
    pub(crate) fn new(setup: Setup) -> crate::Result<WasiCtx> {
        let mut table = Table::new(setup.limits.value(LimitKey::OpenFiles), setup.host_bytes.clone());
        let streams = [Descriptor::stdin(), Descriptor::stdout(), Descriptor::stderr()];
        for descriptor in streams {
            open(&mut table, "standard streams", descriptor)?;
        }
        WasiCtx::over(setup, table, 0)
    }

    /// Goes on with these descriptors, and opens the mounts from `first_preopen` on.
    pub(super) fn over(setup: Setup, mut table: Table, first_preopen: usize) -> crate::Result<WasiCtx> {
        let Setup { args, env, mut vfs, clock, seed, stdin, limits, host_bytes, interrupt } = setup;
        let output_bytes = limits.value(LimitKey::OutputBytes);
        for (path, handle) in vfs.preopens_from(first_preopen) {
            open(&mut table, path.as_str(), Descriptor::preopen(path.as_str(), handle))?;
        }
        vfs.set_pace(Some(Box::new(Credit::new(interrupt.clone()))));
        Ok(WasiCtx {
            args: Strings::arguments(&args)?,
            env: Strings::environment(&env)?,
            vfs,
            table,
            clock,
            random: Random::new(seed)?,
            stdin: Input::new(stdin, host_bytes.clone()),
            stdout: Capture::new(output_bytes, host_bytes.clone()),
            stderr: Capture::new(output_bytes, host_bytes.clone()),
            denials: Denials::default(),
            credit: Credit::new(interrupt.clone()),
            interrupt,
            outlet: None,
            output_bytes,
            host_bytes,
        })
    }

    /// Starts another run of the same guest: new input, and a new owner of its deadline.
    pub(crate) fn begin_run(&mut self, stdin: Stdin, interrupt: Arc<Interrupt>) {
        self.stdin = Input::new(stdin, self.host_bytes.clone());
        self.vfs.set_pace(Some(Box::new(Credit::new(interrupt.clone()))));
        self.credit = Credit::new(interrupt.clone());
        self.interrupt = interrupt;
    }

    /// From now on tells what happens.
    pub(crate) fn follow(&mut self, outlet: Arc<Outlet>) {
        self.outlet = Some(outlet);
    }

    /// What the run has printed and was refused, while it goes on.
    pub(crate) fn streams_so_far(&self) -> Streams {
        Streams {
            stdout: self.stdout.so_far(),
            stderr: self.stderr.so_far(),
            denials: self.denials.as_slice().to_vec(),
        }
    }

    /// Ends a run; the guest, its descriptors and files stay.
    pub(crate) fn end_run(&mut self) -> Streams {
        if let Some(error) = self.stdin.problem() {
            tracing::warn!(%error, "standard input of a guest could not be read");
        }
        self.stdin = Input::new(Stdin::empty(), self.host_bytes.clone());
        self.vfs.set_pace(None);
        if self.outlet.is_some() {
            self.table.slots().iter().flatten().for_each(|descriptor| self.tell_closed(descriptor));
            self.outlet = None;
        }
        let fresh = || Capture::new(self.output_bytes, self.host_bytes.clone());
        Streams {
            stdout: std::mem::replace(&mut self.stdout, fresh()).finish(),
            stderr: std::mem::replace(&mut self.stderr, fresh()).finish(),
            denials: std::mem::take(&mut self.denials).into_vec(),
        }
    }

    /// The guest's files.
    pub(crate) fn vfs(&mut self) -> &mut Vfs {
        &mut self.vfs
    }

    /// Ends the run where a call was interrupted because it must stop. A signal of the host's own
    /// stays the guest's to handle.
    pub(super) fn end_if_stopped<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        if let Err(Failure::Errno(Errno::Intr)) = result {
            self.interrupt.check()?;
        }
        result
    }

    /// Closes every descriptor and gives the file tree back.
    pub(crate) fn into_vfs(mut self) -> Vfs {
        for descriptor in self.table.drain() {
            close(&mut self.vfs, descriptor);
        }
        self.vfs.set_pace(None);
        self.vfs
    }
}

/// What a guest may do before somebody looks at the deadline again.
#[derive(Debug)]
pub(super) struct Credit {
    left: u32,
    interrupt: Arc<Interrupt>,
}

impl Credit {
    pub(super) fn new(interrupt: Arc<Interrupt>) -> Credit {
        Credit { left: CREDIT, interrupt }
    }

    /// Pays for work about to be done; fails once the run must stop.
    #[inline]
    pub(super) fn spend(&mut self, cost: u32) -> Result<(), Stop> {
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => self.refill(),
        }
    }

    /// Pays for moving at most one chunk of bytes.
    #[inline]
    pub(super) fn spend_bytes(&mut self, bytes: u32) -> Result<(), Stop> {
        self.spend(bytes / cost::BYTES_PER_CREDIT)
    }

    #[cold]
    fn refill(&mut self) -> Result<(), Stop> {
        self.interrupt.check()?;
        self.left = CREDIT;
        Ok(())
    }
}

impl Pace for Credit {
    fn spend(&mut self, cost: u32) -> Result<(), Errno> {
        Credit::spend(self, cost).map_err(|_| Errno::Intr)
    }
}

/// Gives what a descriptor stood for back to the file tree.
pub(super) fn close(vfs: &mut Vfs, descriptor: Descriptor) {
    match descriptor.kind {
        Kind::File(file) => vfs.close_file(file.handle),
        Kind::Dir(dir) => vfs.close_dir(dir.handle),
        Kind::Stdin | Kind::Stdout | Kind::Stderr | Kind::Random | Kind::Gone => {}
    }
}

fn open(table: &mut Table, path: &str, descriptor: Descriptor) -> crate::Result<()> {
    let refused = |errno| {
        let limit = if errno == Errno::Mfile { LimitKey::OpenFiles } else { LimitKey::HostBytes };
        Error::MountInvalid { guest: path.to_owned(), reason: format!("`{limit}` does not allow one more descriptor") }
    };
    let vacancy = table.reserve().map_err(refused)?;
    table.fill(vacancy, descriptor);
    Ok(())
}

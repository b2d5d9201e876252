//! Running the tools of a compiler, one after the other, over one file tree of their own.

use super::names::{MODULE, OBJECTS, OURS, PROGRAM};
use super::{Findings, Refusal};
use crate::error::{Error, Result};
use crate::guest::{Ended, Guest};
use crate::image::{Image, Kind};
use crate::limits::{Budget, LimitKey, Limits};
use crate::outcome::{Status, TrapReason};
use crate::policy::{Access, Clock, GuestPath, Seed};
use crate::store::{self, Halt, block_on, drive};
use crate::vfs::{self, Bytes, MountPoint, Quota, Vfs};
use crate::wasi::{self, Interrupt, Setup, Stdin, WasiCtx};
use std::sync::Arc;

/// Headers that programs expect and the library does not have.
pub(super) const HEADERS: &[(&str, &str)] =
    &[("bits/stdc++.h", include_str!("../../../guests/clang/include/bits/stdc++.h"))];

/// The tools, and the tree that they work on.
pub(super) struct Steps<'a> {
    guest: Guest,
    argv0: &'a str,
    vfs: Option<Vfs>,
    limits: Limits,
    clock: Arc<wasi::Clock>,
    host_bytes: Arc<Budget>,
    interrupt: Arc<Interrupt>,
    fuel: u64,
}

/// What came of one step.
pub(super) struct Step {
    status: Status,
    /// The tool was refused memory, whatever it made of that.
    out_of_memory: bool,
    pub(super) printed: Vec<u8>,
}

impl<'a> Steps<'a> {
    /// A tree of the compiler's libraries and the program's files, which nobody can write, and room for
    /// what is made of them.
    pub(super) fn new(
        image: &'a Image,
        files: Vec<(String, Bytes)>,
        limits: &Limits,
        interrupt: &Arc<Interrupt>,
    ) -> Result<Steps<'a>> {
        let Kind::Command(guest) = image.kind() else {
            return Err(Error::Internal { reason: "a compiler is not a command".into() });
        };
        // Always the same time and randomness: what is made depends on the program alone.
        let clock = wasi::clock(Clock::frozen());
        let host_bytes = Arc::new(Budget::new(limits.value(LimitKey::HostBytes)));
        let folder = |guest: &str, files, access| {
            let source = vfs::Source::Memory { files, access };
            GuestPath::parse(guest).map(|guest| MountPoint { guest, source })
        };
        let mut mounts = image.files().read_only();
        // Every path leads somewhere, so that one which leads nowhere is a file that is not there.
        mounts.push(folder("/", Vec::new(), Access::ReadOnly)?);
        let ours = HEADERS.iter().map(|(name, text)| ((*name).to_owned(), Arc::new(*text) as Bytes));
        mounts.push(folder(OURS, ours.collect(), Access::ReadOnly)?);
        mounts.push(folder(PROGRAM, files, Access::ReadOnly)?);
        mounts.push(folder(OBJECTS, Vec::new(), Access::ReadWrite)?);
        let quota = Quota {
            fs_bytes: limits.value(LimitKey::FsBytes),
            fs_nodes: limits.value(LimitKey::FsNodes),
            file_bytes: limits.value(LimitKey::FileBytes),
        };
        let vfs = Vfs::new(mounts, quota, Arc::clone(&host_bytes), Arc::clone(&clock) as Arc<dyn vfs::Now>)?;
        Ok(Steps {
            guest: guest.clone(),
            argv0: &image.invocation().argv0,
            vfs: Some(vfs),
            limits: limits.clone(),
            clock,
            host_bytes,
            interrupt: Arc::clone(interrupt),
            fuel: 0,
        })
    }

    /// Runs one tool to its end. All steps together have the fuel and the time of the limits.
    pub(super) fn run(&mut self, command: Vec<String>) -> Result<Step> {
        let left = self.limits.value(LimitKey::Fuel).saturating_sub(self.fuel);
        let setup = Setup {
            args: std::iter::once(self.argv0.to_owned()).chain(command).collect(),
            env: Vec::new(),
            vfs: self.vfs.take().ok_or_else(lost)?,
            clock: Arc::clone(&self.clock),
            seed: Some(Seed(0)),
            stdin: Stdin::empty(),
            limits: self.limits.clone(),
            host_bytes: Arc::clone(&self.host_bytes),
            interrupt: Arc::clone(&self.interrupt),
        };
        let wasi = WasiCtx::new(setup)?;
        let mut store = store::new_store(self.guest.module().engine(), wasi, &self.limits)?;
        let internal = |error: wasmtime::Error| Error::Internal { reason: error.to_string() };
        store.set_fuel(left).map_err(internal)?;
        let status = match block_on(drive(&self.interrupt, self.guest.run(&mut store))) {
            Ok(Ended::Returned(code)) => Status::Exited { code },
            Ok(Ended::Failed(error)) => store::classify(&error)?,
            Ok(Ended::NotStarted(error)) => match store::refused_at_start(&error, &store.data().meter) {
                // The caller's limits for compiling do not even hold the compiler.
                Some(Error::ModuleExceeds { limit, .. }) => Status::Exceeded { limit },
                Some(refused) => return Err(refused),
                None => store::classify(&error)?,
            },
            Err(Halt::Stop(stop)) => store::status_of(stop),
            Err(Halt::Panic(error)) => return Err(error),
        };
        self.fuel += left.saturating_sub(store.get_fuel().unwrap_or(0));
        let out_of_memory = store.data().meter.refusal().is_some();
        let streams = store.data_mut().wasi.end_run();
        self.vfs = Some(store.into_data().wasi.into_vfs());
        Ok(Step { status, out_of_memory, printed: streams.stderr.bytes })
    }

    /// The module that the last step made.
    pub(super) fn module(&mut self) -> Result<Vec<u8>> {
        self.vfs.as_mut().ok_or_else(lost)?.read_file(&GuestPath::parse(MODULE)?)
    }

    /// What all steps have used.
    pub(super) fn fuel(&self) -> u64 {
        self.fuel
    }
}

fn lost() -> Error {
    Error::Internal { reason: "the compiler's file tree is gone".into() }
}

impl Refusal {
    /// The compiler was stopped at a limit of its own.
    pub(super) fn exceeded(limit: LimitKey, allowed: u64) -> Refusal {
        let unit = limit.unit().as_str();
        let hint = format!(
            "The compiler was stopped, nothing of the program ran: compiling it takes more than the {allowed} {unit} that `{limit}` allows the compiler; make it smaller, or do less at compile time."
        );
        Refusal { status: Status::Exceeded { limit }, hint }
    }

    /// Compiling took longer than `deadline_ms` allows.
    pub(crate) fn too_slow(deadline_ms: u64) -> Refusal {
        Refusal::exceeded(LimitKey::DeadlineMs, deadline_ms)
    }
}

impl Step {
    /// Why the program cannot be compiled, if it cannot.
    pub(super) fn refusal(&self, findings: &Findings, limits: &Limits) -> Option<Refusal> {
        let exceeded = |limit: LimitKey| Refusal::exceeded(limit, limits.value(limit));
        Some(match &self.status {
            Status::Exited { code: 0 } => return None,
            Status::Exceeded { limit } => exceeded(*limit),
            Status::Cancelled => Refusal { status: Status::Cancelled, hint: String::new() },
            _ if self.out_of_memory => exceeded(LimitKey::MemoryBytes),
            Status::Trapped { reason: TrapReason::StackOverflow } => {
                crashed("the compiler's stack is used up: the program is nested too deeply", findings)
            }
            // It has said why, or it has a defect that the program has found.
            Status::Trapped { reason } => match findings.first_error() {
                Some(message) => Refusal { hint: advice(message), ..Refusal::error(message, &findings.text) },
                None => crashed(&format!("the compiler crashed ({})", reason.as_str()), findings),
            },
            _ => {
                let message = findings.first_error().unwrap_or("the compiler failed without a word");
                Refusal { hint: advice(message), ..Refusal::error(message, &findings.text) }
            }
        })
    }
}

fn crashed(message: &str, findings: &Findings) -> Refusal {
    Refusal::error(message, &format!("{}{message}\n", findings.text))
}

/// What the library does not have, and what a program can do about it. The compiler's words are read
/// for advice only.
fn advice(message: &str) -> String {
    let has = |word: &str| message.contains(word);
    let advice = if has("exceptions disabled") {
        "There are no C++ exceptions here: report errors by return values, std::optional or std::expected (-std=c++23)."
    } else if has("<thread>")
        || has("threads")
        || has("std::thread")
        || has("'thread'")
        || has("pthread")
        || has("'mutex'")
    {
        "There are no threads here: do the work in one."
    } else if has("File too large") || has("No space left") {
        "The program's static data is too large: allocate it when the program runs."
    } else if has("file not found") {
        "A program can include its own files, the C library and libc++; other libraries are not there."
    } else if has("undefined symbol: main") {
        "The program has no main function."
    } else {
        ""
    };
    advice.to_owned()
}

//! Programs in languages that are compiled: a compiler that is itself a guest makes a module of them,
//! in a sandbox of its own, and the module is kept under the address of all that it was made from.
//!
//! Nothing of the user's sandbox takes part: the compiler sees the program's own files and its
//! libraries, nothing else, and what it makes depends on nothing else.

mod commands;
mod diagnostics;
mod flags;
mod job;
mod kept;
mod names;
mod step;

pub(crate) use job::{Job, Sources};

use crate::guest::Guest;
use crate::limits::{LimitKey, Limits};
use crate::outcome::{Diagnostic, Status};
use std::time::Duration;

/// What came of compiling a program.
pub(crate) struct Compiled {
    pub(crate) verdict: Verdict,
    pub(crate) findings: Findings,
    pub(crate) cost: Cost,
}

/// Whether there is a module.
pub(crate) enum Verdict {
    /// It can be run.
    Ready(Ready),
    /// There is none, and the program or its limits are the reason.
    Refused(Refusal),
}

/// A module that was made, linked and compiled for this machine.
pub(crate) struct Ready {
    pub(crate) guest: Guest,
    /// What it asks for when it starts.
    pub(crate) needs: Vec<(LimitKey, u64)>,
    /// The length of the module.
    pub(crate) bytes: u64,
}

/// Why there is no module.
pub(crate) struct Refusal {
    pub(crate) status: Status,
    pub(crate) hint: String,
}

/// What the compiler said.
#[derive(Clone, Default)]
pub(crate) struct Findings {
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// All of it, as a person reads it.
    pub(crate) text: String,
}

/// What compiling took; nothing where it was done before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) fuel: u64,
    pub(crate) time: Duration,
}

impl Ready {
    /// The first limit that a program with these limits exceeds before it does anything.
    pub(crate) fn exceeds(&self, limits: &Limits) -> Option<Refusal> {
        let needs = self.needs.iter().copied().chain([(LimitKey::ModuleBytes, self.bytes)]);
        let (limit, needed) = needs.into_iter().find(|(limit, needed)| *needed > limits.value(*limit))?;
        let allowed = limits.value(limit);
        let hint = format!(
            "The program was not started: it needs {needed} {} where `{limit}` allows {allowed}; make its static data smaller.",
            limit.unit().as_str()
        );
        Some(Refusal { status: Status::Exceeded { limit }, hint })
    }
}

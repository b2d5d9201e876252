//! The two wasmtime engines behind an [`Engine`](super::Engine): one for modules that bring their
//! data segments along, one for modules whose memory starts as a saved image.

use super::{Digest, config, digest};
use crate::error::{Error, Result};
use crate::memory::{Finder, SlotPool, StackPool};
use std::sync::{Arc, OnceLock};

/// How a guest's memory starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// From the module's own data segments.
    Module,
    /// From a saved image.
    Image,
}

/// A wasmtime engine and what code for it must have been made by.
pub(crate) struct Machine {
    pub(crate) wasmtime: wasmtime::Engine,
    pub(crate) fingerprint: Digest,
    /// Where memories that start as an image come from.
    pub(crate) slots: Option<SlotPool>,
}

/// Settings of both machines.
pub(super) struct Settings {
    pub(super) stack_bytes: usize,
    pub(super) explicit_traps: bool,
    pub(super) verify_resets: bool,
    /// How written pages are found; the best way unless set.
    pub(super) finder: Option<Finder>,
}

/// Both machines; the second is made when it is first needed.
pub(super) struct Machines {
    settings: Settings,
    stacks: Arc<StackPool>,
    module: Machine,
    image: OnceLock<Machine>,
}

impl Machines {
    pub(super) fn new(settings: Settings) -> Result<Machines> {
        let stacks = Arc::new(StackPool::new(config::MAX_IDLE_STACKS));
        let module = machine(&settings, &stacks, None)?;
        Ok(Machines { settings, stacks, module, image: OnceLock::new() })
    }

    pub(super) fn machine(&self, start: Start) -> Result<&Machine> {
        match (start, self.image.get()) {
            (Start::Module, _) => Ok(&self.module),
            (Start::Image, Some(machine)) => Ok(machine),
            (Start::Image, None) => {
                let slots = SlotPool::new(self.settings.finder);
                slots.verify_resets(self.settings.verify_resets);
                let made = machine(&self.settings, &self.stacks, Some(slots))?;
                Ok(self.image.get_or_init(|| made))
            }
        }
    }
}

fn machine(settings: &Settings, stacks: &Arc<StackPool>, slots: Option<SlotPool>) -> Result<Machine> {
    let config = config::config(settings.stack_bytes, settings.explicit_traps, Arc::clone(stacks), slots.clone());
    let wasmtime = wasmtime::Engine::new(&config)
        .map_err(|error| Error::HostExhausted { resource: "engine", reason: error.to_string() })?;
    let fingerprint = digest::fingerprint(&wasmtime);
    Ok(Machine { wasmtime, fingerprint, slots })
}

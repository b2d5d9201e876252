//! The two wasmtime engines behind an [`Engine`](super::Engine): one for modules that bring their
//! data segments along, one for modules whose memory starts as a saved image.

use super::{Baseline, Digest, artifact, config, digest};
use crate::error::{Error, Result};
use crate::memory::{Finder, SlotPool, StackPool};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// How a guest's memory starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    /// What is compiled runs on all processors of this baseline; else on those like this one.
    pub(super) baseline: Option<Baseline>,
    /// How written pages are found; the best way unless set.
    pub(super) finder: Option<Finder>,
}

/// Both machines; the second is made when it is first needed.
pub(super) struct Machines {
    settings: Settings,
    stacks: Arc<StackPool>,
    module: Machine,
    image: OnceLock<Machine>,
    /// Of the machines, had they been made for another baseline.
    fingerprints: Mutex<BTreeMap<(Start, Option<Baseline>), Digest>>,
}

impl Machines {
    pub(super) fn new(settings: Settings) -> Result<Machines> {
        let stacks = Arc::new(StackPool::new(config::MAX_IDLE_STACKS));
        let module = machine(&settings, settings.baseline, &stacks, None)?;
        Ok(Machines { settings, stacks, module, image: OnceLock::new(), fingerprints: Mutex::default() })
    }

    pub(super) fn machine(&self, start: Start) -> Result<&Machine> {
        match (start, self.image.get()) {
            (Start::Module, _) => Ok(&self.module),
            (Start::Image, Some(machine)) => Ok(machine),
            (Start::Image, None) => {
                let slots = SlotPool::new(self.settings.finder);
                slots.verify_resets(self.settings.verify_resets);
                let made = machine(&self.settings, self.settings.baseline, &self.stacks, Some(slots))?;
                Ok(self.image.get_or_init(|| made))
            }
        }
    }

    /// Where memories that start as an image come from, if one has been asked for.
    pub(super) fn slots(&self) -> Option<&SlotPool> {
        self.image.get()?.slots.as_ref()
    }

    pub(super) fn baseline(&self) -> Option<Baseline> {
        self.settings.baseline
    }

    /// The fingerprint of the machine for guests that start in this way, had it compiled for `baseline`.
    pub(super) fn fingerprint(&self, start: Start, baseline: Option<Baseline>) -> Result<Digest> {
        let own = self.machine(start)?;
        if baseline == self.settings.baseline {
            return Ok(own.fingerprint);
        }
        let known = self.fingerprints.lock().get(&(start, baseline)).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let other = machine(&self.settings, baseline, &self.stacks, own.slots.clone())?;
        self.fingerprints.lock().insert((start, baseline), other.fingerprint);
        Ok(other.fingerprint)
    }
}

fn machine(
    settings: &Settings,
    baseline: Option<Baseline>,
    stacks: &Arc<StackPool>,
    slots: Option<SlotPool>,
) -> Result<Machine> {
    let mut config = config::config(settings.stack_bytes, settings.explicit_traps, Arc::clone(stacks), slots.clone());
    if let Some(baseline) = baseline {
        artifact::compile_for(&mut config, baseline)?;
    }
    let wasmtime = wasmtime::Engine::new(&config)
        .map_err(|error| Error::HostExhausted { resource: "engine", reason: error.to_string() })?;
    let fingerprint = digest::fingerprint(&wasmtime);
    Ok(Machine { wasmtime, fingerprint, slots })
}

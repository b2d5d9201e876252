//! The tools of one sandbox with everything that judges their calls.

use super::gate::Gate;
use super::registry::Registry;
use super::rules::Rules;
use super::tool::Tool;
use crate::error::Result;
use crate::policy::ToolPolicy;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads of blocking tools that one sandbox may have at once, those of calls that were given up
/// included.
const MOST_THREADS: usize = 64;

/// What a sandbox's runs share.
#[derive(Debug)]
pub(crate) struct Toolbox {
    pub(super) registry: Arc<Registry>,
    pub(super) rules: Arc<Rules>,
    pub(super) gate: Option<Gate>,
    globals: bool,
    threads: Arc<AtomicUsize>,
}

impl Toolbox {
    /// `None` when there are no tools: then the guest has no host.
    ///
    /// # Errors
    /// `tool_invalid`, `tool_policy_invalid`.
    pub(crate) fn new(tools: Vec<Tool>, policy: &ToolPolicy, gate: Option<Gate>) -> Result<Option<Arc<Toolbox>>> {
        let registry = Registry::new(tools)?;
        let rules = Rules::compile(policy, registry.faces().map(|face| face.name.as_str()))?;
        if registry.is_empty() {
            return Ok(None);
        }
        let (registry, rules) = (Arc::new(registry), Arc::new(rules));
        let (globals, threads) = (policy.globals, Arc::default());
        Ok(Some(Arc::new(Toolbox { registry, rules, gate, globals, threads })))
    }

    /// The same for another sandbox, whose threads are its own.
    pub(crate) fn for_another(&self) -> Arc<Toolbox> {
        let (registry, rules) = (Arc::clone(&self.registry), Arc::clone(&self.rules));
        let (gate, globals, threads) = (self.gate.clone(), self.globals, Arc::default());
        Arc::new(Toolbox { registry, rules, gate, globals, threads })
    }

    /// What it was made of, beside the policy.
    pub(crate) fn parts(&self) -> (Vec<Tool>, Option<Gate>) {
        (self.registry.tools().cloned().collect(), self.gate.clone())
    }

    /// Whether tools are also plain globals of the guest's language.
    pub(crate) fn globals(&self) -> bool {
        self.globals
    }

    /// A place for one more thread.
    pub(super) fn thread(&self) -> Option<ThreadPlace> {
        let taken = self.threads.fetch_update(Ordering::AcqRel, Ordering::Acquire, |threads| {
            Some(threads + 1).filter(|threads| *threads <= MOST_THREADS)
        });
        taken.is_ok().then(|| ThreadPlace(Arc::clone(&self.threads)))
    }
}

/// Held by a thread as long as it runs.
pub(super) struct ThreadPlace(Arc<AtomicUsize>);

impl Drop for ThreadPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

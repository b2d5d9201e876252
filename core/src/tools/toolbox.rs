//! The tools of one sandbox with everything that judges their calls.

use super::gate::Gate;
use super::registry::Registry;
use super::rules::Rules;
use super::tool::Tool;
use crate::error::Result;
use crate::policy::ToolPolicy;
use std::sync::Arc;

/// What the runs of a sandbox, of its forks and of a pool share.
#[derive(Debug)]
pub(crate) struct Toolbox {
    pub(super) registry: Registry,
    pub(super) rules: Rules,
    pub(super) gate: Option<Gate>,
    policy: ToolPolicy,
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
        Ok(Some(Arc::new(Toolbox { registry, rules, gate, policy: policy.clone() })))
    }

    /// The same tools and gate with what is given in their place, under `policy`.
    ///
    /// # Errors
    /// As for [`new`](Toolbox::new).
    pub(crate) fn changed(
        self: &Arc<Self>,
        tools: Vec<Tool>,
        policy: &ToolPolicy,
        gate: Option<Gate>,
    ) -> Result<Option<Arc<Toolbox>>> {
        if tools.is_empty() && gate.is_none() && *policy == self.policy {
            return Ok(Some(Arc::clone(self)));
        }
        let tools = if tools.is_empty() { self.registry.tools().cloned().collect() } else { tools };
        Toolbox::new(tools, policy, gate.or_else(|| self.gate.clone()))
    }

    /// Whether tools are also plain globals of the guest's language.
    pub(crate) fn globals(&self) -> bool {
        self.policy.globals
    }
}

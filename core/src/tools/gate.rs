//! The gate: the host program's own word on every call, before any rule.

use super::ToolCall;
use serde_json::{Map, Value};
use std::sync::Arc;

/// What a gate says of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// It goes on, to the rules of the policy.
    Allow,
    /// It is denied, and the guest reads the reason.
    Deny(String),
    /// It goes on with these arguments instead; the rules and the tool's schema hold for them.
    Replace(Map<String, Value>),
    /// It waits for somebody outside: the run is suspended until it is resumed with the result, and
    /// the tool's function is not called.
    Suspend,
}

/// Sees every call of a tool that exists. A gate that panics has denied the call.
#[derive(Clone)]
pub(crate) struct Gate(Arc<dyn Fn(&ToolCall) -> Decision + Send + Sync>);

impl Gate {
    pub(crate) fn new(gate: impl Fn(&ToolCall) -> Decision + Send + Sync + 'static) -> Gate {
        Gate(Arc::new(gate))
    }

    pub(super) fn decide(&self, call: &ToolCall) -> Decision {
        (self.0)(call)
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

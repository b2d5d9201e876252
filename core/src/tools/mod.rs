//! Tools: functions of the host that a guest can call by name.
//!
//! A guest sends frames through `host.call`; what they ask for is checked against schema, policy
//! and gate, and answered on the stack of whoever drives the run, never on the guest's. Nothing here
//! trusts a byte of a frame.

mod call;
mod tool;

pub use call::{ToolCall, ToolError, ToolReply};
pub use tool::Tool;

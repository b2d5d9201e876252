//! Tools: functions of the host that a guest can call by name.
//!
//! A guest sends frames through `host.call`; what they ask for is checked against schema, policy
//! and gate, and answered on the stack of whoever drives the run, never on the guest's. Nothing here
//! trusts a byte of a frame.

mod call;
mod declare;
#[cfg_attr(not(test), allow(dead_code, unused_imports, reason = "used as soon as guests can call tools"))]
mod frame;
#[cfg_attr(not(test), allow(dead_code, unused_imports, reason = "used as soon as guests can call tools"))]
mod number;
#[cfg_attr(not(test), allow(dead_code, unused_imports, reason = "used as soon as guests can call tools"))]
mod pattern;
#[cfg_attr(not(test), allow(dead_code, unused_imports, reason = "used as soon as guests can call tools"))]
mod quote;
#[cfg_attr(not(test), allow(dead_code, unused_imports, reason = "used as soon as guests can call tools"))]
mod rules;
mod tool;

pub use call::{ToolCall, ToolError, ToolReply};
pub use declare::Language;
pub use tool::Tool;

//! Tools: functions of the host that a guest can call by name.
//!
//! A guest sends frames through `host.call`; what they ask for is checked against schema, policy
//! and gate, and answered on the stack of whoever drives the run, never on the guest's. Nothing here
//! trusts a byte of a frame.

mod call;
mod declare;
#[allow(dead_code, unused_imports, reason = "used as soon as guests can call tools")]
mod frame;
#[allow(dead_code, unused_imports, reason = "used as soon as guests can call tools")]
mod number;
#[allow(dead_code, unused_imports, reason = "used as soon as guests can call tools")]
mod pattern;
#[allow(dead_code, unused_imports, reason = "used as soon as guests can call tools")]
mod quote;
#[allow(dead_code, unused_imports, reason = "used as soon as guests can call tools")]
mod registry;
#[allow(dead_code, unused_imports, reason = "used as soon as guests can call tools")]
mod rules;
#[allow(dead_code, unused_imports, reason = "used as soon as guests can call tools")]
mod schema;
#[allow(dead_code, unused_imports, reason = "used as soon as guests can call tools")]
mod search;
#[allow(dead_code, unused_imports, reason = "used as soon as guests can call tools")]
mod tool;

pub use call::{ToolCall, ToolError, ToolReply};
pub use declare::{Language, declarations};
pub use tool::Tool;

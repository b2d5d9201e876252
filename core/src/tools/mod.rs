//! Tools: functions of the host that a guest can call by name.
//!
//! A guest sends frames through `host.call`; what they ask for is checked against schema, policy
//! and gate, and answered on the stack of whoever drives the run, never on the guest's. Nothing here
//! trusts a byte of a frame.

mod broker;
mod call;
mod declare;
mod frame;
mod gate;
mod number;
mod pattern;
mod quote;
mod registry;
mod rules;
mod schema;
mod search;
mod start;
mod threads;
mod tool;
mod toolbox;

pub(crate) use broker::{Broker, CallResult, Request};
pub use call::{ToolCall, ToolError, ToolReply};
pub use declare::{DeclarationLanguage, declarations};
pub use gate::Decision;
pub(crate) use gate::Gate;
pub(crate) use threads::Threads;
pub use tool::Tool;
pub(crate) use toolbox::Toolbox;

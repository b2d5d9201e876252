//! How calls of tools ended.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a call of a tool gave no value: the kinds of the tool protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolErrorKind {
    /// The frame broke a rule of the protocol.
    Protocol,
    /// No tool of this name was handed over.
    UnknownTool,
    /// The arguments do not fit the tool's schema.
    InvalidArguments,
    /// The policy, the gate or the tool refused the call.
    Denied,
    /// The tool failed.
    ToolError,
    /// The tool did not answer in its time.
    Timeout,
    /// The run was cancelled while the tool worked.
    Cancelled,
    /// The request or the answer is larger than it may be.
    TooLarge,
    /// The run has made all the calls that it may.
    BudgetExceeded,
}

impl ToolErrorKind {
    /// Every kind.
    pub const ALL: [ToolErrorKind; 9] = [
        ToolErrorKind::Protocol,
        ToolErrorKind::UnknownTool,
        ToolErrorKind::InvalidArguments,
        ToolErrorKind::Denied,
        ToolErrorKind::ToolError,
        ToolErrorKind::Timeout,
        ToolErrorKind::Cancelled,
        ToolErrorKind::TooLarge,
        ToolErrorKind::BudgetExceeded,
    ];

    /// The kind's name in frames and in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            ToolErrorKind::Protocol => "protocol",
            ToolErrorKind::UnknownTool => "unknown_tool",
            ToolErrorKind::InvalidArguments => "invalid_arguments",
            ToolErrorKind::Denied => "denied",
            ToolErrorKind::ToolError => "tool_error",
            ToolErrorKind::Timeout => "timeout",
            ToolErrorKind::Cancelled => "cancelled",
            ToolErrorKind::TooLarge => "too_large",
            ToolErrorKind::BudgetExceeded => "budget_exceeded",
        }
    }
}

impl fmt::Display for ToolErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

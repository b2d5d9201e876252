//! What passes between a tool and whoever called it.

use crate::outcome::ToolErrorKind;
use serde_json::{Map, Value};
use std::fmt;

/// One call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// A number that no other call of this run has.
    pub id: u64,
    /// The tool's name.
    pub tool: String,
    /// The arguments by name, as the schema allows them. Bytes are `{"$bytes": "<base64>"}`.
    pub arguments: Map<String, Value>,
}

/// What a tool answers.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolReply {
    /// The value that the guest gets. Bytes are `{"$bytes": "<base64>"}`.
    Value(Value),
    /// The answer comes later: the run is suspended until it is resumed with it.
    Pending,
}

impl<V: Into<Value>> From<V> for ToolReply {
    fn from(value: V) -> ToolReply {
        ToolReply::Value(value.into())
    }
}

/// Why a tool gave no value: what the guest is told, and what only the host learns.
///
/// Every error of the standard library's kind becomes one that tells the guest nothing but that the
/// tool failed; its text goes into the outcome's record.
///
/// ```
/// use sandcell::ToolError;
/// fn price(symbol: &str) -> Result<f64, ToolError> {
///     if symbol != "apple" {
///         return Err(ToolError::new(format!("there is no price of {symbol:?}")));
///     }
///     Ok("1.25".parse::<f64>()?) // a hidden error, if it fails
/// }
/// # assert!(price("apple").is_ok() && price("pear").is_err());
/// ```
pub struct ToolError {
    pub(crate) kind: ToolErrorKind,
    /// `None`: the guest is told only that the tool failed.
    pub(crate) message: Option<String>,
    pub(crate) detail: Option<String>,
}

impl ToolError {
    /// The tool failed, and the guest reads `message`.
    pub fn new(message: impl Into<String>) -> ToolError {
        ToolError::of(ToolErrorKind::ToolError, message)
    }

    /// The tool refuses the call, and the guest reads `message`.
    pub fn denied(message: impl Into<String>) -> ToolError {
        ToolError::of(ToolErrorKind::Denied, message)
    }

    /// The arguments cannot be used, and the guest reads `message`.
    pub fn invalid_arguments(message: impl Into<String>) -> ToolError {
        ToolError::of(ToolErrorKind::InvalidArguments, message)
    }

    /// What the tool waits for did not come in time, and the guest reads `message`.
    pub fn timed_out(message: impl Into<String>) -> ToolError {
        ToolError::of(ToolErrorKind::Timeout, message)
    }

    /// What the tool would answer is larger than it may be, and the guest reads `message`.
    pub fn too_large(message: impl Into<String>) -> ToolError {
        ToolError::of(ToolErrorKind::TooLarge, message)
    }

    /// The tool failed for a reason that the guest is not told: it goes into the record.
    pub fn hidden(detail: impl Into<String>) -> ToolError {
        ToolError { kind: ToolErrorKind::ToolError, message: None, detail: Some(detail.into()) }
    }

    /// Adds what only the host learns.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> ToolError {
        self.detail = Some(detail.into());
        self
    }

    /// What kind of failure the guest sees.
    pub fn kind(&self) -> ToolErrorKind {
        self.kind
    }

    /// What the guest reads; `None` if it is told only that the tool failed.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    pub(crate) fn of(kind: ToolErrorKind, message: impl Into<String>) -> ToolError {
        ToolError { kind, message: Some(message.into()), detail: None }
    }
}

impl<E: std::error::Error> From<E> for ToolError {
    fn from(error: E) -> ToolError {
        ToolError::hidden(error.to_string())
    }
}

/// Names the kind, the message and the detail.
impl fmt::Debug for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ToolError { kind, message, detail } = self;
        f.debug_struct("ToolError").field("kind", kind).field("message", message).field("detail", detail).finish()
    }
}

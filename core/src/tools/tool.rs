//! One tool: its name, what it says of itself, and the function.

use super::{ToolCall, ToolError, ToolReply};
use serde_json::{Map, Value, json};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub(super) type Reply = Result<ToolReply, ToolError>;
pub(super) type Work = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// A function of the host that guests can call by its name.
///
/// ```
/// use sandcell::{Tool, ToolError};
/// use serde_json::json;
/// let price = Tool::new("price", |call| match call.arguments["symbol"].as_str() {
///     Some("apple") => Ok(json!(1.25).into()),
///     _ => Err(ToolError::new("there is no such symbol")),
/// })
/// .description("The price of one piece, in euros.")
/// .input_schema(json!({
///     "type": "object",
///     "properties": {"symbol": {"type": "string"}},
///     "required": ["symbol"],
///     "additionalProperties": false,
/// }))
/// .read_only(true);
/// assert_eq!(price.name(), "price");
/// ```
#[derive(Clone)]
pub struct Tool {
    pub(super) face: Face,
    pub(super) function: Function,
    pub(super) timeout_ms: Option<u64>,
}

/// What a tool says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Face {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) input_schema: Value,
    pub(crate) output_schema: Option<Value>,
    /// The hints of the Model Context Protocol, as `annotations` names them.
    pub(crate) annotations: Map<String, Value>,
}

/// How a tool is called.
#[derive(Clone)]
pub(super) enum Function {
    Inline(Arc<dyn Fn(ToolCall) -> Reply + Send + Sync>),
    Blocking(Arc<dyn Fn(ToolCall) -> Reply + Send + Sync>),
    Future(Arc<dyn Fn(ToolCall) -> Work + Send + Sync>),
    Suspending,
}

impl Tool {
    /// A function that answers at once. It is called on the thread that drives the run, which does
    /// nothing else meanwhile: neither deadline nor cancellation reaches a function that does not
    /// return. One that may block is for [`Tool::blocking`].
    pub fn new<F>(name: impl Into<String>, function: F) -> Tool
    where
        F: Fn(ToolCall) -> Reply + Send + Sync + 'static,
    {
        Tool::of(name.into(), Function::Inline(Arc::new(function)))
    }

    /// A function that may block. Each call runs on a thread of its own, so that deadlines, timeouts
    /// and cancellation reach the caller; a call that is given up goes on unobserved until it returns.
    pub fn blocking<F>(name: impl Into<String>, function: F) -> Tool
    where
        F: Fn(ToolCall) -> Reply + Send + Sync + 'static,
    {
        Tool::of(name.into(), Function::Blocking(Arc::new(function)))
    }

    /// A function that gives a future, which whoever drives the run polls. It is dropped when the call
    /// ends early: at a deadline, a timeout or a cancellation.
    pub fn asynchronous<F, W>(name: impl Into<String>, function: F) -> Tool
    where
        F: Fn(ToolCall) -> W + Send + Sync + 'static,
        W: Future<Output = Reply> + Send + 'static,
    {
        Tool::of(name.into(), Function::Future(Arc::new(move |call| Box::pin(function(call)))))
    }

    /// A tool that somebody outside answers: each call suspends the run until it is resumed with the
    /// result. For approval flows.
    pub fn suspending(name: impl Into<String>) -> Tool {
        Tool::of(name.into(), Function::Suspending)
    }

    fn of(name: String, function: Function) -> Tool {
        let face = Face {
            name,
            description: String::new(),
            input_schema: json!({"type": "object"}),
            output_schema: None,
            annotations: Map::new(),
        };
        Tool { face, function, timeout_ms: None }
    }

    /// What it does, for whoever writes the program that calls it.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Tool {
        self.face.description = description.into();
        self
    }

    /// The JSON schema of its arguments, which are an object. Arguments that do not fit never reach
    /// the function. The order of `properties` is that of positional arguments.
    #[must_use]
    pub fn input_schema(mut self, schema: Value) -> Tool {
        self.face.input_schema = schema;
        self
    }

    /// The JSON schema of its result, for declarations; results are not checked against it.
    #[must_use]
    pub fn output_schema(mut self, schema: Value) -> Tool {
        self.face.output_schema = Some(schema);
        self
    }

    /// Says that it changes nothing. Like all hints it grants nothing.
    #[must_use]
    pub fn read_only(self, read_only: bool) -> Tool {
        self.hint("readOnlyHint", read_only)
    }

    /// Says that it may destroy something.
    #[must_use]
    pub fn destructive(self, destructive: bool) -> Tool {
        self.hint("destructiveHint", destructive)
    }

    /// Says that calling it twice is as calling it once.
    #[must_use]
    pub fn idempotent(self, idempotent: bool) -> Tool {
        self.hint("idempotentHint", idempotent)
    }

    /// Says that it reaches a world outside, such as the web.
    #[must_use]
    pub fn open_world(self, open_world: bool) -> Tool {
        self.hint("openWorldHint", open_world)
    }

    /// The longest that one call may take; past it the guest gets an error of kind `timeout`. Not for
    /// functions made with [`Tool::new`], which nothing can interrupt.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: u64) -> Tool {
        self.timeout_ms = Some(timeout_ms);
        self
    }

    /// Whether a sandbox would take it: its name, its schemas, its timeout.
    ///
    /// # Errors
    /// `tool_invalid`, as for [`SandboxBuilder::build`](crate::SandboxBuilder::build).
    pub fn check(&self) -> crate::Result<()> {
        super::registry::Registry::new(vec![self.clone()]).map(drop)
    }

    /// The name that guests call it by.
    pub fn name(&self) -> &str {
        &self.face.name
    }

    fn hint(mut self, name: &str, value: bool) -> Tool {
        self.face.annotations.insert(name.to_owned(), Value::Bool(value));
        self
    }
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tool").field("face", &self.face).field("timeout_ms", &self.timeout_ms).finish_non_exhaustive()
    }
}

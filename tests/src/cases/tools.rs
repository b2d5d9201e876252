//! Tools and a gate as data, so that every language can offer the same ones.

use futures_timer::Delay;
use sandcell::{Decision, Tool, ToolCall, ToolError, ToolReply};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// One tool.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolData {
    /// Its name.
    pub name: String,
    /// What it says of itself.
    #[serde(default)]
    pub description: String,
    /// The schema of its arguments.
    #[serde(default)]
    pub input_schema: Option<Value>,
    /// The schema of its result.
    #[serde(default)]
    pub output_schema: Option<Value>,
    /// What it answers.
    pub does: Does,
    /// A function that waits so long first, without a thread unless it is `blocking`.
    #[serde(default)]
    pub waits_ms: Option<u64>,
    /// A function that blocks a thread of its own.
    #[serde(default)]
    pub blocking: bool,
    /// Its own time limit; not for functions that answer at once.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

/// What a tool answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Does {
    /// Its arguments, as an object.
    Echo,
    /// One of its arguments.
    Argument(String),
    /// A value.
    Value(Value),
    /// It fails, and the guest reads this.
    Error(String),
    /// It refuses, and the guest reads this.
    Denied(String),
    /// It cannot use its arguments, and the guest reads this.
    InvalidArguments(String),
    /// It fails with an ordinary error of the language, whose text the guest never reads.
    Fails(String),
    /// It answers later: the run is suspended.
    Suspend,
    /// What the first one says whose `if` is part of the arguments.
    First(Vec<Choice>),
}

/// One of several answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The arguments that must be there, with these values.
    #[serde(default)]
    pub r#if: Map<String, Value>,
    /// What is answered then.
    pub then: Does,
}

/// One word of a gate; the first that fits a call counts, and calls that none fits are allowed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateData {
    /// The tool that is called.
    pub tool: String,
    /// The arguments that must be there, with these values.
    #[serde(default)]
    pub r#if: Map<String, Value>,
    /// What is said of the call.
    pub then: Word,
}

/// What a gate says.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Word {
    /// It goes on.
    Allow,
    /// It is denied, and the guest reads this.
    Deny(String),
    /// It goes on with these arguments.
    Replace(Map<String, Value>),
    /// It waits for somebody outside.
    Suspend,
}

/// What a suspended call is given.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Given {
    /// A value.
    Value(Value),
    /// An error that the guest reads.
    Error(String),
    /// A refusal that the guest reads.
    Denied(String),
    /// An error whose text the guest never reads.
    Fails(String),
}

impl ToolData {
    /// The tool.
    pub fn tool(&self) -> Tool {
        let does = Arc::new(self.does.clone());
        let wait = Duration::from_millis(self.waits_ms.unwrap_or(0));
        let mut tool = match (&self.does, self.waits_ms, self.timeout_ms) {
            _ if self.blocking => Tool::blocking(&self.name, move |call| {
                std::thread::sleep(wait);
                does.reply(&call)
            }),
            (Does::Suspend, None, None) => Tool::suspending(&self.name),
            (_, None, None) => Tool::new(&self.name, move |call| does.reply(&call)),
            _ => Tool::asynchronous(&self.name, move |call| {
                let does = Arc::clone(&does);
                async move {
                    Delay::new(wait).await;
                    does.reply(&call)
                }
            }),
        };
        if let Some(schema) = &self.input_schema {
            tool = tool.input_schema(schema.clone());
        }
        if let Some(schema) = &self.output_schema {
            tool = tool.output_schema(schema.clone());
        }
        if let Some(timeout_ms) = self.timeout_ms {
            tool = tool.timeout_ms(timeout_ms);
        }
        tool.description(&self.description)
    }
}

impl Does {
    fn reply(&self, call: &ToolCall) -> Result<ToolReply, ToolError> {
        match self {
            Does::Echo => Ok(Value::Object(call.arguments.clone()).into()),
            Does::Argument(name) => Ok(call.arguments.get(name).cloned().unwrap_or(Value::Null).into()),
            Does::Value(value) => Ok(value.clone().into()),
            Does::Error(message) => Err(ToolError::new(message)),
            Does::Denied(message) => Err(ToolError::denied(message)),
            Does::InvalidArguments(message) => Err(ToolError::invalid_arguments(message)),
            Does::Fails(detail) => Err(std::io::Error::other(detail.clone()).into()),
            Does::Suspend => Ok(ToolReply::Pending),
            Does::First(choices) => match choices.iter().find(|choice| fits(&choice.r#if, call)) {
                Some(choice) => choice.then.reply(call),
                None => Err(ToolError::hidden("no choice fits")),
            },
        }
    }
}

impl Given {
    /// What a run is resumed with.
    pub fn result(&self) -> Result<Value, ToolError> {
        match self {
            Given::Value(value) => Ok(value.clone()),
            Given::Error(message) => Err(ToolError::new(message)),
            Given::Denied(message) => Err(ToolError::denied(message)),
            Given::Fails(detail) => Err(ToolError::hidden(detail)),
        }
    }
}

/// The gate that says these words.
pub(super) fn gate(words: Vec<GateData>) -> impl Fn(&ToolCall) -> Decision + Send + Sync + 'static {
    move |call| match words.iter().find(|word| word.tool == call.tool && fits(&word.r#if, call)).map(|word| &word.then)
    {
        None | Some(Word::Allow) => Decision::Allow,
        Some(Word::Deny(reason)) => Decision::Deny(reason.clone()),
        Some(Word::Replace(arguments)) => Decision::Replace(arguments.clone()),
        Some(Word::Suspend) => Decision::Suspend,
    }
}

fn fits(wanted: &Map<String, Value>, call: &ToolCall) -> bool {
    wanted.iter().all(|(name, value)| call.arguments.get(name) == Some(value))
}

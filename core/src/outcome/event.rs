//! What happens during a run, in its order.

use super::{Artifact, CallOutcome, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One thing that happened during a run.
///
/// Output events hold exactly what the outcome keeps: the first half of `output_bytes` of each stream
/// as it is written, and what is left of the rest when the run has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// The guest wrote to a stream.
    Output {
        /// Which one.
        stream: Stream,
        /// What; not always whole characters or lines.
        #[serde(rename = "bytes_base64", with = "super::base64_bytes")]
        bytes: Vec<u8>,
    },
    /// From here on output of this stream is held back, and some of it will be dropped.
    OutputCut {
        /// Which stream.
        stream: Stream,
    },
    /// The guest called a tool, which is allowed to run.
    ToolCall {
        /// The call's number in this run.
        id: u64,
        /// The tool's name.
        tool: String,
        /// The arguments, as the gate left them.
        arguments: Map<String, Value>,
    },
    /// A call of a tool ended.
    ToolResult {
        /// The call's number in this run.
        id: u64,
        /// The tool's name.
        tool: String,
        /// How.
        outcome: CallOutcome,
        /// How long it took, in milliseconds.
        ms: f64,
    },
    /// The guest changed a file: closed it after writing, or created, renamed or removed it.
    File {
        /// What it did.
        change: FileChange,
        /// The guest path, as far as the guest's own calls tell.
        path: String,
    },
    /// The guest made a figure or another rich value. Figures are drawn and values shown when the program has
    /// ended, so artifacts come together, after all output and before [`Ended`](Event::Ended).
    Artifact(Artifact),
    /// The run ended or was suspended; nothing follows.
    Ended(Box<Outcome>),
}

/// One of a guest's two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What a guest did to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// It was created or written.
    Written,
    /// It was removed, or renamed to another name.
    Removed,
}

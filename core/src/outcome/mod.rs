//! How one run ended, what it printed and what it cost.

mod diagnostic;
mod event;
mod kinds;
mod listing;
mod tools;

pub use diagnostic::{Diagnostic, Severity};
pub use event::{Event, FileChange, Stream};
pub use listing::{FileEntry, FileKind, Listing};
pub(crate) use tools::arguments_sha256;
pub use tools::{CallOutcome, SuspendedCall, ToolCallRecord, ToolErrorKind, ToolRecord};

use crate::limits::LimitKey;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", from = "StatusJson")]
#[non_exhaustive]
pub enum Status {
    /// The guest ended by itself.
    Exited {
        /// Its exit code; 0 is success.
        code: u32,
    },
    /// The script raised and did not catch: an error of the script, not of the sandbox.
    Raised {
        /// The exception's type.
        r#type: String,
        /// The exception's text.
        message: String,
        /// The traceback with the script's own file names and lines.
        traceback: String,
    },
    /// A limit was exceeded.
    Exceeded {
        /// Which one.
        limit: LimitKey,
    },
    /// The guest stopped abnormally.
    Trapped {
        /// Why.
        reason: TrapReason,
    },
    /// The caller cancelled the run.
    Cancelled,
    /// Tools of the run wait for results from outside; it goes on when it is resumed.
    Suspended {
        /// The calls that wait.
        calls: Vec<SuspendedCall>,
        /// What the run is resumed with.
        token: String,
    },
}

/// What is read: serde would ignore unknown fields of a variant that has none.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
enum StatusJson {
    Exited { code: u32 },
    Raised { r#type: String, message: String, traceback: String },
    Exceeded { limit: LimitKey },
    Trapped { reason: TrapReason },
    Cancelled {},
    Suspended { calls: Vec<SuspendedCall>, token: String },
}

impl From<StatusJson> for Status {
    fn from(json: StatusJson) -> Status {
        match json {
            StatusJson::Exited { code } => Status::Exited { code },
            StatusJson::Raised { r#type, message, traceback } => Status::Raised { r#type, message, traceback },
            StatusJson::Exceeded { limit } => Status::Exceeded { limit },
            StatusJson::Trapped { reason } => Status::Trapped { reason },
            StatusJson::Cancelled {} => Status::Cancelled,
            StatusJson::Suspended { calls, token } => Status::Suspended { calls, token },
        }
    }
}

/// Why a guest stopped abnormally.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TrapReason {
    /// The guest's stack is used up; its size is the engine's `stack_bytes`.
    StackOverflow,
    /// A load or store outside linear memory.
    MemoryOutOfBounds,
    /// An access outside a table.
    TableOutOfBounds,
    /// An indirect call of an empty table slot, or of a function of another type.
    BadIndirectCall,
    /// Integer overflow, also of a float-to-integer conversion.
    IntegerOverflow,
    /// Integer division by zero.
    IntegerDivisionByZero,
    /// A conversion of NaN to an integer.
    BadConversionToInteger,
    /// The `unreachable` instruction: usually an abort of the guest's language.
    Unreachable,
    /// A null reference was used.
    NullReference,
    /// The guest threw an exception that nothing caught.
    UncaughtException,
    /// A trap of another kind.
    Other,
}

impl TrapReason {
    /// The reason's stable name, as it appears in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            TrapReason::StackOverflow => "stack_overflow",
            TrapReason::MemoryOutOfBounds => "memory_out_of_bounds",
            TrapReason::TableOutOfBounds => "table_out_of_bounds",
            TrapReason::BadIndirectCall => "bad_indirect_call",
            TrapReason::IntegerOverflow => "integer_overflow",
            TrapReason::IntegerDivisionByZero => "integer_division_by_zero",
            TrapReason::BadConversionToInteger => "bad_conversion_to_integer",
            TrapReason::Unreachable => "unreachable",
            TrapReason::NullReference => "null_reference",
            TrapReason::UncaughtException => "uncaught_exception",
            TrapReason::Other => "other",
        }
    }
}

/// What a run cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// WebAssembly instructions executed; bulk operations count their bytes.
    pub fuel: u64,
    /// Wall-clock time of the run, in milliseconds.
    pub wall_ms: f64,
    /// The part of `wall_ms` spent waiting for the host: input and tools.
    pub host_wait_ms: f64,
    /// The most linear memory held at once, over all memories, in bytes.
    pub peak_memory_bytes: u64,
    /// Bytes the guest wrote to standard output and standard error, also those dropped.
    pub output_bytes: u64,
    /// Bytes in use against `fs_bytes` at the end of the run.
    pub fs_bytes: u64,
    /// Calls of host tools.
    pub host_calls: u64,
    /// Time spent compiling the program before it ran, in milliseconds; no part of `wall_ms`, and 0 where
    /// it was compiled before.
    #[serde(default, skip_serializing_if = "is_zero_ms")]
    pub compile_ms: f64,
    /// What the compiler used; no part of `fuel`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub compile_fuel: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero_ms(time: &f64) -> bool {
    *time == 0.0
}

/// Something the guest tried and was not allowed to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// What kind of thing was refused: `path`, later `tool` and `network`.
    pub what: String,
    /// Its name, as the guest gave it, cut to 256 bytes.
    pub name: String,
    /// The operation that was refused, such as `path_open`.
    pub operation: String,
}

/// A file the guest made besides its output, such as a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Media type, such as `image/png`.
    pub mime: String,
    /// A name that is unique in the outcome.
    pub name: String,
    /// The content.
    #[serde(rename = "bytes_base64", with = "base64_bytes")]
    pub bytes: Vec<u8>,
}

/// Which files of memory mounts and overlays differ from what they were: before a run, or at the start of
/// a sandbox or workspace. Guest paths, sorted; at most [`FilesDiff::MAX_LISTED`] each and [`FilesDiff::MAX_TEXT_BYTES`] altogether.
///
/// To apply it elsewhere, remove first and write then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesDiff {
    /// Files and links that were not there.
    pub added: Vec<String>,
    /// Files whose content is another.
    pub changed: Vec<String>,
    /// Files and links that are gone, and folders under overlays: what lay beneath such a folder
    /// is gone with it and not listed.
    pub removed: Vec<String>,
    /// True when there are more than these lists may hold.
    #[serde(default)]
    pub truncated: bool,
}

impl FilesDiff {
    /// The most paths listed in each of the three.
    pub const MAX_LISTED: usize = 1000;

    /// The most bytes that all listed paths have together.
    pub const MAX_TEXT_BYTES: usize = 1 << 20;
}

/// How one run ended, what it printed and what it cost.
///
/// Its JSON form is the same from every language and the command line: output that is not
/// UTF-8 comes as `stdout_base64` and `stderr_base64`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "OutcomeJson", try_from = "OutcomeJson")]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// Standard output: the first and last half of `output_bytes`.
    pub stdout: Vec<u8>,
    /// True when part of standard output was dropped.
    pub stdout_truncated: bool,
    /// Standard error, kept like standard output.
    pub stderr: Vec<u8>,
    /// True when part of standard error was dropped.
    pub stderr_truncated: bool,
    /// The value of the last expression, where the image reports one.
    pub result: Option<serde_json::Value>,
    /// True when `result` was cut or artifacts were left out to stay within `result_bytes`.
    pub result_truncated: bool,
    /// Figures and other rich values.
    pub artifacts: Vec<Artifact>,
    /// What the run changed in memory mounts and overlays; what all runs of a sandbox changed is its
    /// [`files`](crate::Sandbox::files).
    pub files: FilesDiff,
    /// What was refused.
    pub denials: Vec<Denial>,
    /// What a compiler or parser found in the program; empty where the image has none, or nothing was
    /// found.
    pub diagnostics: Vec<Diagnostic>,
    /// The calls of tools.
    pub tool_calls: ToolRecord,
    /// What it cost.
    pub usage: Usage,
    /// One sentence that a model can act on; empty when there is nothing to say.
    pub hint: String,
}

impl Outcome {
    /// True when the guest ended by itself with code 0.
    pub fn is_success(&self) -> bool {
        self.status == Status::Exited { code: 0 }
    }

    /// Standard output as text; bytes that are not UTF-8 become U+FFFD.
    pub fn stdout_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text; bytes that are not UTF-8 become U+FFFD.
    pub fn stderr_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}

/// The JSON form of an [`Outcome`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeJson {
    status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stdout: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stdout_base64: Option<String>,
    stdout_truncated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stderr: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stderr_base64: Option<String>,
    stderr_truncated: bool,
    result: Option<serde_json::Value>,
    #[serde(default)]
    result_truncated: bool,
    artifacts: Vec<Artifact>,
    files: FilesDiff,
    denials: Vec<Denial>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<Diagnostic>,
    #[serde(default, skip_serializing_if = "ToolRecord::is_empty")]
    tool_calls: ToolRecord,
    usage: Usage,
    hint: String,
}

impl From<Outcome> for OutcomeJson {
    fn from(outcome: Outcome) -> OutcomeJson {
        let split = |bytes: Vec<u8>| match String::from_utf8(bytes) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(BASE64_STANDARD.encode(error.as_bytes()))),
        };
        let (stdout, stdout_base64) = split(outcome.stdout);
        let (stderr, stderr_base64) = split(outcome.stderr);
        OutcomeJson {
            status: outcome.status,
            stdout,
            stdout_base64,
            stdout_truncated: outcome.stdout_truncated,
            stderr,
            stderr_base64,
            stderr_truncated: outcome.stderr_truncated,
            result: outcome.result,
            result_truncated: outcome.result_truncated,
            artifacts: outcome.artifacts,
            files: outcome.files,
            denials: outcome.denials,
            diagnostics: outcome.diagnostics,
            tool_calls: outcome.tool_calls,
            usage: outcome.usage,
            hint: outcome.hint,
        }
    }
}

impl TryFrom<OutcomeJson> for Outcome {
    type Error = String;
    fn try_from(json: OutcomeJson) -> Result<Outcome, String> {
        let join = |name: &str, text: Option<String>, data: Option<String>| match (text, data) {
            (Some(text), None) => Ok(text.into_bytes()),
            (None, Some(data)) => BASE64_STANDARD.decode(data).map_err(|error| format!("{name}_base64: {error}")),
            _ => Err(format!("exactly one of {name} and {name}_base64 must be given")),
        };
        Ok(Outcome {
            status: json.status,
            stdout: join("stdout", json.stdout, json.stdout_base64)?,
            stdout_truncated: json.stdout_truncated,
            stderr: join("stderr", json.stderr, json.stderr_base64)?,
            stderr_truncated: json.stderr_truncated,
            result: json.result,
            result_truncated: json.result_truncated,
            artifacts: json.artifacts,
            files: json.files,
            denials: json.denials,
            diagnostics: json.diagnostics,
            tool_calls: json.tool_calls,
            usage: json.usage,
            hint: json.hint,
        })
    }
}

mod base64_bytes {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        BASE64_STANDARD.decode(String::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(stdout: &[u8]) -> Outcome {
        Outcome {
            status: Status::Exited { code: 0 },
            stdout: stdout.to_vec(),
            stdout_truncated: false,
            stderr: Vec::new(),
            stderr_truncated: false,
            result: None,
            result_truncated: false,
            artifacts: Vec::new(),
            files: FilesDiff::default(),
            denials: Vec::new(),
            diagnostics: Vec::new(),
            tool_calls: ToolRecord::default(),
            usage: Usage::default(),
            hint: String::new(),
        }
    }

    #[test]
    fn output_that_is_not_utf8_travels_as_base64() {
        let json = serde_json::to_value(outcome(&[0xff, 0x00])).unwrap();
        assert_eq!(json["stdout_base64"], "/wA=");
        assert!(json.get("stdout").is_none());
        assert_eq!(serde_json::from_value::<Outcome>(json).unwrap(), outcome(&[0xff, 0x00]));
    }

    #[test]
    fn the_json_form_is_the_documented_one() {
        let json = serde_json::to_value(outcome(b"hi")).unwrap();
        assert_eq!(json["status"], serde_json::json!({"kind": "exited", "code": 0}));
        assert_eq!(json["stdout"], "hi");
        assert!(json.get("tool_calls").is_none(), "no tool was called");
        assert!(json.get("diagnostics").is_none(), "nothing was found");
        let exceeded = serde_json::to_value(Status::Exceeded { limit: LimitKey::Fuel }).unwrap();
        assert_eq!(exceeded, serde_json::json!({"kind": "exceeded", "limit": "fuel"}));
        let trapped = serde_json::to_value(Status::Trapped { reason: TrapReason::StackOverflow }).unwrap();
        assert_eq!(trapped, serde_json::json!({"kind": "trapped", "reason": "stack_overflow"}));
        for unknown in
            [serde_json::json!({"kind": "exited", "code": 0, "x": 1}), serde_json::json!({"kind": "cancelled", "x": 1})]
        {
            assert!(serde_json::from_value::<Status>(unknown).is_err());
        }
    }
}

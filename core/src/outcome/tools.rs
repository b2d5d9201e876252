//! How calls of tools ended.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
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

/// How one call of a tool ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallOutcome {
    /// It gave a value.
    Ok,
    /// It gave none.
    Error(ToolErrorKind),
    /// Its answer had not come when the run was suspended.
    Suspended,
}

impl CallOutcome {
    /// Its name in JSON: `ok`, `suspended` or the error's kind.
    pub fn as_str(self) -> &'static str {
        match self {
            CallOutcome::Ok => "ok",
            CallOutcome::Error(kind) => kind.as_str(),
            CallOutcome::Suspended => "suspended",
        }
    }

    /// Finds an outcome by its name.
    pub fn parse(name: &str) -> Option<CallOutcome> {
        let errors = ToolErrorKind::ALL.into_iter().map(CallOutcome::Error);
        [CallOutcome::Ok, CallOutcome::Suspended].into_iter().chain(errors).find(|outcome| outcome.as_str() == name)
    }
}

impl fmt::Display for CallOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for CallOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CallOutcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CallOutcome, D::Error> {
        let name = String::deserialize(deserializer)?;
        CallOutcome::parse(&name).ok_or_else(|| D::Error::custom("there is no such outcome of a call"))
    }
}

/// A call that a suspended run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuspendedCall {
    /// The call's number in this run.
    pub id: u64,
    /// The tool's name.
    pub tool: String,
    /// The arguments, as the gate left them.
    pub arguments: Map<String, Value>,
}

impl SuspendedCall {
    /// What is recorded of it while it waits.
    pub(crate) fn record(&self) -> ToolCallRecord {
        ToolCallRecord {
            tool: self.tool.clone(),
            arguments_sha256: arguments_sha256(&self.arguments),
            request_bytes: 0,
            result_bytes: 0,
            outcome: CallOutcome::Suspended,
            rule: None,
            detail: None,
            ms: 0.0,
        }
    }
}

/// SHA-256 of arguments as compact JSON, in hexadecimal.
pub(crate) fn arguments_sha256(arguments: &Map<String, Value>) -> String {
    let json = serde_json::to_vec(arguments).unwrap_or_default();
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(&json) {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    text
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCallRecord {
    /// The tool's name as the guest gave it, cut to [`ToolRecord::MAX_NAME`] characters.
    pub tool: String,
    /// SHA-256 of the arguments' JSON, in hexadecimal.
    pub arguments_sha256: String,
    /// Size of the request, in bytes.
    pub request_bytes: u64,
    /// Size of the answer, in bytes.
    pub result_bytes: u64,
    /// How it ended.
    pub outcome: CallOutcome,
    /// The rule of the policy that refused it, such as `symbol.one_of`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What the tool or the gate said that the guest was not told, cut to
    /// [`ToolRecord::MAX_DETAIL`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How long it took, in milliseconds.
    pub ms: f64,
}

/// The calls of tools in one run: the first [`ToolRecord::MAX_CALLS`] one by one, all of them counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolRecord {
    /// The first calls, in the order in which they ended.
    pub calls: Vec<ToolCallRecord>,
    /// How many calls ended how, by [`CallOutcome::as_str`].
    pub counts: BTreeMap<String, u64>,
}

impl ToolRecord {
    /// The most calls that are recorded one by one.
    pub const MAX_CALLS: usize = 1000;
    /// The most characters of a tool's name.
    pub const MAX_NAME: usize = 64;
    /// The most characters of a detail.
    pub const MAX_DETAIL: usize = 200;

    /// True when no tool was called.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.counts.is_empty()
    }

    /// How many calls ended so.
    pub fn count(&self, outcome: CallOutcome) -> u64 {
        self.counts.get(outcome.as_str()).copied().unwrap_or(0)
    }

    /// Whether the next call is recorded one by one.
    pub(crate) fn has_room(&self) -> bool {
        self.calls.len() < ToolRecord::MAX_CALLS
    }

    /// Adds a call. Beyond the bound it is only counted.
    pub(crate) fn add(&mut self, mut call: ToolCallRecord) {
        let count = match self.counts.get_mut(call.outcome.as_str()) {
            Some(count) => count,
            None => self.counts.entry(call.outcome.as_str().to_owned()).or_default(),
        };
        *count += 1;
        if self.has_room() {
            cut(&mut call.tool, ToolRecord::MAX_NAME);
            if let Some(detail) = &mut call.detail {
                cut(detail, ToolRecord::MAX_DETAIL);
            }
            self.calls.push(call);
        }
    }
}

fn cut(text: &mut String, most: usize) {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
        text.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(outcome: CallOutcome) -> ToolCallRecord {
        ToolCallRecord {
            tool: "price".into(),
            arguments_sha256: "00".repeat(32),
            request_bytes: 40,
            result_bytes: 30,
            outcome,
            rule: None,
            detail: None,
            ms: 0.5,
        }
    }

    #[test]
    fn calls_beyond_the_bound_are_counted_and_texts_are_cut() {
        let mut record = ToolRecord::default();
        let denied = CallOutcome::Error(ToolErrorKind::Denied);
        record.add(ToolCallRecord { tool: "ä".repeat(65), detail: Some("ü".repeat(201)), ..call(denied) });
        for _ in 0..1500 {
            record.add(call(CallOutcome::Ok));
        }
        assert_eq!(record.calls.len(), 1000);
        assert_eq!((record.count(denied), record.count(CallOutcome::Ok)), (1, 1500));
        assert_eq!(record.count(CallOutcome::Suspended), 0);
        assert_eq!(record.calls[0].tool, "ä".repeat(64));
        assert_eq!(record.calls[0].detail.as_deref(), Some("ü".repeat(200).as_str()));
    }

    #[test]
    fn the_json_form_names_outcomes_by_their_kind_and_comes_back_equal() {
        let mut record = ToolRecord::default();
        record.add(call(CallOutcome::Suspended));
        record.add(ToolCallRecord {
            rule: Some("symbol.one_of".into()),
            ..call(CallOutcome::Error(ToolErrorKind::Denied))
        });
        let json = serde_json::to_value(&record).unwrap();
        assert_eq!(json["counts"], serde_json::json!({"denied": 1, "suspended": 1}));
        assert_eq!(json["calls"][0]["outcome"], "suspended");
        assert!(json["calls"][0].get("rule").is_none());
        assert_eq!(serde_json::from_value::<ToolRecord>(json).unwrap(), record);
        for kind in ToolErrorKind::ALL {
            assert_eq!(CallOutcome::parse(kind.as_str()), Some(CallOutcome::Error(kind)));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!(CallOutcome::parse("fine"), None);
    }
}

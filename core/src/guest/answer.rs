//! What our driver says of a turn. It comes from inside the guest, so nothing in it is trusted:
//! it is text for the outcome and has no other effect.

use crate::outcome::Artifact;
use serde::Deserialize;

/// The driver's answer. An empty one says that the turn ended by itself and left no value.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Answer {
    /// The exception that nothing caught.
    #[serde(default)]
    pub(crate) raised: Option<Raised>,
    /// The code of `sys.exit`.
    #[serde(default)]
    pub(crate) exit: Option<u32>,
    /// The last expression's value as JSON.
    #[serde(default)]
    pub(crate) result: Option<serde_json::Value>,
    /// Its `repr`, where it has no JSON form.
    #[serde(default)]
    pub(crate) repr: Option<String>,
    #[serde(default)]
    pub(crate) artifacts: Vec<Artifact>,
    /// Something was left out to stay within `result_bytes`.
    #[serde(default)]
    pub(crate) truncated: bool,
}

/// An exception that nothing caught.
#[derive(Debug, Deserialize)]
pub(crate) struct Raised {
    pub(crate) r#type: String,
    pub(crate) message: String,
    pub(crate) traceback: String,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// What is wrong with it: then it is not our driver that answered.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Answer, String> {
        if bytes.is_empty() {
            return Ok(Answer::default());
        }
        serde_json::from_slice(bytes).map_err(|error| format!("the driver's answer is damaged: {error}"))
    }
}

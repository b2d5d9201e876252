//! Frames: what a guest asks of the host, and what it is answered, as JSON.
//!
//! Reading is strict: UTF-8, no duplicate keys, no unknown fields, bounded depth, no lone surrogates,
//! bytes in strict base64. The caller judges a frame's size before it is read. A parsed frame takes
//! up to about 75 times its size while it is held, for instance when it is one list of digits.

mod answer;
mod bytes;
mod read;

pub(super) use answer::{batch, error, tools, value};

use super::DeclarationLanguage;
use super::quote::quote;
use serde_json::{Map, Value};

/// The most containers inside each other, the frame included.
pub(super) const MAX_DEPTH: usize = 64;
/// The most calls of one batch, and names of one `describe`.
pub(super) const MAX_CALLS: usize = 1000;
/// The greatest id: the integers that JavaScript holds exactly.
pub(super) const MAX_ID: u64 = (1 << 53) - 1;
/// The most tools that one search may ask for.
pub(super) const MAX_FOUND: u64 = 100;

/// A frame of a guest.
#[derive(Debug, PartialEq)]
pub(super) struct Frame {
    /// The version of the protocol, 1 or 2; the answer bears the same.
    pub(super) v: u8,
    pub(super) id: u64,
    pub(super) request: Request,
}

/// What a frame asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    List,
    Call(CallFrame),
    Batch(Vec<CallFrame>),
    Search { query: String, limit: usize },
    Describe { names: Vec<String>, language: DeclarationLanguage },
}

/// One call of a tool, as the guest wrote it.
#[derive(Debug, PartialEq)]
pub(super) struct CallFrame {
    pub(super) tool: String,
    pub(super) arguments: Map<String, Value>,
}

/// A frame that breaks a rule of the protocol.
#[derive(Debug, PartialEq)]
pub(super) struct Refused {
    /// The frame's id, if it stood before what is wrong.
    pub(super) id: Option<u64>,
    pub(super) message: String,
}

/// At most how much the host allocates for a frame that is parsed: each value, and each name, has a comma, a
/// colon or a bracket before it.
pub(super) fn parsed_bytes(bytes: &[u8]) -> u64 {
    /// A value, or a name and its place in a map, with what allocators add.
    const EACH: u64 = 96;
    let values = bytes.iter().filter(|byte| matches!(byte, b',' | b':' | b'[' | b'{')).count() as u64;
    bytes.len() as u64 + EACH * (values + 1)
}

/// Reads one frame.
pub(super) fn parse(bytes: &[u8]) -> Result<Frame, Refused> {
    let mut envelope = read::Envelope::default();
    let frame = envelope.read(bytes).and_then(|()| understand(&mut envelope.fields));
    frame.map_err(|message| Refused { id: envelope.id, message })
}

type Fields = Map<String, Value>;

fn understand(fields: &mut Fields) -> Result<Frame, String> {
    let v = match take(fields, "v")?.as_u64() {
        Some(1) => 1,
        Some(2) => 2,
        _ => return Err("`v` must be 1 or 2".into()),
    };
    let id = read::id(&take(fields, "id")?)?;
    let op = text(fields, "op")?;
    let request = match (op.as_str(), v) {
        ("list", _) => Request::List,
        ("call", _) => Request::Call(call(fields)?),
        ("batch", 2) => Request::Batch(calls(fields)?),
        ("search", 2) => Request::Search { query: text(fields, "query")?, limit: limit(fields)? },
        ("describe", 2) => Request::Describe { names: names(fields)?, language: language(fields)? },
        ("batch" | "search" | "describe", _) => return Err(format!("`op` {op} needs `v` 2")),
        _ => return Err(format!("there is no `op` {}", quote(&op))),
    };
    nothing_left(fields)?;
    Ok(Frame { v, id, request })
}

fn call(fields: &mut Fields) -> Result<CallFrame, String> {
    let tool = text(fields, "tool")?;
    match take(fields, "args")? {
        Value::Object(arguments) => Ok(CallFrame { tool, arguments }),
        _ => Err("`args` must be an object".into()),
    }
}

fn calls(fields: &mut Fields) -> Result<Vec<CallFrame>, String> {
    let calls = list(fields, "calls")?;
    if calls.is_empty() {
        return Err("`calls` must hold a call".into());
    }
    let one = |value| match value {
        Value::Object(mut fields) => {
            let call = call(&mut fields)?;
            nothing_left(&fields)?;
            Ok(call)
        }
        _ => Err("each of `calls` must be an object".into()),
    };
    calls.into_iter().map(one).collect()
}

fn limit(fields: &mut Fields) -> Result<usize, String> {
    let limit = take(fields, "limit")?.as_u64().filter(|limit| (1..=MAX_FOUND).contains(limit));
    limit.and_then(|limit| usize::try_from(limit).ok()).ok_or_else(|| format!("`limit` must lie in 1..={MAX_FOUND}"))
}

fn names(fields: &mut Fields) -> Result<Vec<String>, String> {
    let one = |value| match value {
        Value::String(name) => Ok(name),
        _ => Err("each of `names` must be a string".into()),
    };
    list(fields, "names")?.into_iter().map(one).collect()
}

fn language(fields: &mut Fields) -> Result<DeclarationLanguage, String> {
    let language = text(fields, "language")?;
    DeclarationLanguage::parse(&language).ok_or_else(|| format!("there is no `language` {}", quote(&language)))
}

fn list(fields: &mut Fields, name: &str) -> Result<Vec<Value>, String> {
    match take(fields, name)? {
        Value::Array(values) => Ok(values),
        _ => Err(format!("`{name}` must be a list")),
    }
}

fn text(fields: &mut Fields, name: &str) -> Result<String, String> {
    match take(fields, name)? {
        Value::String(text) => Ok(text),
        _ => Err(format!("`{name}` must be a string")),
    }
}

fn take(fields: &mut Fields, name: &str) -> Result<Value, String> {
    fields.swap_remove(name).ok_or_else(|| format!("`{name}` is missing"))
}

fn nothing_left(fields: &Fields) -> Result<(), String> {
    fields.keys().next().map_or(Ok(()), |name| Err(format!("there is no field {} here", quote(name))))
}

#[cfg(test)]
mod tests;

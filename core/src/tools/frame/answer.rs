//! Answers to frames, never longer than a cap: what would not fit is noticed while it is written.

use super::{MAX_DEPTH, bytes};
use crate::outcome::ToolErrorKind;
use crate::tools::quote::head;
use crate::tools::tool::Face;
use serde_json::Value;
use std::fmt;
use std::io::{self, Write};

/// The most characters of an error's message.
pub(in crate::tools) const MAX_MESSAGE: usize = 4096;

/// Why a value cannot be sent to a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tools) enum Unsendable {
    /// It needs more bytes than the answer may have.
    TooLarge,
    /// It has more levels than a frame may have.
    TooDeep,
    /// It holds an object with `$bytes` that is not one of bytes.
    Bytes(&'static str),
}

impl Unsendable {
    /// The kind of the error that the guest gets instead.
    pub(in crate::tools) fn kind(self) -> ToolErrorKind {
        match self {
            Unsendable::TooLarge => ToolErrorKind::TooLarge,
            Unsendable::TooDeep | Unsendable::Bytes(_) => ToolErrorKind::ToolError,
        }
    }
}

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsendable::TooLarge => f.write_str("the answer is larger than it may be"),
            Unsendable::TooDeep => write!(f, "the answer has more than {MAX_DEPTH} levels of nesting"),
            Unsendable::Bytes(reason) => f.write_str(reason),
        }
    }
}

/// The answer that bears one value.
pub(in crate::tools) fn value(v: u8, id: u64, value: &Value, most: usize) -> Result<Vec<u8>, Unsendable> {
    let mut to = Capped::new(most);
    to.text(&format!(r#"{{"v":{v},"id":{id},"ok":true,"value":"#))?;
    to.value(value, 1)?;
    to.text("}")?;
    Ok(to.bytes)
}

/// The answer that bears an error. It has no cap: its message has one.
pub(in crate::tools) fn error(v: u8, id: Option<u64>, kind: ToolErrorKind, message: &str) -> Vec<u8> {
    let id = id.map_or("null".into(), |id| id.to_string());
    let error = failure(kind, message);
    format!(r#"{{"v":{v},"id":{id},{error}}}"#).into_bytes()
}

/// The answer that lists tools.
pub(in crate::tools) fn tools<'a>(
    v: u8,
    id: u64,
    faces: impl Iterator<Item = &'a Face>,
    most: usize,
) -> Result<Vec<u8>, Unsendable> {
    let mut to = Capped::new(most);
    to.text(&format!(r#"{{"v":{v},"id":{id},"ok":true,"tools":["#))?;
    for (index, face) in faces.enumerate() {
        to.text(if index == 0 { "" } else { "," })?;
        to.face(face)?;
    }
    to.text("]}")?;
    Ok(to.bytes)
}

/// The answer to a batch, in the order of its calls. A result that cannot be sent, or for which there
/// is no room beside those before it, becomes an error of its call. Only when not even errors have
/// room, the whole answer is too large.
pub(in crate::tools) fn batch(
    v: u8,
    id: u64,
    results: &[Result<Value, (ToolErrorKind, String)>],
    most: usize,
) -> Result<Vec<u8>, Unsendable> {
    let replaced = |reason: Unsendable| format!("{{{}}}", failure(reason.kind(), &reason.to_string()));
    // What each call still to come can be answered with, whatever its result.
    let least = replaced(Unsendable::TooLarge).len() + 1;
    let mut to = Capped::new(most);
    to.text(&format!(r#"{{"v":{v},"id":{id},"ok":true,"results":["#))?;
    for (index, result) in results.iter().enumerate() {
        to.most = most.saturating_sub((results.len() - index - 1) * least + "]}".len());
        to.text(if index == 0 { "" } else { "," })?;
        let start = to.bytes.len();
        if let Err(reason) = to.result(result) {
            to.bytes.truncate(start);
            let short = to.text(&replaced(reason));
            short.or_else(|_| to.text(&replaced(Unsendable::TooLarge)))?;
        }
    }
    to.most = most;
    to.text("]}")?;
    Ok(to.bytes)
}

/// The fields that an error has in place of a value.
fn failure(kind: ToolErrorKind, message: &str) -> String {
    let message = Value::from(head(message, MAX_MESSAGE));
    format!(r#""ok":false,"error":{{"kind":"{kind}","message":{message}}}"#)
}

/// A buffer that refuses what would make it longer than its cap, before it is copied.
struct Capped {
    bytes: Vec<u8>,
    most: usize,
}

impl Capped {
    fn new(most: usize) -> Capped {
        Capped { bytes: Vec::with_capacity(most.min(256)), most }
    }

    fn text(&mut self, text: &str) -> Result<(), Unsendable> {
        self.write_all(text.as_bytes()).map_err(|_| Unsendable::TooLarge)
    }

    /// A string, number or other value without parts.
    fn scalar(&mut self, value: &(impl serde::Serialize + ?Sized)) -> Result<(), Unsendable> {
        serde_json::to_writer(self, value).map_err(|_| Unsendable::TooLarge)
    }

    /// A value that lies in `depth` containers.
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Unsendable> {
        if matches!(value, Value::Array(_) | Value::Object(_)) && depth >= MAX_DEPTH {
            return Err(Unsendable::TooDeep);
        }
        match value {
            Value::Array(values) => {
                self.text("[")?;
                for (index, value) in values.iter().enumerate() {
                    self.text(if index == 0 { "" } else { "," })?;
                    self.value(value, depth + 1)?;
                }
                self.text("]")
            }
            Value::Object(values) => {
                // A text that has no room needs no look at its form.
                if values.get(bytes::KEY).and_then(Value::as_str).is_some_and(|text| text.len() > self.room()) {
                    return Err(Unsendable::TooLarge);
                }
                bytes::check(values).map_err(Unsendable::Bytes)?;
                self.text("{")?;
                for (index, (name, value)) in values.iter().enumerate() {
                    self.text(if index == 0 { "" } else { "," })?;
                    self.scalar(name)?;
                    self.text(":")?;
                    self.value(value, depth + 1)?;
                }
                self.text("}")
            }
            // Looking for what needs an escape would take long, and cannot make it shorter.
            Value::String(text) if text.len() > self.room() => Err(Unsendable::TooLarge),
            scalar => self.scalar(scalar),
        }
    }

    fn result(&mut self, result: &Result<Value, (ToolErrorKind, String)>) -> Result<(), Unsendable> {
        match result {
            Ok(value) => {
                self.text(r#"{"ok":true,"value":"#)?;
                self.value(value, 3)?;
            }
            Err((kind, message)) => self.text(&format!("{{{}", failure(*kind, message)))?,
        }
        self.text("}")
    }

    fn face(&mut self, face: &Face) -> Result<(), Unsendable> {
        self.text(r#"{"name":"#)?;
        self.scalar(&face.name)?;
        self.text(r#","description":"#)?;
        self.scalar(&face.description)?;
        self.text(r#","inputSchema":"#)?;
        // As they are: the registry has measured schemas, and one may speak of the key `$bytes`.
        self.scalar(&face.input_schema)?;
        if let Some(schema) = &face.output_schema {
            self.text(r#","outputSchema":"#)?;
            self.scalar(schema)?;
        }
        if !face.annotations.is_empty() {
            self.text(r#","annotations":"#)?;
            self.scalar(&face.annotations)?;
        }
        self.text("}")
    }

    fn room(&self) -> usize {
        self.most.saturating_sub(self.bytes.len())
    }
}

impl Write for Capped {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if piece.len() > self.room() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let needed = self.bytes.len() + piece.len();
        if needed > self.bytes.capacity() {
            let capacity = needed.max(self.bytes.capacity().saturating_mul(2)).min(self.most);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const MIB: usize = 1 << 20;

    fn read(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn a_value_is_written_as_it_is_and_never_beyond_the_cap() {
        let given = json!({"a": [1, -2.5, null, true, "ü\n\"\u{1F600}"], "b": {}, "c": {"$bytes": "AA=="}});
        let bytes = value(1, 7, &given, MIB).unwrap();
        assert_eq!(read(&bytes), json!({"v": 1, "id": 7, "ok": true, "value": given}));
        assert_eq!(value(1, 7, &given, bytes.len()).unwrap(), bytes);
        for most in 0..bytes.len() {
            assert_eq!(value(1, 7, &given, most), Err(Unsendable::TooLarge), "{most}");
        }
    }

    #[test]
    fn the_buffer_never_holds_more_than_the_cap() {
        let mut to = Capped::new(1000);
        assert_eq!(to.value(&json!(vec!["x".repeat(30); 1000]), 1), Err(Unsendable::TooLarge));
        assert!(to.bytes.capacity() <= 1000, "{}", to.bytes.capacity());
    }

    #[test]
    fn a_value_that_is_too_deep_or_wrong_about_bytes_is_named() {
        assert!(value(1, 1, &nested(63), MIB).is_ok());
        assert_eq!(value(1, 1, &nested(64), MIB), Err(Unsendable::TooDeep));
        assert_eq!(value(1, 1, &nested(2000), MIB), Err(Unsendable::TooDeep));
        for wrong in [json!({"$bytes": 1}), json!({"$bytes": "A"}), json!([{"$bytes": "AA==", "a": 1}])] {
            let refused = value(1, 1, &wrong, MIB).unwrap_err();
            assert_eq!(refused.kind(), ToolErrorKind::ToolError);
            assert!(refused.to_string().contains("$bytes"));
        }
        assert_eq!(value(1, 1, &json!({"$bytes": "?".repeat(MIB)}), MIB), Err(Unsendable::TooLarge));
    }

    #[test]
    fn an_error_bears_its_kind_and_a_message_of_at_most_4096_characters() {
        let refused = read(&error(1, None, ToolErrorKind::Protocol, "no \"frame\""));
        assert_eq!(
            refused,
            json!({"v": 1, "id": null, "ok": false, "error": {"kind": "protocol", "message": "no \"frame\""}})
        );
        let long = read(&error(2, Some(3), ToolErrorKind::ToolError, &"ä".repeat(5000)));
        assert_eq!(long["error"]["message"].as_str().unwrap().chars().count(), 4096);
        assert_eq!((&long["v"], &long["id"]), (&json!(2), &json!(3)));
    }

    #[test]
    fn tools_are_listed_with_what_they_say_of_themselves() {
        let price = crate::tools::Tool::suspending("price").description("Its price.").read_only(true);
        let plain = crate::tools::Tool::suspending("plain").output_schema(json!({"type": "number"}));
        let faces = [&price.face, &plain.face];
        let bytes = tools(1, 2, faces.into_iter(), MIB).unwrap();
        assert_eq!(
            read(&bytes),
            json!({"v": 1, "id": 2, "ok": true, "tools": [
                {"name": "price", "description": "Its price.", "inputSchema": {"type": "object"},
                 "annotations": {"readOnlyHint": true}},
                {"name": "plain", "description": "", "inputSchema": {"type": "object"},
                 "outputSchema": {"type": "number"}},
            ]})
        );
        assert_eq!(tools(1, 2, faces.into_iter(), bytes.len() - 1), Err(Unsendable::TooLarge));
    }

    #[test]
    fn one_result_of_a_batch_that_is_too_large_is_an_error_of_its_call_alone() {
        let results = [
            Ok(json!(1)),
            Ok(json!("x".repeat(5000))),
            Err((ToolErrorKind::Denied, "no".into())),
            Ok(nested(62)),
            Ok(json!("y".repeat(500))),
            Ok(json!([2])),
        ];
        let bytes = batch(2, 9, &results, 1200).unwrap();
        assert!(bytes.len() <= 1200);
        let answer = read(&bytes);
        let kinds: Vec<_> = answer["results"].as_array().unwrap().iter().map(|one| &one["error"]["kind"]).collect();
        assert_eq!(
            kinds,
            [&Value::Null, &json!("too_large"), &json!("denied"), &json!("tool_error"), &Value::Null, &Value::Null]
        );
        assert_eq!(answer["results"][4]["value"], "y".repeat(500));
        assert_eq!(answer["results"][5], json!({"ok": true, "value": [2]}));
    }

    #[test]
    fn a_batch_is_never_longer_than_its_cap_and_every_call_has_an_answer() {
        let results: Vec<_> = (0..40)
            .map(|index| match index % 3 {
                0 => Ok(json!("z".repeat(index * 20))),
                1 => Err((ToolErrorKind::ToolError, "w".repeat(index * 30))),
                _ => Ok(json!(index)),
            })
            .collect();
        let mut whole = 0;
        for most in 0..30_000 {
            match batch(2, 1, &results, most) {
                Ok(bytes) => {
                    assert!(bytes.len() <= most);
                    whole += 1;
                    assert_eq!(read(&bytes)["results"].as_array().unwrap().len(), 40);
                }
                Err(reason) => assert_eq!((reason, whole), (Unsendable::TooLarge, 0), "{most}"),
            }
        }
        assert!(whole > 20_000);
    }
}

//! Bytes inside JSON: `{"$bytes": "<base64>"}`, in the strict form of RFC 4648 section 4.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Map, Value};

/// The one key of an object that stands for bytes.
pub(super) const KEY: &str = "$bytes";

/// Says what is wrong with an object that stands for bytes; every other object is fine.
pub(super) fn check(object: &Map<String, Value>) -> Result<(), &'static str> {
    match object.get(KEY) {
        None => Ok(()),
        Some(_) if object.len() > 1 => Err("an object with `$bytes` has no other key"),
        Some(Value::String(text)) if is_base64(text) => Ok(()),
        Some(_) => Err("`$bytes` must be base64, padded, in its strict form"),
    }
}

/// Decodes in pieces, so that a check costs no memory.
fn is_base64(text: &str) -> bool {
    const PIECE: usize = 4096;
    let mut decoded = [0; PIECE / 4 * 3];
    let (pieces, last) = (text.as_bytes().chunks(PIECE), text.len().div_ceil(PIECE).saturating_sub(1));
    pieces.enumerate().all(|(index, piece)| {
        let whole = index == last || piece.last() != Some(&b'=');
        whole && BASE64_STANDARD.decode_slice(piece, &mut decoded).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_strict_form_is_base64() {
        let long = BASE64_STANDARD.encode(vec![7; 100_000]);
        for good in ["", "AA==", "AAA=", "AAAA", "+/+/", &long] {
            assert!(is_base64(good), "{good}");
        }
        let padded_inside = format!("{}AA=={}", "A".repeat(4092), "A".repeat(4096));
        for bad in ["A", "AA", "AA=", "AB==", "AA==AAAA", "-_-_", "AAAA\n", " AAAA", "ÄÄÄÄ", &padded_inside] {
            assert!(!is_base64(bad), "{bad}");
        }
    }
}

//! STUB
use super::Tool;
use serde_json::Value;
pub(super) fn search<'a>(_: impl Iterator<Item = &'a Tool>, _: &str, _: usize) -> Value {
    Value::Null
}

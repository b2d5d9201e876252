//! What a server answers to a call, as the value that a guest gets.

use super::connection::shortened;
use crate::error::Fault;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use sandcell::ToolError;
use serde_json::{Map, Value, json};

/// The value of a call; an error that the server reports as such has its own words.
///
/// Structured content stands for everything else. Without it, one block of content is that block's
/// value and several are a list: text is a string, or with `is_json` what it says as JSON; bytes are
/// an object with their media type.
pub(super) fn value(server: &str, result: CallToolResult, is_json: bool) -> Result<Value, ToolError> {
    if result.is_error == Some(true) {
        return Err(ToolError::new(said(server, &result)));
    }
    if let Some(structured) = result.structured_content {
        return Ok(structured);
    }
    let fault = |fault: Fault| fault.tool_error(server);
    let mut values = result.content.into_iter().map(block).collect::<Result<Vec<_>, _>>().map_err(fault)?;
    match (values.len(), values.pop()) {
        (1, Some(Value::String(text))) if is_json => serde_json::from_str(&text)
            .map_err(|_| fault(Fault::Malformed { what: "text that is not the JSON its schema promises".into() })),
        (1, Some(only)) => Ok(only),
        (_, None) => Ok(Value::Null),
        (_, Some(last)) => {
            values.push(last);
            Ok(Value::Array(values))
        }
    }
}

fn said(server: &str, result: &CallToolResult) -> String {
    let texts = result.content.iter().filter_map(|block| Some(block.as_text()?.text.as_str()));
    let said = texts.collect::<Vec<_>>().join("\n");
    match said.trim() {
        "" => format!("MCP server `{server}` reports an error without a reason"),
        said => shortened(said),
    }
}

fn block(block: ContentBlock) -> Result<Value, Fault> {
    match block {
        ContentBlock::Text(text) => Ok(Value::String(text.text)),
        ContentBlock::Image(image) => data("image", image.mime_type, image.data),
        ContentBlock::Audio(audio) => data("audio", audio.mime_type, audio.data),
        ContentBlock::Resource(embedded) => resource(embedded.resource),
        ContentBlock::ResourceLink(link) => Ok(object([
            ("type", Some(json!("resource_link"))),
            ("uri", Some(json!(link.uri))),
            ("name", Some(json!(link.name))),
            ("mime", link.mime_type.map(Value::from)),
        ])),
        _ => Err(Fault::Malformed { what: "content of an unknown kind".into() }),
    }
}

fn data(kind: &str, mime: String, base64: String) -> Result<Value, Fault> {
    Ok(json!({"type": kind, "mime": mime, "data": bytes(base64)?}))
}

fn resource(contents: ResourceContents) -> Result<Value, Fault> {
    let (uri, mime, name, body) = match contents {
        ResourceContents::TextResourceContents { uri, mime_type, text, .. } => (uri, mime_type, "text", json!(text)),
        ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => (uri, mime_type, "data", bytes(blob)?),
        _ => return Err(Fault::Malformed { what: "a resource of an unknown kind".into() }),
    };
    let kind = ("type", Some(json!("resource")));
    Ok(object([kind, ("uri", Some(json!(uri))), ("mime", mime.map(Value::from)), (name, Some(body))]))
}

/// Bytes as core takes them: strict base64.
fn bytes(base64: String) -> Result<Value, Fault> {
    match BASE64_STANDARD.decode(&base64) {
        Ok(_) => Ok(json!({"$bytes": base64})),
        Err(_) => Err(Fault::Malformed { what: "bytes that are no base64".into() }),
    }
}

fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(json: Value, is_json: bool) -> Result<Value, String> {
        let result = serde_json::from_value(json).unwrap();
        value("s", result, is_json).map_err(|error| format!("{}: {}", error.kind(), error.message().unwrap()))
    }

    #[test]
    fn structured_content_stands_for_everything_else() {
        let both = json!({"content": [{"type": "text", "text": "3"}], "structuredContent": {"sum": 3}});
        assert_eq!(answer(both, true), Ok(json!({"sum": 3})));
    }

    #[test]
    fn one_text_is_a_string_and_json_only_where_a_schema_says_so() {
        let text = |text: &str| json!({"content": [{"type": "text", "text": text}]});
        assert_eq!(answer(text("[1]"), false), Ok(json!("[1]")));
        assert_eq!(answer(text("[1]"), true), Ok(json!([1])));
        assert!(answer(text("[1"), true).unwrap_err().starts_with("tool_error: MCP server `s` sent text that is not"));
        assert_eq!(answer(json!({"content": []}), false), Ok(Value::Null));
    }

    #[test]
    fn bytes_come_with_their_media_type_and_must_be_base64() {
        let image = |data: &str| json!({"content": [{"type": "image", "data": data, "mimeType": "image/png"}]});
        assert_eq!(
            answer(image("AAE="), false),
            Ok(json!({"type": "image", "mime": "image/png", "data": {"$bytes": "AAE="}}))
        );
        for bad in ["AAE", "A A=", "AAF="] {
            assert!(answer(image(bad), false).unwrap_err().contains("sent bytes that are no base64"), "{bad}");
        }
    }

    #[test]
    fn several_blocks_are_a_list() {
        let mixed = json!({"content": [
            {"type": "text", "text": "a"},
            {"type": "resource", "resource": {"uri": "x://1", "mimeType": "text/csv", "text": "1,2"}},
            {"type": "resource", "resource": {"uri": "x://2", "blob": "AAE="}},
            {"type": "resource_link", "uri": "x://3", "name": "three"},
        ]});
        let list = json!([
            "a",
            {"type": "resource", "uri": "x://1", "mime": "text/csv", "text": "1,2"},
            {"type": "resource", "uri": "x://2", "data": {"$bytes": "AAE="}},
            {"type": "resource_link", "uri": "x://3", "name": "three"},
        ]);
        assert_eq!(answer(mixed, true), Ok(list));
    }

    #[test]
    fn an_error_of_the_server_has_its_words() {
        let error = json!({"content": [{"type": "text", "text": "no such file"}], "isError": true});
        assert_eq!(answer(error, false), Err("tool_error: no such file".into()));
        let silent = json!({"content": [], "isError": true});
        assert!(answer(silent, false).unwrap_err().contains("`s` reports an error without a reason"));
    }
}

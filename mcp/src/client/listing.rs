//! A server's list of tools: read page by page within bounds, and turned into what core takes.

use super::connection::Connection;
use super::server::ListBounds;
use crate::error::Fault;
use rmcp::model::{PaginatedRequestParams, Tool as RemoteTool};
use sandcell::Tool;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Where a description is cut: it is read by models, which pay for each word.
const DESCRIPTION_CHARACTERS: usize = 4_000;

/// Asks for all tools.
pub(super) async fn list(connection: &Connection, bounds: ListBounds) -> Result<Vec<RemoteTool>, Fault> {
    if connection.peer().peer_info().is_some_and(|server| server.capabilities.tools.is_none()) {
        return Ok(Vec::new());
    }
    let too_long = |most, of| Err(Fault::ListTooLong { most, of });
    let (mut tools, mut bytes, mut cursor) = (Vec::new(), 0, None);
    for _ in 0..bounds.pages {
        let request = PaginatedRequestParams::default().with_cursor(cursor.take());
        let page = connection.peer().list_tools(Some(request)).await;
        let page = connection.judge(page).await?;
        bytes += page.tools.iter().map(length).sum::<usize>();
        tools.extend(page.tools);
        if tools.len() > bounds.tools {
            return too_long(bounds.tools, "tools");
        }
        if bytes > bounds.bytes {
            return too_long(bounds.bytes, "bytes");
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return each_once(tools);
        }
    }
    too_long(bounds.pages, "pages")
}

/// A call names its tool, so two of one name cannot be told apart.
fn each_once(tools: Vec<RemoteTool>) -> Result<Vec<RemoteTool>, Fault> {
    let mut names = BTreeSet::new();
    match tools.iter().find(|tool| !names.insert(tool.name.as_ref())) {
        Some(twice) => Err(Fault::ListedTwice { tool: super::connection::shortened(&twice.name) }),
        None => Ok(tools),
    }
}

fn length(tool: &RemoteTool) -> usize {
    serde_json::to_vec(tool).map_or(0, |json| json.len())
}

/// Sets one of a tool's hints.
type SetHint = fn(Tool, bool) -> Tool;

/// Gives core's tool what the server says of its own. Of a schema that core cannot hold calls to, such as one
/// whose patterns look ahead, the names of the arguments are left: the server judges them itself.
pub(super) fn described(tool: Tool, remote: &RemoteTool) -> Tool {
    let mut tool = tool.description(description(remote));
    let whole = tool.clone().input_schema(Value::Object((*remote.input_schema).clone()));
    let names = tool.clone().input_schema(names_only(&remote.input_schema));
    tool = [whole, names].into_iter().find(|tool| tool.check().is_ok()).unwrap_or(tool);
    if let Some(schema) = &remote.output_schema {
        let with_output = tool.clone().output_schema(Value::Object((**schema).clone()));
        tool = if with_output.check().is_ok() { with_output } else { tool };
    }
    let Some(hints) = &remote.annotations else { return tool };
    let known: [(Option<bool>, SetHint); 4] = [
        (hints.read_only_hint, Tool::read_only),
        (hints.destructive_hint, Tool::destructive),
        (hints.idempotent_hint, Tool::idempotent),
        (hints.open_world_hint, Tool::open_world),
    ];
    known.into_iter().fold(tool, |tool, (hint, set)| match hint {
        Some(hint) => set(tool, hint),
        None => tool,
    })
}

/// The arguments by name, with what is said of each.
fn names_only(schema: &Map<String, Value>) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let properties: Map<String, Value> = properties
        .map(|(name, property)| {
            let said = property.get("description").filter(|said| said.is_string());
            (name.clone(), said.map_or_else(|| json!({}), |said| json!({"description": said})))
        })
        .collect();
    json!({"type": "object", "properties": properties})
}

fn description(remote: &RemoteTool) -> String {
    let text = remote.description.as_deref().or(remote.title.as_deref()).unwrap_or_default().trim();
    match text.char_indices().nth(DESCRIPTION_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::unwrap_used)]
    fn a_schema_that_core_cannot_hold_calls_to_leaves_the_names_of_the_arguments() {
        let remote: RemoteTool = serde_json::from_value(json!({
            "name": "mail",
            "description": "Sends a mail.",
            "inputSchema": {
                "type": "object",
                "properties": {"to": {"type": "string", "pattern": "^(?!\\.)", "description": "Whom."}, "text": {}},
                "required": ["to"],
            },
        }))
        .unwrap();
        let tool = described(Tool::suspending("mail"), &remote);
        assert!(tool.check().is_ok());
        let declared = sandcell::declarations(&[tool], sandcell::DeclarationLanguage::Python);
        assert!(declared.contains("def mail(") && declared.contains("Whom."), "{declared}");
    }
}

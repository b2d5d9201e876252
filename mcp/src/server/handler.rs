//! The tools that a client sees, and what it asks of them.

use super::session::{Done, Door, Work};
use super::{FOLDER, reply};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, Implementation, JsonObject, ListToolsResult,
    PaginatedRequestParams, ProgressNotificationParam, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, interval_at};

/// How often a client that asked for progress is told that a run goes on.
const PROGRESS: Duration = Duration::from_secs(1);

/// Answers one client.
pub(super) struct Handler {
    door: Door,
}

impl Handler {
    pub(super) fn new(door: Door) -> Handler {
        Handler { door }
    }

    async fn answer(&self, request: &CallToolRequestParams) -> Result<CallToolResult, ErrorData> {
        let mut arguments = Arguments(request.arguments.clone().unwrap_or_default());
        let work = match request.name.as_ref() {
            "run_python" => Work::Run { code: arguments.text("code")? },
            "write_file" => {
                let path = arguments.text("path")?;
                Work::Write { path, content: arguments.content()? }
            }
            "read_file" => Work::Read { path: arguments.text("path")? },
            "list_files" => Work::List,
            "reset" => Work::Reset,
            other => return Err(ErrorData::invalid_params(format!("there is no tool `{other}`"), None)),
        };
        arguments.nothing_else()?;
        let path = match &work {
            Work::Write { path, .. } | Work::Read { path } => path.clone(),
            _ => String::new(),
        };
        Ok(match self.door.ask(work).await {
            Ok(Done::Ran { outcome, replaced }) => reply::ran(&outcome, replaced.as_deref()),
            Ok(Done::Written) => reply::said(format!("Wrote {path}.")),
            Ok(Done::Content(content)) => reply::content(&path, &content),
            Ok(Done::Files(files)) => reply::files(&files),
            Ok(Done::Reset) => reply::said("The session is new: nothing of the one before is left."),
            Ok(Done::GivenUp) => reply::said("Given up."),
            Err(error) => reply::refused(&error),
        })
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let instructions = format!(
            "Runs Python in a sandbox without network and without this machine's files. Variables, imports and \
             files stay from call to call. Write files below {FOLDER}; the value of a program's last expression \
             is its result; figures that are shown come back as images."
        );
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("sandcell", env!("CARGO_PKG_VERSION")))
            .with_instructions(instructions)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let token = context.meta.get_progress_token();
        let began = Instant::now();
        let mut ticks = interval_at(began + PROGRESS, PROGRESS);
        let mut answer = std::pin::pin!(self.answer(&request));
        loop {
            tokio::select! {
                answer = &mut answer => return answer.map(CallToolResponse::Complete),
                // Dropping the answer cancels the guest; the client expects nothing more.
                () = context.ct.cancelled() => return Err(ErrorData::internal_error("cancelled", None)),
                _ = ticks.tick() => {
                    let Some(token) = token.clone() else { continue };
                    let progress = ProgressNotificationParam::new(token, began.elapsed().as_secs_f64().floor());
                    if context.peer.notify_progress(progress.with_message("running")).await.is_err() {
                        tracing::debug!("the client takes no notifications");
                    }
                }
            }
        }
    }
}

/// The arguments of a call, each taken once.
struct Arguments(JsonObject);

impl Arguments {
    fn text(&mut self, name: &str) -> Result<String, ErrorData> {
        match self.0.remove(name) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(ErrorData::invalid_params(format!("`{name}` must be a string"), None)),
        }
    }

    /// Either `text` or `base64`.
    fn content(&mut self) -> Result<Vec<u8>, ErrorData> {
        let wrong = |reason: &str| ErrorData::invalid_params(reason.to_owned(), None);
        match (self.0.contains_key("text"), self.0.contains_key("base64")) {
            (true, false) => Ok(self.text("text")?.into_bytes()),
            (false, true) => BASE64_STANDARD.decode(self.text("base64")?).map_err(|_| wrong("`base64` is not base64")),
            _ => Err(wrong("exactly one of `text` and `base64` must be given")),
        }
    }

    fn nothing_else(self) -> Result<(), ErrorData> {
        match self.0.keys().next() {
            Some(name) => Err(ErrorData::invalid_params(format!("there is no argument `{name}`"), None)),
            None => Ok(()),
        }
    }
}

fn tools() -> Vec<Tool> {
    let path = json!({"type": "string", "description": format!("Absolute path, such as {FOLDER}/data.csv")});
    let text = |description: &str| json!({"type": "string", "description": description});
    let reads = || ToolAnnotations::new().read_only(true).open_world(false);
    let changes = || ToolAnnotations::new().read_only(false).destructive(false).open_world(false);
    let run = json!({"code": text("The program; its last expression's value is the result")});
    let write = json!({"path": path, "text": text("The content, as text"), "base64": text("Or as base64")});
    vec![
        tool("run_python", "Run a Python program in the session.", run, &["code"])
            .with_raw_output_schema(std::sync::Arc::new(outcome_schema()))
            .with_annotations(changes()),
        tool("write_file", "Create or replace a file of the session.", write, &["path"])
            .with_annotations(changes().idempotent(true)),
        tool("read_file", "Read a file: text, image or bytes.", json!({"path": path}), &["path"])
            .with_annotations(reads()),
        tool("list_files", "List the files that were added, changed or removed.", json!({}), &[])
            .with_annotations(reads()),
        tool("reset", "Begin a new session, without variables and files of this one.", json!({}), &[])
            .with_annotations(ToolAnnotations::new().destructive(true).idempotent(true).open_world(false)),
    ]
}

fn tool(name: &'static str, description: &'static str, properties: Value, required: &[&str]) -> Tool {
    let mut schema = object(json!({"type": "object", "properties": properties, "additionalProperties": false}));
    schema.insert("required".to_owned(), json!(required));
    Tool::new(name, description, schema)
}

/// The part of an outcome that programs branch on.
fn outcome_schema() -> JsonObject {
    object(json!({
        "type": "object",
        "properties": {
            "status": {"type": "object", "properties": {"kind": {"type": "string"}}, "required": ["kind"]},
            "stdout": {"type": "string"},
            "stderr": {"type": "string"},
            "artifacts": {"type": "array"},
            "files": {"type": "object"},
            "usage": {"type": "object"},
            "hint": {"type": "string"},
        },
        "required": ["status", "artifacts", "files", "usage"],
    }))
}

fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}

//! What a client reads of what happened: text for its model, the outcome for its program.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use sandcell::{Artifact, FilesDiff, Outcome, Status};
use serde_json::{Value, json};

/// The most files and denials that the text names; the outcome has all.
const NAMED: usize = 20;

/// The outcome of a run. Figures follow the text as images; in the structured outcome each artifact
/// has the number of its block instead of its bytes, which a model would otherwise read twice.
pub(super) fn ran(outcome: &Outcome, replaced: Option<&str>) -> CallToolResult {
    let mut content = vec![ContentBlock::text(text(outcome, replaced))];
    let mut structured = serde_json::to_value(outcome).unwrap_or_default();
    for (artifact, json) in outcome.artifacts.iter().zip(artifacts(&mut structured)) {
        *json = json!({"mime": artifact.mime, "name": artifact.name, "content": content.len()});
        content.push(block(artifact));
    }
    let mut result =
        if outcome.is_success() { CallToolResult::success(content) } else { CallToolResult::error(content) };
    result.structured_content = Some(structured);
    result
}

fn artifacts(outcome: &mut Value) -> impl Iterator<Item = &mut Value> {
    outcome.get_mut("artifacts").and_then(Value::as_array_mut).into_iter().flatten()
}

fn block(artifact: &Artifact) -> ContentBlock {
    file_block(&format!("artifact:///{}", artifact.name), Some(&artifact.mime), &artifact.bytes)
}

/// The content of a file: text as text, an image as an image, else bytes.
pub(super) fn content(path: &str, content: &[u8]) -> CallToolResult {
    let block = match str::from_utf8(content) {
        Ok(text) => ContentBlock::text(text),
        Err(_) => file_block(&format!("sandbox://{path}"), image_kind(content), content),
    };
    CallToolResult::success(vec![block])
}

fn file_block(uri: &str, mime: Option<&str>, bytes: &[u8]) -> ContentBlock {
    let encoded = BASE64_STANDARD.encode(bytes);
    match mime {
        Some(mime) if ["image/png", "image/jpeg", "image/gif", "image/webp"].contains(&mime) => {
            ContentBlock::image(encoded, mime)
        }
        Some(mime) => ContentBlock::resource(ResourceContents::blob(encoded, uri).with_mime_type(mime)),
        None => ContentBlock::resource(ResourceContents::blob(encoded, uri)),
    }
}

/// By the first bytes of each format.
fn image_kind(content: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], _); 3] =
        [(b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif")];
    known.into_iter().find_map(|(start, mime)| content.starts_with(start).then_some(mime))
}

/// The files that differ from the start.
pub(super) fn files(files: &FilesDiff) -> CallToolResult {
    let lines = file_lines(files, usize::MAX);
    let text = if lines.is_empty() { "No file was added, changed or removed.".to_owned() } else { lines.join("\n") };
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = serde_json::to_value(files).ok();
    result
}

/// Something that was done, or refused.
pub(super) fn said(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// A refusal of the library, with its remedy.
pub(super) fn refused(error: &sandcell::Error) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(format!("{error} ({})\n{}", error.code(), error.hint()))])
}

/// In the order in which a person would look: what was printed, what it came to, what went wrong.
fn text(outcome: &Outcome, replaced: Option<&str>) -> String {
    let mut parts = Vec::new();
    if let Some(reason) = replaced {
        parts.push(format!(
            "[The session before ended because {reason}. This ran in a new one: its variables, imports and files are gone.]"
        ));
    }
    let stderr = outcome.stderr_text();
    parts.push(outcome.stdout_text().trim_end().to_owned());
    if !stderr.trim().is_empty() {
        parts.push(format!("[stderr]\n{}", stderr.trim_end()));
    }
    match &outcome.result {
        None | Some(Value::Null) => (),
        Some(Value::String(text)) => parts.push(format!("[result]\n{text}")),
        Some(value) => parts.push(format!("[result]\n{value}")),
    }
    parts.extend(ending(&outcome.status, &stderr));
    let lines = file_lines(&outcome.files, NAMED);
    if !lines.is_empty() {
        parts.push(format!("[files]\n{}", lines.join("\n")));
    }
    for denial in outcome.denials.iter().take(NAMED) {
        parts.push(format!("[denied] {} of {} {}", denial.operation, denial.what, denial.name));
    }
    if !outcome.hint.is_empty() {
        parts.push(format!("[hint] {}", outcome.hint));
    }
    parts.retain(|part| !part.is_empty());
    if parts.is_empty() { "(no output)".to_owned() } else { parts.join("\n") }
}

/// What the guest's own output does not explain.
fn ending(status: &Status, stderr: &str) -> Option<String> {
    match status {
        Status::Exited { code: 0 } => None,
        Status::Exited { code } => Some(format!("[The program exited with status {code}.]")),
        Status::Raised { traceback, .. } if stderr.contains(traceback.trim()) => None,
        Status::Raised { traceback, .. } => Some(traceback.trim_end().to_owned()),
        Status::Exceeded { limit } => Some(format!("[The program exceeded the limit `{limit}` and was ended.]")),
        Status::Trapped { reason } => Some(format!("[The program trapped: {}.]", reason.as_str())),
        Status::Cancelled => Some("[The run was cancelled.]".to_owned()),
        _ => Some("[The run was suspended and given up: nobody can answer here.]".to_owned()),
    }
}

fn file_lines(files: &FilesDiff, most: usize) -> Vec<String> {
    let kinds = [("added", &files.added), ("changed", &files.changed), ("removed", &files.removed)];
    let all = kinds.iter().flat_map(|(kind, paths)| paths.iter().map(move |path| format!("{kind} {path}")));
    let count: usize = kinds.iter().map(|(_, paths)| paths.len()).sum();
    let mut lines: Vec<_> = all.take(most).collect();
    if count > lines.len() || files.truncated {
        lines.push("… and more".to_owned());
    }
    lines
}

//! An application that lets its users install plug-ins, written by anybody.
//!
//! A plug-in defines `handle(document)`. It is loaded once; each document meets a fork of the loaded plug-in, so nothing
//! that one document leaves behind reaches the next. A plug-in sees no file, no network and no variable of the host: only its
//! own read-only folder and the one function it is given.
//!
//! Needs the Python image: `sandcell image build python`. The twin in Python is examples/python/plugin.py.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use sandcell::{
    Access, Engine, Image, LimitKey, Limits, Mount, Policy, Program, Sandbox, Snapshot, Status, Tool, ToolError,
    ToolPolicy,
};
use serde_json::{Value, json};
use std::error::Error;
use std::fs;
use std::path::Path;

/// What users have installed: three that do something, and five that should not.
const PLUGINS: [(&str, &str); 8] = [
    ("shout", "def handle(document): return {**document, 'title': document['title'].upper()}"),
    (
        "words",
        "
import json
stop = set(json.load(open('/plugin/stop.json')))
def handle(document):
    words = [word for word in document['text'].split() if word not in stop]
    return {'words': len(words), 'seen': lookup(document['title'])}
",
    ),
    ("counts", "n = 0\ndef handle(document):\n    global n\n    n += 1\n    return n"),
    ("thief", "def handle(document): return open('/etc/passwd').read()"),
    ("spy", "import socket\ndef handle(document): return socket.create_connection(('10.0.0.1', 80))"),
    ("endless", "def handle(document):\n    while True: pass"),
    ("greedy", "def handle(document): return len(bytearray(1 << 30))"),
    ("broken", "def handle(document) return 1"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::new()?;
    let image = Image::load(&engine, "python")?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("stop.json"), r#"["the", "a", "and"]"#)?;
    let documents = [json!({"title": "one", "text": "the cat and the dog"}), json!({"title": "two", "text": "a bird"})];

    let mut results = Vec::new();
    for (name, source) in PLUGINS {
        let result = handled(&image, source, folder.path(), &documents)?;
        match &result {
            Ok(values) => println!("{name}: {}", Value::from(values.clone())),
            Err(why) => println!("{name}: refused: {why}"),
        }
        results.push(result);
    }
    expect(results[0].as_ref().is_ok_and(|values| values[1]["title"] == "TWO"), "a plug-in answers with JSON")?;
    expect(
        results[1] == Ok(vec![json!({"words": 2, "seen": 3}), json!({"words": 1, "seen": 5})]),
        "and calls a function",
    )?;
    expect(results[2] == Ok(vec![json!(1), json!(1)]), "no document sees what another one left behind")?;
    expect(results[3..].iter().all(Result::is_err), "the others are refused, and nothing else happens")
}

/// What a plug-in makes of each document, or why it is refused.
fn handled(
    image: &Image,
    source: &str,
    folder: &Path,
    documents: &[Value],
) -> Result<Result<Vec<Value>, String>, Box<dyn Error>> {
    let loaded = match load(image, source, folder)? {
        Ok(loaded) => loaded,
        Err(why) => return Ok(Err(why)),
    };
    let mut values = Vec::new();
    for document in documents {
        // Every document meets the plug-in as it was when it was loaded. JSON of plain texts is Python source too.
        let outcome = loaded.fork()?.run(Program::code(format!("handle({document})")))?;
        match outcome.result {
            Some(value) if outcome.status == Status::Exited { code: 0 } => values.push(value),
            _ => return Ok(Err(reason(&outcome.status))),
        }
    }
    Ok(Ok(values))
}

/// A session in which the plug-in is defined, and nothing has happened yet.
fn load(image: &Image, source: &str, folder: &Path) -> Result<Result<Snapshot, String>, Box<dyn Error>> {
    let tools = ToolPolicy::new().allow(["lookup"]).globals(true);
    let policy = Policy::new().mount(Mount::host(folder, "/plugin", Access::ReadOnly)?).tools(tools);
    let limits = Limits::new()
        .with(LimitKey::MemoryBytes, 64 << 20)?
        .with(LimitKey::DeadlineMs, 500)?
        .with(LimitKey::Fuel, 2_000_000_000)?
        .with(LimitKey::OutputBytes, 64 << 10)?
        .with(LimitKey::HostCalls, 100)?;
    let mut sandbox = Sandbox::builder(image).policy(policy).limits(limits).tool(lookup()).build()?;
    let outcome = sandbox.run(Program::code(source).named("plugin.py"))?;
    if !outcome.is_success() {
        return Ok(Err(reason(&outcome.status)));
    }
    Ok(Ok(sandbox.snapshot()?))
}

/// The one function that plug-ins are given.
fn lookup() -> Tool {
    Tool::new("lookup", |call| match call.arguments["title"].as_str() {
        Some("one") => Ok(json!(3).into()),
        Some("two") => Ok(json!(5).into()),
        _ => Err(ToolError::new("there is no such document")),
    })
    .description("How often a document of this title was read.")
    .input_schema(json!({"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}))
}

fn reason(status: &Status) -> String {
    match status {
        Status::Raised { r#type, message, .. } => format!("{type}: {message}", type = r#type),
        Status::Exceeded { limit } => format!("it exceeded {limit}"),
        other => format!("{other:?}"),
    }
}

/// Fails the example, so that a test that runs it notices.
fn expect(holds: bool, promise: &str) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err(format!("broken promise: {promise}").into()) }
}

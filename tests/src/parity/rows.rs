//! The rows: everything that must be shown, and what a case shows.

use crate::cases::{Case, Does, Expect, Given, Word};
use sandcell::{
    Access, ArgumentRule, Clock, LimitKey, Mount, Policy, Status, ToolErrorKind, ToolPolicy, ToolRule, TrapReason,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt;

/// The groups in the order of the page.
pub(super) const GROUPS: [&str; 11] = [
    "limit that bites",
    "status",
    "trap reason",
    "class of errors",
    "start",
    "mount",
    "policy",
    "rule of tools",
    "tool",
    "end of a call",
    "outcome",
];

/// Rows that no case can show.
const EXEMPT: [(&str, &str, &str); 2] = [
    ("trap reason", "other", "traps of proposals that are off: no guest can cause one"),
    ("class of errors", "internal", "a defect of sandcell, which nothing provokes on purpose"),
];

/// One capability.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub(super) group: &'static str,
    pub(super) name: String,
}

impl Row {
    fn new(group: &'static str, name: impl Into<String>) -> Row {
        Row { group, name: name.into() }
    }

    /// Why no case can show it.
    pub(super) fn exempt(&self) -> Option<&'static str> {
        EXEMPT.iter().find(|(group, name, _)| (*group, *name) == (self.group, &*self.name)).map(|(.., reason)| *reason)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.group, self.name)
    }
}

/// Everything that must be shown, from the tables.
pub fn all_rows() -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    let mut add = |group, names: Vec<String>| rows.extend(names.into_iter().map(|name| Row::new(group, name)));
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    add("limit that bites", LimitKey::ALL.map(|key| key.to_string()).to_vec());
    add("status", words(&Status::KINDS));
    add("trap reason", TrapReason::ALL.map(|reason| reason.as_str().to_owned()).to_vec());
    add("class of errors", words(&["usage", "module", "host", "internal"]));
    add(
        "start",
        words(&[
            "a command module",
            "python",
            "javascript",
            "typescript",
            "c",
            "cpp",
            "lua",
            "a project of several files",
            "flags of a compiler",
            "members of a workspace in turn",
            "arguments",
            "standard input",
            "a file name",
            "a session of programs",
            "a saved session",
            "an image out of an archive",
            "cancelled from another thread",
        ]),
    );
    add(
        "mount",
        words(&[
            "host, ro",
            "host, rw",
            "host, rw and any symlink",
            "overlay",
            "memory, rw",
            "memory, ro",
            "memory with files",
        ]),
    );
    add("policy", fields(&json!(every_policy())));
    add("policy", words(&["clock: real", "clock: frozen"]));
    add("rule of tools", every_rule());
    add(
        "tool",
        words(&[
            "answers at once",
            "waits",
            "blocks",
            "own timeout",
            "input schema",
            "output schema",
            "error",
            "denied",
            "invalid arguments",
            "hidden failure",
            "suspends",
            "gate: allow",
            "gate: deny",
            "gate: replace",
            "gate: suspend",
            "resumed with value",
            "resumed with error",
            "resumed with denied",
            "resumed with hidden failure",
            "resumed in part",
            "resumed with another token",
        ]),
    );
    add("end of a call", ToolErrorKind::ALL.map(|kind| kind.to_string()).to_vec());
    add("end of a call", words(&["ok", "suspended"]));
    add(
        "outcome",
        words(&[
            "result",
            "result_truncated",
            "artifacts",
            "stdout",
            "stdout_truncated",
            "stderr",
            "denials",
            "tool_calls",
            "details of calls",
            "files",
            "files read afterwards",
            "hint",
            "diagnostics",
            "usage.fuel",
            "usage.output_bytes",
            "usage.peak_memory_bytes",
        ]),
    );
    add(
        "outcome",
        ["stdout", "stderr", "cut", "call", "result", "written", "removed", "artifact", "ended"]
            .map(|word| format!("event: {word}"))
            .to_vec(),
    );
    rows
}

/// What a case shows.
pub fn shown_by(case: &Case) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    let mut add = |group: &'static str, name: &str| {
        rows.insert(Row::new(group, name));
    };
    if let Some(limit) = &case.bites {
        add("limit that bites", limit);
    }
    match case.image.as_str() {
        image if image.starts_with("wasm:") => add("start", "a command module"),
        language if case.expect.error.is_none() => add("start", language),
        _ => {}
    }
    for (given, name) in [
        (!case.args.is_empty(), "arguments"),
        (!case.stdin.is_empty(), "standard input"),
        (case.project.is_some() && case.expect.error.is_none(), "a project of several files"),
        (!case.flags.is_empty() && case.expect.error.is_none(), "flags of a compiler"),
        (!case.steps.is_empty(), "members of a workspace in turn"),
        (case.named.is_some(), "a file name"),
        (!case.before.is_empty(), "a session of programs"),
        (case.saved && case.expect.error.is_none(), "a saved session"),
        (case.imported && case.expect.error.is_none(), "an image out of an archive"),
        (case.cancel_after_ms.is_some(), "cancelled from another thread"),
    ] {
        if given {
            add("start", name);
        }
    }
    // A case about something that is refused shows nothing of what would have been there.
    if case.expect.error.is_none() {
        policy(case, &mut add);
        tools(case, &mut add);
    }
    for expect in std::iter::once(&case.expect).chain(case.resume.iter().map(|step| &step.expect)) {
        expected(expect, &mut add);
    }
    rows
}

/// Whether a case says something that a language has no way to say: its own field of this name, or one of
/// what it expects.
pub(super) fn says(case: &Case, field: &str) -> bool {
    match field {
        "before" => !case.before.is_empty(),
        "saved" => case.saved,
        "imported" => case.imported,
        "tools" => !case.tools.is_empty(),
        "gate" => !case.gate.is_empty(),
        "resume" => !case.resume.is_empty(),
        "cancel_after_ms" => case.cancel_after_ms.is_some(),
        "project" => case.project.is_some(),
        "steps" => !case.steps.is_empty(),
        "events" => case.expect.events.is_some(),
        "file_contents" => !case.expect.file_contents.is_empty(),
        other => panic!("a case is not looked at for `{other}`"),
    }
}

type Add<'a> = dyn FnMut(&'static str, &str) + 'a;

fn policy(case: &Case, add: &mut Add<'_>) {
    if case.policy.is_null() {
        return;
    }
    let policy: Policy = serde_json::from_value(case.policy.clone()).unwrap();
    for mount in &policy.mounts {
        add("mount", mount_name(mount));
    }
    for field in fields(&case.policy) {
        add("policy", &field);
    }
    if case.policy.get("clock").is_some() {
        add("policy", if policy.clock == Clock::Real { "clock: real" } else { "clock: frozen" });
    }
    for field in case.policy.get("tools").map(fields).unwrap_or_default() {
        add("rule of tools", &field);
    }
    for rule in policy.tools.rules.values() {
        for field in fields(&json!(rule)) {
            add("rule of tools", &field);
        }
        for field in rule.arguments.values().flat_map(|rule| fields(&json!(rule))) {
            add("rule of tools", &field);
        }
    }
}

fn mount_name(mount: &Mount) -> &'static str {
    match mount {
        Mount::Host { symlinks: true, .. } => "host, rw and any symlink",
        Mount::Host { access: Access::ReadOnly, .. } => "host, ro",
        Mount::Host { access: Access::ReadWrite, .. } => "host, rw",
        Mount::Overlay { .. } => "overlay",
        Mount::Memory { access: Access::ReadOnly, .. } => "memory, ro",
        Mount::Memory { files, .. } if files.is_empty() => "memory, rw",
        Mount::Memory { .. } => "memory with files",
    }
}

fn tools(case: &Case, add: &mut Add<'_>) {
    for tool in &case.tools {
        add(
            "tool",
            if tool.blocking {
                "blocks"
            } else if tool.waits_ms.is_some() {
                "waits"
            } else {
                "answers at once"
            },
        );
        for (given, name) in [
            (tool.timeout_ms.is_some(), "own timeout"),
            (tool.input_schema.is_some(), "input schema"),
            (tool.output_schema.is_some(), "output schema"),
        ] {
            if given {
                add("tool", name);
            }
        }
        does(&tool.does, add);
    }
    for word in &case.gate {
        add(
            "tool",
            match word.then {
                Word::Allow => "gate: allow",
                Word::Deny(_) => "gate: deny",
                Word::Replace(_) => "gate: replace",
                Word::Suspend => "gate: suspend",
            },
        );
    }
    for step in &case.resume {
        if step.token.is_some() {
            add("tool", "resumed with another token");
        }
        for given in &step.results {
            add(
                "tool",
                match given {
                    None => "resumed in part",
                    Some(Given::Value(_)) => "resumed with value",
                    Some(Given::Error(_)) => "resumed with error",
                    Some(Given::Denied(_)) => "resumed with denied",
                    Some(Given::Fails(_)) => "resumed with hidden failure",
                },
            );
        }
    }
}

fn does(what: &Does, add: &mut Add<'_>) {
    match what {
        Does::Echo | Does::Argument(_) | Does::Value(_) => {}
        Does::Error(_) => add("tool", "error"),
        Does::Denied(_) => add("tool", "denied"),
        Does::InvalidArguments(_) => add("tool", "invalid arguments"),
        Does::Fails(_) => add("tool", "hidden failure"),
        Does::Suspend => add("tool", "suspends"),
        Does::First(choices) => choices.iter().for_each(|choice| does(&choice.then, add)),
    }
}

fn expected(expect: &Expect, add: &mut Add<'_>) {
    match &expect.status {
        Some(status) => {
            add("status", status.kind());
            if let Status::Trapped { reason } = status {
                add("trap reason", reason.as_str());
            }
        }
        None if expect.raised.is_some() => add("status", "raised"),
        None if expect.suspended.is_some() => add("status", "suspended"),
        None => {}
    }
    if let Some(code) = &expect.error {
        let code = sandcell::Code::parse(code).unwrap_or_else(|| panic!("there is no code {code}"));
        add("class of errors", code.class().as_str());
    }
    for name in expect.tool_calls.iter().flat_map(|counts| counts.keys()) {
        add("end of a call", name);
    }
    for (given, name) in [
        (expect.result.is_some(), "result"),
        (expect.result_truncated == Some(true), "result_truncated"),
        (expect.artifacts.is_some(), "artifacts"),
        (expect.stdout.is_some() || !expect.stdout_contains.is_empty(), "stdout"),
        (expect.stdout_truncated == Some(true), "stdout_truncated"),
        (expect.stderr.is_some() || !expect.stderr_contains.is_empty(), "stderr"),
        (expect.denials.as_ref().is_some_and(|denials| !denials.is_empty()), "denials"),
        (expect.tool_calls.is_some(), "tool_calls"),
        (!expect.details_contain.is_empty(), "details of calls"),
        (expect.files.is_some(), "files"),
        (!expect.file_contents.is_empty(), "files read afterwards"),
        (!expect.hint_contains.is_empty(), "hint"),
        (expect.fuel_at_most.is_some(), "usage.fuel"),
        (expect.diagnostics.is_some(), "diagnostics"),
        (expect.output_bytes.is_some(), "usage.output_bytes"),
        (expect.peak_memory_bytes_at_most.is_some(), "usage.peak_memory_bytes"),
    ] {
        if given {
            add("outcome", name);
        }
    }
    for word in expect.events.iter().flatten() {
        let kind = word.split(':').next().unwrap_or_default();
        add("outcome", &format!("event: {kind}"));
    }
}

/// A policy with every field; one that is added must be given here.
fn every_policy() -> Policy {
    Policy { mounts: Vec::new(), env: Default::default(), clock: Clock::Real, seed: None, tools: ToolPolicy::new() }
}

/// Every field of the rules of tools; one that is added must be given here.
fn every_rule() -> Vec<String> {
    let argument = ArgumentRule {
        equals: Some(Value::Null),
        one_of: Some(Vec::new()),
        minimum: Some(0.into()),
        maximum: Some(0.into()),
        prefix: Some(String::new()),
        pattern: Some(String::new()),
        optional: true,
    };
    let conditions = fields(&json!(argument));
    let rule = ToolRule { calls: Some(0), arguments: [("a".to_owned(), argument)].into() };
    let policy = ToolPolicy { allow: Some(Vec::new()), globals: true, rules: [("a".to_owned(), rule.clone())].into() };
    [fields(&json!(policy)), fields(&json!(rule)), conditions].concat()
}

fn fields(form: &Value) -> Vec<String> {
    form.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default()
}

//! The tools of one sandbox: checked once, found by name, listed in the order they came in.

use super::Tool;
use super::quote::{MAX_ECHO, head, quote};
use super::schema::{self, InputSchema};
use super::tool::{Face, Function};
use crate::error::{Error, Result};
use std::collections::HashMap;

/// The most characters of a tool's name.
const MAX_NAME: usize = 64;

/// Tools that can be called.
#[derive(Debug, Default)]
pub(super) struct Registry {
    tools: Vec<Registered>,
    places: HashMap<String, usize>,
}

/// A tool and its compiled schema.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) tool: Tool,
    pub(super) schema: InputSchema,
}

impl Registry {
    /// Checks and takes the tools.
    ///
    /// # Errors
    /// `tool_invalid`, with every problem of every tool.
    pub(super) fn new(tools: Vec<Tool>) -> Result<Registry> {
        let mut registry = Registry::default();
        let mut problems: Vec<(String, String)> = Vec::new();
        for tool in tools {
            let mut found = tool_problems(&tool);
            if registry.places.contains_key(tool.name()) {
                found.push("another tool has the same name".into());
            }
            let schema = InputSchema::compile(&tool.face.input_schema);
            if let Err(reason) = &schema {
                found.push(format!("its input schema: {reason}"));
            }
            registry.places.entry(tool.name().to_owned()).or_insert(registry.tools.len());
            problems.extend(found.into_iter().map(|problem| (tool.name().to_owned(), problem)));
            if let Ok(schema) = schema {
                registry.tools.push(Registered { tool, schema });
            }
        }
        match problems.first() {
            None => Ok(registry),
            Some((first, _)) => Err(invalid(first, &problems)),
        }
    }

    /// The tool of this name.
    pub(super) fn find(&self, name: &str) -> Option<&Registered> {
        self.tools.get(*self.places.get(name)?)
    }

    /// What the tools say of themselves, in the order in which they were handed over.
    pub(super) fn faces(&self) -> impl ExactSizeIterator<Item = &Face> {
        self.tools.iter().map(|registered| &registered.tool.face)
    }

    pub(super) fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.tools.iter().map(|registered| &registered.tool)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }
}

fn tool_problems(tool: &Tool) -> Vec<String> {
    let mut found = Vec::new();
    if !is_name(tool.name()) {
        found.push("a name is a letter, then letters, digits and `_`, at most 64 of them together".into());
    }
    if let Some(Err(reason)) = tool.face.output_schema.as_ref().map(schema::measure) {
        found.push(format!("its output schema: {reason}"));
    }
    match (&tool.function, tool.timeout_ms) {
        (_, None) => {}
        (_, Some(0)) => found.push("a timeout of 0 ms leaves no time to answer".into()),
        (Function::Inline(_), Some(_)) => {
            found.push("it has a timeout, but nothing can interrupt it: make it with `Tool::blocking`".into());
        }
        _ => {}
    }
    found
}

/// Whether a tool may have this name.
pub(super) fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
        && name.len() <= MAX_NAME
}

/// Problems of the first tool as they are, those of others with their tool's name.
fn invalid(first: &str, problems: &[(String, String)]) -> Error {
    let sentence = |(tool, problem): &(String, String)| {
        if tool == first { problem.clone() } else { format!("tool {}: {problem}", quote(tool)) }
    };
    let reason = problems.iter().map(sentence).collect::<Vec<_>>().join("; ");
    Error::ToolInvalid { tool: head(first, MAX_ECHO).to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use serde_json::json;

    #[test]
    fn good_tools_are_found_by_name_and_listed_in_order() {
        let longest = "n".repeat(64);
        let tools = ["zeta", "Alpha_2", &longest].map(Tool::suspending);
        let registry = Registry::new(tools.to_vec()).unwrap();
        assert_eq!(registry.faces().map(|face| face.name.as_str()).collect::<Vec<_>>(), ["zeta", "Alpha_2", &longest]);
        assert_eq!(registry.find("Alpha_2").unwrap().tool.name(), "Alpha_2");
        assert!(registry.find("alpha_2").is_none() && registry.faces().len() == 3);
        assert!(Registry::new(Vec::new()).unwrap().is_empty());
    }

    #[test]
    fn every_problem_of_every_tool_is_reported_at_once() {
        let longest = "n".repeat(65);
        let tools = vec![
            Tool::new("quick", |_| Ok(json!(1).into())).timeout_ms(5).input_schema(json!({"type": "string"})),
            Tool::suspending("fine").timeout_ms(5),
            Tool::suspending("fine").timeout_ms(0),
            Tool::suspending("2fast"),
            Tool::suspending("a-b"),
            Tool::suspending(""),
            Tool::suspending("ä"),
            Tool::suspending(longest),
            Tool::suspending("out").output_schema((0..100).fold(json!({}), |inner, _| json!([inner]))),
        ];
        let error = Registry::new(tools).unwrap_err();
        assert_eq!(error.code(), Code::ToolInvalid);
        let message = error.to_string();
        assert!(message.starts_with("tool `quick` is invalid: it has a timeout"), "{message}");
        for part in [
            "; its input schema: `type` must be",
            "; tool `fine`: a timeout of 0 ms",
            "; tool `fine`: another tool has the same name",
            "; tool `2fast`: a name is",
            "; tool `a-b`: a name is",
            "; tool ``: a name is",
            "; tool `ä`: a name is",
            "nn`: a name is",
            "; tool `out`: its output schema",
        ] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
    }
}

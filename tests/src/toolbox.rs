//! Tools for tests.

use crate::guests;
use sandcell::{Limits, Policy, Sandbox, Tool, ToolError};
use serde_json::{Value, json};

/// A sandbox of Python with these tools.
pub fn session(tools: impl IntoIterator<Item = Tool>) -> Sandbox {
    session_with(tools, Policy::new(), &[])
}

/// The same with a policy and limits.
pub fn session_with(tools: impl IntoIterator<Item = Tool>, policy: Policy, limits: &[(&str, u64)]) -> Sandbox {
    let limits: Limits = guests::limits(limits);
    Sandbox::builder(guests::python()).tools(tools).policy(policy).limits(limits).build().unwrap()
}

/// Knows the price of apples.
pub fn price() -> Tool {
    let schema = json!({
        "type": "object",
        "properties": {"symbol": {"type": "string", "description": "What to buy."}, "count": {"type": "integer"}},
        "required": ["symbol"],
        "additionalProperties": false,
    });
    Tool::new("price", |call| match call.arguments["symbol"].as_str() {
        Some("apple") => Ok((1.25 * call.arguments.get("count").and_then(Value::as_f64).unwrap_or(1.0)).into()),
        _ => Err(ToolError::new("there is no such symbol").detail("secret table 7")),
    })
    .description("The price of so many pieces, in euros.")
    .input_schema(schema)
    .output_schema(json!({"type": "number"}))
    .read_only(true)
}

/// Gives its arguments back.
pub fn echo() -> Tool {
    Tool::new("echo", |call| Ok(Value::Object(call.arguments).into())).description("Gives its arguments back.")
}

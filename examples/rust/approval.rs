//! An approval flow: a program may look prices up by itself, and a person must agree to what it buys.
//! While they think about it the program waits, and costs no time, no thread and no second run.
//!
//! Needs the Python image: `sandcell image build python`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use sandcell::{
    ArgumentRule, CallOutcome, Engine, Image, Outcome, Policy, Program, Sandbox, Status, SuspendedCall, Tool,
    ToolError, ToolErrorKind, ToolPolicy, ToolRule,
};
use serde_json::{Value, json};
use std::error::Error;

/// "The model's" program: one run, four calls that need nobody, three that need a person.
const SHOPPING: &str = r#"
from host import ToolDenied, tools

wanted = {"lamp": 3, "desk": 1, "yacht": 1, "chair": 400}
spent = 0.0
for product, count in wanted.items():
    total = tools.price(product) * count
    try:
        receipt = tools.purchase(product, count, total)
    except ToolDenied as refusal:
        print(f"{product}: not bought: {refusal}")
        continue
    spent += receipt["paid"]
    print(f"{product}: {receipt['number']}")
spent
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::new()?;
    let image = Image::load(&engine, "python")?;
    // What no person needs to be asked about, as data: at most a hundred pieces of one kind.
    let few = ToolRule::new().calls(10).argument("count", ArgumentRule::new().minimum(1).maximum(100));
    let policy = Policy::new().tools(ToolPolicy::new().allow(["price", "purchase"]).rule("purchase", few));
    let mut sandbox = Sandbox::builder(&image).policy(policy).tools([price(), purchase()]).build()?;

    let mut outcome = sandbox.run(Program::code(SHOPPING).named("shopping.py"))?;
    let mut asked = 0;
    while let Status::Suspended { calls, token } = outcome.status.clone() {
        // A real host keeps sandbox and token, shows the calls to somebody, and goes on minutes later.
        asked += calls.len();
        let results = calls.into_iter().map(|call| (call.id, approve(call))).collect();
        outcome = sandbox.resume(&token, results)?;
    }
    report(&outcome)?;
    expect(asked == 3, "the approver is asked three times: the chairs are too many for the policy")?;
    expect(outcome.is_success(), "the program ends as if nobody had been asked")?;
    expect(outcome.result == Some(json!(368.7)), "three lamps and a desk were paid for")?;
    let denied = outcome.tool_calls.count(CallOutcome::Error(ToolErrorKind::Denied));
    expect(denied == 2, "one purchase was refused by the approver, and one by the policy")
}

/// Anybody may look at prices.
fn price() -> Tool {
    Tool::new("price", |call| {
        let price = match call.arguments["product"].as_str() {
            Some("lamp") => 39.9,
            Some("desk") => 249.0,
            Some("chair") => 89.5,
            Some("yacht") => 1_250_000.0,
            _ => return Err(ToolError::new("there is no such product")),
        };
        Ok(json!(price).into())
    })
    .description("The price of one piece, in euros.")
    .input_schema(object(&json!({"product": {"type": "string"}})))
    .output_schema(json!({"type": "number"}))
    .read_only(true)
}

/// Nobody buys alone: there is no function, the answer comes from outside.
fn purchase() -> Tool {
    Tool::suspending("purchase")
        .description("Buys so many pieces, if a person agrees.")
        .input_schema(object(&json!({
            "product": {"type": "string"},
            "count": {"type": "integer"},
            "total": {"type": "number"},
        })))
        .destructive(true)
}

/// A schema of an object with these properties, all of them required.
fn object(properties: &Value) -> Value {
    let required: Vec<_> = properties.as_object().into_iter().flat_map(|object| object.keys()).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// The person: agrees to what costs less than 1,000 euros, and then buys it.
fn approve(call: SuspendedCall) -> Result<Value, ToolError> {
    let total = call.arguments["total"].as_f64().unwrap_or(f64::INFINITY);
    println!("{} wants {}", call.tool, Value::Object(call.arguments));
    match total < 1_000.0 {
        true => Ok(json!({"number": format!("order {}", call.id), "paid": total})),
        false => Err(ToolError::denied("that is too dear")),
    }
}

fn report(outcome: &Outcome) -> Result<(), Box<dyn Error>> {
    print!("{}", outcome.stdout_text());
    for call in &outcome.tool_calls.calls {
        let rule = call.rule.as_ref().map(|rule| format!(" by {rule}")).unwrap_or_default();
        println!("call of {}: {}{rule}", call.tool, call.outcome);
    }
    println!("spent: {}", serde_json::to_string(&outcome.result)?);
    Ok(())
}

/// Fails the example, so that a test that runs it notices.
fn expect(holds: bool, promise: &str) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err(format!("broken promise: {promise}").into()) }
}

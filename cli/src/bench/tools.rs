//! What a call of a tool costs, beside the JSON that the guest makes of it.

use super::Effort;
use super::guests::{self, Guests};
use super::results::{Bound, Results};
use super::timing::{Samples, in_turns, timed};
use crate::failure::Failure;
use futures_timer::Delay;
use futures_util::future::join_all;
use sandcell::{LimitKey, Limits, Program, Sandbox, Tool};
use serde_json::json;
use std::time::Duration;

/// Calls in one turn.
const CALLS: u32 = 100;
const SETUP: &str = "import json
from host import tools
price = tools.price
price('apple')
request = {'v': 1, 'id': 7, 'op': 'call', 'tool': 'price', 'args': {'symbol': 'apple'}}
answer = '{\"v\":1,\"id\":7,\"ok\":true,\"value\":1.25}'
def calls():
    for _ in range(100): price('apple')
def texts():
    for _ in range(100):
        json.dumps(request)
        json.loads(answer)
def nothing():
    for _ in range(100): pass";

/// One call from Python to a closure and back, against the JSON alone.
pub(super) fn one_call(guests: &Guests, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let price = Tool::new("price", |_| Ok(json!(1.25).into())).input_schema(json!({
        "type": "object", "properties": {"symbol": {"type": "string"}}, "required": ["symbol"],
    }));
    let limits = Limits::new().with(LimitKey::HostCalls, 1_000_000_000)?;
    let mut sandbox = Sandbox::builder(&guests.python).tool(price).limits(limits).build()?;
    guests::run(&mut sandbox, SETUP)?;
    let sandbox = std::cell::RefCell::new(sandbox);
    let turn = |source: &str| {
        let mut sandbox = sandbox.borrow_mut();
        Ok(timed(|| Ok(sandbox.run(Program::code(source))?))?.1)
    };
    let rounds = effort.rounds(2);
    let [calls, texts, nothing] =
        in_turns(rounds, [&mut || turn("calls()"), &mut || turn("texts()"), &mut || turn("nothing()")])?;
    let each = |samples: &Samples| (samples.median() - nothing.median()) / f64::from(CALLS);
    let mut shown = Samples::default();
    shown.push(each(&calls));
    results.ratio("tool_call_ratio", "a tool call, to its JSON alone", each(&calls) / each(&texts), Bound::AtMost(3.0));
    results.time("tool_call", "tool call from Python and back", &shown, Some(25.0));
    Ok(())
}

/// Calls that wait at the same time, against one.
pub(super) fn at_once(guests: &Guests, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let wait = Tool::asynchronous("wait", |_| async {
        Delay::new(Duration::from_millis(100)).await;
        Ok(json!(1).into())
    });
    let mut sandbox = Sandbox::builder(&guests.python).tool(wait).build()?;
    guests::run(&mut sandbox, "from host import tools\nimport asyncio\ntools.wait()")?;
    let sandbox = std::cell::RefCell::new(sandbox);
    let turn = |source: &str| {
        let mut sandbox = sandbox.borrow_mut();
        Ok(timed(|| Ok(sandbox.run(Program::code(source))?))?.1)
    };
    let many = "await asyncio.gather(*(tools.aio.wait() for _ in range(32)))";
    let [one, many] = in_turns(effort.rounds(100), [&mut || turn("tools.wait()"), &mut || turn(many)])?;
    let ratio = many.median() / one.median();
    results.ratio("tool_batch_ratio", "32 calls of 100 ms at once, to one", ratio, Bound::AtMost(2.5));
    Ok(())
}

/// Sandboxes that wait for a slow tool at the same time.
const WAITING: usize = 1_000;

/// A thousand sandboxes on one thread, each of which waits for a tool that takes a second.
pub(super) fn waiting(guests: &Guests, _: Effort, results: &mut Results) -> Result<(), Failure> {
    let wait = Tool::asynchronous("wait", |_| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(threads().into())
    });
    let prototype = Sandbox::builder(&guests.python).tool(wait);
    let mut sandboxes = (0..WAITING).map(|_| prototype.clone().build()).collect::<Result<Vec<_>, _>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(Failure::io("starting a runtime"))?;
    let runs =
        sandboxes.iter_mut().map(|sandbox| sandbox.run_async(Program::code("from host import tools; tools.wait()")));
    let (outcomes, took) = timed(|| Ok(runtime.block_on(join_all(runs))))?;
    let mut most = 0;
    for outcome in outcomes {
        let outcome = outcome?;
        most = most.max(outcome.result.as_ref().and_then(serde_json::Value::as_u64).unwrap_or(0));
    }
    let seconds = took / 1e6;
    results.ratio("waiting_ratio", "1,000 sandboxes on a tool of 1 s, to one", seconds, Bound::AtMost(3.0));
    results.fact("waiting_threads", most);
    Ok(())
}

/// Threads of this process, where the system says.
fn threads() -> u64 {
    std::fs::read_dir("/proc/self/task").map_or(0, |tasks| tasks.count() as u64)
}

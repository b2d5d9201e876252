//! What a run leaves behind, put together as its outcome.

use super::hint;
use super::task::Shared;
use crate::guest::Answer;
use crate::limits::{LimitKey, Limits};
use crate::outcome::{CallOutcome, Denial, Diagnostic, Outcome, Status, ToolErrorKind, ToolRecord, Usage};
use crate::store::Report;
use crate::toolchain::Cost;

/// What a run leaves behind, before it is an outcome.
pub(super) struct Remains {
    pub(super) status: Status,
    pub(super) answer: Answer,
    pub(super) report: Report,
    /// What was found in the program before it ran.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// What compiling it took.
    pub(super) compile: Cost,
    /// What is known better than by looking at the outcome; or empty.
    pub(super) hint: String,
}

/// The outcome; `script` is the program itself, which is no file that the guest made.
pub(super) fn outcome(remains: Remains, shared: &Shared, limits: &Limits) -> Outcome {
    let Remains { status, answer, report, diagnostics, compile, hint } = remains;
    let Report { streams, files, fuel_left, peak_memory_bytes, fs_bytes, memory_refused } = report;
    let tool_calls = shared.record.as_ref().map(|record| record.lock().clone()).unwrap_or_default();
    let milliseconds = |duration: std::time::Duration| duration.as_secs_f64() * 1_000.0;
    let usage = Usage {
        fuel: limits.value(LimitKey::Fuel).saturating_sub(fuel_left),
        wall_ms: milliseconds(shared.interrupt.elapsed()),
        host_wait_ms: milliseconds(shared.interrupt.waited()),
        peak_memory_bytes,
        output_bytes: streams.stdout.written.saturating_add(streams.stderr.written),
        fs_bytes,
        host_calls: tool_calls.counts.values().sum(),
        compile_ms: milliseconds(compile.time),
        compile_fuel: compile.fuel,
    };
    let mut denials = streams.denials;
    denials.extend(denied_calls(&tool_calls));
    let mut outcome = Outcome {
        status,
        stdout: streams.stdout.bytes,
        stdout_truncated: streams.stdout.truncated,
        stderr: streams.stderr.bytes,
        stderr_truncated: streams.stderr.truncated,
        result: answer.result.or(answer.repr.map(serde_json::Value::String)),
        result_truncated: answer.truncated,
        artifacts: answer.artifacts,
        files,
        denials,
        diagnostics,
        tool_calls,
        usage,
        hint,
    };
    if outcome.hint.is_empty() {
        outcome.hint = hint::hint(&outcome, limits, memory_refused);
    }
    outcome
}

/// The most refused tools that are listed as denials; all of them are counted in the record.
const MOST_DENIALS: usize = 64;

/// Tools that were refused, each once for a rule.
fn denied_calls(record: &ToolRecord) -> Vec<Denial> {
    let mut denials: Vec<Denial> = Vec::new();
    for call in &record.calls {
        if call.outcome == CallOutcome::Error(ToolErrorKind::Denied) && denials.len() < MOST_DENIALS {
            let operation = call.rule.clone().unwrap_or_else(|| "call".to_owned());
            let denial = Denial { what: "tool".to_owned(), name: call.tool.clone(), operation };
            if !denials.contains(&denial) {
                denials.push(denial);
            }
        }
    }
    denials
}

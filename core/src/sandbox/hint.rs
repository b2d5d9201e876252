//! One sentence that a model can act on.

use crate::limits::{LimitKey, Limits};
use crate::outcome::{Outcome, Status, TrapReason};

/// The most useful thing to say about an outcome; empty when there is nothing.
///
/// `memory_refused`: the guest asked for more memory than it may have. A program that failed afterwards most
/// likely failed for that.
pub(super) fn hint(outcome: &Outcome, limits: &Limits, memory_refused: bool) -> String {
    match &outcome.status {
        Status::Raised { .. } if memory_refused => exceeded(LimitKey::MemoryBytes, limits.value(LimitKey::MemoryBytes)),
        Status::Exceeded { limit } => exceeded(*limit, limits.value(*limit)),
        Status::Trapped { reason } => trapped(*reason).to_owned(),
        Status::Suspended { calls, .. } => {
            format!("The run waits for the result of `{}`.", calls.first().map_or("a tool", |call| &call.tool))
        }
        _ if !outcome.denials.is_empty() => {
            let denial = &outcome.denials[0];
            format!("{} on {:?} was refused: the sandbox does not grant it.", denial.operation, denial.name)
        }
        _ if outcome.stdout_truncated || outcome.stderr_truncated => format!(
            "The output was cut to its first and last {} bytes: print less, or write to a file.",
            limits.value(LimitKey::OutputBytes) / 2
        ),
        _ => String::new(),
    }
}

fn exceeded(limit: LimitKey, allowed: u64) -> String {
    match limit {
        LimitKey::Fuel => {
            format!("The program was stopped after {allowed} instructions: do less work, or check for an endless loop.")
        }
        LimitKey::DeadlineMs => {
            format!("The program was stopped after {allowed} ms: do less work, or do not wait so long.")
        }
        LimitKey::HostWaitMs => {
            format!(
                "The tools that the program called took more than {allowed} ms together: call fewer, or faster ones."
            )
        }
        LimitKey::SuspendedMs => format!("The run was suspended, and nobody resumed it within {allowed} ms."),
        LimitKey::MemoryBytes => format!("The program needs more than the {allowed} bytes of memory it may use."),
        limit => format!("The program exceeded `{limit}`, which allows {allowed}."),
    }
}

fn trapped(reason: TrapReason) -> &'static str {
    match reason {
        TrapReason::StackOverflow => "The program recursed too deeply: use a loop, or less recursion.",
        TrapReason::Unreachable => "The program aborted itself; its standard error may say why.",
        _ => {
            "The program broke a rule of its own machine, such as reading outside its memory; this is a fault in native code."
        }
    }
}

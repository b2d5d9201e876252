//! A call at its beginning: judged, and started if nothing is against it.

use super::{Broker, Info, MOST_AT_ONCE, Place};
use crate::outcome::{CallOutcome, Event, ToolErrorKind, arguments_sha256};
use crate::tools::call::{ToolCall, ToolError, ToolReply};
use crate::tools::frame::CallFrame;
use crate::tools::gate::Decision;
use crate::tools::start::{Started, panicked, start};
use crate::wasi::Interrupt;
use serde_json::{Map, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// A call that may not go on.
struct Refused {
    kind: ToolErrorKind,
    message: String,
    rule: Option<String>,
}

impl Broker {
    /// Looks at calls and starts them, as many as may run at once, unless the run must stop.
    pub(super) fn begin_calls(&mut self, interrupt: &Interrupt) {
        while interrupt.check().is_ok()
            && let Some(open) = &mut self.open
            && open.running.len() < MOST_AT_ONCE
            && let Some((place, call)) = open.waiting.pop_front()
        {
            let after = self.begin(call, place);
            self.put(place, after);
        }
    }

    fn begin(&mut self, call: CallFrame, place: usize) -> Place {
        let CallFrame { tool: name, arguments } = call;
        self.made.all += 1;
        // What is only counted needs none.
        let digest = if self.record.lock().has_room() { arguments_sha256(&arguments) } else { String::new() };
        let info = Info { id: self.made.all, digest, tool: name, began: Instant::now() };
        if self.made.all > self.made.most {
            let message = format!("this run may make {} calls", self.made.most);
            return self.refuse(info, ToolErrorKind::BudgetExceeded, message, Some("host_calls"));
        }
        let toolbox = Arc::clone(&self.toolbox);
        let Some(registered) = toolbox.registry.find(&info.tool) else {
            let message = unknown(&info.tool);
            return self.refuse(info, ToolErrorKind::UnknownTool, message, None);
        };
        let mut call = ToolCall { id: info.id, tool: info.tool.clone(), arguments };
        let mut suspend = false;
        if let Some(gate) = &toolbox.gate {
            match catch_unwind(AssertUnwindSafe(|| gate.decide(&call))) {
                Ok(Decision::Allow) => {}
                Ok(Decision::Suspend) => suspend = true,
                Ok(Decision::Replace(arguments)) => call.arguments = arguments,
                Ok(Decision::Deny(reason)) => return self.refuse(info, ToolErrorKind::Denied, reason, Some("gate")),
                Err(panic) => {
                    let detail = panicked(panic.as_ref()).detail;
                    let message = format!("the call of `{}` was refused", info.tool);
                    self.note(&info, CallOutcome::Error(ToolErrorKind::Denied), 0, Some("gate"), detail);
                    return Place::Done(Err((ToolErrorKind::Denied, message)));
                }
            }
        }
        if let Err(Refused { kind, message, rule }) = self.judge(&call) {
            return self.refuse(info, kind, message, rule.as_deref());
        }
        if let Err(message) = registered.schema.check(&call.arguments) {
            return self.refuse(info, ToolErrorKind::InvalidArguments, message, None);
        }
        self.tell(|| Event::ToolCall { id: call.id, tool: call.tool.clone(), arguments: call.arguments.clone() });
        if suspend {
            return Place::Suspended(info, call.arguments);
        }
        // Kept for a reply that says "pending".
        let arguments = call.arguments.clone();
        match start(&registered.tool, &self.threads, call, place) {
            Started::Replied(reply) => self.replied(info, arguments, reply),
            Started::Suspended => Place::Suspended(info, arguments),
            Started::Running(running) => {
                if let Some(open) = &mut self.open {
                    open.running.push(running);
                }
                Place::Running(info, arguments)
            }
        }
    }

    /// Whether the policy lets the call go on.
    fn judge(&mut self, call: &ToolCall) -> Result<(), Refused> {
        let rules = &self.toolbox.rules;
        if !rules.allows(&call.tool) {
            let message = format!("the policy does not allow tool `{}`", call.tool);
            return Err(Refused { kind: ToolErrorKind::Denied, message, rule: Some("allow".into()) });
        }
        let made = self.made.of(&call.tool);
        if let Some(most) = rules.most_calls(&call.tool)
            && *made >= most
        {
            let message = format!("this run may call `{}` {most} times", call.tool);
            return Err(Refused { kind: ToolErrorKind::BudgetExceeded, message, rule: Some("calls".into()) });
        }
        *made += 1;
        rules.check(&call.tool, &call.arguments).map_err(|violation| Refused {
            kind: ToolErrorKind::Denied,
            message: violation.message,
            rule: Some(violation.rule),
        })
    }

    pub(super) fn replied(
        &mut self,
        info: Info,
        arguments: Map<String, Value>,
        reply: Result<ToolReply, ToolError>,
    ) -> Place {
        match reply {
            Ok(ToolReply::Pending) => Place::Suspended(info, arguments),
            Ok(ToolReply::Value(value)) => Place::Done(self.done(info, value)),
            Err(error) => Place::Done(Err(self.failed(info, error))),
        }
    }

    fn refuse(&mut self, info: Info, kind: ToolErrorKind, message: String, rule: Option<&str>) -> Place {
        self.note(&info, CallOutcome::Error(kind), 0, rule, None);
        Place::Done(Err((kind, message)))
    }
}

pub(super) fn unknown(name: &str) -> String {
    format!("there is no tool `{}`", name.chars().take(64).collect::<String>())
}

//! Requests read and answers put.

use super::begin::unknown;
use super::{Broker, Done, Form, Info, Open, Place, Refusal, Request};
use crate::outcome::{CallOutcome, ToolCallRecord, ToolErrorKind};
use crate::tools::call::ToolError;
use crate::tools::frame::{self, Frame};
use crate::tools::tool::Face;
use crate::tools::{declare, search};
use serde_json::{Value, json};

/// The version of answers to what could not be read.
const VERSION: u8 = 1;

impl Broker {
    pub(super) fn understand(&mut self, request: Request) -> Open {
        match request {
            Request::TooLarge(bytes) => {
                self.count_frame(ToolErrorKind::TooLarge, bytes);
                let message = format!("the request has {bytes} bytes, which is more than it may have");
                ready(frame::error(VERSION, None, ToolErrorKind::TooLarge, &message))
            }
            Request::Frame(bytes) if !self.afford(frame::parsed_bytes(&bytes).saturating_mul(self.copies())) => {
                self.count_frame(ToolErrorKind::TooLarge, bytes.len() as u64);
                let message = "the request does not fit into `host_bytes`";
                ready(frame::error(VERSION, None, ToolErrorKind::TooLarge, message))
            }
            Request::Frame(bytes) => match frame::parse(&bytes) {
                Ok(frame) => self.open(frame, bytes.len() as u64),
                Err(refused) => {
                    self.count_frame(ToolErrorKind::Protocol, bytes.len() as u64);
                    ready(frame::error(VERSION, refused.id, ToolErrorKind::Protocol, &refused.message))
                }
            },
        }
    }

    /// How often the arguments of a call exist at the same time: for the tool, for a reply that says
    /// "pending", and for whoever follows the run.
    fn copies(&self) -> u64 {
        if self.outlet.is_some() { 3 } else { 2 }
    }

    fn open(&self, frame: Frame, request_bytes: u64) -> Open {
        let Frame { v, id, request } = frame;
        let toolbox = &self.toolbox;
        let allowed = || toolbox.registry.faces().filter(|face| toolbox.rules.allows(&face.name));
        let answer = match request {
            frame::Request::Call(call) => return Open::of(Form::Call { v, id }, request_bytes, vec![call]),
            frame::Request::Batch(calls) => return Open::of(Form::Batch { v, id }, request_bytes, calls),
            frame::Request::List => frame::tools(v, id, allowed(), self.result_bytes),
            frame::Request::Search { query, limit } => {
                let found = search::search(allowed(), &query, limit);
                let found =
                    found.into_iter().map(|face| json!({"name": face.name, "description": search::summary(face)}));
                frame::value(v, id, &found.collect(), self.result_bytes)
            }
            frame::Request::Describe { names, language } => {
                let mut faces: Vec<&Face> = Vec::new();
                for name in &names {
                    let found = toolbox.registry.find(name).filter(|_| toolbox.rules.allows(name));
                    let Some(registered) = found else {
                        return ready(frame::error(v, Some(id), ToolErrorKind::UnknownTool, &unknown(name)));
                    };
                    if !faces.iter().any(|face| face.name == *name) {
                        faces.push(&registered.tool.face);
                    }
                }
                let text = declare::declare(faces.into_iter(), language);
                frame::value(v, id, &text.into(), self.result_bytes)
            }
        };
        ready(answer.unwrap_or_else(|reason| frame::error(v, Some(id), reason.kind(), &reason.to_string())))
    }

    /// What the guest gets of a call that gave a value, recorded. The results of a batch may be as large
    /// together as that of one call.
    pub(super) fn done(&mut self, info: Info, value: Value) -> Result<Done, Refusal> {
        let (v, id, is_batch, most) = match &self.open {
            Some(Open { form: Form::Call { v, id }, .. }) => (*v, *id, false, self.result_bytes),
            Some(Open { form: Form::Batch { v, id }, results_bytes, .. }) => {
                (*v, *id, true, self.result_bytes.saturating_sub(*results_bytes))
            }
            _ => (VERSION, 0, false, self.result_bytes),
        };
        match frame::value(v, id, &value, most) {
            Ok(answer) => {
                if let Some(open) = &mut self.open {
                    open.results_bytes += answer.len();
                }
                self.note(&info, CallOutcome::Ok, answer.len() as u64, None, None);
                Ok(if is_batch { Done::Value(value) } else { Done::Answer(answer) })
            }
            Err(reason) => {
                let kind = reason.kind();
                self.note(&info, CallOutcome::Error(kind), 0, None, Some(reason.to_string()));
                Err((kind, format!("the result of `{}`: {reason}", info.tool)))
            }
        }
    }

    /// What the guest is told of a call that failed, recorded.
    pub(super) fn failed(&self, info: Info, error: ToolError) -> Refusal {
        let ToolError { kind, message, detail } = error;
        self.note(&info, CallOutcome::Error(kind), 0, None, detail);
        (kind, message.unwrap_or_else(|| format!("{} failed (internal error)", info.tool)))
    }

    /// The answer to a request all of whose calls are done.
    pub(super) fn answer(&mut self, open: Open) -> Vec<u8> {
        let results = open.places.into_iter().map(|place| match place {
            Place::Done(result) => result,
            Place::Waiting | Place::Running(..) | Place::Suspended(..) => {
                Err((ToolErrorKind::ToolError, "the call was lost".to_owned()))
            }
        });
        let (v, id) = match open.form {
            Form::Call { v, id } | Form::Batch { v, id } => (v, Some(id)),
            Form::Ready(_) => (VERSION, None),
        };
        let answer = match open.form {
            Form::Ready(answer) => answer,
            Form::Call { v, id } => match results.last() {
                Some(Ok(Done::Answer(answer))) => answer,
                Some(Err((kind, message))) => frame::error(v, Some(id), kind, &message),
                _ => frame::error(v, Some(id), ToolErrorKind::ToolError, "the call was lost"),
            },
            Form::Batch { v, id } => {
                let results: Vec<_> = results
                    .map(|result| {
                        result.map(|done| match done {
                            Done::Value(value) => value,
                            Done::Answer(_) => Value::Null,
                        })
                    })
                    .collect();
                frame::batch(v, id, &results, self.result_bytes)
                    .unwrap_or_else(|reason| frame::error(v, Some(id), reason.kind(), &reason.to_string()))
            }
        };
        self.give_back();
        if !self.afford(answer.len() as u64) {
            return frame::error(v, id, ToolErrorKind::TooLarge, "the answer does not fit into `host_bytes`");
        }
        answer
    }

    /// Reserves what the host is about to allocate, until [`give_back`](Broker::give_back).
    fn afford(&mut self, bytes: u64) -> bool {
        let fits = self.host_bytes.reserve(bytes).is_ok();
        if fits {
            self.held += bytes;
        }
        fits
    }

    pub(super) fn give_back(&mut self) {
        self.host_bytes.release(std::mem::take(&mut self.held));
    }

    /// Counts a request that is no call.
    fn count_frame(&self, kind: ToolErrorKind, request_bytes: u64) {
        self.record.lock().add(ToolCallRecord {
            tool: String::new(),
            arguments_sha256: String::new(),
            request_bytes,
            result_bytes: 0,
            outcome: CallOutcome::Error(kind),
            rule: None,
            detail: None,
            ms: 0.0,
        });
    }
}

fn ready(answer: Vec<u8>) -> Open {
    Open::of(Form::Ready(answer), 0, Vec::new())
}

//! The calls of one run: judged, started, settled, recorded.
//!
//! Works on the stack of whoever drives the run. A guest asks one thing at a time, which may be many
//! calls; they run side by side.

mod answers;
mod begin;

use super::call::{ToolError, ToolReply};
use super::frame::CallFrame;
use super::start::Running;
use super::threads::Threads;
use super::toolbox::Toolbox;
use crate::limits::{Budget, LimitKey, Limits};
use crate::outcome::{CallOutcome, Event, SuspendedCall, ToolCallRecord, ToolErrorKind, ToolRecord};
use crate::wasi::{Interrupt, Outlet};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// Calls of one request that run at the same time; the others wait for their turn.
const MOST_AT_ONCE: usize = 64;

/// What a guest asks.
pub(crate) enum Request {
    Frame(Vec<u8>),
    /// A frame of so many bytes, which was not read.
    TooLarge(u64),
}

/// The result of a suspended call, by the call's number.
pub(crate) type CallResult = (u64, Result<Value, ToolError>);

/// What the guest learns of a call that gave no value.
type Refusal = (ToolErrorKind, String);

/// The tools of one run.
pub(crate) struct Broker {
    toolbox: Arc<Toolbox>,
    threads: Threads,
    outlet: Option<Arc<Outlet>>,
    record: Arc<Mutex<ToolRecord>>,
    made: Made,
    result_bytes: usize,
    host_bytes: Arc<Budget>,
    /// What the request and its answer count, until the next request.
    held: u64,
    open: Option<Open>,
}

/// Counts of the calls that were made.
struct Made {
    most: u64,
    all: u64,
    by_tool: BTreeMap<String, u64>,
}

/// A request that is not answered yet.
struct Open {
    form: Form,
    request_bytes: u64,
    /// Calls that have not been looked at.
    waiting: VecDeque<(usize, CallFrame)>,
    running: FuturesUnordered<Running>,
    places: Vec<Place>,
    /// Size of the results so far, which the host keeps until the last one is there.
    results_bytes: usize,
}

/// How the answer is to be put.
enum Form {
    /// It is there already.
    Ready(Vec<u8>),
    Call {
        v: u8,
        id: u64,
    },
    Batch {
        v: u8,
        id: u64,
    },
}

enum Place {
    Waiting,
    Running(Info, Map<String, Value>),
    Suspended(Info, Map<String, Value>),
    Done(Result<Done, Refusal>),
}

/// What the guest gets of a call that gave a value.
enum Done {
    Value(Value),
    /// The whole answer, for a request of one call.
    Answer(Vec<u8>),
}

/// What is recorded of a call once it has ended.
struct Info {
    id: u64,
    tool: String,
    digest: String,
    began: Instant,
}

impl Broker {
    pub(crate) fn new(
        toolbox: Arc<Toolbox>,
        threads: Threads,
        limits: &Limits,
        host_bytes: Arc<Budget>,
        outlet: Option<Arc<Outlet>>,
    ) -> Broker {
        let made = Made { most: limits.value(LimitKey::HostCalls), all: 0, by_tool: BTreeMap::new() };
        let result_bytes = usize::try_from(limits.value(LimitKey::HostResultBytes)).unwrap_or(usize::MAX);
        Broker { toolbox, threads, outlet, record: Arc::default(), made, result_bytes, host_bytes, held: 0, open: None }
    }

    /// What is known of the calls, for the outcome.
    pub(crate) fn record(&self) -> Arc<Mutex<ToolRecord>> {
        Arc::clone(&self.record)
    }

    /// Takes a request, which [`poll`](Broker::poll) then works on.
    pub(crate) fn ask(&mut self, request: Request) {
        self.give_back();
        self.open = Some(self.understand(request));
    }

    /// Whether a request has been taken and not answered.
    pub(crate) fn is_busy(&self) -> bool {
        self.open.is_some()
    }

    /// Whether the request calls tools, and is not merely about them.
    pub(crate) fn calls_tools(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !matches!(open.form, Form::Ready(_)))
    }

    /// Whether all that is missing for the answer must come from outside.
    pub(crate) fn is_suspended(&self) -> bool {
        self.open.as_ref().is_some_and(|open| {
            open.running.is_empty()
                && open.waiting.is_empty()
                && open.places.iter().any(|place| matches!(place, Place::Suspended(..)))
        })
    }

    /// The calls whose results must come from outside.
    pub(crate) fn suspended_calls(&self) -> Vec<SuspendedCall> {
        let places = self.open.iter().flat_map(|open| &open.places);
        let calls = places.filter_map(|place| match place {
            Place::Suspended(info, arguments) => {
                Some(SuspendedCall { id: info.id, tool: info.tool.clone(), arguments: arguments.clone() })
            }
            _ => None,
        });
        calls.collect()
    }

    /// Takes results from outside. Those of calls that nobody waits for are dropped.
    pub(crate) fn settle(&mut self, results: Vec<CallResult>) {
        for (id, result) in results {
            let Some(open) = &mut self.open else { return };
            let place =
                open.places.iter().position(|place| matches!(place, Place::Suspended(info, _) if info.id == id));
            if let Some(place) = place
                && let Place::Suspended(info, _) = std::mem::replace(&mut open.places[place], Place::Waiting)
            {
                let after = self.replied(info, Map::new(), result.map(ToolReply::Value));
                self.put(place, after);
            }
        }
    }

    /// Works on the request; gives the answer once it is complete, and none when the run must stop.
    pub(crate) fn poll(&mut self, interrupt: &Interrupt, context: &mut Context<'_>) -> Poll<Vec<u8>> {
        loop {
            self.begin_calls(interrupt);
            if interrupt.is_stopped() {
                return Poll::Pending;
            }
            let Some(open) = &mut self.open else { return Poll::Pending };
            match open.running.poll_next_unpin(context) {
                Poll::Ready(Some((place, reply))) => {
                    if let Place::Running(info, arguments) = std::mem::replace(&mut open.places[place], Place::Waiting)
                    {
                        let after = self.replied(info, arguments, reply);
                        self.put(place, after);
                    }
                }
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) if open.waiting.is_empty() => break,
                Poll::Ready(None) => {}
            }
        }
        if self.is_suspended() {
            return Poll::Pending;
        }
        match self.open.take() {
            Some(open) => Poll::Ready(self.answer(open)),
            None => Poll::Pending,
        }
    }

    /// The run has ended: calls under way are given up, and recorded as that.
    pub(crate) fn stop(&mut self, kind: ToolErrorKind) {
        let Some(open) = &mut self.open else { return };
        drop(std::mem::take(&mut open.running));
        for place in std::mem::take(&mut open.places) {
            if let Place::Running(info, _) | Place::Suspended(info, _) = place {
                self.note(&info, CallOutcome::Error(kind), 0, None, None);
            }
        }
        self.open = None;
    }

    /// Whether somebody who follows the run has not yet taken all that was told.
    pub(crate) fn has_told(&self) -> bool {
        self.outlet.as_ref().is_some_and(|outlet| !outlet.is_empty())
    }

    fn note(&self, info: &Info, outcome: CallOutcome, result_bytes: u64, rule: Option<&str>, detail: Option<String>) {
        let ms = info.began.elapsed().as_secs_f64() * 1_000.0;
        let request_bytes = self.open.as_ref().map_or(0, |open| open.request_bytes);
        self.record.lock().add(ToolCallRecord {
            tool: info.tool.clone(),
            arguments_sha256: info.digest.clone(),
            request_bytes,
            result_bytes,
            outcome,
            rule: rule.map(str::to_owned),
            detail,
            ms,
        });
        self.tell(|| Event::ToolResult { id: info.id, tool: info.tool.clone(), outcome, ms });
    }

    fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(outlet) = &self.outlet {
            outlet.push(event());
        }
    }

    fn put(&mut self, place: usize, what: Place) {
        if let Some(open) = &mut self.open {
            open.places[place] = what;
        }
    }
}

impl Made {
    /// How often the tool was called.
    fn of(&mut self, tool: &str) -> &mut u64 {
        if !self.by_tool.contains_key(tool) {
            self.by_tool.insert(tool.to_owned(), 0);
        }
        self.by_tool.entry(tool.to_owned()).or_default()
    }
}

impl Open {
    fn of(form: Form, request_bytes: u64, calls: Vec<CallFrame>) -> Open {
        let places = calls.iter().map(|_| Place::Waiting).collect();
        let waiting = calls.into_iter().enumerate().collect();
        Open { form, request_bytes, waiting, running: FuturesUnordered::new(), places, results_bytes: 0 }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop(ToolErrorKind::Cancelled);
        self.give_back();
    }
}

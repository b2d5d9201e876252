//! Starting runs, driving them, and taking what came of them.

use super::outcome::{Remains, outcome};
use super::prepare::{Prepared, prepare};
use super::program::OwnFiles;
use super::task::{Finished, Returned, Shared, Step, Task};
use super::turn::{self, Work};
use super::{AWAY, Body, GONE, Program, Sandbox, command, compiled};
use crate::error::{Error, Result};
use crate::guest::Answer;
use crate::image::Kind;
use crate::limits::{LimitKey, Limits};
use crate::outcome::{Event, Outcome, Status};
use crate::store::{Desk, Suspension};
use crate::toolchain::Cost;
use crate::tools::{Broker, CallResult};
use crate::wasi::{Interrupt, Outlet, Setup, Stdin};
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// What the end of a program may use when a session is closed.
const CLOSE_FUEL: u64 = 5_000_000_000;
const CLOSE_MS: u64 = 2_000;

/// How a run is to be done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
    /// Up to what follows the program's last line, and then the session ends.
    pub(super) to_end: bool,
    /// Somebody follows what happens.
    pub(super) followed: bool,
}

impl Sandbox {
    /// Starts a run; nothing of it happens before it is driven.
    pub(super) fn begin(&mut self, program: Program, manner: Manner) -> Result<()> {
        self.make_way()?;
        self.board()?;
        let begun = self.begin_aboard(program, manner);
        if begun.is_err() {
            self.leave();
        }
        begun
    }

    fn begin_aboard(&mut self, program: Program, manner: Manner) -> Result<()> {
        self.image.engine().check_handlers()?;
        let limits = self.limits.clone();
        let (program, job) = match prepare(program, &self.image, &self.compile_limits)? {
            Prepared::Ready(program) => (program, None),
            Prepared::Compile(job, program) => (program, Some(*job)),
        };
        match &mut self.body {
            Body::Command { vfs } => {
                if let (Some(project), Some(folder)) = (&program.project, &self.image.invocation().scripts) {
                    vfs.as_mut().ok_or(GONE)?.place_project(folder, &project.files)?;
                }
                let (args, stdin) = program.into_arguments(&self.image)?;
                let env = command::environment(&self.image.invocation().env, &self.policy.env);
                let mut tree = *vfs.take().ok_or(GONE)?;
                tree.begin_run();
                let (shared, broker) = self.shared(&limits, manner);
                let setup = Setup {
                    args,
                    env,
                    vfs: tree,
                    clock: Arc::clone(&self.clock),
                    seed: self.policy.seed,
                    stdin,
                    limits: limits.clone(),
                    host_bytes: Arc::clone(&self.host_bytes),
                    interrupt: Arc::clone(&shared.interrupt),
                };
                self.task = Some(match (job, self.image.kind()) {
                    (Some(job), _) => {
                        let compile_ms = self.compile_limits.value(LimitKey::DeadlineMs);
                        let future = compiled::run(job, compile_ms, setup, shared.clone(), broker);
                        self.task(future, shared, limits)
                    }
                    (None, Kind::Command(guest)) => {
                        let future = command::run(guest.clone(), setup, shared.clone(), broker);
                        self.task(future, shared, limits)
                    }
                    (None, Kind::Reactor(_)) => return Err(GONE),
                });
            }
            Body::Session(session) => {
                let driver = session.live(&limits)?.driver();
                let about = super::program::About {
                    image: &self.image,
                    policy: &self.policy,
                    limits: &limits,
                    driver,
                    seeding: session.seeding(),
                    tools: session.news(self.toolbox.as_deref()),
                    followed: manner.followed,
                };
                let turn = program.into_turn(&about)?;
                match (&turn.files, session.vfs()) {
                    (OwnFiles::Script(path, source), Some(vfs)) => vfs.write_file(path, source.as_bytes())?,
                    (OwnFiles::Project(folder, files), Some(vfs)) => vfs.place_project(folder, files)?,
                    _ => {}
                }
                let work = if manner.to_end { Work::LastTurn(turn.request) } else { Work::Turn(turn.request) };
                self.begin_turn(work, turn.before, turn.stdin, limits, manner)?;
            }
        }
        Ok(())
    }

    /// Starts the end of a session, within a small budget.
    pub(super) fn begin_close(&mut self) -> Result<()> {
        self.make_way()?;
        if matches!(self.body, Body::Command { .. }) {
            return Err(crate::snapshot::not_a_session(&self.image));
        }
        self.board()?;
        let begun = self.begin_close_aboard();
        if begun.is_err() {
            self.leave();
        }
        begun
    }

    fn begin_close_aboard(&mut self) -> Result<()> {
        self.image.engine().check_handlers()?;
        let small = |limit, most| self.limits.value(limit).min(most);
        let mut limits = self.limits.clone().with(LimitKey::Fuel, small(LimitKey::Fuel, CLOSE_FUEL))?;
        for time in [LimitKey::DeadlineMs, LimitKey::HostWaitMs] {
            limits = limits.with(time, small(time, CLOSE_MS))?;
        }
        self.begin_turn(Work::Close, None, Stdin::empty(), limits, Manner::default())
    }

    fn begin_turn(
        &mut self,
        work: Work,
        before: Option<Vec<u8>>,
        stdin: Stdin,
        limits: Limits,
        manner: Manner,
    ) -> Result<()> {
        let Body::Session(session) = &mut self.body else { return Err(GONE) };
        let mut live = session.lend(&limits)?;
        live.store().data_mut().wasi.vfs().begin_run();
        let (shared, broker) = self.shared(&limits, manner);
        let run = turn::Run { work, before, stdin, limits: limits.clone(), shared: shared.clone(), broker };
        self.task = Some(self.task(turn::run(live, run), shared, limits));
        Ok(())
    }

    /// What a run shares with whoever drives it, and the broker of its tools.
    fn shared(&self, limits: &Limits, manner: Manner) -> (Shared, Option<Broker>) {
        let time = |limit| Duration::from_millis(limits.value(limit));
        let interrupt = Interrupt::with_host_wait(time(LimitKey::DeadlineMs), time(LimitKey::HostWaitMs));
        let outlet = manner.followed.then(|| Arc::new(Outlet::new(Arc::clone(&self.host_bytes))));
        let desk = self.toolbox.as_ref().map(|_| Arc::new(Desk::new(limits, Arc::clone(&self.host_bytes))));
        let broker = self.toolbox.as_ref().map(|toolbox| {
            Broker::new(
                Arc::clone(toolbox),
                self.tool_threads.clone(),
                limits,
                Arc::clone(&self.host_bytes),
                outlet.clone(),
            )
        });
        let record = broker.as_ref().map(Broker::record);
        (Shared { interrupt: Arc::new(interrupt), desk, outlet, record, abandoned: Arc::default() }, broker)
    }

    fn task(&self, future: impl Future<Output = Finished> + Send + 'static, shared: Shared, limits: Limits) -> Task {
        let running = self.cancel.begin(&shared.interrupt);
        Task::new(future, shared, limits, running)
    }

    /// Drives the run under way until something is to be told.
    pub(super) fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<Event>> {
        let Some(task) = &mut self.task else { return Poll::Ready(Err(GONE)) };
        Poll::Ready(match ready!(task.poll(context)) {
            Step::Event(event) => Ok(event),
            Step::Suspended(suspension) => self.suspend(*suspension).map(ended),
            Step::Finished(finished) => match self.task.take() {
                Some(task) => self.conclude(*finished, &task.shared, &task.limits).map(ended),
                None => Err(GONE),
            },
        })
    }

    /// Drives the run under way to its end, or until it is suspended.
    pub(super) async fn finish(&mut self) -> Result<Outcome> {
        let guard = Abandon(self);
        poll_fn(|context| {
            loop {
                match ready!(guard.0.poll_event(context)) {
                    Ok(Event::Ended(outcome)) => return Poll::Ready(Ok(*outcome)),
                    Ok(_) => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        })
        .await
    }

    /// Ends a run that somebody left half-way.
    pub(super) fn abandon(&mut self) {
        if let Some(task) = self.task.take() {
            let finished = task.give_up();
            self.take_back(finished.body, Some("an earlier run was dropped before its end"));
        }
    }

    /// Nothing is under way when a run starts.
    pub(super) fn make_way(&mut self) -> Result<()> {
        match &self.task {
            Some(task) if task.suspended.is_some() && !task.is_overdue() => Err(AWAY),
            Some(task) if task.suspended.is_some() => {
                self.expire();
                Ok(())
            }
            _ => {
                self.abandon();
                Ok(())
            }
        }
    }

    /// Ends a run that was suspended for too long.
    fn expire(&mut self) -> Option<Result<Outcome>> {
        let task = self.task.take()?;
        let (shared, limits) = (task.shared.clone(), task.limits.clone());
        let Finished { body, remains } = task.give_up();
        self.take_back(body, Some("a run was suspended for longer than `suspended_ms` allows"));
        let status = Status::Exceeded { limit: LimitKey::SuspendedMs };
        Some(remains.map(|remains| outcome(Remains { status, ..remains }, &shared, &limits)))
    }

    /// Gives the suspended run the results that it waits for.
    ///
    /// `Some` if it ended instead.
    pub(super) fn take_results(&mut self, token: &str, results: Vec<CallResult>) -> Result<Option<Outcome>> {
        let invalid = |reason: String| Err(Error::ResumeInvalid { reason });
        let Some((task, suspended)) = self.task.as_mut().and_then(|task| {
            let suspended = task.suspended.take()?;
            Some((task, suspended))
        }) else {
            return invalid("no run of this sandbox is suspended".to_owned());
        };
        let problem = suspended.problem(token, &results);
        let desk = task.shared.desk.clone();
        let overdue = suspended.is_overdue(&task.limits);
        match (problem, desk) {
            _ if overdue => self.expire().transpose(),
            (None, Some(desk)) => {
                desk.resume(results);
                Ok(None)
            }
            (problem, _) => {
                task.suspended = Some(suspended);
                invalid(problem.unwrap_or_else(|| "the run has no tools".to_owned()))
            }
        }
    }

    fn suspend(&mut self, suspension: Suspension) -> Result<Outcome> {
        let Suspension { calls, report } = suspension;
        let token = token()?;
        let Some(task) = &mut self.task else { return Err(GONE) };
        task.suspend(token.clone(), calls.iter().map(|call| call.id).collect());
        let mut outcome = outcome(
            Remains {
                status: Status::Suspended { calls: calls.clone(), token },
                answer: Answer::default(),
                report,
                diagnostics: Vec::new(),
                compile: Cost::default(),
                hint: String::new(),
            },
            &task.shared,
            &task.limits,
        );
        for call in &calls {
            outcome.tool_calls.add(call.record());
        }
        Ok(outcome)
    }

    fn conclude(&mut self, finished: Finished, shared: &Shared, limits: &Limits) -> Result<Outcome> {
        let Finished { body, remains } = finished;
        self.take_back(body, None);
        remains.map(|remains| outcome(remains, shared, limits))
    }

    fn take_back(&mut self, body: Returned, over: Option<&str>) {
        match (&mut self.body, body) {
            (Body::Session(session), Returned::Live(live, reason)) => {
                session.take_back(live, over.or(reason.as_deref()));
            }
            (Body::Session(session), _) => session.lose(),
            (Body::Command { vfs }, Returned::Files(tree)) => *vfs = Some(tree),
            (Body::Command { .. }, _) => {}
        }
        self.leave();
    }
}

/// Ends the run when whoever drives it goes away.
pub(super) struct Abandon<'a>(pub(super) &'a mut Sandbox);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if self.0.task.as_ref().is_some_and(|task| task.suspended.is_none()) {
            self.0.abandon();
        }
    }
}

fn ended(outcome: Outcome) -> Event {
    Event::Ended(Box::new(outcome))
}

/// A name for one suspension that nobody guesses.
fn token() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::host_io("asking for randomness")(std::io::Error::other(error.to_string())))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

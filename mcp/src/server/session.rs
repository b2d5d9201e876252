//! The session on its thread: it does one thing after the other, and whoever asked can give up.

use super::Offer;
use crate::error::Error;
use sandcell::{CancelHandle, FilesDiff, Outcome, Program, Sandbox, Status};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// What is asked of a session.
pub(super) enum Work {
    Run { code: String },
    Write { path: String, content: Vec<u8> },
    Read { path: String },
    List,
    Reset,
}

/// What came of it.
pub(super) enum Done {
    Ran {
        outcome: Box<Outcome>,
        /// Why the session before was replaced, if it was.
        replaced: Option<String>,
    },
    Written,
    Content(Vec<u8>),
    Files(FilesDiff),
    Reset,
    /// Nobody waited for it any more.
    GivenUp,
}

type Answer = Result<Done, sandcell::Error>;

struct Job {
    id: u64,
    work: Work,
    given_up: Arc<AtomicBool>,
    answer: oneshot::Sender<Answer>,
}

/// The run under way, which can be cancelled.
type Running = Arc<Mutex<Option<(u64, CancelHandle)>>>;

/// A session with its thread.
pub(super) struct Session {
    door: Door,
    thread: thread::JoinHandle<()>,
}

/// Where work is handed in. Clones are references.
#[derive(Clone)]
pub(super) struct Door {
    jobs: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
    running: Running,
    next: Arc<AtomicU64>,
}

impl Session {
    /// Makes the first sandbox, so that an offer that cannot be kept is refused before anything runs.
    pub(super) fn start(offer: Offer) -> Result<Session, Error> {
        let sandbox = sandbox(&offer)?;
        let (jobs, taken) = mpsc::channel();
        let running = Running::default();
        let mut worker = Worker { offer, sandbox, over: None, running: Arc::clone(&running) };
        let thread = thread::Builder::new()
            .name("sandcell-mcp-session".to_owned())
            .spawn(move || taken.into_iter().for_each(|job| worker.take(job)))
            .map_err(|source| Error::HostIo { operation: "starting a thread", source })?;
        let door = Door { jobs: Arc::new(Mutex::new(Some(jobs))), running, next: Arc::default() };
        Ok(Session { door, thread })
    }

    pub(super) fn door(&self) -> Door {
        self.door.clone()
    }

    /// Cancels what is under way, and everything after it.
    pub(super) fn end(self) {
        lock(&self.door.jobs).take();
        while !self.thread.is_finished() {
            if let Some((_, run)) = &*lock(&self.door.running) {
                run.cancel();
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.thread.join().ok();
    }
}

impl Door {
    /// Does one thing. A future that is dropped has given up.
    pub(super) async fn ask(&self, work: Work) -> Answer {
        let gone = || sandcell::Error::Internal { reason: "the session's thread has ended".into() };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { id, given_up: Arc::default(), running: Arc::clone(&self.running) };
        let job = Job { id, work, given_up: Arc::clone(&waiting.given_up), answer };
        lock(&self.jobs).as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// Somebody waits; when this is dropped, nobody does.
struct Waiting {
    id: u64,
    given_up: Arc<AtomicBool>,
    running: Running,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::SeqCst);
        // Only this job's own run: another may be under way.
        if let Some((_, run)) = lock(&self.running).as_ref().filter(|(id, _)| *id == self.id) {
            run.cancel();
        }
    }
}

struct Worker {
    offer: Offer,
    sandbox: Sandbox,
    /// Why the session has ended.
    over: Option<String>,
    running: Running,
}

impl Worker {
    fn take(&mut self, job: Job) {
        let Job { id, work, given_up, answer } = job;
        let done = match work {
            _ if given_up.load(Ordering::SeqCst) => Ok(Done::GivenUp),
            Work::Run { code } => self.run(id, &given_up, &code),
            Work::Write { path, content } => self.write(&path, &content),
            Work::Read { path } => self.sandbox.read_file(&path).map(Done::Content),
            Work::List => self.sandbox.files().map(Done::Files),
            Work::Reset => self.renew().map(|()| Done::Reset),
        };
        answer.send(done).ok();
    }

    fn run(&mut self, id: u64, given_up: &AtomicBool, code: &str) -> Answer {
        let mut replaced = self.replace_if_over()?;
        let mut ran = self.run_once(id, given_up, code);
        if let Err(sandcell::Error::SessionEnded { reason }) = &ran {
            replaced = Some(reason.clone());
            self.renew()?;
            ran = self.run_once(id, given_up, code);
        }
        let outcome = ran?;
        self.over = match &outcome.status {
            Status::Exceeded { limit } => Some(format!("it exceeded `{limit}`")),
            Status::Trapped { reason } => Some(format!("it trapped: {}", reason.as_str())),
            Status::Cancelled => Some("its run was cancelled".to_owned()),
            Status::Suspended { .. } => Some("it waited for an answer that nobody can give here".to_owned()),
            _ => None,
        };
        Ok(Done::Ran { outcome: Box::new(outcome), replaced })
    }

    fn run_once(&mut self, id: u64, given_up: &AtomicBool, code: &str) -> Result<Outcome, sandcell::Error> {
        let handle = self.sandbox.cancel_handle();
        *lock(&self.running) = Some((id, handle.clone()));
        // A cancellation between here and the start of the run finds no run: it is repeated by a
        // watcher as long as the run is not known to have ended.
        let outcome = thread::scope(|scope| {
            let (ended, over) = mpsc::channel::<()>();
            scope.spawn(move || {
                while over.recv_timeout(Duration::from_millis(10)) == Err(mpsc::RecvTimeoutError::Timeout) {
                    if given_up.load(Ordering::SeqCst) {
                        handle.cancel();
                    }
                }
            });
            let outcome = self.sandbox.run(Program::code(code));
            drop(ended);
            outcome
        });
        *lock(&self.running) = None;
        outcome
    }

    fn write(&mut self, path: &str, content: &[u8]) -> Answer {
        // Into the session that will run next, not into what is left of the last one.
        self.replace_if_over()?;
        self.sandbox.write_file(path, content).map(|()| Done::Written)
    }

    fn replace_if_over(&mut self) -> Result<Option<String>, sandcell::Error> {
        let Some(reason) = self.over.clone() else { return Ok(None) };
        self.renew()?;
        Ok(Some(reason))
    }

    fn renew(&mut self) -> Result<(), sandcell::Error> {
        self.sandbox = sandbox(&self.offer)?;
        self.over = None;
        Ok(())
    }
}

fn sandbox(offer: &Offer) -> Result<Sandbox, sandcell::Error> {
    let builder = Sandbox::builder(&offer.image).policy(offer.policy.clone()).limits(offer.limits.clone());
    builder.tools(offer.tools.iter().cloned()).build()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A server's process: started with a small environment, ended and reaped for certain.
//!
//! It leads a process group of its own, so that what it started ends with it. It is never waited for
//! without a bound.

use super::server::Process;
use crate::error::Fault;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// What a program needs to find others and its user's folders; nothing that is likely a secret.
const PASSED_ON: [&str; 5] = ["PATH", "HOME", "USER", "LANG", "TMPDIR"];

/// How much of standard error is kept for the host.
const STDERR_BYTES: usize = 1024;

/// How often a process that is to end is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// The longest that the system may take to end a process that was killed.
const KILLED: Duration = Duration::from_millis(500);

/// A running process; dropping it kills and reaps it.
pub(super) struct Child {
    child: tokio::process::Child,
    pid: Pid,
    reaped: bool,
    stderr: JoinHandle<String>,
}

/// Starts the program; its streams are for the transport.
pub(super) fn start(process: &Process) -> Result<(Child, ChildStdout, ChildStdin), Fault> {
    let mut command = Command::new(&process.program);
    command.args(&process.args).env_clear();
    command.envs(PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.envs(process.env.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0);

    let not_started = |reason: &dyn std::fmt::Display| Fault::NotStarted { reason: reason.to_string() };
    let mut child = command.spawn().map_err(|error| not_started(&error))?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let (Some(pid), Some(stdin), Some(stdout), Some(stderr)) =
        (pid, child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(not_started(&"it has no process id or no streams"));
    };
    Ok((Child { child, pid, reaped: false, stderr: tokio::spawn(tail(stderr)) }, stdout, stdin))
}

impl Child {
    /// Waits for the process to end by itself, asks it to, ends it; with its whole group. Returns how
    /// it ended, if it did so by itself.
    pub(super) async fn end(mut self, patience: Duration) -> Option<Fault> {
        let by_itself = self.ended_within(patience).await;
        if !by_itself {
            self.signal(Signal::TERM);
            self.ended_within(patience).await;
        }
        // Before it is reaped: as long as it is not, its number is nobody else's.
        self.signal(Signal::KILL);
        let status = self.child.wait().await.ok()?;
        self.reaped = true;
        // A grandchild that left the group may hold the stream open.
        let stderr = timeout(Duration::from_millis(100), &mut self.stderr).await;
        self.stderr.abort();
        let stderr = stderr.ok().and_then(Result::ok).unwrap_or_default();
        by_itself.then(|| Fault::Ended { how: how(status), stderr })
    }

    /// Looks without reaping.
    async fn ended_within(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        loop {
            let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
            match waitid(WaitId::Pid(self.pid), look) {
                Ok(None) => (),
                Ok(Some(_)) | Err(_) => return true,
            }
            if Instant::now() >= until {
                return false;
            }
            sleep(LOOK).await;
        }
    }

    fn signal(&self, signal: Signal) {
        // Fails only when the whole group is gone.
        kill_process_group(self.pid, signal).ok();
    }
}

/// For the ways out on which nobody could wait, such as a runtime that ends.
impl Drop for Child {
    fn drop(&mut self) {
        self.stderr.abort();
        if self.reaped {
            return;
        }
        self.signal(Signal::KILL);
        let until = std::time::Instant::now() + KILLED;
        while matches!(self.child.try_wait(), Ok(None)) && std::time::Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// Reads a stream to its end and keeps the last part of it, so that the process never blocks on it.
async fn tail(mut stderr: ChildStderr) -> String {
    let mut kept = VecDeque::new();
    let mut chunk = [0; 1024];
    while let Ok(length @ 1..) = stderr.read(&mut chunk).await {
        kept.extend(&chunk[..length]);
        let excess = kept.len().saturating_sub(STDERR_BYTES);
        kept.drain(..excess);
    }
    String::from_utf8_lossy(kept.make_contiguous()).trim().to_owned()
}

//! The command line, as a process.

use crate::places;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// The longest a command may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    /// Its exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it printed as errors.
    pub stderr: String,
}

impl Ran {
    /// The one JSON object on standard output.
    ///
    /// # Panics
    /// If there is anything else.
    pub fn json(&self) -> serde_json::Value {
        let one = serde_json::from_str(&self.stdout);
        one.unwrap_or_else(|error| panic!("not one JSON object ({error}): {:?} {}", self.stdout, self.stderr))
    }
}

/// `sandcell`, with the user's cache: for images.
pub fn sandcell() -> Command {
    Command::new(places::binary("sandcell"))
}

/// `sandcell` with a cache of the tests' own: for modules, which would only fill the user's.
pub fn sandcell_for_modules() -> Command {
    let mut command = sandcell();
    command.env("SANDCELL_CACHE", places::scratch("cache"));
    command
}

/// `sandcell` with this cache.
pub fn sandcell_with_cache(cache: &Path) -> Command {
    let mut command = sandcell();
    command.env("SANDCELL_CACHE", cache);
    command
}

/// Runs a command to its end, without input.
pub fn run(command: &mut Command) -> Ran {
    run_with_input(command, b"")
}

/// Runs a command to its end.
///
/// # Panics
/// If it does not end: it is killed first.
pub fn run_with_input(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let stdout = reader(child.stdout.take().unwrap());
    let stderr = reader(child.stderr.take().unwrap());
    let status = wait(&mut child);
    // A command that did not want its input has closed it.
    let _ = writer.join().unwrap();
    let text = |reader: std::thread::JoinHandle<Vec<u8>>| String::from_utf8_lossy(&reader.join().unwrap()).into_owned();
    Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// Waits for a child to end.
///
/// # Panics
/// If it does not end in two minutes: it is killed first.
pub fn wait(child: &mut std::process::Child) -> ExitStatus {
    let began = std::time::Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("a command did not end in {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Sends a signal to a child.
pub fn signal(child: &std::process::Child, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
}

fn reader(mut from: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

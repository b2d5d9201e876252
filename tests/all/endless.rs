//! Guests that never end by themselves, each in another way.

use sandcell::{Access, Mount, Outcome, Policy, Program, Stdin};
use sandcell_tests::guests;
use std::io::Read;
use std::sync::mpsc;
use std::time::Duration;

/// One way of not ending.
pub(crate) struct Endless {
    /// For messages.
    pub(crate) name: &'static str,
    /// The file in `guests/wat`.
    pub(crate) guest: &'static str,
    input: Input,
    folder: Option<tempfile::TempDir>,
}

#[derive(Clone, Copy, PartialEq)]
enum Input {
    None,
    /// A pipe whose other end stays open and silent.
    Pipe,
    /// A reader that blocks.
    Blocked,
    /// A pipe that never runs dry.
    Flood,
}

/// All of them.
pub(crate) fn all() -> Vec<Endless> {
    let plain = [
        ("a loop", "loop_forever"),
        ("a flood of cheap calls", "clock_flood"),
        ("fills of 256 MiB", "fill_256m"),
        ("random numbers, 64 MiB each time", "random_flood"),
        ("a sleep of 100 seconds", "sleep_100s"),
        ("a flood of output", "write_flood"),
    ];
    let input = [
        ("a pipe that stays silent", Input::Pipe),
        ("a reader that blocks", Input::Blocked),
        ("a pipe that never ends", Input::Flood),
    ];
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "content").unwrap();
    let opens =
        Endless { name: "opens on a host mount", guest: "open_flood", input: Input::None, folder: Some(folder) };
    plain
        .into_iter()
        .map(|(name, guest)| Endless { name, guest, input: Input::None, folder: None })
        .chain(input.into_iter().map(|(name, input)| Endless { name, guest: "read_stdin", input, folder: None }))
        .chain([opens])
        .collect()
}

impl Endless {
    pub(crate) fn reads_input(&self) -> bool {
        self.input != Input::None
    }

    /// Runs it until a limit ends it.
    pub(crate) fn run(&self, limits: &[(&str, u64)]) -> Outcome {
        self.with_input(|program| guests::run_in(&guests::wat(self.guest), self.policy(), limits, program))
    }

    /// Runs it and cancels it once it has run for about `after`.
    pub(crate) fn cancelled_after(&self, after: Duration) -> Outcome {
        self.with_input(|program| {
            let mut sandbox = guests::sandbox(&guests::wat(self.guest), self.policy(), sandcell::Limits::new());
            let handle = sandbox.cancel_handle();
            assert!(!handle.cancel(), "there is no run yet");
            let canceller = std::thread::spawn(move || {
                std::thread::sleep(after);
                while !handle.cancel() {
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            let outcome = sandbox.run(program).unwrap();
            canceller.join().unwrap();
            outcome
        })
    }

    fn policy(&self) -> Policy {
        let mount = |folder: &tempfile::TempDir| Mount::host(folder.path(), "/", Access::ReadOnly).unwrap();
        let mut policy = Policy::new();
        policy.mounts.extend(self.folder.as_ref().map(mount));
        policy
    }

    /// The program with its input, which stays as it is until the run has ended.
    fn with_input(&self, run: impl FnOnce(Program) -> Outcome) -> Outcome {
        let program = Program::command();
        match self.input {
            Input::None => run(program),
            Input::Pipe => {
                let (read, _write) = std::io::pipe().unwrap();
                run(program.stdin(Stdin::descriptor(read.into())))
            }
            Input::Blocked => {
                let (_sender, receiver) = mpsc::channel();
                run(program.stdin(Stdin::reader(Blocked(receiver))))
            }
            Input::Flood => {
                let (read, mut write) = std::io::pipe().unwrap();
                let writer = std::thread::spawn(move || {
                    // Until the guest's end of the pipe is closed.
                    while std::io::Write::write_all(&mut write, &[1; 4096]).is_ok() {}
                });
                let outcome = run(program.stdin(Stdin::descriptor(read.into())));
                writer.join().unwrap();
                outcome
            }
        }
    }
}

/// Blocks until the sender has gone.
struct Blocked(mpsc::Receiver<()>);

impl Read for Blocked {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        let _ = self.0.recv();
        Ok(0)
    }
}

//! What this process holds: descriptors, threads, mappings, memory and temporary files. Counted
//! before and after, it shows what was not given back.

use std::fs;
use std::io::Write as _;

/// A count of the process's resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Census {
    /// Open file descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: usize,
    /// Mappings of the address space.
    pub mappings: usize,
    /// Entries of the folder for temporary files.
    pub temporary: usize,
}

impl Census {
    /// Counts now.
    pub fn take() -> Census {
        Census {
            // The listing itself holds one.
            descriptors: entries("/proc/self/fd") - 1,
            threads: entries("/proc/self/task"),
            mappings: fs::read_to_string("/proc/self/maps").unwrap().lines().count(),
            temporary: fs::read_dir(std::env::temp_dir()).unwrap().count(),
        }
    }
}

impl Census {
    /// Counts once threads that are ending have ended: as soon as two counts in a row, 50 ms apart, agree on them.
    pub fn settled() -> Census {
        let mut last = Census::take();
        for _ in 0..200 {
            std::thread::sleep(std::time::Duration::from_millis(50));
            let now = Census::take();
            if now.threads == last.threads {
                return now;
            }
            last = now;
        }
        last
    }
}

/// Resident memory of this process, in bytes.
pub fn resident_bytes() -> u64 {
    status_bytes("self", "VmRSS")
}

/// Memory of this process that it shares with nobody and no file, in bytes.
pub fn private_bytes() -> u64 {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = rollup.lines().find(|line| line.starts_with("Anonymous:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// The most memory a process has had resident, in bytes; 0 once it has gone.
pub fn peak_resident_bytes(pid: u32) -> u64 {
    status_bytes(&pid.to_string(), "VmHWM")
}

fn status_bytes(pid: &str, field: &str) -> u64 {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return 0 };
    let line = status.lines().find(|line| line.starts_with(field));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)).map_or(0, |kib| kib.parse::<u64>().unwrap());
    kib << 10
}

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).unwrap().count()
}

/// Runs `body` in a child process that runs nothing but the calling test, so that it may count
/// and change what the whole process shares. The child is this test binary, told by an
/// environment variable which test it is.
///
/// # Panics
/// If the child fails; its output is shown.
pub fn alone(body: impl FnOnce()) {
    const VARIABLE: &str = "SANDCELL_TEST_ALONE";
    let thread = std::thread::current();
    let test = thread.name().expect("the test harness names its threads");
    if std::env::var_os(VARIABLE).is_some() {
        return body();
    }
    // A folder for temporary files of its own: others come and go in the common one.
    let temporary = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--include-ignored"])
        .env(VARIABLE, test)
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && stdout.contains("1 passed"), "{}\n{stdout}\n{stderr}", output.status);
    // What the child has to say, such as a part that could not run here.
    if !stderr.is_empty() {
        say(stderr.trim_end());
    }
}

/// Says what could not be tried here. Straight to standard error: the test harness keeps what the
/// usual macros print of a test that passes.
pub fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

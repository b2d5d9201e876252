use super::*;
use std::sync::mpsc;
use std::time::{Duration, Instant};

fn input(stdin: Stdin) -> (Input, Arc<Budget>) {
    let budget = Arc::new(Budget::new(1 << 20));
    (Input::new(stdin, budget.clone()), budget)
}

/// Waits until there is an answer, as a guest would.
fn wait(input: &mut Input) -> Ready {
    let began = Instant::now();
    loop {
        if let Some(ready) = input.ready().unwrap() {
            return ready;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "no input came");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn read_all(input: &mut Input) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 1000];
    while let Ready::Bytes(_) = wait(input) {
        let len = input.read(&mut buffer);
        all.extend_from_slice(&buffer[..len]);
    }
    all
}

#[test]
fn bytes_are_served_and_then_end() {
    let (mut input, budget) = input(Stdin::bytes("hello"));
    assert_eq!(input.ready(), Ok(Some(Ready::Bytes(5))));
    let mut buffer = [0; 3];
    assert_eq!((input.read(&mut buffer), &buffer), (3, b"hel"));
    assert_eq!((input.read(&mut buffer), &buffer[..2]), (2, &b"lo"[..]));
    assert_eq!((input.read(&mut buffer), input.ready()), (0, Ok(Some(Ready::End))));
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_reader_is_not_touched_before_the_guest_asks_and_is_read_to_its_end() {
    struct Counted(mpsc::Sender<usize>, usize);
    impl Read for Counted {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0.send(buffer.len()).unwrap();
            let len = buffer.len().min(self.1);
            buffer[..len].fill(7);
            self.1 -= len;
            Ok(len)
        }
    }
    let (sender, calls) = mpsc::channel();
    let (mut input, budget) = input(Stdin::reader(Counted(sender, 200_000)));
    std::thread::sleep(Duration::from_millis(20));
    assert!(calls.try_recv().is_err());
    assert_eq!(read_all(&mut input), vec![7; 200_000]);
    assert_eq!(wait(&mut input), Ready::End);
    assert_eq!(budget.used(), READ_AHEAD_BYTES as u64);
    assert!(calls.try_iter().all(|len| len <= READ_AHEAD_BYTES));
    drop(input);
    assert_eq!(budget.used(), 0);
}

#[test]
fn an_error_and_a_panic_of_a_reader_are_failures_after_what_was_read() {
    struct Bad(u8, bool);
    impl Read for Bad {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            match (self.0, self.1) {
                (1, _) => {
                    buffer[0] = 42;
                    Ok(1)
                }
                (_, false) => Err(std::io::Error::other("unplugged")),
                (_, true) => Ok(usize::MAX),
            }
        }
    }
    for lies in [false, true] {
        let (mut input, _) = input(Stdin::reader(Bad(0, lies)));
        assert_eq!(read_all(&mut input), [42]);
        assert_eq!(wait(&mut input), Ready::Failed);
    }
}

#[test]
fn without_host_bytes_input_is_refused_and_no_thread_starts() {
    let budget = Arc::new(Budget::new(1000));
    let mut input = Input::new(Stdin::reader(std::io::empty()), budget.clone());
    assert_eq!(input.ready(), Err(Errno::Nomem));
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_reader_that_blocks_does_not_hold_up_the_end() {
    let (ours, theirs) = std::io::pipe().unwrap();
    let (mut input, _) = input(Stdin::reader(ours));
    assert_eq!(input.ready(), Ok(None));
    std::thread::sleep(Duration::from_millis(20));
    let began = Instant::now();
    drop(input);
    assert!(began.elapsed() < Duration::from_secs(5));
    drop(theirs);
}

/// Runs in a process of its own: the other tests open descriptors and threads too.
#[cfg(target_os = "linux")]
#[test]
fn a_thousand_endless_pipes_leave_no_thread_and_no_descriptor() {
    const CHILD: &str = "SANDCELL_TEST_ENDLESS_PIPES";
    if std::env::var_os(CHILD).is_none() {
        let name = "wasi::stdin::tests::a_thousand_endless_pipes_leave_no_thread_and_no_descriptor";
        let me = std::env::current_exe().unwrap();
        let status = std::process::Command::new(me).args(["--exact", name]).env(CHILD, "1").status().unwrap();
        assert!(status.success());
        return;
    }
    let count = |folder| std::fs::read_dir(folder).unwrap().count();
    let counts = || (count("/proc/self/task"), count("/proc/self/fd"));
    let before = counts();
    for round in 0..1000 {
        let (ours, mut theirs) = std::io::pipe().unwrap();
        let (mut input, budget) = input(Stdin::descriptor(ours.into()));
        if round % 3 > 0 {
            assert_eq!(input.ready(), Ok(None));
        }
        if round % 3 > 1 {
            std::io::Write::write_all(&mut theirs, b"x").unwrap();
            assert_eq!(wait(&mut input), Ready::Bytes(1));
            assert_eq!(input.read(&mut [0; 8]), 1);
        }
        drop(input);
        assert_eq!(budget.used(), 0);
    }
    assert_eq!(counts(), before);
}

#[cfg(unix)]
#[test]
fn a_descriptor_is_read_to_its_end() {
    let (ours, mut theirs) = std::io::pipe().unwrap();
    let (mut input, _) = input(Stdin::descriptor(ours.into()));
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut theirs, &[9; 300_000]).unwrap());
    assert_eq!(read_all(&mut input), vec![9; 300_000]);
    assert_eq!(wait(&mut input), Ready::End);
    writer.join().unwrap();
}

#[test]
fn a_source_that_cannot_be_read_is_kept_until_the_run_is_over() {
    struct Dropped(mpsc::Sender<()>);
    impl Read for Dropped {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Ok(0)
        }
    }
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }
    let (sender, drops) = mpsc::channel();
    let (mut input, budget) = input(Stdin::empty());
    let _source = Source::Reader(Box::new(Dropped(sender)));
    input.state = State::Broken { _source, error: Some(std::io::Error::other("no thread")) };
    assert_eq!((input.ready(), input.read(&mut [0; 4])), (Err(Errno::Io), 0));
    assert!(input.arrival().is_none() && drops.try_recv().is_err());
    assert_eq!(input.problem().unwrap().to_string(), "no thread");
    drop(input);
    drops.try_recv().unwrap();
    assert_eq!(budget.used(), 0);
}

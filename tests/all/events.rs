//! Runs that somebody follows: events in their order, under the same caps, at the reader's pace.

use sandcell::{CallOutcome, Event, FileChange, Mount, Outcome, Policy, Program, Sandbox, Status, Stdin, Stream};
use sandcell_tests::guests;
use sandcell_tests::toolbox::{price, session, session_with};
use std::io::Write as _;

fn follow(sandbox: &mut Sandbox, code: &str) -> Vec<Event> {
    sandbox.follow(Program::code(code)).unwrap().map(Result::unwrap).collect()
}

/// One word for an event.
fn word(event: &Event) -> String {
    match event {
        Event::Output { stream: Stream::Stdout, bytes } => format!("out:{}", String::from_utf8_lossy(bytes)),
        Event::Output { bytes, .. } => format!("err:{}", String::from_utf8_lossy(bytes)),
        Event::ToolCall { id, tool, .. } => format!("call:{tool}:{id}"),
        Event::ToolResult { id, outcome, .. } => format!("result:{id}:{outcome}"),
        Event::File { change: FileChange::Written, path } => format!("written:{path}"),
        Event::File { path, .. } => format!("removed:{path}"),
        Event::Artifact(artifact) => format!("artifact:{}", artifact.mime),
        Event::Ended(outcome) => format!("ended:{}", outcome.is_success()),
        other => format!("{other:?}"),
    }
}

/// One word for each event; how many pieces output comes in depends on who reads how fast.
fn words(events: &[Event]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for event in events {
        let word = word(event);
        let piece = word.split_once(':').filter(|(kind, _)| matches!(*kind, "out" | "err"));
        match (words.last_mut(), piece) {
            (Some(last), Some((kind, text))) if last.starts_with(&format!("{kind}:")) => last.push_str(text),
            _ => words.push(word),
        }
    }
    words
}

/// What the events said of one stream.
fn told(events: &[Event], wanted: Stream) -> Vec<u8> {
    let pieces = events.iter().filter_map(|event| match event {
        Event::Output { stream, bytes } if *stream == wanted => Some(bytes.as_slice()),
        _ => None,
    });
    pieces.flatten().copied().collect()
}

fn outcome(events: &[Event]) -> &Outcome {
    match events.last() {
        Some(Event::Ended(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

#[test]
fn output_tools_files_and_artifacts_are_told_in_the_order_in_which_they_happen() {
    let mut sandbox = session([price()]);
    let code = "import sys
from host import tools
print('one')
tools.price('apple')
print('two', file=sys.stderr)
open('/tmp/a.txt', 'w').write('x')
print('three')
import os
os.rename('/tmp/a.txt', '/tmp/b.txt')
os.remove('/tmp/b.txt')
try: tools.price('pear')
except Exception: print('four')
class Picture:
    def _repr_png_(self): return b'png'
Picture()";
    let events = follow(&mut sandbox, code);
    assert_eq!(
        words(&events),
        [
            "out:one\n",
            "call:price:1",
            "result:1:ok",
            "err:two\n",
            "written:/tmp/a.txt",
            "out:three\n",
            "removed:/tmp/a.txt",
            "written:/tmp/b.txt",
            "removed:/tmp/b.txt",
            "call:price:2",
            "result:2:tool_error",
            "out:four\n",
            "artifact:image/png",
            "ended:true",
        ]
    );
    assert_eq!(outcome(&events).tool_calls.count(CallOutcome::Ok), 1);
    // A run that nobody follows has the same outcome.
    assert_eq!(sandbox.run(Program::code("print(1)")).unwrap().stdout_text(), "1\n");
}

#[test]
fn events_hold_exactly_what_the_outcome_keeps_and_never_more_than_the_cap() {
    for (output_bytes, lines) in [(1 << 20, 10), (1000, 5_000), (200_000, 60_000), (0, 100)] {
        let mut sandbox = session_with([], Policy::new(), &[("output_bytes", output_bytes)]);
        let code =
            format!("import sys\nfor i in range({lines}):\n    print('line', i)\n    print('e', i, file=sys.stderr)");
        let events = follow(&mut sandbox, &code);
        let outcome = outcome(&events);
        assert!(outcome.is_success());
        assert_eq!(told(&events, Stream::Stdout), outcome.stdout, "{output_bytes}");
        assert_eq!(told(&events, Stream::Stderr), outcome.stderr, "{output_bytes}");
        assert!(outcome.stdout.len() as u64 <= output_bytes);
        let cuts = events.iter().filter(|event| matches!(event, Event::OutputCut { .. })).count();
        assert_eq!(cuts > 0, outcome.stdout_truncated, "{output_bytes}");
    }
}

#[test]
fn a_slow_reader_slows_the_guest_down_and_uses_up_no_deadline() {
    let limits = [("output_bytes", 8 << 20), ("deadline_ms", 8_000)];
    let mut sandbox = session_with([], Policy::new(), &limits);
    let code = "import time\nfor i in range(64):\n    print('x' * 65535)";
    let mut most = 0;
    let mut total = 0;
    let mut last = None;
    for event in sandbox.follow(Program::code(code)).unwrap() {
        match event.unwrap() {
            Event::Output { bytes, .. } => {
                most = most.max(bytes.len());
                total += bytes.len();
                std::thread::sleep(std::time::Duration::from_millis(150));
            }
            Event::Ended(outcome) => last = Some(outcome),
            _ => {}
        }
    }
    // Nothing piles up: one event never holds more than may wait.
    assert!(most <= 64 << 10, "{most}");
    assert_eq!(total, 64 * 65536);
    let last = last.unwrap();
    assert!(last.is_success() && last.usage.wall_ms < 8_000.0, "{last:?}");
}

#[test]
fn a_command_is_followed_too() {
    let image = guests::wat("write_flood");
    let mut sandbox =
        guests::sandbox(&image, Policy::new(), guests::limits(&[("fuel", 1_000_000), ("output_bytes", 100_000)]));
    let events: Vec<_> = sandbox.follow(Program::command()).unwrap().map(Result::unwrap).collect();
    let outcome = outcome(&events);
    assert_eq!(told(&events, Stream::Stdout), outcome.stdout);
    assert!(outcome.stdout_truncated && outcome.stdout.len() == 100_000);
}

#[test]
fn an_interactive_program_asks_and_is_answered_line_by_line() {
    let (read, write) = std::io::pipe().unwrap();
    let mut sandbox = session([]);
    let code = "name = input('name? ')\nprint('hello', name)\nwhile True:\n    try: line = input('> ')\n    except EOFError: break\n    print(line.upper())\nprint('bye')";
    let mut answers = ["ada\n", "one\n", "two\n"].into_iter();
    let mut screen = String::new();
    let mut input = Some(write);
    for event in sandbox.follow(Program::code(code).stdin(Stdin::descriptor(read.into()))).unwrap() {
        match event.unwrap() {
            Event::Output { bytes, .. } => {
                screen.push_str(std::str::from_utf8(&bytes).unwrap());
                // Nothing is written before the program has asked for it.
                if screen.ends_with("? ") || screen.ends_with("> ") {
                    match answers.next() {
                        Some(answer) => input.as_mut().unwrap().write_all(answer.as_bytes()).unwrap(),
                        None => input = None,
                    }
                }
            }
            Event::Ended(outcome) => assert!(outcome.is_success(), "{outcome:?}"),
            _ => {}
        }
    }
    assert_eq!(screen, "name? hello ada\n> ONE\n> TWO\n> bye\n");
}

#[test]
fn dropping_what_follows_a_run_ends_it() {
    let mut sandbox = session([]);
    {
        let mut following = sandbox
            .follow(Program::code("open('/tmp/f', 'w').write('1')\nprint('on', flush=True)\nwhile True: pass"))
            .unwrap();
        assert!(matches!(following.next(), Some(Ok(Event::File { .. }))));
        assert!(matches!(following.next(), Some(Ok(Event::Output { .. }))));
    }
    assert_eq!(sandbox.run(Program::code("1")).unwrap_err().code(), sandcell::Code::SessionEnded);
    assert_eq!(sandbox.read_file("/tmp/f").unwrap(), b"1");
}

#[test]
fn a_followed_run_that_is_suspended_goes_on_with_its_events() {
    let mut sandbox = session([sandcell::Tool::suspending("ask"), price()]);
    let code = "from host import tools\nprint('a')\nprint(tools.ask())\nprint('c')";
    let events = follow(&mut sandbox, code);
    let Status::Suspended { calls, token } = outcome(&events).status.clone() else { panic!("{events:?}") };
    assert_eq!(told(&events, Stream::Stdout), b"a\n");
    let results = vec![(calls[0].id, Ok("b".into()))];
    let events: Vec<_> = sandbox.resume_following(&token, results).unwrap().map(Result::unwrap).collect();
    assert_eq!(words(&events), ["result:1:ok", "out:b\nc\n", "ended:true"]);
    assert_eq!(outcome(&events).stdout_text(), "a\nb\nc\n");
}

#[test]
fn events_have_a_json_form() {
    let folder = tempfile::tempdir().unwrap();
    let policy = Policy::new().mount(Mount::host(folder.path(), "/out", sandcell::Access::ReadWrite).unwrap());
    let mut sandbox = session_with([], policy, &[]);
    let events = follow(&mut sandbox, "open('/out/f', 'w').write('1')\nprint('ü')");
    for event in &events {
        let json = serde_json::to_value(event).unwrap();
        assert_eq!(&serde_json::from_value::<Event>(json).unwrap(), event);
    }
    assert_eq!(
        serde_json::to_value(&events[0]).unwrap(),
        serde_json::json!({"event": "file", "change": "written", "path": "/out/f"})
    );
}

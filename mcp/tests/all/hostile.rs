//! Servers that do wrong: each gives the named error, in time, and the host goes on.

use crate::places::{call, fake, misbehaving, python};
use rustix::process::{Pid, test_kill_process};
use sandcell_mcp::{Error, Fault, Process, Server, Servers};
use serde_json::json;
use std::time::{Duration, Instant};

/// What a call of `act` gives in a case; the server must be usable, or named as gone, afterwards.
fn act(case: &str) -> String {
    let servers = Servers::connect([misbehaving(case)]).unwrap();
    let told = match call(&servers, "fake_act", json!({})) {
        Ok(value) => value.to_string(),
        Err(error) => error,
    };
    assert_eq!(call(&servers, "fake_fine", json!({})), Ok(json!("fine")), "{case}");
    told
}

#[test]
fn a_server_that_ends_during_a_call_is_named_and_started_again() {
    assert_eq!(act("crash"), "tool_error: MCP server `fake` exited with status 3");
    assert_eq!(act("killed"), "tool_error: MCP server `fake` was ended by signal 9");
    assert_eq!(act("closes_its_output"), "tool_error: MCP server `fake` closed the connection");
}

#[test]
fn an_answer_past_the_bound_is_too_large_and_is_not_read_on() {
    assert_eq!(act("large"), "too_large: MCP server `fake` sent a message of more than 16777216 bytes");
    assert_eq!(act("endless_line"), "too_large: MCP server `fake` sent a message of more than 16777216 bytes");
}

#[test]
fn malformed_answers_are_errors_of_the_tool() {
    let malformed = |what: &str| format!("tool_error: MCP server `fake` sent {what}");
    assert_eq!(act("garbage"), malformed("more than 100 lines that are no JSON"));
    assert_eq!(act("no_message"), malformed("JSON that is no MCP message"));
    assert_eq!(act("wrong_result"), malformed("an answer of another kind"));
    assert_eq!(act("floods"), malformed("requests without reading their 2000 answers"));
}

#[test]
fn lines_that_are_no_json_are_passed_over_up_to_a_bound() {
    assert_eq!(act("stray"), "\"still here\"");
}

#[test]
fn a_server_that_never_answers_is_given_up_and_can_be_called_again() {
    let servers = Servers::connect([misbehaving("silent").call_timeout_ms(300)]).unwrap();
    let late = "timeout: MCP server `fake` did not answer within 300 ms";
    assert_eq!(call(&servers, "fake_act", json!({})), Err(late.to_owned()));
    assert_eq!(call(&servers, "fake_fine", json!({})), Ok(json!("fine")));
    // The answers of nobody's question, and one that nests deeper than any parser goes.
    for case in ["wrong_id", "deep"] {
        let servers = Servers::connect([misbehaving(case).call_timeout_ms(300)]).unwrap();
        assert_eq!(call(&servers, "fake_act", json!({})), Err(late.to_owned()), "{case}");
        assert_eq!(call(&servers, "fake_fine", json!({})), Ok(json!("fine")));
    }
}

#[test]
fn refusals_and_errors_keep_the_servers_words() {
    assert_eq!(act("refuses"), "invalid_arguments: MCP server `fake` refused the request: no such depth");
    assert_eq!(act("says_error"), "tool_error: disk full");
}

#[test]
fn a_server_that_keeps_ending_stays_down_after_its_restarts() {
    let servers = Servers::connect([misbehaving("crash").restarts(2)]).unwrap();
    let crashed = Err("tool_error: MCP server `fake` exited with status 3".to_owned());
    for _ in 0..3 {
        assert_eq!(call(&servers, "fake_act", json!({})), crashed);
    }
    let down = Err("tool_error: MCP server `fake` ended again after 2 restarts and stays down".to_owned());
    assert_eq!(call(&servers, "fake_fine", json!({})), down);
    assert_eq!(call(&servers, "fake_act", json!({})), down);
}

fn fault(case: &str) -> Fault {
    let server = misbehaving(case).start_timeout_ms(if case == "never_greets" { 300 } else { 20_000 });
    match Servers::connect([server]) {
        Err(Error::Server { server, fault }) if server == "fake" => fault,
        other => panic!("{case}: {other:?}"),
    }
}

#[test]
fn a_list_without_end_is_refused_when_connecting() {
    assert_eq!(fault("endless_list"), Fault::ListTooLong { most: 100, of: "pages" });
    assert_eq!(fault("crowded_list"), Fault::ListTooLong { most: 1000, of: "tools" });
    assert_eq!(fault("long_list"), Fault::ListTooLong { most: 4 << 20, of: "bytes" });
    assert!(matches!(fault("list_is_no_list"), Fault::Malformed { .. }));
}

#[test]
fn two_tools_of_one_name_are_refused_and_alike_names_are_told_apart() {
    assert_eq!(fault("twice"), Fault::ListedTwice { tool: "act".into() });
    let servers = Servers::connect([misbehaving("alike")]).unwrap();
    let names: Vec<_> = servers.tools().iter().map(|tool| tool.name()).collect();
    assert_eq!(names, ["fake_get_it", "fake_get_it_2", "fake_get_it_3"]);
}

#[test]
fn a_server_that_does_not_greet_is_named() {
    assert_eq!(fault("never_greets"), Fault::Silent { timeout_ms: 300 });
    let how = "exited with status 7".to_owned();
    assert_eq!(fault("leaves_at_once"), Fault::Ended { how, stderr: "no licence".into() });
    assert!(matches!(fault("greets_with_garbage"), Fault::Malformed { .. }));
    let missing = Servers::connect([Server::new("gone", Process::new("/nowhere/mcp-server"))]).unwrap_err();
    assert!(missing.to_string().starts_with("MCP server `gone` could not be started: "), "{missing}");
}

#[test]
fn one_server_that_fails_ends_the_others() {
    let began = Instant::now();
    let error = Servers::connect([
        Server::new("slow", Process::new("sleep").args(["600"])).start_timeout_ms(60_000),
        Server::new("gone", Process::new("/nowhere/mcp-server")),
    ]);
    assert!(error.unwrap_err().to_string().contains("`gone`"));
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn of_the_hosts_environment_a_server_gets_only_what_programs_need() {
    // Cargo sets it for this test, so it would be passed on if everything were.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let process = Process::new(python()).args([fake("stdio.py").into_os_string(), "fine".into()]);
    let servers = Servers::connect([Server::new("fake", process.env("TOKEN", "given"))]).unwrap();
    let environment = call(&servers, "fake_environment", json!({})).unwrap();
    let names: Vec<_> = environment.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(environment["TOKEN"], "given");
    // LC_CTYPE is Python's own doing (PEP 538).
    let known = ["PATH", "HOME", "USER", "LANG", "TMPDIR", "TOKEN", "LC_CTYPE"];
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
}

#[test]
fn dropping_ends_the_process_and_its_children_and_leaves_the_tools_with_an_error() {
    for case in ["spawns", "ignores_the_end", "deaf"] {
        let servers = Servers::connect([misbehaving(case)]).unwrap();
        call(&servers, "fake_act", json!({})).unwrap();
        let group = children(case);
        assert!(!group.is_empty());
        drop(servers);
        for pid in group {
            // Neither a process nor a zombie: the number is nobody's.
            assert!(test_kill_process(pid).is_err() || !is_ours(pid), "{case}: {pid:?}");
        }
    }
}

/// The server's process of a case, and those below it.
fn children(case: &str) -> Vec<Pid> {
    let own = i32::try_from(std::process::id()).unwrap();
    let processes = processes();
    let mut found: Vec<i32> = Vec::new();
    for _ in 0..3 {
        for (pid, parent) in &processes {
            let below =
                found.contains(parent) || (*parent == own && command(*pid).ends_with(&format!("stdio.py\0{case}\0")));
            if below && !found.contains(pid) {
                found.push(*pid);
            }
        }
    }
    found.into_iter().filter_map(Pid::from_raw).collect()
}

fn is_ours(pid: Pid) -> bool {
    command(pid.as_raw_nonzero().get()).contains("stdio.py") || command(pid.as_raw_nonzero().get()).contains("sleep")
}

fn command(pid: i32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// Every process with its parent.
fn processes() -> Vec<(i32, i32)> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
        Some((pid, parent))
    })
    .collect()
}

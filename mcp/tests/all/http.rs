//! Servers over HTTP that do wrong: each gives the named error, in time, and the host goes on.

use crate::places::{call, fake, python};
use sandcell_mcp::{Remote, Server, Servers};
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// A server of `fakes/streamable.py`; it ends when this is dropped.
struct Fake {
    process: Child,
    url: String,
}

impl Fake {
    fn start(case: &str) -> Fake {
        let mut command = Command::new(python());
        command.arg(fake("streamable.py")).arg(case).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Fake { process, url: format!("http://127.0.0.1:{}/mcp", port.trim()) }
    }

    fn server(&self) -> Server {
        Server::new("fake", Remote::new(&self.url).header("X-Key", "opens")).call_timeout_ms(10_000)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// What a call of `act` gives in a case; the server must be usable afterwards.
fn act(case: &str) -> String {
    let fake = Fake::start(case);
    let servers = Servers::connect([fake.server()]).unwrap();
    let told = call(&servers, "fake_act", json!({})).map_or_else(|error| error, |value| value.to_string());
    assert_eq!(call(&servers, "fake_fine", json!({})), Ok(json!("fine")), "{case}");
    told
}

#[test]
fn an_answer_over_http_past_the_bound_is_too_large() {
    for case in ["large", "large_event"] {
        assert_eq!(act(case), "too_large: MCP server `fake` sent a message of more than 16777216 bytes", "{case}");
    }
}

#[test]
fn malformed_answers_over_http_are_errors_of_the_tool() {
    assert_eq!(act("garbage"), "tool_error: MCP server `fake` sent JSON that is no MCP message");
    for case in ["another_kind", "fails", "hangs_up", "redirects"] {
        assert_eq!(act(case), "tool_error: MCP server `fake` cannot be reached", "{case}");
    }
}

#[test]
fn an_answer_over_http_that_never_comes_is_given_up() {
    for case in ["silent", "endless_events", "broken_stream"] {
        let fake = Fake::start(case);
        let servers = Servers::connect([fake.server().call_timeout_ms(1_500)]).unwrap();
        let told = call(&servers, "fake_act", json!({})).unwrap_err();
        assert!(
            told == "timeout: MCP server `fake` did not answer within 1500 ms"
                || (case == "broken_stream" && told == "tool_error: MCP server `fake` closed the connection"),
            "{case}: {told}"
        );
        assert_eq!(call(&servers, "fake_fine", json!({})), Ok(json!("fine")), "{case}");
    }
}

#[test]
fn a_server_over_http_that_is_gone_is_an_error_at_each_call() {
    let fake = Fake::start("dies");
    let servers = Servers::connect([fake.server()]).unwrap();
    assert_eq!(call(&servers, "fake_fine", json!({})), Ok(json!("fine")));
    let gone = "tool_error: MCP server `fake` cannot be reached".to_owned();
    assert_eq!(call(&servers, "fake_act", json!({})), Err(gone.clone()));
    for _ in 0..5 {
        assert_eq!(call(&servers, "fake_fine", json!({})), Err(gone.clone()));
    }
}

#[test]
fn without_its_header_a_server_cannot_be_reached_and_the_host_learns_why() {
    let fake = Fake::start("fine");
    let error = Servers::connect([Server::new("fake", Remote::new(&fake.url))]).unwrap_err().to_string();
    assert!(error.starts_with("MCP server `fake` cannot be reached: ") && error.contains("401"), "{error}");
}

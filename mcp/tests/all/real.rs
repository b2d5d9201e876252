//! Servers of others: one in Python, one in Node, over standard streams and over HTTP.

use crate::places::{call, installed};
use sandcell_mcp::{Process, Remote, Server, Servers};
use serde_json::json;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const EVERYTHING: &str = "node/node_modules/@modelcontextprotocol/server-everything/dist/index.js";

fn time() -> Server {
    Server::new("time", Process::new(installed("python/bin/python")).args(["-m", "mcp_server_time"]))
}

fn everything() -> Server {
    let program = installed(EVERYTHING).into_os_string();
    Server::new("every", Process::new("node").args([program, "stdio".into()]))
}

/// What the Node server must do over any transport.
fn everything_works(servers: &Servers) {
    assert_eq!(call(servers, "every_echo", json!({"message": "hé"})), Ok(json!("Echo: hé")));
    assert_eq!(call(servers, "every_get_sum", json!({"a": 2, "b": 3})), Ok(json!("The sum of 2 and 3 is 5.")));
    let weather = call(servers, "every_get_structured_content", json!({"location": "Chicago"})).unwrap();
    assert!(weather["temperature"].is_number(), "{weather}");
    let image = call(servers, "every_get_tiny_image", json!({})).unwrap();
    assert_eq!(image[1]["mime"], "image/png");
    assert!(image[1]["data"]["$bytes"].as_str().unwrap().starts_with("iVBORw0KGgo"), "{image}");
    let refused = call(servers, "every_get_sum", json!({"a": "two"})).unwrap_err();
    assert!(refused.contains("expected number"), "{refused}");
}

#[test]
fn tools_of_a_python_and_a_node_server_are_called_by_their_names_for_guests() {
    let servers = Servers::connect([time(), everything()]).unwrap();
    let names: Vec<_> = servers.tools().iter().map(|tool| tool.name()).collect();
    assert_eq!(names[..2], ["time_get_current_time", "time_convert_time"]);
    assert!(names.contains(&"every_get_sum"), "{names:?}");
    everything_works(&servers);

    let now = call(&servers, "time_get_current_time", json!({"timezone": "Etc/UTC"})).unwrap();
    assert_eq!(now["timezone"], "Etc/UTC");
    assert_eq!(now["is_dst"], false);
    let nowhere = call(&servers, "time_get_current_time", json!({"timezone": "Mars/Olympus"})).unwrap_err();
    assert!(nowhere.starts_with("tool_error: ") && nowhere.contains("Mars/Olympus"), "{nowhere}");
}

#[test]
fn schemas_descriptions_and_hints_are_carried_over() {
    let servers = Servers::connect([everything().prefix("")]).unwrap();
    let sum = servers.tools().iter().find(|tool| tool.name() == "get_sum").unwrap();
    let face = format!("{sum:?}");
    for part in ["Returns the sum of two numbers", "First number", "readOnlyHint", "idempotentHint"] {
        assert!(face.contains(part), "{part}: {face}");
    }
}

/// The Node server over HTTP; it ends when this is dropped.
struct Listening(Child, String);

impl Listening {
    fn start() -> Listening {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("node");
        command.arg(installed(EVERYTHING)).arg("streamableHttp").env("PORT", port.to_string());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Listening(child, format!("http://127.0.0.1:{port}/mcp"))
    }

    /// Connects as soon as it listens.
    fn connect(&self) -> Servers {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            match Servers::connect([Server::new("every", Remote::new(&self.1))]) {
                Ok(servers) => return servers,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn tools_of_a_server_over_streamable_http_are_called() {
    let listening = Listening::start();
    let servers = listening.connect();
    everything_works(&servers);
    // A second session beside the first, and one after both.
    everything_works(&listening.connect());
    drop(servers);
    everything_works(&listening.connect());
}

#[test]
fn calls_run_side_by_side_and_one_that_is_dropped_leaves_the_others() {
    let servers = Servers::connect([everything()]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let slow = |seconds: u64| {
        let arguments = json!({"duration": seconds, "steps": 1});
        servers.call("every_trigger_long_running_operation", serde_json::from_value(arguments).unwrap())
    };
    runtime.block_on(async {
        let given_up = tokio::time::timeout(Duration::from_millis(200), slow(600)).await;
        assert!(given_up.is_err());
        let echo = servers.call("every_echo", serde_json::from_value(json!({"message": "first"})).unwrap());
        tokio::select! {
            slow = slow(600) => panic!("{slow:?}"),
            echo = echo => assert_eq!(echo.unwrap(), json!("Echo: first")),
        }
        assert!(slow(1).await.is_ok());
    });
}

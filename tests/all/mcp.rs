//! Both sides of MCP with programs of others: guests call tools of real servers, and the official
//! Python client drives `sandcell mcp`. `cargo xtask servers` installs them.

use sandcell_tests::{cli, places};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

fn installed(path: &str) -> PathBuf {
    let path = places::workspace().join("target/mcp-servers").join(path);
    assert!(path.exists(), "{} is missing: run `cargo xtask servers`", path.display());
    path
}

/// `--mcp` options for a server in Node and one in Python.
fn servers() -> Vec<String> {
    let node = installed("node/node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let python = installed("python/bin/python");
    vec![
        "--mcp".into(),
        format!("every=node '{}' stdio", node.display()),
        "--mcp".into(),
        format!("time='{}' -m mcp_server_time", python.display()),
    ]
}

#[test]
fn a_guest_calls_tools_of_a_node_and_a_python_server() {
    let program = r#"
from host import tools
assert tools.every_get_sum(2, 3) == "The sum of 2 and 3 is 5."
assert tools.every_get_structured_content(location="Chicago")["conditions"]
image = tools.every_get_tiny_image()[1]
assert image["mime"] == "image/png" and bytes(image["data"])[:4] == b"\x89PNG", image
assert tools.time_get_current_time("Etc/UTC")["is_dst"] is False
for wrong in (lambda: tools.every_get_sum(a="two", b=3), lambda: tools.time_get_current_time("Mars/Olympus")):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__)
"#;
    let ran = cli::run(cli::sandcell().arg("run").args(servers()).args(["-c", program]));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "ToolArgumentError\nToolError\n"), "{}", ran.stderr);
}

#[test]
fn a_server_that_cannot_be_used_is_named_before_the_guest_runs() {
    let ran = cli::run(cli::sandcell().args(["run", "--json", "--mcp", "gone=/nowhere/server", "-c", "print(1)"]));
    assert_eq!(ran.code, Some(126));
    let message = ran.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("MCP server `gone` could not be started"), "{message}");
}

/// What the official client saw of `sandcell mcp`.
fn seen() -> Value {
    let mut client = Command::new(installed("python/bin/python"));
    client.arg(places::workspace().join("mcp/tests/clients/drive.py"));
    // Fuel, because a busy machine may take long for a figure; a loop uses this in some seconds.
    client.arg(places::binary("sandcell")).args(["mcp", "--timeout", "100", "--limit", "fuel=25000000000"]);
    let ran = cli::run(&mut client);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.json()
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

#[test]
fn the_official_client_runs_programs_moves_files_and_cancels() {
    let seen = seen();
    assert_eq!(seen["server"], "sandcell");
    assert_eq!(seen["tools"], json!(["list_files", "read_file", "reset", "run_python", "write_file"]));

    // State, results, and what went wrong.
    assert_eq!(text(&seen["state"][1]), "hi\n[result]\n42");
    assert_eq!(seen["state"][1]["structuredContent"]["status"], json!({"kind": "exited", "code": 0}));
    assert_eq!(seen["raised"]["isError"], true);
    assert_eq!(seen["raised"]["structuredContent"]["status"]["type"], "ZeroDivisionError");
    assert_eq!(text(&seen["raised"]).matches("ZeroDivisionError").count(), 1);
    assert_eq!(text(&seen["still"]), "[result]\n41");

    // Files in and out, figures.
    assert_eq!(seen["uses"]["structuredContent"]["result"], 258);
    assert_eq!(text(&seen["read"][0]), "done");
    assert!(seen["read"][1]["content"][0]["resource"]["blob"].as_str().unwrap().starts_with("AAECAwQF"));
    assert_eq!(seen["read"][2]["isError"], true);
    assert!(text(&seen["listed"]).contains("added /work/out.txt"));
    let figure = &seen["figure"];
    assert_eq!(figure["content"][1]["mimeType"], "image/png");
    assert_eq!(figure["structuredContent"]["artifacts"][0]["content"], 1);
    assert_eq!(figure["structuredContent"]["artifacts"][0]["bytes_base64"], Value::Null);

    // Other requests are answered while a guest runs; giving a call up ends its guest, and only that.
    assert_eq!(seen["ping_while_running"], true);
    let replaced = text(&seen["replaced"]);
    assert!(replaced.contains("ended because its run was cancelled") && replaced.ends_with("false"), "{replaced}");
    assert!(!seen["progress"].as_array().unwrap().is_empty());

    // A limit ends the session and says so; a reset does too.
    assert_eq!(seen["limit"]["structuredContent"]["status"], json!({"kind": "exceeded", "limit": "fuel"}));
    assert!(text(&seen["after_limit"]).contains("ended because it exceeded `fuel`"));
    assert_eq!(text(&seen["fresh"]), "[result]\nfalse");
    assert!(seen["wrong"].as_str().unwrap().contains("`code` must be a string"));
}

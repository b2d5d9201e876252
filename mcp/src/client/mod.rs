//! The client: connections to MCP servers, and their tools for guests.
//!
//! Everything runs on one thread with a runtime of its own, so that whoever runs a sandbox needs no
//! runtime; the futures of the tools only wait for it.

mod connection;
mod dial;
mod http;
mod lines;
mod listing;
mod live;
mod names;
mod process;
mod results;
mod server;

pub use server::{Process, Remote, Server, ServerPlace};

use crate::error::{Error, Fault};
use connection::{Connection, Held};
use live::Call;
use names::Names;
use rmcp::model::Tool as RemoteTool;
use sandcell::{Tool, ToolError, ToolReply};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, mpsc as blocking};
use std::thread;
use std::time::Instant;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// Connected servers, and their tools.
///
/// The tools can be handed to any number of sandboxes. Dropping this closes the connections and ends
/// the processes, within about two seconds; calls of the tools then give an error.
pub struct Servers {
    tools: Vec<Tool>,
    doors: BTreeMap<String, Arc<Door>>,
    stop: watch::Sender<bool>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What a tool needs to be called.
struct Door {
    server: String,
    tool: String,
    /// The tool promises a structure, so its text is JSON.
    is_json: bool,
    calls: mpsc::UnboundedSender<Call>,
}

/// A server with its connection and its list of tools.
struct Open {
    server: Arc<Server>,
    connection: (Connection, Held),
    tools: Vec<RemoteTool>,
}

impl Servers {
    /// Connects to all servers at once and asks for their tools. Blocks until all have answered or
    /// one has failed, which ends the others.
    ///
    /// # Errors
    /// [`Error::Server`] says which server failed and how; [`Error::Setting`] which cannot be used.
    pub fn connect(servers: impl IntoIterator<Item = Server>) -> Result<Servers, Error> {
        let servers: Vec<Arc<Server>> = servers.into_iter().map(Arc::new).collect();
        check(&servers)?;
        let failed = |operation| move |source| Error::HostIo { operation, source };
        let runtime = runtime().map_err(failed("starting a runtime"))?;
        let (stop, stopped) = watch::channel(false);
        let (ready, opened) = blocking::sync_channel(1);
        let thread = thread::Builder::new()
            .name("sandcell-mcp".to_owned())
            .spawn(move || {
                runtime.block_on(work(servers, &ready, stopped));
                // A name lookup that hangs is not waited for.
                runtime.shutdown_background();
            })
            .map_err(failed("starting a thread"))?;
        let (tools, doors) = match opened.recv() {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => {
                thread.join().ok();
                return Err(error);
            }
            Err(_) => return Err(failed("connecting")(io::Error::other("the thread of the servers panicked"))),
        };
        Ok(Servers { tools, doors, stop, thread: Some(thread) })
    }

    /// The tools of all servers, in the order of the servers and of their lists. Clones are
    /// references.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// Calls a tool by the name that guests use. Works on any executor.
    ///
    /// # Errors
    /// What a guest would get.
    pub async fn call(&self, tool: &str, arguments: Map<String, Value>) -> Result<Value, ToolError> {
        match self.doors.get(tool) {
            Some(door) => door.call(arguments).await,
            None => Err(ToolError::new(format!("no server has a tool `{tool}`"))),
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Servers").field("tools", &self.doors.keys()).finish_non_exhaustive()
    }
}

impl Door {
    async fn call(&self, arguments: Map<String, Value>) -> Result<Value, ToolError> {
        let dropped = || Fault::Dropped.tool_error(&self.server);
        let (answer, answered) = oneshot::channel();
        self.calls.send(Call { tool: self.tool.clone(), arguments, answer }).map_err(|_| dropped())?;
        let result = answered.await.map_err(|_| dropped())?.map_err(|fault| fault.tool_error(&self.server))?;
        results::value(&self.server, result, self.is_json)
    }
}

fn check(servers: &[Arc<Server>]) -> Result<(), Error> {
    let setting =
        |server: &Server, reason: &str| Err(Error::Setting { server: server.name.clone(), reason: reason.to_owned() });
    for (at, server) in servers.iter().enumerate() {
        let named = !server.name.is_empty() && server.name.len() <= 32;
        if !named || !server.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
            return setting(server, "a name has 1 to 32 letters, digits, `_` and `-`");
        }
        if servers[..at].iter().any(|other| other.name == server.name) {
            return setting(server, "two servers have this name");
        }
    }
    Ok(())
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

type Opened = Result<(Vec<Tool>, BTreeMap<String, Arc<Door>>), Error>;

/// Everything that the thread does: open, tell, serve, close.
async fn work(servers: Vec<Arc<Server>>, ready: &blocking::SyncSender<Opened>, stop: watch::Receiver<bool>) {
    let opened = match open_all(servers).await {
        Ok(opened) => opened,
        Err(error) => {
            ready.send(Err(error)).ok();
            return;
        }
    };
    let (mut tools, mut doors, mut names) = (Vec::new(), BTreeMap::new(), Names::default());
    let mut serving = JoinSet::new();
    for Open { server, connection, tools: remote } in opened {
        let (calls, waiting) = mpsc::unbounded_channel();
        for remote in &remote {
            let name = names.give(&server.prefix_text(), &remote.name);
            let door = Arc::new(Door {
                server: server.name.clone(),
                tool: remote.name.to_string(),
                is_json: remote.output_schema.is_some(),
                calls: calls.clone(),
            });
            tools.push(tool(&name, Arc::clone(&door), remote));
            doors.insert(name, door);
        }
        serving.spawn(live::serve(server, connection, waiting, stop.clone()));
    }
    ready.send(Ok((tools, doors))).ok();
    // Tools may be gone while the servers are still wanted.
    let mut stop = stop;
    stop.wait_for(|stop| *stop).await.ok();
    while serving.join_next().await.is_some() {}
}

/// All servers, or the first that failed.
async fn open_all(servers: Vec<Arc<Server>>) -> Result<Vec<Open>, Error> {
    let mut opening = JoinSet::new();
    for (at, server) in servers.into_iter().enumerate() {
        opening.spawn(async move { (at, open(server).await) });
    }
    let (mut opened, mut failed) = (BTreeMap::new(), None);
    while let Some(done) = opening.join_next().await {
        match done {
            Ok((at, Ok(open))) => {
                opened.insert(at, open);
            }
            Ok((_, Err(error))) => {
                failed = Some(error);
                break;
            }
            Err(panicked) => {
                failed = Some(Error::HostIo { operation: "connecting", source: io::Error::other(panicked) });
                break;
            }
        }
    }
    let Some(error) = failed else { return Ok(opened.into_values().collect()) };
    // Those that are still opening are killed by dropping them.
    opening.shutdown().await;
    for open in opened.into_values() {
        open.connection.1.close().await;
    }
    Err(error)
}

async fn open(server: Arc<Server>) -> Result<Open, Error> {
    let began = Instant::now();
    let (connection, held) = Connection::open(&server).await.map_err(|fault| fault.of(&server.name))?;
    let late = Fault::Silent { timeout_ms: u64::try_from(server.bounds.start.as_millis()).unwrap_or(u64::MAX) };
    let left = server.bounds.start.saturating_sub(began.elapsed());
    let listed = tokio::time::timeout(left, listing::list(&connection, server.bounds.list)).await;
    match listed.unwrap_or(Err(late)) {
        Ok(tools) => Ok(Open { server, connection: (connection, held), tools }),
        Err(fault) => {
            held.close().await;
            Err(fault.of(&server.name))
        }
    }
}

fn tool(name: &str, door: Arc<Door>, remote: &RemoteTool) -> Tool {
    let tool = Tool::asynchronous(name, move |call| {
        let door = Arc::clone(&door);
        async move { door.call(call.arguments).await.map(ToolReply::Value) }
    });
    listing::described(tool, remote)
}

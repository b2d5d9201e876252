//! One connection to one server: opened within a time, ended for one reason, which every call that
//! it leaves without an answer gets to know.

use super::dial::HttpError;
use super::http::Http;
use super::lines::{Cause, Lines, tell};
use super::process::{self, Child};
use super::server::{Bounds, Place, Server};
use crate::error::Fault;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, Implementation, JsonObject,
};
use rmcp::service::{ClientInitializeError, Peer, RoleClient, RunningService, ServiceError, ServiceExt as _};
use rmcp::transport::streamable_http_client::{StreamableHttpClientTransport, StreamableHttpError};
use rmcp::transport::{DynamicTransportError, IntoTransport};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The time a server has to end after its standard input was closed, and again after SIGTERM.
const PATIENCE: Duration = Duration::from_millis(500);
/// The time the protocol's own end may take, such as deleting an HTTP session.
const FAREWELL: Duration = Duration::from_millis(500);

type Service = RunningService<RoleClient, ClientConfig>;

/// An open connection. Clones are references.
#[derive(Clone)]
pub(super) struct Connection {
    peer: Peer<RoleClient>,
    /// Why it ended, as soon as that is known.
    cause: Arc<Cause>,
    /// The same once everything is cleared away.
    ended: watch::Receiver<Option<Fault>>,
    call: Duration,
}

impl Connection {
    /// Starts or reaches the server and shakes hands.
    pub(super) async fn open(server: &Server) -> Result<(Connection, Held), Fault> {
        let bounds = &server.bounds;
        let cause = Arc::new(Cause::new(None));
        match &server.place {
            Place::Process(process) => {
                let (child, stdout, stdin) = process::start(process)?;
                let lines = Lines::new(stdout, stdin, bounds.message_bytes, Arc::clone(&cause));
                Connection::over(lines, bounds, cause, Some(child)).await
            }
            Place::Remote(remote) => {
                let (http, config) = Http::new(remote, bounds.message_bytes, Arc::clone(&cause))?;
                let transport = StreamableHttpClientTransport::with_client(http, config);
                Connection::over(transport, bounds, cause, None).await
            }
        }
    }

    async fn over<T, E, A>(
        transport: T,
        bounds: &Bounds,
        cause: Arc<Cause>,
        child: Option<Child>,
    ) -> Result<(Connection, Held), Fault>
    where
        T: IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let identity = Implementation::new("sandcell", env!("CARGO_PKG_VERSION"));
        let client = ClientConfig::new(ClientCapabilities::default(), identity);
        let late = Fault::Silent { timeout_ms: milliseconds(bounds.start) };
        let service = match timeout(bounds.start, client.serve(transport)).await {
            Ok(Ok(service)) => service,
            failed => {
                let fault = failed.map_or(late, |error| error.err().map_or(Fault::Closed, |error| not_greeted(&error)));
                let fault = cause.borrow().clone().unwrap_or(fault);
                return Err(clear_away(child, fault).await);
            }
        };
        let peer = service.peer().clone();
        peer.set_response_cache_config(rmcp::service::ClientCacheConfig::disabled()).await;
        let (told, ended) = watch::channel(None);
        let held =
            Held { cause: Arc::clone(&cause), keeper: tokio::spawn(keep(service, child, Arc::clone(&cause), told)) };
        Ok((Connection { peer, cause, ended, call: bounds.call }, held))
    }

    /// Calls a tool. Dropping the future tells the server to give the call up.
    pub(super) async fn call(&self, tool: String, arguments: JsonObject) -> Result<CallToolResult, Fault> {
        let request = CallToolRequestParams::new(tool).with_arguments(arguments);
        let answer = timeout(self.call, self.peer.call_tool(request)).await;
        self.judge(answer.map_err(|_| Fault::Silent { timeout_ms: milliseconds(self.call) })?).await
    }

    /// The peer, for requests other than calls.
    pub(super) fn peer(&self) -> &Peer<RoleClient> {
        &self.peer
    }

    /// An answer, or what happened to the server instead.
    pub(super) async fn judge<V>(&self, answer: Result<V, ServiceError>) -> Result<V, Fault> {
        match answer {
            Ok(value) => Ok(value),
            Err(ServiceError::TransportSend(error)) if self.cause.borrow().is_none() => Err(transport_fault(&error)),
            Err(ServiceError::McpError(error)) => {
                Err(Fault::Refused { code: error.code.0, message: shortened(&error.message) })
            }
            Err(ServiceError::TransportClosed | ServiceError::TransportSend(_)) => {
                // The transport over HTTP ends without saying why.
                tell(&self.cause, Fault::Closed);
                Err(self.ended().await)
            }
            Err(ServiceError::UnexpectedResponse) => Err(Fault::Malformed { what: "an answer of another kind".into() }),
            Err(other) => Err(Fault::Malformed { what: shortened(&other.to_string()).into() }),
        }
    }

    /// Whether it has ended, or is about to.
    pub(super) fn is_over(&self) -> bool {
        if self.peer.is_transport_closed() {
            tell(&self.cause, Fault::Closed);
        }
        self.cause.borrow().is_some()
    }

    /// Waits for its end and tells why.
    pub(super) async fn ended(&self) -> Fault {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(fault) => fault.clone().unwrap_or(Fault::Closed),
            Err(_) => Fault::Closed,
        }
    }
}

/// The other end of a connection: whoever has it can end it.
pub(super) struct Held {
    cause: Arc<Cause>,
    keeper: JoinHandle<()>,
}

impl Held {
    /// Ends the connection, and the server if it is a process, within bounded time.
    pub(super) async fn close(self) {
        tell(&self.cause, Fault::Dropped);
        self.keeper.await.ok();
    }
}

/// Waits until a connection is to end, and clears it away.
async fn keep(mut service: Service, child: Option<Child>, cause: Arc<Cause>, told: watch::Sender<Option<Fault>>) {
    let mut watched = cause.subscribe();
    let fault = watched.wait_for(Option::is_some).await.ok().and_then(|fault| fault.clone()).unwrap_or(Fault::Closed);
    // Writing may wait for a server that does not read: its end below ends that too.
    service.close_with_timeout(FAREWELL).await.ok();
    told.send_replace(Some(clear_away(child, fault).await));
}

/// Ends the process; one that ended by itself says more than the closed connection.
async fn clear_away(child: Option<Child>, fault: Fault) -> Fault {
    let Some(child) = child else { return fault };
    let patience = match fault {
        Fault::Closed | Fault::Dropped => PATIENCE,
        _ => Duration::ZERO,
    };
    match (child.end(patience).await, fault) {
        (Some(ended), Fault::Closed) => ended,
        (_, fault) => fault,
    }
}

fn not_greeted(error: &ClientInitializeError) -> Fault {
    match error {
        ClientInitializeError::ConnectionClosed(_) => Fault::Closed,
        ClientInitializeError::TransportError { error, .. } => transport_fault(error),
        ClientInitializeError::JsonRpcError(error) => {
            Fault::Refused { code: error.code.0, message: shortened(&error.message) }
        }
        other => Fault::Malformed { what: format!("no proper greeting: {}", shortened(&other.to_string())).into() },
    }
}

fn transport_fault(error: &DynamicTransportError) -> Fault {
    let error = error.error.as_ref();
    match error.downcast_ref::<StreamableHttpError<HttpError>>() {
        Some(StreamableHttpError::ResponseBodyTooLarge { max_size }) => Fault::TooLarge { limit_bytes: *max_size },
        Some(StreamableHttpError::Deserialize(_)) => Fault::Malformed { what: "JSON that is no MCP message".into() },
        _ => Fault::Unreachable { reason: shortened(&chain(error)) },
    }
}

/// An error with its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = error.source();
    }
    text
}

/// What a server said, cut to what fits a message.
pub(super) fn shortened(text: &str) -> String {
    const CHARACTERS: usize = 2_000;
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

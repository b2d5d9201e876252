//! The transport over a process's standard streams: one JSON message in each line.
//!
//! Never holds more of a line than a message may have, and never waits for a server that does not
//! read. What ends the connection is told to whoever waits for an answer.

use crate::error::Fault;
use rmcp::RoleClient;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{Mutex, watch};

/// Lines that are no JSON and are passed over: many servers write a greeting to the wrong stream.
const STRAY_LINES: usize = 100;
/// Messages that wait to be written: past these a server asks without reading the answers.
const UNREAD: usize = 2_000;

/// Why a connection ended, once it has.
pub(super) type Cause = watch::Sender<Option<Fault>>;

/// Ends a connection for a reason; the first one stands.
pub(super) fn tell(cause: &Cause, fault: Fault) {
    cause.send_if_modified(|cause| cause.is_none() && cause.replace(fault).is_none());
}

/// The streams of one process.
pub(super) struct Lines<R, W> {
    read: BufReader<R>,
    line: Vec<u8>,
    limit: usize,
    stray: usize,
    write: Arc<Mutex<Option<W>>>,
    unread: Arc<AtomicUsize>,
    cause: Arc<Cause>,
}

impl<R: AsyncRead + Unpin, W> Lines<R, W> {
    pub(super) fn new(read: R, write: W, limit: usize, cause: Arc<Cause>) -> Lines<R, W> {
        Lines {
            read: BufReader::with_capacity(64 << 10, read),
            line: Vec::new(),
            limit,
            stray: 0,
            write: Arc::new(Mutex::new(Some(write))),
            unread: Arc::default(),
            cause,
        }
    }

    /// The next message. May be dropped and called again: nothing that was read is lost.
    async fn message(&mut self) -> Result<ServerJsonRpcMessage, Fault> {
        loop {
            if self.unread.load(Ordering::Relaxed) > UNREAD {
                let what = format!("requests without reading their {UNREAD} answers");
                return Err(Fault::Malformed { what: what.into() });
            }
            self.fill().await?;
            let line = self.line.trim_ascii();
            let parsed = if line.is_empty() { None } else { Some(serde_json::from_slice(line)) };
            self.line.clear();
            match parsed {
                None => (),
                Some(Ok(message)) => return Ok(message),
                Some(Err(error)) if error.is_data() => {
                    return Err(Fault::Malformed { what: "JSON that is no MCP message".into() });
                }
                Some(Err(_)) => self.stray += 1,
            }
            if self.stray > STRAY_LINES {
                return Err(Fault::Malformed {
                    what: format!("more than {STRAY_LINES} lines that are no JSON").into(),
                });
            }
        }
    }

    /// Reads to the end of a line.
    async fn fill(&mut self) -> Result<(), Fault> {
        loop {
            let read = self.read.fill_buf().await.map_err(|_| Fault::Closed)?;
            if read.is_empty() {
                return Err(Fault::Closed);
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(read.len(), |end| end + 1);
            if self.line.len() + taken > self.limit {
                return Err(Fault::TooLarge { limit_bytes: self.limit });
            }
            self.line.extend_from_slice(&read[..taken]);
            self.read.consume(taken);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

impl<R, W> Transport<RoleClient> for Lines<R, W>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    type Error = io::Error;

    fn send(&mut self, message: ClientJsonRpcMessage) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let write = Arc::clone(&self.write);
        let waiting = Waiting::new(&self.unread);
        async move {
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            let mut write = write.lock().await;
            let result = match write.as_mut() {
                Some(write) => match write.write_all(&line).await {
                    Ok(()) => write.flush().await,
                    failed => failed,
                },
                None => Err(io::ErrorKind::NotConnected.into()),
            };
            drop(waiting);
            result
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        match self.message().await {
            Ok(message) => Some(message),
            Err(fault) => {
                tell(&self.cause, fault);
                None
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        // Closes its standard input, which asks a server to end.
        drop(self.write.lock().await.take());
        Ok(())
    }
}

/// One message that is not written yet.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn new(count: &Arc<AtomicUsize>) -> Waiting {
        count.fetch_add(1, Ordering::Relaxed);
        Waiting(Arc::clone(count))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

//! A connected server as a task: it takes calls, passes them on, and restores what was lost.

use super::connection::{Connection, Held};
use super::server::{Place, Server};
use crate::error::Fault;
use rmcp::model::{CallToolResult, JsonObject};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// One call, and where its answer goes.
pub(super) struct Call {
    pub(super) tool: String,
    pub(super) arguments: JsonObject,
    pub(super) answer: oneshot::Sender<Result<CallToolResult, Fault>>,
}

/// Serves calls until it is told to stop, and ends the connection then.
pub(super) async fn serve(
    server: Arc<Server>,
    (mut connection, mut held): (Connection, Held),
    mut calls: mpsc::UnboundedReceiver<Call>,
    mut stop: watch::Receiver<bool>,
) {
    let mut restarts = 0;
    loop {
        let call = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            call = calls.recv() => match call {
                Some(call) => call,
                None => break,
            },
        };
        if connection.is_over() {
            let again = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                again = restored(&server, &connection, &mut restarts) => again,
            };
            match again {
                Ok(again) => {
                    held.close().await;
                    (connection, held) = again;
                }
                Err(fault) => {
                    call.answer.send(Err(fault)).ok();
                    continue;
                }
            }
        }
        tokio::spawn(pass_on(connection.clone(), call));
    }
    held.close().await;
}

/// A new connection in place of one that ended. Tools that the server has since gained are not seen,
/// and calls of those that it has lost are refused by it.
async fn restored(server: &Server, old: &Connection, restarts: &mut u32) -> Result<(Connection, Held), Fault> {
    old.ended().await;
    if matches!(server.place, Place::Process(_)) {
        if *restarts == server.bounds.restarts {
            return Err(Fault::Down { restarts: *restarts });
        }
        *restarts += 1;
    }
    Connection::open(server).await
}

async fn pass_on(connection: Connection, call: Call) {
    let Call { tool, arguments, mut answer } = call;
    let result = tokio::select! {
        biased;
        // Whoever asked is gone; the server is told by dropping the other future.
        () = answer.closed() => return,
        result = connection.call(tool, arguments) => result,
    };
    answer.send(result).ok();
}

//! The server: an MCP client's model writes programs, a sandbox runs them.
//!
//! One client, one session: variables, imports and files stay from call to call. Runs happen on a
//! thread of their own, so that the protocol goes on meanwhile and a cancellation reaches the guest.

mod handler;
mod reply;
mod session;

use crate::error::Error;
use handler::Handler;
use rmcp::ServiceExt as _;
use rmcp::transport::async_rw::AsyncRwTransport;
use sandcell::{Image, Limits, Mount, Policy, Tool};
use session::Session;
use tokio::runtime::Builder;

/// The folder that a session always has to write to.
const FOLDER: &str = "/work";
/// The most that one request may have; files come in as part of one.
const REQUEST_BYTES: usize = 64 << 20;

/// What the sandboxes of a server are made of.
#[derive(Debug, Clone)]
pub struct Offer {
    image: Image,
    policy: Policy,
    limits: Limits,
    tools: Vec<Tool>,
}

impl Offer {
    /// Sandboxes of an image, with nothing granted and all limits at their defaults.
    pub fn new(image: &Image) -> Offer {
        Offer { image: image.clone(), policy: Policy::new(), limits: Limits::new(), tools: Vec::new() }
    }

    /// What guests may touch. Unless it mounts something at `/work`, an empty folder in memory is
    /// added there, for the files of the session.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Offer {
        self.policy = policy;
        self
    }

    /// The limits of each run, and of the session's files.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Offer {
        self.limits = limits;
        self
    }

    /// Host functions that guests can call.
    #[must_use]
    pub fn tools(mut self, tools: impl IntoIterator<Item = Tool>) -> Offer {
        self.tools.extend(tools);
        self
    }

    fn with_folder(mut self) -> Result<Offer, Error> {
        let mounted = |mount: &Mount| mount.guest().as_str() == FOLDER;
        if !self.policy.mounts.iter().any(mounted) {
            self.policy = self.policy.mount(Mount::memory(FOLDER)?);
        }
        Ok(self)
    }
}

/// Serves one client over this process's standard streams until it closes them. Nothing else may
/// read or write them meanwhile.
///
/// The client gets the tools `run_python`, `write_file`, `read_file`, `list_files` and `reset`. A
/// session that ends, at a limit or because a call was cancelled, is replaced by the next call, which
/// says so.
///
/// # Errors
/// [`Error::Library`] if no sandbox can be made of the offer; [`Error::HostIo`].
pub fn serve_stdio(offer: Offer) -> Result<(), Error> {
    let session = Session::start(offer.with_folder()?)?;
    let failed = |operation| move |source| Error::HostIo { operation, source };
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed("starting a runtime"))?;
    let done = runtime.block_on(async {
        let transport = AsyncRwTransport::new_server(tokio::io::stdin(), tokio::io::stdout());
        let transport = transport.with_max_line_length(REQUEST_BYTES);
        match Handler::new(session.door()).serve(transport).await {
            Ok(service) => service.waiting().await.map(drop).map_err(std::io::Error::other),
            // A client that leaves before it has greeted is nobody's error.
            Err(error) => {
                tracing::debug!("the client left: {error}");
                Ok(())
            }
        }
    });
    session.end();
    // The thread that reads standard input may be waiting for a line.
    runtime.shutdown_background();
    done.map_err(failed("serving a client"))
}

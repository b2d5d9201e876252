//! Which servers to connect to, and how far each is trusted: plain values, checked at connecting.

use std::ffi::OsString;
use std::time::Duration;

/// One MCP server and the bounds that hold for it.
#[derive(Debug, Clone)]
pub struct Server {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) prefix: Option<String>,
    pub(super) bounds: Bounds,
}

/// Where a server is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Process(Process),
    Remote(Remote),
}

/// What a server may take.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    pub(super) start: Duration,
    pub(super) call: Duration,
    pub(super) message_bytes: usize,
    pub(super) restarts: u32,
    pub(super) list: ListBounds,
}

/// What a list of tools may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListBounds {
    pub(super) pages: usize,
    pub(super) tools: usize,
    pub(super) bytes: usize,
}

const BOUNDS: Bounds = Bounds {
    start: Duration::from_secs(30),
    call: Duration::from_secs(60),
    message_bytes: 16 << 20,
    restarts: 3,
    list: ListBounds { pages: 100, tools: 1_000, bytes: 4 << 20 },
};

impl Server {
    /// The server at `place`; `name` stands in errors and before the names of its tools.
    pub fn new(name: impl Into<String>, place: impl Into<ServerPlace>) -> Server {
        Server { name: name.into(), place: place.into().0, prefix: None, bounds: BOUNDS }
    }

    /// What stands before the names of its tools, instead of `NAME_`. Empty for plain names.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Server {
        self.prefix = Some(prefix.into());
        self
    }

    /// The longest that connecting and listing the tools may take together; 30 seconds by default.
    #[must_use]
    pub fn start_timeout_ms(mut self, timeout_ms: u64) -> Server {
        self.bounds.start = Duration::from_millis(timeout_ms);
        self
    }

    /// The longest that one call may take; 60 seconds by default. The server is told to give it up.
    #[must_use]
    pub fn call_timeout_ms(mut self, timeout_ms: u64) -> Server {
        self.bounds.call = Duration::from_millis(timeout_ms);
        self
    }

    /// The most that one message of the server may have; 16 MiB by default. Parsed, a message takes
    /// up to forty times its length.
    #[must_use]
    pub fn message_bytes(mut self, bytes: usize) -> Server {
        self.bounds.message_bytes = bytes;
        self
    }

    /// How often a process that ended is started again, each time by the next call; 3 by default.
    /// Remote servers are connected again without a bound.
    #[must_use]
    pub fn restarts(mut self, restarts: u32) -> Server {
        self.bounds.restarts = restarts;
        self
    }

    /// The most that its list of tools may have; 100 pages, 1,000 tools and 4 MiB by default.
    #[must_use]
    pub fn list_at_most(mut self, pages: usize, tools: usize, bytes: usize) -> Server {
        self.bounds.list = ListBounds { pages, tools, bytes };
        self
    }

    /// What stands before the names of its tools.
    pub(super) fn prefix_text(&self) -> String {
        self.prefix.clone().unwrap_or_else(|| format!("{}_", self.name))
    }
}

/// Where a server is: a [`Process`] or a [`Remote`].
#[derive(Debug, Clone)]
pub struct ServerPlace(Place);

impl From<Process> for ServerPlace {
    fn from(process: Process) -> ServerPlace {
        ServerPlace(Place::Process(process))
    }
}

impl From<Remote> for ServerPlace {
    fn from(remote: Remote) -> ServerPlace {
        ServerPlace(Place::Remote(remote))
    }
}

/// A server that is a program of this machine and speaks over its standard streams.
///
/// It is a program that you trust and runs with your rights: it is no guest. Of this process's
/// environment it gets `PATH`, `HOME`, `USER`, `LANG` and `TMPDIR`, and what [`env`](Process::env)
/// gives it.
#[derive(Debug, Clone)]
pub struct Process {
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) env: Vec<(OsString, OsString)>,
}

impl Process {
    /// A program, by its path or by a name that `PATH` finds.
    pub fn new(program: impl Into<OsString>) -> Process {
        Process { program: program.into(), args: Vec::new(), env: Vec::new() }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Process {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Process {
        self.env.push((name.into(), value.into()));
        self
    }
}

/// A server that speaks streamable HTTP, the transport of MCP since 2025-03-26.
#[derive(Clone)]
pub struct Remote {
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Remote {
    /// The server at a URL, `https://…` or `http://…`. Redirects are not followed.
    pub fn new(url: impl Into<String>) -> Remote {
        Remote { url: url.into(), headers: Vec::new() }
    }

    /// Adds a header to every request, such as `Authorization`.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Remote {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// Names the headers without their values, which are often secrets.
impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Remote").field("url", &self.url).field("headers", &headers).finish()
    }
}

//! The Model Context Protocol on both sides of a sandbox.
//!
//! [`Servers`] connects to MCP servers and makes tools of theirs that guests can call: one program
//! calls twenty tools where a model would have taken twenty turns. [`serve_stdio`] is the reverse:
//! an MCP server whose tool `run_python` runs what its client writes in a sandbox.
//!
//! Nothing a server sends is trusted: what is too large, malformed, late or endless becomes an error
//! of the tool, which names the server, and never a hang or a crash of the host.
//!
//! ```no_run
//! use sandcell_mcp::{Process, Remote, Server, Servers};
//! let servers = Servers::connect([
//!     Server::new("files", Process::new("mcp-files").args(["/srv/data"])),
//!     Server::new("search", Remote::new("https://search.example/mcp").header("Authorization", "Bearer …")),
//! ])?;
//! for tool in servers.tools() {
//!     println!("{}", tool.name()); // files_read, search_query, …
//! }
//! # Ok::<(), sandcell_mcp::Error>(())
//! ```

mod client;
mod error;
mod server;

pub use client::{Process, Remote, Server, ServerPlace, Servers};
pub use error::{Error, Fault};
pub use server::{Offer, serve_stdio};

/// The program of docs/mcp.md compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/mcp.md")]
pub struct Docs;

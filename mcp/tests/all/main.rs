//! The client against servers that do wrong and real ones, and our server with a real client.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod hostile;
mod http;
mod places;
mod real;

//! What the cross-crate tests share: where things lie, guests, host folders, counters of the
//! process's resources, the command line, the JSON cases that every language runs, and their parity.
//!
//! Nothing here skips silently: whatever a test needs and does not find makes it fail with a
//! message that says how to get it.

// Test code stops at the first surprise.
#![allow(clippy::unwrap_used)]

pub mod cases;
pub mod census;
pub mod cli;
pub mod folders;
pub mod guests;
pub mod images;
pub mod parity;
pub mod places;
pub mod toolbox;

/// The examples of docs/tools.md are tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/tools.md")]
pub struct PageAboutTools;

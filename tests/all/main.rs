//! Tests across the crates: what sandcell promises, tried from outside.
#![allow(clippy::unwrap_used)]

mod archives;
mod attacks;
mod bad_input;
mod cache;
mod cases;
mod cli;
mod conformance;
mod driver;
mod endless;
mod events;
mod examples;
mod forks;
mod images;
mod isolation;
mod javascript;
mod killed;
mod leaks;
mod limits;
mod mcp;
mod parity;
mod python;
mod sessions;
mod signals;
mod snapshots;
mod suspension;
mod tools;
mod tools_at_once;
mod tools_contained;
mod tools_hostile;
mod traps;

//! Tests across the crates: what sandcell promises, tried from outside.
#![allow(clippy::unwrap_used)]

mod archives;
mod attacks;
mod bad_input;
mod cache;
mod cases;
mod cli;
mod conformance;
mod endless;
mod examples;
mod forks;
mod isolation;
mod javascript;
mod leaks;
mod limits;
mod python;
mod sessions;
mod signals;
mod snapshots;
mod traps;

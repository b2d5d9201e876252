//! Tests across the crates: what sandcell promises, tried from outside.
#![allow(clippy::unwrap_used)]

mod attacks;
mod bad_input;
mod cases;
mod conformance;
mod endless;
mod isolation;
mod leaks;
mod limits;
mod python;
mod signals;
mod traps;

//! Tests across the crates: what sandcell promises, tried from outside.
#![allow(clippy::unwrap_used)]

mod cases;
mod conformance;
mod endless;
mod isolation;
mod limits;
mod python;

//! The calls that preview 1 makes on the tree, a file for each kind.

mod change;
mod io;
mod look;
mod open;
mod outside;
mod placed;

pub(super) use placed::Placed;

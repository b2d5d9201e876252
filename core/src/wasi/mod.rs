//! Preview 1 over the sandbox's own file tree.
mod interrupt;
pub(crate) use interrupt::{Interrupt, Stop};

//! The room of `unsafe`: address space, fiber stacks and signal handlers.
//!
//! Nothing here knows of images, guests or limits; every block names its invariant. What leaves
//! this module is safe to use wrongly.
#![allow(unsafe_code)]

mod cow;
#[cfg(test)]
mod forked;
mod map;
mod region;
mod signals;
mod stack;

pub(crate) use cow::{Finder, MemoryImage, SlotPool, Watch};
pub(crate) use map::FileMap;
pub(crate) use signals::TrapHandlers;
pub(crate) use stack::StackPool;

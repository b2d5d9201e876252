//! The room of `unsafe`: address space, fiber stacks and signal handlers.
//!
//! Nothing here knows of images, guests or limits; every block names its invariant. What leaves
//! this module is safe to use wrongly.
#![allow(unsafe_code)]

#[allow(dead_code)]
mod image;
mod map;
#[allow(dead_code)]
mod region;
mod signals;
#[allow(dead_code)]
mod slot;
#[allow(dead_code)]
mod slots;
mod stack;
#[allow(dead_code)]
mod written;

#[allow(unused_imports)]
pub(crate) use image::MemoryImage;
pub(crate) use map::FileMap;
pub(crate) use signals::TrapHandlers;
#[allow(unused_imports)]
pub(crate) use slots::SlotPool;
pub(crate) use stack::StackPool;

//! Linear memories that start as a saved image and share it until they write.
//!
//! [`MemoryImage`] is the saved memory, a slot the address space in which one guest after the other
//! has it, [`SlotPool`] what wasmtime asks for memory. Giving a slot to the next guest is a
//! security boundary: length, protection and content are what they were.

mod image;
mod quiet;
mod slot;
mod slots;
mod written;

pub(crate) use image::MemoryImage;
pub(crate) use quiet::Watch;
pub(crate) use slots::SlotPool;
pub(crate) use written::Finder;

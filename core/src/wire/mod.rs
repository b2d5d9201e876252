//! What the byte formats of snapshots and image archives share: fields, compression, and the
//! checksum or keyed seal at their end.
//!
//! Readers here get bytes that anybody may have made. They allocate nothing by a length that was
//! not checked against a cap of the caller.

mod codec;
mod fields;
mod key;
mod seal;

pub(crate) use codec::{Effort, Expander, compress, compressor, expand};
pub(crate) use fields::Fields;
pub use key::Key;
pub(crate) use seal::{SEAL_BYTES, Seal};

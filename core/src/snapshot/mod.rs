//! Snapshots: the saved state of a live sandbox between two runs.

mod format;

#[cfg(feature = "fuzzing")]
pub use format::oracle::snapshot_reader;

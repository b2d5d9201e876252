//! One builder at a time, across threads and processes.

use crate::error::{Error, Result};
use std::fs::File;
use std::path::Path;

/// An exclusive lock on a file. The kernel releases it when the holder ends, however it ends.
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Waits for the lock. The file stays behind, empty.
    pub(crate) fn acquire(path: &Path) -> Result<FileLock> {
        let file = super::sealed::private_options()
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| Error::CacheUnwritable { path: path.to_owned(), reason: error.to_string() })?;
        file.lock().map_err(Error::host_io("locking the cache"))?;
        Ok(FileLock { _file: file })
    }
}

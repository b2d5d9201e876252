//! One builder at a time, across threads and processes.

use crate::error::{Error, Result};
use std::fs::{File, TryLockError};
use std::path::Path;

/// An exclusive lock on a file. The kernel releases it when the holder ends, however it ends.
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Waits for the lock. The file stays behind, empty.
    pub(crate) fn acquire(path: &Path) -> Result<FileLock> {
        let file = open(path)?;
        file.lock().map_err(Error::host_io("locking the cache"))?;
        Ok(FileLock { _file: file })
    }

    /// The lock, unless somebody has it.
    pub(crate) fn acquire_now(path: &Path) -> Result<Option<FileLock>> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(FileLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Error::host_io("locking the cache")(error)),
        }
    }
}

fn open(path: &Path) -> Result<File> {
    let file = super::sealed::private_options().create(true).truncate(false).open(path);
    file.map_err(|error| Error::CacheUnwritable { path: path.to_owned(), reason: error.to_string() })
}

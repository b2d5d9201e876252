//! The only place where a path of the host becomes a directory handle.

use cap_std::fs::Dir;
use std::io;
use std::path::Path;

/// Opens a folder that the policy names; it must be a directory that can be listed.
pub(crate) fn open_folder(path: &Path) -> io::Result<Dir> {
    let dir = Dir::open_ambient_dir(path, cap_std::ambient_authority())?;
    dir.entries()?;
    Ok(dir)
}

//! What is in a folder of a guest's file tree.

use serde::{Deserialize, Serialize};

/// What lies at or below a folder, whoever put it there. Sorted by path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// At most [`Listing::MAX_ENTRIES`], with [`Listing::MAX_TEXT_BYTES`] of paths; what lies higher
    /// comes before what lies deeper when there are more.
    pub entries: Vec<FileEntry>,
    /// True when there is more than that, or a folder could not be read.
    #[serde(default)]
    pub truncated: bool,
}

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its guest path.
    pub path: String,
    /// What it is; a symlink is never followed.
    pub kind: FileKind,
    /// Bytes of a file; 0 for everything else.
    pub size: u64,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symlink, wherever it leads.
    Symlink,
    /// A device, FIFO or socket of a host folder. Nobody opens it.
    Other,
}

impl Listing {
    /// The most entries.
    pub const MAX_ENTRIES: usize = 10_000;

    /// The most bytes that all paths have together.
    pub const MAX_TEXT_BYTES: usize = 4 << 20;
}

impl FileKind {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            FileKind::File => "file",
            FileKind::Directory => "directory",
            FileKind::Symlink => "symlink",
            FileKind::Other => "other",
        }
    }
}

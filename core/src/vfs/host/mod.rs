//! Folders of the host, one name at a time.
//!
//! Everything here takes a directory handle and a single checked name and never follows a
//! symlink, so that whatever another process puts in the way between two steps, no step leaves
//! the folder: the worst is an ordinary error. `..` never reaches the kernel. Only regular
//! files, directories and symlinks are opened; names that are not UTF-8 do not exist for guests.
//! `ambient.rs` alone turns a path of the host into a directory handle.

mod ambient;
mod at;
mod charges;
mod errors;
mod file;
mod folder;
mod gather;
mod inodes;
mod listing;
mod target;

pub(crate) use ambient::open_folder;
pub(super) use at::{Name, look_up, open_dir, open_regular, read_fully_at, read_link, stat_dir};
pub(super) use charges::Charges;
pub(super) use file::HostFile;
pub(super) use folder::Folder;
pub(crate) use gather::{FolderCaps, FolderProblem, read_folder};
pub(super) use inodes::Inodes;
pub(super) use listing::Listing;
pub(super) use target::Target;

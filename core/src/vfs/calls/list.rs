//! What the embedder sees of a tree, and a copy of it in a folder of the host.
//!
//! Nothing here follows a symlink: it is listed and copied as one. So no listing leaves its mount, and
//! none goes round in circles.

use super::outside::unavailable;
use crate::error::{Error, Result};
use crate::outcome::{FileEntry, FileKind, Listing};
use crate::policy::GuestPath;
use crate::vfs::host::Target;
use crate::vfs::tree::stays_inside;
use crate::vfs::{DirHandle, Errno, FileHandle, FileType, OpenFlags, Opened, Vfs};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::ops::ControlFlow;

/// The most bytes that are copied into a folder of the host.
const MOST_COPIED_BYTES: u64 = 4 << 30;
const PIECE: usize = 64 << 10;

impl Vfs {
    /// What is in the folder at `path`, and with `recursive` below it.
    ///
    /// # Errors
    /// `file_unavailable` when it is no folder, or cannot be read.
    pub(crate) fn list_files(&mut self, path: &GuestPath, recursive: bool) -> Result<Listing> {
        let mut listing = Gathered::default();
        let mut waiting = VecDeque::from([path.clone()]);
        while let Some(folder) = waiting.pop_front() {
            match self.list_folder(&folder, &mut listing, &mut waiting) {
                Ok(()) => {}
                Err(errno) if folder == *path => return Err(unavailable(path, errno)),
                Err(_) => listing.truncated = true,
            }
            if !recursive || listing.is_full() {
                listing.truncated |= recursive && !waiting.is_empty();
                break;
            }
        }
        listing.entries.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Listing { entries: listing.entries, truncated: listing.truncated })
    }

    /// Copies everything below the folder at `path` into the host folder `to`, and tells what. Files that
    /// are there are replaced; symlinks that could lead out of `to`, and devices, are left out.
    ///
    /// # Errors
    /// `file_unavailable` when it is no folder or more than may be copied, before anything is written;
    /// `host_io`.
    pub(crate) fn copy_files(&mut self, path: &GuestPath, to: &cap_std::fs::Dir) -> Result<Listing> {
        let mut listing = self.list_files(path, true)?;
        let bytes: u64 = listing.entries.iter().map(|entry| entry.size).sum();
        if listing.truncated || bytes > MOST_COPIED_BYTES {
            let reason = "there is more below it than can be copied, or some of it cannot be read".to_owned();
            return Err(Error::FileUnavailable { path: path.to_string(), reason });
        }
        let above = path.as_str().trim_end_matches('/').len() + 1;
        let mut kept = Vec::with_capacity(listing.entries.len());
        for entry in std::mem::take(&mut listing.entries) {
            let copied = self.copy_entry(&entry, &entry.path[above..], to);
            if copied.map_err(Error::host_io(format!("writing a copy of {}", entry.path)))? {
                kept.push(entry);
            }
        }
        listing.entries = kept;
        Ok(listing)
    }

    fn list_folder(
        &mut self,
        folder: &GuestPath,
        listing: &mut Gathered,
        waiting: &mut VecDeque<GuestPath>,
    ) -> std::result::Result<(), Errno> {
        let dir = self.open_folder(folder)?;
        let mut names = Vec::new();
        let room = Listing::MAX_ENTRIES - listing.entries.len();
        let mut left_out = false;
        let listed = self.read_dir(&dir, 0, &mut |entry| {
            if matches!(entry.name, "." | "..") {
                return ControlFlow::Continue(());
            }
            left_out = names.len() == room;
            if left_out {
                return ControlFlow::Break(());
            }
            names.push((entry.name.to_owned(), entry.filetype));
            ControlFlow::Continue(())
        });
        listing.truncated |= left_out;
        for (name, filetype) in names {
            let stat = self.path_stat(&dir, &name, false);
            let filetype = stat.as_ref().map_or(filetype, |stat| stat.filetype);
            let size = stat.ok().filter(|_| filetype == FileType::RegularFile).map_or(0, |stat| stat.size);
            let entry = FileEntry { path: below(folder, &name), kind: kind(filetype), size };
            if entry.kind == FileKind::Directory {
                match GuestPath::parse(&entry.path) {
                    Ok(path) => waiting.push_back(path),
                    Err(_) => listing.truncated = true,
                }
            }
            listing.add(entry);
        }
        self.close_dir(dir);
        listed
    }

    fn open_folder(&mut self, folder: &GuestPath) -> std::result::Result<DirHandle, Errno> {
        let flags = OpenFlags { directory: true, read: true, ..OpenFlags::default() };
        let (start, rest) = self.nearest_mount(folder);
        match self.open_from(start, if rest.is_empty() { "." } else { rest }, flags)? {
            Opened::Dir(dir) => Ok(dir),
            Opened::File(file) => {
                self.close_file(file);
                Err(Errno::Notdir)
            }
        }
    }

    /// Whether it was copied.
    fn copy_entry(&mut self, entry: &FileEntry, path: &str, to: &cap_std::fs::Dir) -> io::Result<bool> {
        let guest = GuestPath::parse(&entry.path).map_err(io::Error::other)?;
        match entry.kind {
            FileKind::Directory => Target::folder(to, path).map(|()| true),
            FileKind::File => {
                let flags = OpenFlags { read: true, ..OpenFlags::default() };
                let (start, rest) = self.nearest_mount(&guest);
                let Opened::File(file) = self.open_from(start, rest, flags).map_err(failed)? else {
                    return Err(io::ErrorKind::IsADirectory.into());
                };
                let copied = Target::at(to, path)
                    .and_then(|target| target.file(|out| self.copy_content(&file, entry.size, out)));
                self.close_file(file);
                copied.map(|()| true)
            }
            FileKind::Symlink => {
                let (start, rest) = self.nearest_mount(&guest);
                match self.read_link_from(start, rest).map_err(failed)? {
                    link if stays_inside(path, &link) => Target::at(to, path)?.symlink(&link).map(|()| true),
                    _ => Ok(false),
                }
            }
            FileKind::Other => Ok(false),
        }
    }

    /// Copies what the listing found, and no more: a file of the host may grow meanwhile.
    fn copy_content(&mut self, file: &FileHandle, size: u64, out: &mut File) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        let mut done = 0;
        while done < size {
            let wanted = usize::try_from(size - done).unwrap_or(PIECE).min(PIECE);
            match self.read_at(file, done, &mut piece[..wanted]).map_err(failed)? {
                0 => break,
                count => {
                    out.write_all(&piece[..count])?;
                    done += count as u64;
                }
            }
        }
        Ok(())
    }
}

/// A listing that is not sorted yet.
#[derive(Default)]
struct Gathered {
    entries: Vec<FileEntry>,
    text_bytes: usize,
    truncated: bool,
}

impl Gathered {
    fn add(&mut self, entry: FileEntry) {
        if self.is_full() {
            self.truncated = true;
            return;
        }
        self.text_bytes += entry.path.len();
        self.entries.push(entry);
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= Listing::MAX_ENTRIES || self.text_bytes >= Listing::MAX_TEXT_BYTES
    }
}

fn below(folder: &GuestPath, name: &str) -> String {
    format!("{}/{name}", folder.as_str().trim_end_matches('/'))
}

fn kind(filetype: FileType) -> FileKind {
    match filetype {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::SymbolicLink => FileKind::Symlink,
        _ => FileKind::Other,
    }
}

fn failed(errno: Errno) -> io::Error {
    io::Error::other(format!("{errno:?}"))
}

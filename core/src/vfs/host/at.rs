//! The steps: one directory handle, one name, no symlink followed.
//!
//! These are `*at` calls on the descriptor of a [`Dir`], not cap-std's path functions: where a
//! kernel or a seccomp filter has no `openat2`, cap-std resolves symlinks itself, and the walk
//! above must see every one of them.

use super::errors::{from_io, from_kernel};
use crate::vfs::{Errno, FileType, Stat};
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, Mode, OFlags};
use std::fs::File;

/// A name that can only mean an entry of the directory it is used with.
#[derive(Clone, Copy)]
pub(in crate::vfs) struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    pub(in crate::vfs) fn parse(text: &'a str) -> Result<Name<'a>, Errno> {
        if matches!(text, "" | "." | "..") || text.bytes().any(|byte| byte == b'/' || byte == 0) {
            return Err(Errno::NotCapable);
        }
        Ok(Name(text))
    }

    pub(super) fn as_str(self) -> &'a str {
        self.0
    }
}

/// What has this name, if anything has.
pub(in crate::vfs) fn look_up(dir: &Dir, name: Name<'_>) -> Result<Option<Stat>, Errno> {
    match rustix::fs::statat(dir, name.0, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(from_stat(&stat))),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(from_kernel(error)),
    }
}

pub(in crate::vfs) fn stat_dir(dir: &Dir) -> Result<Stat, Errno> {
    rustix::fs::fstat(dir).map(|stat| from_stat(&stat)).map_err(from_kernel)
}

pub(in crate::vfs) fn stat_file(file: &File) -> Result<Stat, Errno> {
    rustix::fs::fstat(file).map(|stat| from_stat(&stat)).map_err(from_kernel)
}

/// Opens a directory to walk on from. Needs no permission to list it.
pub(in crate::vfs) fn open_dir(dir: &Dir, name: Name<'_>) -> Result<Dir, Errno> {
    let mut flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        flags |= OFlags::PATH;
    }
    let opened = rustix::fs::openat(dir, name.0, flags, Mode::empty()).map_err(from_kernel)?;
    Ok(Dir::from_std_file(File::from(opened)))
}

/// Opens a regular file and nothing else. Never waits: a FIFO that another process puts in
/// place after the check is opened without blocking, recognised and closed.
pub(in crate::vfs) fn open_regular(dir: &Dir, name: Name<'_>, read: bool, write: bool) -> Result<File, Errno> {
    match look_up(dir, name)?.map(|stat| stat.filetype) {
        None => return Err(Errno::Noent),
        Some(FileType::RegularFile) => {}
        Some(FileType::SymbolicLink) => return Err(Errno::Loop),
        Some(FileType::Directory) => return Err(Errno::Isdir),
        Some(_) => return Err(Errno::Acces),
    }
    let file = open_with(dir, name, read, write, OFlags::empty())?;
    match stat_file(&file)?.filetype {
        FileType::RegularFile => Ok(file),
        _ => Err(Errno::Acces),
    }
}

/// Creates a regular file; `Exist` when anything has the name.
pub(super) fn create_regular(dir: &Dir, name: Name<'_>, read: bool, write: bool) -> Result<File, Errno> {
    open_with(dir, name, read, write, OFlags::CREATE | OFlags::EXCL)
}

fn open_with(dir: &Dir, name: Name<'_>, read: bool, write: bool, more: OFlags) -> Result<File, Errno> {
    let mode = match (read, write) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        (_, false) => OFlags::RDONLY,
    };
    let flags = mode | more | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(dir, name.0, flags, Mode::from_raw_mode(0o666)).map_err(from_kernel)?;
    Ok(File::from(opened))
}

/// The target of a symlink. `Ilseq` when it is not UTF-8.
pub(in crate::vfs) fn read_link(dir: &Dir, name: Name<'_>) -> Result<String, Errno> {
    let target = rustix::fs::readlinkat(dir, name.0, Vec::new()).map_err(from_kernel)?;
    String::from_utf8(target.into_bytes()).map_err(|_| Errno::Ilseq)
}

/// Opens the directory once more, to list it from the start.
pub(super) fn reopen_to_list(dir: &Dir) -> Result<rustix::fs::Dir, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(dir, ".", flags, Mode::empty()).map_err(from_kernel)?;
    rustix::fs::Dir::new(opened).map_err(from_kernel)
}

pub(super) fn filetype(kind: rustix::fs::FileType) -> FileType {
    use rustix::fs::FileType as Kind;
    match kind {
        Kind::RegularFile => FileType::RegularFile,
        Kind::Directory => FileType::Directory,
        Kind::Symlink => FileType::SymbolicLink,
        Kind::CharacterDevice => FileType::CharacterDevice,
        Kind::BlockDevice => FileType::BlockDevice,
        Kind::Socket => FileType::SocketStream,
        Kind::Fifo | Kind::Unknown => FileType::Unknown,
    }
}

#[allow(clippy::unnecessary_cast, clippy::cast_lossless)]
fn from_stat(stat: &rustix::fs::Stat) -> Stat {
    let time = |seconds: i64, nanos: u64| {
        let seconds = u64::try_from(seconds).unwrap_or(0);
        seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
    };
    Stat {
        dev: stat.st_dev as u64,
        ino: stat.st_ino as u64,
        filetype: filetype(rustix::fs::FileType::from_raw_mode(stat.st_mode as _)),
        nlink: stat.st_nlink as u64,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        atim: time(stat.st_atime as i64, stat.st_atime_nsec as u64),
        mtim: time(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
        ctim: time(stat.st_ctime as i64, stat.st_ctime_nsec as u64),
    }
}

/// Reads at an offset until the buffer is full or the file ends.
pub(in crate::vfs) fn read_fully_at(file: &File, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    use std::os::unix::fs::FileExt as _;
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) if done > 0 => break,
            Err(error) => return Err(from_io(error)),
        }
    }
    Ok(done)
}

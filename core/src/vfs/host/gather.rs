//! Reading the regular files of a host folder, with what lies below it, as they are now.
//!
//! Symlinks are refused and never followed, so that nothing from outside of the folder is read. Names
//! that begin with a dot are left out: they hold what editors, version control and secrets keep there.

use super::at::{Name, filetype, look_up, open_dir, open_regular, reopen_to_list};
use crate::vfs::{Errno, FileType};
use cap_std::fs::Dir;
use std::io::{self, Read as _};

/// How much is read at most.
pub(crate) struct FolderCaps {
    pub(crate) files: usize,
    /// Of all files together.
    pub(crate) bytes: usize,
    /// Of a file's name with its folders.
    pub(crate) name_bytes: usize,
}

/// Why a folder was not read; with the name that it is about.
#[derive(Debug)]
pub(crate) enum FolderProblem {
    Io(String, io::Error),
    Not(String, &'static str),
}

/// Names relative to the folder, and contents.
pub(crate) type FolderFiles = Vec<(String, Vec<u8>)>;

/// Reads every file below `dir`, folder by folder.
pub(crate) fn read_folder(dir: &Dir, caps: &FolderCaps) -> Result<FolderFiles, FolderProblem> {
    let mut files = FolderFiles::new();
    let mut bytes_left = caps.bytes;
    // Folders that are still to be read, with the prefix of their names; an open one at a time.
    let mut waiting = vec![String::new()];
    let mut seen = 0;
    while let Some(prefix) = waiting.pop() {
        let folder = open_below(dir, &prefix)?;
        let listed = list(&folder, &prefix, caps)?;
        seen += listed.len();
        if seen > caps.files {
            return Err(FolderProblem::Not(prefix, "with it there are more files and folders than a project may have"));
        }
        for (name, kind) in listed {
            let path = format!("{prefix}{name}");
            match kind {
                FileType::Directory => waiting.push(format!("{path}/")),
                FileType::RegularFile => {
                    let content = read(&folder, &name, &path, bytes_left)?;
                    bytes_left -= content.len();
                    files.push((path, content));
                }
                FileType::SymbolicLink => return Err(FolderProblem::Not(path, "it is a symlink")),
                _ => return Err(FolderProblem::Not(path, "it is neither a file nor a folder")),
            }
        }
    }
    Ok(files)
}

fn open_below(dir: &Dir, prefix: &str) -> Result<Dir, FolderProblem> {
    let failed = |errno| FolderProblem::Io(prefix.to_owned(), errno_error(errno));
    let mut at = dir.try_clone().map_err(|error| FolderProblem::Io(prefix.to_owned(), error))?;
    for name in prefix.split('/').filter(|name| !name.is_empty()) {
        at = open_dir(&at, Name::parse(name).map_err(failed)?).map_err(failed)?;
    }
    Ok(at)
}

/// The names in a folder, sorted. Their number is bounded by what the folder may hold.
fn list(folder: &Dir, prefix: &str, caps: &FolderCaps) -> Result<Vec<(String, FileType)>, FolderProblem> {
    let failed = |errno| FolderProblem::Io(prefix.to_owned(), errno_error(errno));
    let mut names = Vec::new();
    for entry in reopen_to_list(folder).map_err(failed)? {
        let entry = entry.map_err(|error| FolderProblem::Io(prefix.to_owned(), error.into()))?;
        let Ok(text) = entry.file_name().to_str() else {
            return Err(FolderProblem::Not(format!("{prefix}…"), "it has a name that is not UTF-8"));
        };
        if text.starts_with('.') {
            continue;
        }
        if names.len() == caps.files || prefix.len() + text.len() > caps.name_bytes {
            return Err(FolderProblem::Not(
                format!("{prefix}{text}"),
                "there are too many files, or its name is too long",
            ));
        }
        let kind = match entry.file_type() {
            rustix::fs::FileType::Unknown => {
                let found = Name::parse(text).and_then(|name| look_up(folder, name)).map_err(failed)?;
                found.map_or(FileType::Unknown, |stat| stat.filetype)
            }
            kind => filetype(kind),
        };
        names.push((text.to_owned(), kind));
    }
    names.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    Ok(names)
}

fn read(folder: &Dir, name: &str, path: &str, bytes_left: usize) -> Result<Vec<u8>, FolderProblem> {
    let opened = Name::parse(name).and_then(|name| open_regular(folder, name, true, false));
    let file = opened.map_err(|errno| FolderProblem::Io(path.to_owned(), errno_error(errno)))?;
    let mut content = Vec::new();
    let read = file.take(bytes_left as u64 + 1).read_to_end(&mut content);
    read.map_err(|error| FolderProblem::Io(path.to_owned(), error))?;
    if content.len() > bytes_left {
        return Err(FolderProblem::Not(path.to_owned(), "with it the project is larger than 128 MiB"));
    }
    Ok(content)
}

fn errno_error(errno: Errno) -> io::Error {
    match errno {
        Errno::Noent => io::ErrorKind::NotFound.into(),
        Errno::Acces | Errno::Perm => io::ErrorKind::PermissionDenied.into(),
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const CAPS: FolderCaps = FolderCaps { files: 8, bytes: 100, name_bytes: 1024 };

    fn folder() -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("lib/deep")).unwrap();
        fs::write(folder.path().join("main.py"), "1").unwrap();
        fs::write(folder.path().join("lib/deep/x.py"), "2").unwrap();
        fs::write(folder.path().join(".env"), "SECRET").unwrap();
        let dir = super::super::open_folder(folder.path()).unwrap();
        (folder, dir)
    }

    #[test]
    fn files_are_read_with_their_folders_and_hidden_ones_are_left_out() {
        let (_kept, dir) = folder();
        let mut files = read_folder(&dir, &CAPS).unwrap();
        files.sort();
        assert_eq!(files, [("lib/deep/x.py".to_owned(), b"2".to_vec()), ("main.py".to_owned(), b"1".to_vec())]);
    }

    #[test]
    fn a_symlink_is_refused_and_what_it_points_to_stays_unread() {
        let (kept, dir) = folder();
        std::os::unix::fs::symlink("/etc/passwd", kept.path().join("lib/deep/passwd")).unwrap();
        let problem = read_folder(&dir, &CAPS).unwrap_err();
        assert!(matches!(problem, FolderProblem::Not(name, "it is a symlink") if name == "lib/deep/passwd"));
    }

    #[test]
    fn what_is_too_large_or_too_much_is_refused() {
        let (kept, dir) = folder();
        let refused = |caps: &FolderCaps| matches!(read_folder(&dir, caps), Err(FolderProblem::Not(..)));
        assert!(refused(&FolderCaps { bytes: 1, ..CAPS }) && refused(&FolderCaps { files: 1, ..CAPS }));
        assert!(refused(&FolderCaps { name_bytes: 4, ..CAPS }));
        let pipe = kept.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(refused(&CAPS), "a pipe is refused instead of waited for");
    }
}

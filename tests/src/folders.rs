//! Folders of the host: filled for a guest, and compared before and after.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Everything a guest could change about a folder and what lies below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<PathBuf, Entry>);

/// What is there, and its times and mode.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    kind: Kind,
    mode: u32,
    links: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Folder,
    File(Vec<u8>),
    Link(PathBuf),
    /// A FIFO, socket or device: never opened.
    Special(String),
}

impl Snapshot {
    /// Reads a folder. Times of access are left out: reading sets them.
    pub fn of(folder: &Path) -> Snapshot {
        let mut entries = BTreeMap::new();
        visit(folder, &mut |path| {
            let found = fs::symlink_metadata(path).unwrap();
            let kind = match found.file_type() {
                kind if kind.is_dir() => Kind::Folder,
                kind if kind.is_file() => Kind::File(fs::read(path).unwrap()),
                kind if kind.is_symlink() => Kind::Link(fs::read_link(path).unwrap()),
                kind if kind.is_fifo() => Kind::Special("fifo".into()),
                kind => Kind::Special(format!("{kind:?}")),
            };
            let entry = Entry {
                kind,
                mode: found.mode(),
                links: found.nlink(),
                modified: (found.mtime(), found.mtime_nsec()),
                changed: (found.ctime(), found.ctime_nsec()),
            };
            entries.insert(path.strip_prefix(folder).unwrap().to_owned(), entry);
        });
        Snapshot(entries)
    }

    /// The regular files and their content.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let file = |(path, entry): (&PathBuf, &Entry)| match &entry.kind {
            Kind::File(content) => Some((path.to_str().unwrap().to_owned(), content.clone())),
            _ => None,
        };
        self.0.iter().filter_map(file).collect()
    }

    /// The paths of everything, the folder itself left out.
    pub fn paths(&self) -> Vec<String> {
        self.0.keys().map(|path| path.to_str().unwrap().to_owned()).filter(|path| !path.is_empty()).collect()
    }
}

/// Copies a folder with everything below it, symlinks as they are.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => copy(&source, &target),
            kind if kind.is_symlink() => std::os::unix::fs::symlink(fs::read_link(&source).unwrap(), &target).unwrap(),
            _ => drop(fs::copy(&source, &target).unwrap()),
        }
    }
}

/// A private folder with these files; their folders are made.
pub fn with_files(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// The files with one of these endings, sorted.
pub fn listed(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    assert!(!files.is_empty(), "{} holds no .{extension} files", folder.display());
    files.sort();
    files
}

fn visit(path: &Path, each: &mut dyn FnMut(&Path)) {
    each(path);
    if fs::symlink_metadata(path).unwrap().is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            visit(&entry.unwrap().path(), each);
        }
    }
}

//! Tests of the whole tree. What must be the same for every kind of mount stands in `suite.rs`
//! once and runs over memory, an overlay and a host folder.
#![allow(clippy::unwrap_used)]

mod agreement;
mod hostile;
mod namespace;
mod outside;
mod overlay;
mod pace;
mod quotas;
mod read_only;
mod state;
mod state_bytes;
mod state_mounts;
mod suite;
mod suite_paths;

use super::*;
use crate::limits::Budget;
use crate::outcome::FilesDiff;
use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

/// A clock that moves by a microsecond whenever it is read.
struct Ticks(AtomicU64);

impl Now for Ticks {
    fn now_ns(&self) -> u64 {
        self.0.fetch_add(1_000, Ordering::Relaxed)
    }
}

const GENEROUS: Quota = Quota { fs_bytes: 64 << 20, fs_nodes: 20_000, file_bytes: 32 << 20 };
const HOST_BYTES: u64 = 256 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Memory,
    Overlay,
    Host,
}

/// One mount at `/`, with a handle on it.
struct World {
    vfs: Vfs,
    root: DirHandle,
    budget: Arc<Budget>,
    kind: Kind,
    /// Beside the mounted folder lies a secret.
    host: TempDir,
}

impl World {
    fn new(kind: Kind) -> World {
        World::with(kind, GENEROUS, |_| {})
    }

    fn with(kind: Kind, quota: Quota, fill: impl FnOnce(&Path)) -> World {
        let host = tempfile::tempdir().unwrap();
        fs::write(host.path().join("secret"), "canary").unwrap();
        let folder = host.path().join("mounted");
        fs::create_dir(&folder).unwrap();
        fill(&folder);
        let source = match kind {
            Kind::Memory => Source::Memory { files: files_of(&folder), access: Access::ReadWrite },
            Kind::Overlay => Source::Overlay { dir: host::open_folder(&folder).unwrap() },
            Kind::Host => {
                let dir = host::open_folder(&folder).unwrap();
                Source::Host { dir, access: Access::ReadWrite, symlinks: true }
            }
        };
        let (vfs, root, budget) = single(source, quota);
        World { vfs, root, budget, kind, host }
    }

    fn folder(&self) -> PathBuf {
        self.host.path().join("mounted")
    }

    fn open(&mut self, path: &str, flags: OpenFlags) -> Result<Opened, Errno> {
        self.vfs.open(&self.root, path, flags)
    }

    fn file(&mut self, path: &str, flags: OpenFlags) -> FileHandle {
        match self.open(path, flags) {
            Ok(Opened::File(file)) => file,
            other => panic!("{path}: {other:?}"),
        }
    }

    fn dir(&mut self, path: &str) -> DirHandle {
        match self.open(path, OpenFlags { directory: true, follow: true, ..READ }) {
            Ok(Opened::Dir(dir)) => dir,
            other => panic!("{path}: {other:?}"),
        }
    }

    fn refused(&mut self, path: &str, flags: OpenFlags) -> Errno {
        self.open(path, flags).expect_err(path)
    }

    fn write(&mut self, path: &str, data: &[u8]) {
        let file = self.file(path, OpenFlags { create: true, truncate: true, ..WRITE });
        assert_eq!(self.vfs.write_at(&file, 0, data), Ok(data.len()));
        self.vfs.close_file(file);
    }

    fn read(&mut self, path: &str) -> Vec<u8> {
        let file = self.file(path, OpenFlags { follow: true, ..READ });
        let data = read_all(&mut self.vfs, &file);
        self.vfs.close_file(file);
        data
    }

    fn mkdir(&mut self, path: &str) {
        self.vfs.create_directory(&self.root, path).unwrap_or_else(|errno| panic!("{path}: {errno:?}"));
    }

    fn symlink(&mut self, target: &str, path: &str) -> Result<(), Errno> {
        self.vfs.symlink(target, &self.root, path)
    }

    fn link(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        self.vfs.link(&self.root, from, false, &self.root, to)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        self.vfs.rename(&self.root, from, &self.root, to)
    }

    fn unlink(&mut self, path: &str) -> Result<(), Errno> {
        self.vfs.unlink_file(&self.root, path)
    }

    fn rmdir(&mut self, path: &str) -> Result<(), Errno> {
        self.vfs.remove_directory(&self.root, path)
    }

    fn stat(&mut self, path: &str) -> Result<Stat, Errno> {
        self.vfs.path_stat(&self.root, path, false)
    }

    fn names(&mut self, path: &str) -> Vec<String> {
        let dir = self.dir(path);
        let names = list(&mut self.vfs, &dir, 0).into_iter().map(|(name, _)| name);
        let mut names: Vec<_> = names.filter(|name| name != "." && name != "..").collect();
        self.vfs.close_dir(dir);
        names.sort();
        names
    }

    /// What the guest sees, in the form of [`snapshot`].
    fn seen(&mut self) -> BTreeMap<String, Option<Vec<u8>>> {
        let mut found = BTreeMap::new();
        let mut pending = vec![String::new()];
        while let Some(dir) = pending.pop() {
            let at = if dir.is_empty() { "." } else { &dir };
            for name in self.names(at) {
                let path = if dir.is_empty() { name } else { format!("{dir}/{name}") };
                let content = match self.stat(&path).unwrap().filetype {
                    FileType::Directory => {
                        pending.push(path.clone());
                        None
                    }
                    FileType::SymbolicLink => Some(self.vfs.read_link(&self.root, &path).unwrap().into_bytes()),
                    _ => Some(self.read(&path)),
                };
                found.insert(path, content);
            }
        }
        found
    }

    fn diff(&self) -> (Vec<String>, Vec<String>, Vec<String>) {
        let FilesDiff { added, changed, removed, truncated } = self.vfs.diff();
        assert!(!truncated);
        (added, changed, removed)
    }
}

const READ: OpenFlags = OpenFlags {
    follow: false,
    create: false,
    exclusive: false,
    truncate: false,
    directory: false,
    read: true,
    write: false,
};
const WRITE: OpenFlags = OpenFlags { write: true, ..READ };
const CREATE: OpenFlags = OpenFlags { create: true, ..WRITE };

fn single(source: Source, quota: Quota) -> (Vfs, DirHandle, Arc<Budget>) {
    let (vfs, mut roots, budget) = join(vec![("/", source)], quota);
    let root = roots.pop().unwrap();
    (vfs, root, budget)
}

fn join(mounts: Vec<(&str, Source)>, quota: Quota) -> (Vfs, Vec<DirHandle>, Arc<Budget>) {
    let budget = Arc::new(Budget::new(HOST_BYTES));
    let point = |(guest, source)| MountPoint { guest: GuestPath::parse(guest).unwrap(), source };
    let now = Arc::new(Ticks(AtomicU64::new(1_700_000_000_000_000_000)));
    let mounts = mounts.into_iter().map(point).collect();
    let mut vfs = Vfs::new(mounts, quota, budget.clone(), now).unwrap();
    let roots = vfs.preopens_from(0).into_iter().map(|(_, root)| root).collect();
    (vfs, roots, budget)
}

fn memory(files: &[(&str, &str)]) -> Source {
    let files = files.iter().map(|(path, text)| (path.to_string(), bytes(text.as_bytes())));
    Source::Memory { files: files.collect(), access: Access::ReadWrite }
}

fn bytes(data: &[u8]) -> Bytes {
    Arc::new(data.to_vec())
}

fn files_of(folder: &Path) -> Vec<(String, Bytes)> {
    let texts = snapshot(folder).into_iter();
    texts.filter_map(|(path, data)| Some((path, Arc::new(data?) as Bytes))).collect()
}

/// Every path below a folder, with the content of files, the target of symlinks, and none for
/// directories.
fn snapshot(folder: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            let kind = entry.file_type().unwrap();
            let content = if kind.is_dir() {
                pending.push(entry.path());
                None
            } else if kind.is_symlink() {
                Some(fs::read_link(entry.path()).unwrap().to_str().unwrap().into())
            } else {
                Some(fs::read(entry.path()).unwrap())
            };
            found.insert(path, content);
        }
    }
    found
}

/// How many descriptors of this process lie in a folder; other tests have others.
fn descriptors_into(folder: &Path) -> usize {
    let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    open.filter(|target| target.starts_with(folder)).count()
}

fn list(vfs: &mut Vfs, dir: &DirHandle, cookie: u64) -> Vec<(String, u64)> {
    let mut names = Vec::new();
    let visit = &mut |entry: &DirEntry<'_>| {
        names.push((entry.name.to_owned(), entry.next));
        ControlFlow::Continue(())
    };
    vfs.read_dir(dir, cookie, visit).unwrap();
    names
}

fn read_all(vfs: &mut Vfs, file: &FileHandle) -> Vec<u8> {
    let size = vfs.file_stat(file).unwrap().size;
    let mut data = vec![0xAA; size as usize + 1];
    let count = vfs.read_at(file, 0, &mut data).unwrap();
    data.truncate(count);
    data
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

#[test]
fn a_tree_can_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<Vfs>();
}

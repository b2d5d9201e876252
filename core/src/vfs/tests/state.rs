//! Trees that go on from a state: the same for the guest, apart for what is written, paid in full.

use super::*;
use crate::error::Error;
use crate::limits::LimitKey;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// How a state reaches its restorer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Memory,
    Bytes,
}

pub(super) const WAYS: [Way; 2] = [Way::Memory, Way::Bytes];
pub(super) const CAPS: Caps = Caps { nodes: 100_000, content_bytes: 64 << 20, descriptors: 1_000 };

pub(super) fn pass(state: &VfsState, way: Way) -> VfsState {
    if way == Way::Memory {
        return state.clone();
    }
    let bytes = encoded(state);
    let read = decoded(&bytes).unwrap();
    assert_eq!(encoded(&read), bytes, "the form is one and the same");
    read
}

pub(super) fn encoded(state: &VfsState) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.encode(&mut bytes);
    bytes
}

pub(super) fn decoded(bytes: &[u8]) -> Result<VfsState, Malformed> {
    let mut reader = Reader::new(bytes, CAPS);
    let state = VfsState::decode(&mut reader)?;
    reader.finish()?;
    Ok(state)
}

pub(super) fn ticks() -> Arc<Ticks> {
    Arc::new(Ticks(AtomicU64::new(1_700_000_000_000_000_000)))
}

pub(super) fn restore(
    state: &VfsState,
    mounts: Vec<MountPoint>,
    take: Take,
    quota: Quota,
) -> (crate::error::Result<Vfs>, Arc<Budget>) {
    let budget = Arc::new(Budget::new(HOST_BYTES));
    (state.restore(mounts, take, quota, budget.clone(), ticks()), budget)
}

impl World {
    /// A world that goes on from a state of this one, over the same folder.
    fn fork(&self, way: Way) -> World {
        let folder = self.folder();
        let mounts = match self.kind {
            Kind::Memory => Vec::new(),
            Kind::Overlay => vec![point("/", Source::Overlay { dir: host::open_folder(&folder).unwrap() })],
            Kind::Host => panic!("a host folder is not captured"),
        };
        let (vfs, budget) = restore(&pass(&self.vfs.capture(), way), mounts, Take::Continue, GENEROUS);
        World {
            vfs: vfs.unwrap(),
            root: DirHandle(self.root.0),
            budget,
            kind: self.kind,
            host: tempfile::tempdir().unwrap(),
        }
    }

    fn fill(&mut self) {
        self.write("given", b"changed");
        self.write("plain", b"plain text");
        self.mkdir("dir");
        self.mkdir("dir/deep");
        self.write("dir/deep/file", &[7; 100_000]);
        self.link("plain", "dir/hard").unwrap();
        self.symlink("dir/hard", "soft").unwrap();
        self.write("old", b"renamed");
        self.rename("old", "dir/new").unwrap();
        self.unlink("kept/removed").unwrap();
        let hole = self.file("hole", CREATE);
        self.vfs.write_at(&hole, 300_000, b"end").unwrap();
        self.vfs.close_file(hole);
    }

    /// Everything a guest can find out by walking. Where the host's clock is ahead of the tree's,
    /// each reading marks a file.
    fn all(&mut self) -> BTreeMap<String, (Stat, u64)> {
        let seen = self.seen();
        let mut found = BTreeMap::new();
        for (path, content) in seen {
            let stat = self.stat(&path).unwrap();
            let atim = if self.kind == Kind::Memory { stat.atim } else { 0 };
            let mut hasher = DefaultHasher::new();
            content.hash(&mut hasher);
            found.insert(path, (Stat { atim, ..stat }, hasher.finish()));
        }
        found
    }
}

pub(super) fn point(guest: &str, source: Source) -> MountPoint {
    MountPoint { guest: GuestPath::parse(guest).unwrap(), source }
}

fn worlds() -> impl Iterator<Item = (World, Way)> {
    let kinds = [Kind::Memory, Kind::Overlay].into_iter();
    kinds.flat_map(|kind| {
        WAYS.map(|way| {
            let world = World::with(kind, GENEROUS, |folder| {
                fs::write(folder.join("given"), "given").unwrap();
                fs::create_dir(folder.join("kept")).unwrap();
                fs::write(folder.join("kept/removed"), "x").unwrap();
                fs::write(folder.join("kept/stays"), "stays").unwrap();
            });
            (world, way)
        })
    })
}

#[test]
fn a_restored_tree_is_what_it_was_and_costs_the_same() {
    for (mut world, way) in worlds() {
        world.fill();
        world.all();
        let mut fork = world.fork(way);
        assert_eq!(fork.vfs.fs_bytes_used(), world.vfs.fs_bytes_used(), "{way:?}");
        assert_eq!(fork.budget.used(), world.budget.used(), "{way:?} {:?}", world.kind);
        assert_eq!(fork.diff(), world.diff());
        assert_eq!(fork.all(), world.all());
        let used = (fork.vfs.fs_bytes_used(), fork.budget.used());
        for path in ["plain", "dir/hard", "soft", "dir/new", "hole", "dir/deep/file"] {
            fork.unlink(path).unwrap();
        }
        assert!(fork.vfs.fs_bytes_used() < used.0 && fork.budget.used() < used.1);
        let budget = fork.budget.clone();
        drop(fork);
        assert_eq!(budget.used(), 0);
    }
}

#[test]
fn what_a_fork_writes_its_parent_and_its_siblings_do_not_see() {
    for (mut world, way) in worlds() {
        world.fill();
        let state = world.all();
        let (mut one, mut two) = (world.fork(way), world.fork(way));
        one.write("plain", b"one");
        one.unlink("dir/deep/file").unwrap();
        let file = one.file("hole", WRITE);
        one.vfs.write_at(&file, 300_000, b"END").unwrap();
        one.vfs.close_file(file);
        assert_eq!((world.all(), two.all()), (state.clone(), state.clone()));
        world.write("plain", b"parent");
        two.write("two", b"");
        assert_eq!(
            (one.read("plain"), two.read("plain"), world.read("plain")),
            (b"one".to_vec(), b"plain text".to_vec(), b"parent".to_vec())
        );
        assert_eq!(one.stat("two"), Err(Errno::Noent));
        assert_eq!(two.read("hole")[300_000..], *b"end");
    }
}

#[test]
fn what_is_open_stays_open_also_without_a_name() {
    for (mut world, way) in worlds() {
        world.fill();
        let removed = world.file("dir/new", WRITE);
        world.unlink("dir/new").unwrap();
        let listed = world.dir(".");
        let names = list(&mut world.vfs, &listed, 0);
        world.mkdir("gone");
        let gone = world.dir("gone");
        world.rmdir("gone").unwrap();
        let mut fork = world.fork(way);
        let handle = |number: u32| FileHandle(number);
        assert_eq!(fork.vfs.file_stat(&removed).unwrap(), world.vfs.file_stat(&removed).unwrap());
        assert_eq!(read_all(&mut fork.vfs, &handle(removed.0)), b"renamed");
        assert_eq!(list(&mut fork.vfs, &listed, names[2].1), names[3..]);
        assert_eq!(fork.vfs.create_directory(&gone, "x"), Err(Errno::Noent));
        assert_eq!(fork.vfs.dir_stat(&gone), world.vfs.dir_stat(&gone));
        let before = fork.vfs.fs_bytes_used();
        fork.vfs.close_file(handle(removed.0));
        assert!(fork.vfs.fs_bytes_used() < before, "its last handle freed it");
        fork.vfs.close_dir(DirHandle(gone.0));
        assert_eq!(read_all(&mut world.vfs, &removed), b"renamed");
    }
}

/// The same calls on a tree and on one that was restored from it again and again.
#[test]
fn a_tree_that_is_restored_again_and_again_behaves_as_one_that_is_not() {
    for (index, (mut world, way)) in worlds().enumerate() {
        let mut dice = Dice(index as u64);
        let now = ticks();
        let mut fork = world.fork(way);
        for round in 0..600 {
            let (a, b) = (name(&mut dice), name(&mut dice));
            let (what, size) = (dice.roll(9), dice.roll(200_000));
            let answers = [&mut world, &mut fork].map(|world| step(world, what, size, &a, &b));
            assert_eq!(answers[0], answers[1], "{round} {what} {a} {b}");
            if round % 40 == 0 {
                let budget = Arc::new(Budget::new(HOST_BYTES));
                let mounts = match world.kind {
                    Kind::Overlay => {
                        vec![point("/", Source::Overlay { dir: host::open_folder(&world.folder()).unwrap() })]
                    }
                    _ => Vec::new(),
                };
                let state = pass(&fork.vfs.capture(), way);
                fork.vfs = state.restore(mounts, Take::Continue, GENEROUS, budget.clone(), now.clone()).unwrap();
                fork.budget = budget;
                assert_eq!(fork.seen(), world.seen(), "{round}");
                assert_eq!(fork.diff(), world.diff(), "{round}");
                assert_eq!(fork.vfs.fs_bytes_used(), world.vfs.fs_bytes_used(), "{round}");
                assert_eq!(fork.budget.used(), world.budget.used(), "{round} {way:?} {:?}", world.kind);
            }
        }
        for world in [&mut world, &mut fork] {
            let budget = world.budget.clone();
            *world = World::new(Kind::Memory);
            assert_eq!(budget.used(), 0);
        }
    }
}

fn name(dice: &mut Dice) -> String {
    let names = ["a", "b", "kept", "given"];
    let mut path = names[dice.roll(4)].to_owned();
    for _ in 0..dice.roll(3) {
        path = format!("{path}/{}", ["a", "b", "stays", "removed"][dice.roll(4)]);
    }
    path
}

fn step(world: &mut World, what: usize, size: usize, a: &str, b: &str) -> Result<usize, Errno> {
    match what {
        0..=2 => match world.open(a, CREATE)? {
            Opened::File(file) => {
                let written = world.vfs.write_at(&file, size as u64, &vec![what as u8 + 1; size / 3]);
                let cut = if what == 2 { world.vfs.set_size(&file, size as u64 / 2) } else { Ok(()) };
                world.vfs.close_file(file);
                cut.and(written)
            }
            Opened::Dir(dir) => {
                world.vfs.close_dir(dir);
                Ok(0)
            }
        },
        3 => world.vfs.create_directory(&world.root, a).map(|()| 0),
        4 => world.unlink(a).map(|()| 0),
        5 => world.rmdir(a).map(|()| 0),
        6 => world.rename(a, b).map(|()| 0),
        7 => world.link(a, b).map(|()| 0),
        _ => world.symlink("a", a).map(|()| 0),
    }
}

#[test]
fn a_state_that_does_not_fit_is_refused_by_the_name_of_the_limit_and_takes_nothing() {
    for (mut world, way) in worlds() {
        world.fill();
        let state = pass(&world.vfs.capture(), way);
        let used = world.vfs.fs_bytes_used();
        let cases = [
            (LimitKey::FsBytes, Quota { fs_bytes: used - 1, ..GENEROUS }, HOST_BYTES),
            (LimitKey::FsNodes, Quota { fs_nodes: 3, ..GENEROUS }, HOST_BYTES),
            (LimitKey::FileBytes, Quota { file_bytes: 300_002, ..GENEROUS }, HOST_BYTES),
            (LimitKey::HostBytes, GENEROUS, 20_000),
        ];
        for (key, quota, host_bytes) in cases {
            let mounts = match world.kind {
                Kind::Overlay => vec![point("/", Source::Overlay { dir: host::open_folder(&world.folder()).unwrap() })],
                _ => Vec::new(),
            };
            let budget = Arc::new(Budget::new(host_bytes));
            let refused = state.restore(mounts, Take::Continue, quota, budget.clone(), ticks()).err().unwrap();
            assert!(
                matches!(refused, Error::SnapshotExceeds { limit, needed, allowed } if limit == key && needed > allowed),
                "{refused}"
            );
            assert_eq!(budget.used(), 0, "{key}");
        }
        let exact = Quota { fs_bytes: used, file_bytes: 300_003, ..GENEROUS };
        if world.kind == Kind::Memory {
            assert!(restore(&state, Vec::new(), Take::Continue, exact).0.is_ok());
        }
    }
}

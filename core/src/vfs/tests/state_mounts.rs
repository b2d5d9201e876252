//! States and what their restorer grants: whose files win, what is gone, and what keeps its place.

use super::state::{WAYS, Way, pass, point, restore};
use super::*;
use crate::error::Error;

const FLAGS: OpenFlags = OpenFlags { follow: true, ..READ };

fn image() -> Source {
    Source::Image { files: vec![("lib.zip".to_owned(), bytes(b"zipped"))], detached: false }
}

fn below_a_file() -> Source {
    Source::Image { files: vec![("style".to_owned(), bytes(b"plain"))], detached: true }
}

/// What an image has: its files, some of them below a file, and two folders in memory.
fn image_mounts() -> Vec<(&'static str, Source)> {
    vec![("/lib", image()), ("/lib/lib.zip/data", below_a_file()), ("/tmp", memory(&[])), ("/home", memory(&[]))]
}

fn points(mounts: Vec<(&str, Source)>) -> Vec<MountPoint> {
    mounts.into_iter().map(|(guest, source)| point(guest, source)).collect()
}

fn read(vfs: &mut Vfs, dir: &DirHandle, path: &str) -> Result<Vec<u8>, Errno> {
    match vfs.open(dir, path, FLAGS)? {
        Opened::File(file) => {
            let data = read_all(vfs, &file);
            vfs.close_file(file);
            Ok(data)
        }
        Opened::Dir(dir) => {
            vfs.close_dir(dir);
            Err(Errno::Isdir)
        }
    }
}

fn write(vfs: &mut Vfs, path: &str, data: &[u8]) {
    vfs.write_file(&GuestPath::parse(path).unwrap(), data).unwrap();
}

fn refused(state: &VfsState, mounts: Vec<MountPoint>, take: Take) -> String {
    match restore(state, mounts, take, GENEROUS).0 {
        Err(Error::MountInvalid { guest, reason }) => format!("{guest}: {reason}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was restored"),
    }
}

#[test]
fn a_mount_below_a_file_is_found_as_a_preopen_only() {
    let (mut vfs, roots, _) = join(image_mounts(), GENEROUS);
    assert_eq!(read(&mut vfs, &roots[0], "lib.zip"), Ok(b"zipped".to_vec()));
    assert_eq!(read(&mut vfs, &roots[1], "style"), Ok(b"plain".to_vec()));
    assert_eq!(read(&mut vfs, &roots[0], "lib.zip/data/style"), Err(Errno::Notdir));
    assert_eq!(list(&mut vfs, &roots[0], 0).len(), 3, "., .. and the file");
    let path = GuestPath::parse("/lib/lib.zip/data/style").unwrap();
    assert_eq!(vfs.read_file(&path).unwrap(), b"plain");
    let error = {
        let mounts = points(vec![("/a/b", below_a_file()), ("/a/b", below_a_file())]);
        Vfs::new(mounts, GENEROUS, Arc::new(Budget::new(HOST_BYTES)), super::state::ticks()).err().unwrap()
    };
    assert!(matches!(error, Error::MountInvalid { .. }));
}

#[test]
fn an_images_files_are_handed_in_again_and_keep_their_numbers() {
    for way in WAYS {
        let (mut vfs, roots, _) = join(image_mounts(), GENEROUS);
        let Ok(Opened::File(open)) = vfs.open(&roots[0], "lib.zip", FLAGS) else { panic!() };
        let mut state = pass(&vfs.capture(), way);
        if way == Way::Bytes {
            assert!(!super::state::encoded(&state).windows(6).any(|part| part == b"zipped"));
            assert!(refused(&state, Vec::new(), Take::Start).contains("the image's own files are not there"));
            let (again, _) = restore(&state, points(image_mounts().drain(..2).collect()), Take::Start, GENEROUS);
            assert_eq!(read_all(&mut again.unwrap(), &open), b"zipped");
            assert!(state.hand_in(points(image_mounts().drain(..1).collect())).is_err());
            state.hand_in(points(image_mounts())).unwrap();
        }
        let (fork, _) = restore(&state, Vec::new(), Take::Start, GENEROUS);
        let mut fork = fork.unwrap();
        assert_eq!(read_all(&mut fork, &open), b"zipped");
        assert_eq!(fork.file_stat(&open), vfs.file_stat(&open));
        for root in &roots {
            assert_eq!(fork.dir_stat(root), vfs.dir_stat(root));
        }
        assert_eq!(read(&mut fork, &roots[1], "style"), Ok(b"plain".to_vec()));
        let policy = points(vec![("/lib", memory(&[]))]);
        assert_eq!(refused(&state, policy, Take::Start), "/lib: another mount has this path");
    }
}

#[test]
fn forks_of_an_image_start_with_what_its_warm_up_left() {
    for way in WAYS {
        let (mut vfs, roots, _) = join(image_mounts(), GENEROUS);
        write(&mut vfs, "/tmp/cache/warm", &[1; 5_000]);
        write(&mut vfs, "/tmp/odd", &[2; 70_000]);
        let state = pass(&vfs.capture().into_start(), way);
        let mut state = pass(&state, way);
        state.hand_in(points(image_mounts())).unwrap();
        let tight = Quota { fs_bytes: 80_000, fs_nodes: 2, file_bytes: 80_000 };
        let (fork, budget) = restore(&state, Vec::new(), Take::Start, tight);
        let mut fork = fork.unwrap();
        let before = budget.used();
        assert_eq!((fork.fs_bytes_used(), fork.diff()), (0, FilesDiff::default()));
        let Ok(Opened::File(warm)) = fork.open(&roots[2], "cache/warm", OpenFlags { ..WRITE }) else { panic!() };
        fork.write_at(&warm, 100, b"x").unwrap();
        assert_eq!(fork.fs_bytes_used(), 8_192, "the block is the fork's own now");
        fork.set_size(&warm, 300).unwrap();
        assert_eq!(fork.fs_bytes_used(), 512);
        fork.close_file(warm);
        assert_eq!(read(&mut fork, &roots[2], "cache/warm").unwrap()[99..102], [1, b'x', 1]);
        let Ok(Opened::File(odd)) = fork.open(&roots[2], "odd", WRITE) else { panic!() };
        fork.set_size(&odd, 1_000).unwrap();
        assert_eq!(fork.fs_bytes_used(), 512 + 1_024, "what is kept of a cut block is paid for");
        fork.set_size(&odd, 0).unwrap();
        fork.close_file(odd);
        assert_eq!(fork.diff().changed, ["/tmp/cache/warm", "/tmp/odd"]);
        fork.unlink_file(&roots[2], "cache/warm").unwrap();
        fork.unlink_file(&roots[2], "odd").unwrap();
        fork.remove_directory(&roots[2], "cache").unwrap();
        assert_eq!((fork.fs_bytes_used(), fork.diff().removed.len()), (0, 2));
        assert!(budget.used() <= before);
        // What the image brought is no refund.
        for index in 0..2 {
            write(&mut fork, &format!("/tmp/{index}"), b"");
        }
        assert_eq!(fork.create_directory(&roots[2], "third"), Err(Errno::Nospc));
        drop(fork);
        assert_eq!(budget.used(), 0);
        assert_eq!(read(&mut vfs, &roots[2], "odd").unwrap(), [2; 70_000]);
    }
}

#[test]
fn a_policys_mount_replaces_an_images_folder_in_its_place_and_a_snapshots_does_not() {
    for way in WAYS {
        let (mut vfs, roots, _) = join(image_mounts(), GENEROUS);
        write(&mut vfs, "/tmp/mine", b"captured");
        let Ok(Opened::File(open)) = vfs.open(&roots[2], "mine", FLAGS) else { panic!() };
        vfs.create_directory(&roots[2], "sub").unwrap();
        let Ok(Opened::Dir(sub)) = vfs.open(&roots[2], "sub", FLAGS) else { panic!() };
        let mut state = pass(&vfs.capture(), way);
        state.hand_in(points(image_mounts())).unwrap();
        let given = || points(vec![("/tmp", memory(&[("theirs", "given")])), ("/data", memory(&[("d", "data")]))]);

        let (fork, _) = restore(&state, given(), Take::Start, GENEROUS);
        let mut fork = fork.unwrap();
        assert_eq!(read(&mut fork, &roots[2], "theirs"), Ok(b"given".to_vec()));
        assert_eq!(read(&mut fork, &roots[2], "mine"), Err(Errno::Noent));
        assert!(fork.file_again(open.0).is_none() && fork.dir_again(sub.0).is_none());
        let added = fork.preopens_from(4);
        assert_eq!(added.len(), 1);
        assert_eq!((added[0].0.as_str(), read(&mut fork, &added[0].1, "d")), ("/data", Ok(b"data".to_vec())));

        let (fork, _) = restore(&state, given(), Take::Continue, GENEROUS);
        let mut fork = fork.unwrap();
        assert_eq!(read(&mut fork, &roots[2], "mine"), Ok(b"captured".to_vec()));
        assert_eq!(read(&mut fork, &roots[2], "theirs"), Err(Errno::Noent));
        assert_eq!(read_all(&mut fork, &open), b"captured");
        assert!(fork.dir_again(sub.0).is_some());

        let host = tempfile::tempdir().unwrap();
        fs::write(host.path().join("real"), "host").unwrap();
        let folder = || {
            let dir = host::open_folder(host.path()).unwrap();
            points(vec![("/tmp", Source::Host { dir, access: Access::ReadOnly, symlinks: false })])
        };
        let mut fork = restore(&state, folder(), Take::Start, GENEROUS).0.unwrap();
        assert_eq!(read(&mut fork, &roots[2], "real"), Ok(b"host".to_vec()));
        assert_eq!(refused(&state, folder(), Take::Continue), "/tmp: the state has a mount of another kind there");
    }
}

#[test]
fn folders_of_the_host_are_granted_again_or_gone() {
    for way in WAYS {
        let host = tempfile::tempdir().unwrap();
        fs::create_dir_all(host.path().join("below/sub")).unwrap();
        fs::write(host.path().join("file"), "first").unwrap();
        let source = |kind| {
            let dir = host::open_folder(host.path()).unwrap();
            match kind {
                Kind::Host => Source::Host { dir, access: Access::ReadWrite, symlinks: false },
                _ => Source::Overlay { dir },
            }
        };
        let mounts = || vec![("/a/host", source(Kind::Host)), ("/over", source(Kind::Overlay)), ("/tmp", memory(&[]))];
        let (mut vfs, roots, _) = join(mounts(), GENEROUS);
        let Ok(Opened::File(on_host)) = vfs.open(&roots[0], "file", FLAGS) else { panic!() };
        let Ok(Opened::File(lower)) = vfs.open(&roots[1], "file", FLAGS) else { panic!() };
        let Ok(Opened::Dir(sub)) = vfs.open(&roots[0], "below", FLAGS) else { panic!() };
        write(&mut vfs, "/over/new", b"layer");
        write(&mut vfs, "/tmp/kept", b"kept");
        let descriptors = descriptors_into(host.path());
        let captured = vfs.capture();
        assert_eq!(descriptors_into(host.path()), descriptors, "a state holds nothing of the host's");
        let state = pass(&captured, way);

        let (again, budget) = restore(&state, points(mounts()), Take::Continue, GENEROUS);
        let mut again = again.unwrap();
        assert_eq!(read(&mut again, &roots[0], "file"), Ok(b"first".to_vec()));
        assert_eq!(read(&mut again, &roots[1], "new"), Ok(b"layer".to_vec()));
        assert_eq!(read_all(&mut again, &lower), b"first");
        assert!(again.file_again(on_host.0).is_none() && again.dir_again(sub.0).is_none());
        assert_eq!(again.diff(), vfs.diff());
        drop(again);
        assert_eq!(budget.used(), 0);

        let (without, _) = restore(&state, Vec::new(), Take::Continue, GENEROUS);
        let mut without = without.unwrap();
        for root in [&roots[0], &roots[1]] {
            assert!(without.dir_again(root.0).is_none());
            assert_eq!(without.path_stat(root, ".", true), Err(Errno::Badf));
        }
        assert!(without.file_again(lower.0).is_none());
        for path in ["/a/host/file", "/over/new", "/over/file"] {
            let error = without.read_file(&GuestPath::parse(path).unwrap()).unwrap_err();
            assert!(error.to_string().contains("does not exist"), "{error}");
        }
        assert_eq!(read(&mut without, &roots[2], "kept"), Ok(b"kept".to_vec()));
        assert_eq!(without.dir_stat(&roots[2]).unwrap().dev, 3, "its number stays");
        assert!(without.write_file(&GuestPath::parse("/a/x").unwrap(), b"").is_err());

        // What is gone stays gone; a mount in its place is a new one.
        let state = pass(&without.capture(), way);
        let mut other =
            restore(&state, points(vec![("/over", source(Kind::Overlay))]), Take::Continue, GENEROUS).0.unwrap();
        let added = other.preopens_from(3);
        assert_eq!(read(&mut other, &added[0].1, "new"), Err(Errno::Noent));
        assert_eq!(read(&mut other, &added[0].1, "file"), Ok(b"first".to_vec()));
        pass(&other.capture(), way);
    }
}

#[test]
fn over_another_folder_files_are_not_taken_for_others_with_their_numbers() {
    for way in WAYS {
        let host = tempfile::tempdir().unwrap();
        fs::write(host.path().join("one"), "linked").unwrap();
        fs::hard_link(host.path().join("one"), host.path().join("two")).unwrap();
        let over = |path: &Path| points(vec![("/", Source::Overlay { dir: host::open_folder(path).unwrap() })]);
        let (mut vfs, roots, _) =
            join(vec![("/", Source::Overlay { dir: host::open_folder(host.path()).unwrap() })], GENEROUS);
        write(&mut vfs, "/one", b"written");
        let state = pass(&vfs.capture(), way);
        let mut same = restore(&state, over(host.path()), Take::Continue, GENEROUS).0.unwrap();
        assert_eq!(read(&mut same, &roots[0], "two"), Ok(b"written".to_vec()), "still one file");
        let other = tempfile::tempdir().unwrap();
        fs::hard_link(host.path().join("two"), other.path().join("two")).unwrap();
        let (elsewhere, budget) = restore(&state, over(other.path()), Take::Continue, GENEROUS);
        let mut elsewhere = elsewhere.unwrap();
        assert_eq!(read(&mut elsewhere, &roots[0], "two"), Ok(b"linked".to_vec()));
        assert_eq!(read(&mut elsewhere, &roots[0], "one"), Ok(b"written".to_vec()));
        drop(elsewhere);
        assert_eq!(budget.used(), 0);
    }
}

#[test]
fn seeded_inode_numbers_survive() {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("file"), "").unwrap();
    let source = || {
        let dir = host::open_folder(host.path()).unwrap();
        vec![("/", Source::Host { dir, access: Access::ReadOnly, symlinks: false })]
    };
    let (mut vfs, roots, _) = join(source(), GENEROUS);
    vfs.seed_inodes(7);
    let stat = vfs.path_stat(&roots[0], "file", true);
    for way in WAYS {
        let state = pass(&vfs.capture(), way);
        let mut again = restore(&state, points(source()), Take::Continue, GENEROUS).0.unwrap();
        assert_eq!(again.path_stat(&roots[0], "file", true), stat);
        let mut anew = restore(&state, points(source()), Take::Start, GENEROUS).0.unwrap();
        assert_ne!(anew.path_stat(&roots[0], "file", true).unwrap().ino, stat.unwrap().ino);
    }
}

/// Prints what a fork of an image's tree costs.
#[test]
#[ignore = "prints times"]
#[allow(clippy::print_stderr)]
fn times() {
    let mounts = ["/tmp", "/home", "/work", "/out"].map(|guest| (guest, memory(&[])));
    let (vfs, _, _) = join([("/lib", image())].into_iter().chain(mounts).collect(), GENEROUS);
    let state = vfs.capture().into_start();
    let budget = Arc::new(Budget::new(HOST_BYTES));
    let now = super::state::ticks();
    let each = |what: &str, work: &mut dyn FnMut()| {
        let mut best = f64::MAX;
        for _ in 0..20 {
            let started = std::time::Instant::now();
            (0..10_000).for_each(|_| work());
            best = best.min(started.elapsed().as_secs_f64() / 10_000.0 * 1e6);
        }
        eprintln!("{what}: {best:.3} µs");
    };
    let fork = || state.restore(Vec::new(), Take::Start, GENEROUS, budget.clone(), now.clone()).unwrap();
    each("restore and drop", &mut || drop(fork()));
    each("capture and drop", &mut || drop(vfs.capture()));
    let path = GuestPath::parse("/tmp/file").unwrap();
    each("restore, write one file, drop", &mut || fork().write_file(&path, b"text").unwrap());
    let (mut large, _, _) = join(vec![("/tmp", memory(&[]))], GENEROUS);
    for index in 0..10_000 {
        write(&mut large, &format!("/tmp/{}/{index}", index % 100), b"text");
    }
    let started = std::time::Instant::now();
    let large_state = large.capture();
    let fork = restore(&large_state, Vec::new(), Take::Continue, GENEROUS).0.unwrap();
    let counted = started.elapsed();
    let started = std::time::Instant::now();
    drop(restore(&large_state, Vec::new(), Take::Continue, GENEROUS));
    let again = started.elapsed();
    let started = std::time::Instant::now();
    let mut fork = fork;
    fork.write_file(&path, b"text").unwrap();
    eprintln!("10,000 files: first fork {counted:?}, next {again:?}, first write {:?}", started.elapsed());
    let added = || points(vec![("/data", memory(&[]))]);
    each("restore with one more mount, drop", &mut || {
        drop(state.restore(added(), Take::Start, GENEROUS, budget.clone(), now.clone()).unwrap());
    });
}

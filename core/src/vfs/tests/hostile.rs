//! Host folders with things in them that should not be opened, and other writers.

use super::*;
use rustix::fs::{CWD, Mode, mkfifoat};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::atomic::AtomicBool;

const FOLLOW: OpenFlags = OpenFlags { follow: true, ..READ };
const KINDS: [Kind; 2] = [Kind::Overlay, Kind::Host];

#[test]
fn a_fifo_and_a_socket_are_seen_and_never_opened() {
    for kind in KINDS {
        let mut listener = None;
        let mut world = World::with(kind, GENEROUS, |folder| {
            mkfifoat(CWD, folder.join("fifo"), Mode::from_raw_mode(0o600)).unwrap();
            listener = Some(UnixListener::bind(folder.join("socket")).unwrap());
        });
        assert_eq!(world.names("."), ["fifo", "socket"]);
        for (name, filetype) in [("fifo", FileType::Unknown), ("socket", FileType::SocketStream)] {
            assert_eq!(world.stat(name).unwrap().filetype, filetype);
            for flags in [READ, WRITE, CREATE, OpenFlags { truncate: true, ..WRITE }] {
                assert_eq!(world.refused(name, flags), Errno::Acces, "{kind:?} {name}");
            }
            assert_eq!(world.refused(name, OpenFlags { directory: true, ..READ }), Errno::Notdir);
            assert!(world.vfs.read_file(&GuestPath::parse(&format!("/{name}")).unwrap()).is_err());
        }
        world.unlink("fifo").unwrap();
        assert_eq!(world.names("."), ["socket"]);
    }
}

#[test]
fn a_symlink_out_of_the_mount_is_refused_and_the_secret_stays_unread() {
    for kind in KINDS {
        let mut world = World::with(kind, GENEROUS, |folder| {
            symlink("../secret", folder.join("up")).unwrap();
            symlink(folder.parent().unwrap().join("secret"), folder.join("absolute")).unwrap();
            symlink("..", folder.join("parent")).unwrap();
            symlink("/", folder.join("root")).unwrap();
            fs::create_dir(folder.join("dir")).unwrap();
            symlink("../../secret", folder.join("dir/up")).unwrap();
        });
        let secret = world.host.path().join("secret");
        for path in ["up", "absolute", "parent/secret", "dir/up", "dir/../up", "root/etc/passwd", "parent", "root"] {
            assert_eq!(world.refused(path, FOLLOW), Errno::NotCapable, "{kind:?} {path}");
            assert_eq!(world.vfs.path_stat(&world.root, path, true), Err(Errno::NotCapable));
            let write = OpenFlags { follow: true, truncate: true, ..CREATE };
            assert_eq!(world.refused(path, write), Errno::NotCapable);
            let link = world.vfs.link(&world.root, path, true, &world.root, "stolen");
            assert_eq!(link, Err(Errno::NotCapable));
        }
        assert_eq!(world.rename("parent/secret", "stolen"), Err(Errno::NotCapable));
        assert_eq!(world.unlink("parent/secret"), Err(Errno::NotCapable));
        assert_eq!(fs::read(secret).unwrap(), b"canary");
        assert!(!world.names(".").contains(&"stolen".to_owned()));
    }
}

#[test]
fn a_symlink_swapped_in_during_thousands_of_opens_never_yields_the_secret() {
    for kind in KINDS {
        let mut world = World::with(kind, GENEROUS, |folder| {
            fs::create_dir(folder.join("real")).unwrap();
            fs::write(folder.join("real/secret"), "decoy").unwrap();
            fs::create_dir(folder.join("spare")).unwrap();
        });
        let folder = world.folder();
        let done = Arc::new(AtomicBool::new(false));
        let stop = done.clone();
        let swapper = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                // `real` is by turns a directory and a symlink to where the secret is.
                fs::rename(folder.join("real"), folder.join("spare/kept")).unwrap();
                symlink("../", folder.join("real")).unwrap();
                fs::remove_file(folder.join("real")).unwrap();
                symlink(folder.parent().unwrap(), folder.join("real")).unwrap();
                fs::remove_file(folder.join("real")).unwrap();
                fs::rename(folder.join("spare/kept"), folder.join("real")).unwrap();
            }
        });
        let mut outcomes = BTreeMap::new();
        for _ in 0..20_000 {
            let outcome = match world.open("real/secret", FOLLOW) {
                Ok(Opened::File(file)) => {
                    let data = read_all(&mut world.vfs, &file);
                    assert_eq!(data, b"decoy");
                    world.vfs.close_file(file);
                    "opened".to_owned()
                }
                Ok(Opened::Dir(_)) => panic!("a directory"),
                Err(errno) => format!("{errno:?}"),
            };
            *outcomes.entry(outcome).or_insert(0) += 1;
        }
        done.store(true, Ordering::Relaxed);
        swapper.join().unwrap();
        let allowed = ["opened", "Noent", "Notdir", "Loop", "NotCapable"];
        assert!(outcomes.keys().all(|outcome| allowed.contains(&outcome.as_str())), "{outcomes:?}");
    }
}

#[test]
fn without_the_grant_no_symlink_is_moved_to_where_it_could_point_out() {
    let fill = |folder: &Path| {
        fs::create_dir_all(folder.join("sub/deep/er")).unwrap();
        fs::create_dir(folder.join("other")).unwrap();
        symlink("../secret", folder.join("sub/up")).unwrap();
        symlink("deep", folder.join("sub/down")).unwrap();
        symlink("/", folder.join("sub/root")).unwrap();
        symlink("../../secret", folder.join("sub/deep/up")).unwrap();
        symlink(std::os::unix::ffi::OsStrExt::from_bytes(b"../\xff") as &std::ffi::OsStr, folder.join("sub/strange"))
            .unwrap();
    };
    let mut world = World::with(Kind::Host, GENEROUS, fill);
    let dir = host::open_folder(&world.folder()).unwrap();
    let (vfs, root, _) = single(Source::Host { dir, access: Access::ReadWrite, symlinks: false }, GENEROUS);
    (world.vfs, world.root) = (vfs, root);
    let before = link_texts(&world.folder());
    for name in ["up", "root", "strange"] {
        for to in ["up", "other/up", "sub/deep/er/up"] {
            let from = format!("sub/{name}");
            assert_eq!(world.rename(&from, to), Err(Errno::Perm), "{name} {to}");
            assert_eq!(world.link(&from, to), Err(Errno::Perm), "{name} {to}");
        }
    }
    let deep = world.dir("sub/deep");
    assert_eq!(world.rename("sub/deep", "deep"), Err(Errno::Xdev), "a directory does not rise");
    assert_eq!(world.vfs.rename(&deep, "er", &world.root, "er"), Err(Errno::Xdev));
    assert_eq!(world.rename("other", "sub/other"), Err(Errno::Xdev), "nor sink, to rise by an old handle");
    assert_eq!(link_texts(&world.folder()), before);
    world.rename("sub/up", "sub/renamed").unwrap();
    world.link("sub/renamed", "sub/deep/../hard").unwrap();
    world.rename("sub/down", "other/down").unwrap();
    world.rename("sub/deep", "other/deep").unwrap();
    world.rename("other/deep", "sub/kept").unwrap();
    world.rename("other", "another").unwrap();
    assert_eq!(world.names("sub"), ["hard", "kept", "renamed", "root", "strange"]);
    world.vfs.close_dir(deep);
    let mut granted = World::with(Kind::Host, GENEROUS, fill);
    granted.rename("sub/up", "up").unwrap();
    granted.rename("sub/deep", "deep").unwrap();
}

/// The path and the target of every symlink below a folder.
fn link_texts(folder: &Path) -> BTreeMap<PathBuf, PathBuf> {
    let mut found = BTreeMap::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            match fs::read_link(&entry) {
                Ok(target) => drop(found.insert(entry, target)),
                Err(_) if entry.is_dir() => pending.push(entry),
                Err(_) => {}
            }
        }
    }
    found
}

#[test]
fn without_the_grant_only_symlinks_that_cannot_point_out_are_made() {
    let host = tempfile::tempdir().unwrap();
    let dir = host::open_folder(host.path()).unwrap();
    let (mut vfs, root, _) = single(Source::Host { dir, access: Access::ReadWrite, symlinks: false }, GENEROUS);
    vfs.symlink("dir/file", &root, "inside").unwrap();
    for target in ["..", "../x", "dir/../x", "dir/.."] {
        assert_eq!(vfs.symlink(target, &root, "link"), Err(Errno::Perm), "{target}");
    }
    assert_eq!(vfs.symlink("/x", &root, "link"), Err(Errno::NotCapable));
    assert_eq!(snapshot(host.path()).len(), 1);
    let mut world = World::new(Kind::Host);
    world.symlink("../x", "link").unwrap();
    assert_eq!(world.symlink("/x", "absolute"), Err(Errno::NotCapable));
}

#[test]
fn a_directory_removed_on_the_host_gives_ordinary_errors() {
    let mut world = World::with(Kind::Host, GENEROUS, |folder| {
        fs::create_dir(folder.join("dir")).unwrap();
        fs::write(folder.join("dir/file"), "x").unwrap();
    });
    let (dir, file) = (world.dir("dir"), world.file("dir/file", WRITE));
    fs::remove_dir_all(world.folder()).unwrap();
    assert_eq!(world.vfs.path_stat(&dir, "file", true), Err(Errno::Noent));
    assert_eq!(world.vfs.create_directory(&dir, "new"), Err(Errno::Noent));
    assert!(matches!(world.vfs.open(&dir, "new", CREATE), Err(Errno::Noent)));
    assert_eq!(world.refused("dir", READ), Errno::Noent);
    assert_eq!(world.vfs.append(&file, b"y"), Ok((1, 2)));
    assert!(world.vfs.dir_stat(&dir).is_ok());
    let names: Vec<_> = list(&mut world.vfs, &dir, 0).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [".", ".."]);
    world.vfs.close_file(file);
    world.vfs.close_dir(dir);
}

#[test]
fn a_lower_folder_removed_on_the_host_gives_ordinary_errors() {
    let mut world = World::with(Kind::Overlay, GENEROUS, |folder| {
        fs::create_dir_all(folder.join("dir/sub")).unwrap();
        fs::write(folder.join("dir/file"), "x").unwrap();
    });
    world.stat("dir/file").unwrap();
    fs::remove_dir_all(world.folder()).unwrap();
    assert_eq!(world.refused("dir/file", READ), Errno::Noent);
    assert_eq!(world.refused("dir/file", WRITE), Errno::Noent);
    assert_eq!(world.refused("dir/sub/x", READ), Errno::Noent);
    assert!(world.stat("dir/file").is_ok());
    assert_eq!(world.unlink("dir/file"), Ok(()));
}

#[test]
fn hard_links_that_come_and_go_on_the_host_neither_panic_nor_show_another_file() {
    let fill = |folder: &Path| {
        fs::write(folder.join("f"), "below").unwrap();
        fs::hard_link(folder.join("f"), folder.join("g")).unwrap();
    };
    // The host says 2; the guest adds a third name and removes the first two.
    let mut world = World::with(Kind::Overlay, GENEROUS, fill);
    assert_eq!(world.stat("f").unwrap().nlink, 2);
    fs::hard_link(world.folder().join("f"), world.folder().join("k")).unwrap();
    assert_eq!(world.read("g"), b"below");
    assert_eq!(world.read("k"), b"below");
    world.unlink("f").unwrap();
    world.unlink("g").unwrap();
    world.write("new", b"NEW CONTENT");
    assert_eq!(world.read("k"), b"below");
    assert_eq!(world.stat("k").unwrap().nlink, 1);
    // Names that vanish, after which the host uses the inode again.
    let mut world = World::with(Kind::Overlay, GENEROUS, fill);
    world.write("f", b"written");
    world.unlink("f").unwrap();
    fs::remove_file(world.folder().join("f")).unwrap();
    fs::remove_file(world.folder().join("g")).unwrap();
    for index in 0..50 {
        fs::create_dir(world.folder().join(format!("d{index}"))).unwrap();
        assert_eq!(world.stat(&format!("d{index}")).unwrap().filetype, FileType::Directory);
    }
    assert_eq!(world.refused("g", READ), Errno::Noent);
    world.diff();
}

#[test]
fn names_that_are_not_utf8_do_not_exist_for_guests() {
    use std::os::unix::ffi::OsStrExt as _;
    for kind in KINDS {
        let mut world = World::with(kind, GENEROUS, |folder| {
            fs::write(folder.join(std::ffi::OsStr::from_bytes(b"\xff\xfe")), "x").unwrap();
            fs::write(folder.join("plain"), "x").unwrap();
            symlink(std::ffi::OsStr::from_bytes(b"\xff"), folder.join("link")).unwrap();
        });
        assert_eq!(world.names("."), ["link", "plain"], "{kind:?}");
        assert_eq!(world.vfs.read_link(&world.root, "link"), Err(Errno::Ilseq));
        assert_eq!(world.refused("link", FOLLOW), Errno::Ilseq);
    }
}

#[test]
fn many_opens_leave_no_descriptor_behind() {
    for kind in KINDS {
        let mut world = World::with(kind, GENEROUS, |folder| {
            for index in 0..100 {
                fs::create_dir_all(folder.join(format!("d{index}/sub"))).unwrap();
                fs::write(folder.join(format!("d{index}/sub/file")), "x").unwrap();
            }
        });
        let before = descriptors_into(&world.folder());
        for round in 0..300 {
            let path = format!("d{}/sub/file", round % 100);
            assert_eq!(world.read(&path), b"x");
            world.names(&format!("d{}/sub/..", round % 100));
            assert_eq!(world.refused(&format!("{path}/x"), READ), Errno::Notdir);
            assert_eq!(world.refused(&format!("{path}/"), CREATE), Errno::Notdir);
        }
        let kept = if kind == Kind::Overlay { 16 } else { 0 };
        assert_eq!(descriptors_into(&world.folder()), before + kept, "{kind:?}");
        let folder = world.folder();
        drop(world.vfs);
        assert_eq!(descriptors_into(&folder), 0);
    }
}

#[test]
fn inode_numbers_of_the_host_are_not_shown_and_still_tell_files_apart() {
    use std::os::unix::fs::MetadataExt as _;
    let fill = |folder: &Path| {
        fs::create_dir(folder.join("dir")).unwrap();
        (0..50).for_each(|index| fs::write(folder.join(format!("file{index}")), "").unwrap());
        fs::hard_link(folder.join("file7"), folder.join("dir/hard")).unwrap();
    };
    let mut world = World::with(Kind::Host, GENEROUS, fill);
    let hosts: Vec<_> = snapshot(&world.folder()).into_keys().collect();
    let hosts = hosts.iter().map(|name| fs::symlink_metadata(world.folder().join(name)).unwrap().ino());
    let hosts: std::collections::BTreeSet<_> = hosts
        .chain([fs::metadata(world.folder()).unwrap().ino(), fs::metadata(world.host.path()).unwrap().ino()])
        .collect();
    let root = world.dir(".");
    let mut listed = BTreeMap::new();
    world
        .vfs
        .read_dir(&root, 0, &mut |entry| {
            listed.insert(entry.name.to_owned(), entry.ino);
            ControlFlow::Continue(())
        })
        .unwrap();
    for (name, ino) in &listed {
        assert!(!hosts.contains(ino), "{name}");
        let path = if name == ".." { "." } else { name.as_str() };
        assert_eq!(world.stat(path).unwrap().ino, *ino, "{name}");
    }
    let different: std::collections::BTreeSet<_> = listed.values().collect();
    assert_eq!((listed.len(), different.len()), (53, 52), "only . and .. are the same");
    assert_eq!(world.stat("dir/hard").unwrap().ino, listed["file7"]);
    assert_ne!(world.stat("file1").unwrap().ino, listed["file7"]);
    let file = world.file("dir/../file7", READ);
    assert_eq!(world.vfs.file_stat(&file).unwrap(), world.stat("dir/hard").unwrap());
    world.vfs.close_file(file);
    let dir = host::open_folder(&world.folder()).unwrap();
    let (mut other, root, _) = single(Source::Host { dir, access: Access::ReadOnly, symlinks: false }, GENEROUS);
    assert_ne!(other.path_stat(&root, "file7", false).unwrap().ino, listed["file7"], "another sandbox, other numbers");
}

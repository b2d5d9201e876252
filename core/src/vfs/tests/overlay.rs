//! Overlays: everything can be changed and the folder below never is.

use super::*;
use std::os::unix::fs::{MetadataExt as _, symlink};

fn lower(folder: &Path) {
    fs::create_dir_all(folder.join("dir/deep/deeper")).unwrap();
    fs::write(folder.join("file"), "file").unwrap();
    fs::write(folder.join("dir/a"), "a").unwrap();
    fs::write(folder.join("dir/b"), "b").unwrap();
    fs::write(folder.join("dir/deep/c"), "c").unwrap();
    fs::write(folder.join("dir/deep/deeper/d"), "d").unwrap();
    symlink("dir/a", folder.join("link")).unwrap();
    fs::hard_link(folder.join("dir/b"), folder.join("hard")).unwrap();
}

fn overlay() -> World {
    World::with(Kind::Overlay, GENEROUS, lower)
}

fn paths(expected: &[&str]) -> Vec<String> {
    expected.iter().map(|path| path.to_string()).collect()
}

#[test]
fn the_folder_below_is_seen_and_merged_with_what_is_new() {
    let mut world = overlay();
    assert_eq!(world.names("."), ["dir", "file", "hard", "link"]);
    world.write("dir/new", b"n");
    world.unlink("dir/a").unwrap();
    assert_eq!(world.names("dir"), ["b", "deep", "new"]);
    assert_eq!(world.refused("dir/a", READ), Errno::Noent);
    assert_eq!(world.refused("link", OpenFlags { follow: true, ..READ }), Errno::Noent);
    world.write("dir/a", b"again");
    assert_eq!(world.read("link"), b"again");
    assert_eq!(world.names("dir"), ["a", "b", "deep", "new"]);
}

#[test]
fn copy_up_keeps_inode_and_link_count() {
    let mut world = overlay();
    let before = world.stat("dir/b").unwrap();
    assert_eq!(before.nlink, 2);
    assert_eq!(world.stat("hard").unwrap(), before, "two names below are one node");
    let file = world.file("dir/b", WRITE);
    assert_eq!(world.vfs.append(&file, b"!"), Ok((1, 2)));
    world.vfs.close_file(file);
    let after = world.stat("hard").unwrap();
    assert_eq!((after.ino, after.nlink, after.size), (before.ino, 2, 2));
    assert_eq!(world.read("hard"), b"b!");
    world.unlink("hard").unwrap();
    assert_eq!(world.stat("dir/b").unwrap().nlink, 1);
    assert_eq!(world.diff(), (paths(&[]), paths(&["/dir/b"]), paths(&["/hard"])));
}

#[test]
fn the_root_takes_new_files_after_its_directories_are_removed() {
    let mut world = World::with(Kind::Overlay, GENEROUS, |folder| {
        for name in ["a", "b", "c"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
    });
    for name in ["a", "b", "c"] {
        world.rmdir(name).unwrap();
    }
    world.write("x", b"hi");
    world.mkdir("d");
    world.rename("x", "d/x").unwrap();
    assert_eq!(world.seen(), [("d".to_owned(), None), ("d/x".to_owned(), Some(b"hi".to_vec()))].into());
}

#[test]
fn what_was_written_shows_under_a_name_looked_up_after_the_first_is_gone() {
    let mut world = overlay();
    world.write("dir/b", b"written");
    world.unlink("dir/b").unwrap();
    assert_eq!(world.read("hard"), b"written");
    assert_eq!(world.stat("hard").unwrap().nlink, 1);
    world.unlink("hard").unwrap();
    assert_eq!(world.vfs.fs_bytes_used(), 0, "the last name takes the content with it");
}

#[test]
fn a_reader_sees_what_another_handle_wrote() {
    let mut world = overlay();
    let (reader, writer) = (world.file("file", READ), world.file("file", WRITE));
    assert_eq!(read_all(&mut world.vfs, &reader), b"file");
    assert_eq!(world.vfs.write_at(&writer, 0, b"F"), Ok(1));
    assert_eq!(read_all(&mut world.vfs, &reader), b"File");
    world.vfs.close_file(reader);
    world.vfs.close_file(writer);
}

#[test]
fn copy_up_is_charged_before_anything_is_read() {
    let big = |folder: &Path| fs::write(folder.join("big"), vec![1; 1 << 20]).unwrap();
    let mut world = World::with(Kind::Overlay, Quota { fs_bytes: 1 << 19, ..GENEROUS }, big);
    let file = world.file("big", WRITE);
    assert_eq!(world.vfs.write_at(&file, 0, b"x"), Err(Errno::Nospc));
    assert_eq!(world.link("big", "hard"), Err(Errno::Nospc), "a hard link copies up");
    assert_eq!(world.vfs.fs_bytes_used(), 0);
    assert_eq!(read_all(&mut world.vfs, &file).len(), 1 << 20);
    world.vfs.set_size(&file, 1_000).unwrap();
    assert_eq!(world.vfs.fs_bytes_used(), 1_024);
    world.vfs.close_file(file);
    world.write("big", b"");
    assert_eq!(world.vfs.fs_bytes_used(), 0);
    let mut world = World::with(Kind::Overlay, Quota { file_bytes: 1 << 19, ..GENEROUS }, big);
    let file = world.file("big", WRITE);
    assert_eq!(world.vfs.write_at(&file, 0, b"x"), Err(Errno::Fbig));
    world.vfs.close_file(file);
}

#[test]
fn a_lower_directory_stays_where_it_is_and_a_new_one_moves() {
    let mut world = overlay();
    world.mkdir("new");
    let before = world.seen();
    for (from, to) in [("dir", "moved"), ("dir/deep", "deep"), ("dir/deep/deeper", "new"), ("dir", "new/dir")] {
        assert_eq!(world.rename(from, to), Err(Errno::Xdev), "{from}");
    }
    assert_eq!(world.rename("dir", "dir/deep/x"), Err(Errno::Inval));
    assert_eq!(world.rename("dir", "dir"), Ok(()));
    assert_eq!(world.seen(), before);
    assert_eq!(world.diff(), Default::default());
    // What C libraries do then: copy, and remove what was copied.
    world.rename("dir/deep/c", "new/c").unwrap();
    world.rename("dir/deep/deeper/d", "new/d").unwrap();
    world.rmdir("dir/deep/deeper").unwrap();
    world.rmdir("dir/deep").unwrap();
    world.rename("new", "dir/deep").unwrap();
    assert_eq!(world.names("dir/deep"), ["c", "d"]);
    assert_eq!(world.rename("dir", "x"), Err(Errno::Xdev));
    world.rename("dir/deep", "moved").unwrap();
    assert_eq!(world.read("moved/d"), b"d");
    assert_eq!(world.diff(), (paths(&["/moved/c", "/moved/d"]), paths(&[]), paths(&["/dir/deep"])));
}

#[test]
fn what_comes_back_to_a_removed_directory_is_added_again() {
    let mut world = overlay();
    for name in ["c", "deeper/d"] {
        world.rename(&format!("dir/deep/{name}"), &format!("kept-{}", &name[name.len() - 1..])).unwrap();
    }
    world.rmdir("dir/deep/deeper").unwrap();
    world.rmdir("dir/deep").unwrap();
    world.mkdir("dir/deep");
    world.rename("kept-c", "dir/deep/c").unwrap();
    world.unlink("kept-d").unwrap();
    assert_eq!(world.diff(), (paths(&["/dir/deep/c"]), paths(&[]), paths(&["/dir/deep"])));
    world.rename("file", "elsewhere").unwrap();
    world.rename("elsewhere", "file").unwrap();
    assert_eq!(world.diff().0, ["/dir/deep/c"], "a file that came back to its place is none");
}

#[test]
fn a_difference_is_told_without_a_look_at_the_folder() {
    let mut world = overlay();
    world.unlink("dir/deep/c").unwrap();
    world.unlink("dir/deep/deeper/d").unwrap();
    world.rmdir("dir/deep/deeper").unwrap();
    world.rmdir("dir/deep").unwrap();
    world.write("dir/a", b"changed");
    world.rename("dir/b", "b").unwrap();
    world.rename("b", "dir/new").unwrap();
    world.unlink("link").unwrap();
    world.symlink("dir", "link").unwrap();
    let before = world.diff();
    let changed = paths(&["/dir/a", "/link"]);
    assert_eq!(before, (paths(&["/dir/new"]), changed, paths(&["/dir/b", "/dir/deep"])));
    fs::remove_dir_all(world.folder()).unwrap();
    assert_eq!(world.diff(), before);
}

#[test]
fn a_write_in_a_moved_directory_is_known_after_it_moved_back() {
    let mut world = World::with(Kind::Memory, GENEROUS, lower);
    world.rename("dir", "away").unwrap();
    world.write("away/deep/deeper/d", b"changed");
    world.rename("away", "dir").unwrap();
    assert_eq!(world.diff(), (paths(&[]), paths(&["/dir/deep/deeper/d"]), paths(&[])));
}

#[test]
fn looking_and_touching_is_no_difference() {
    let mut world = overlay();
    for path in [".", "dir", "dir/deep"] {
        world.names(path);
    }
    world.read("dir/a");
    world.vfs.path_set_times(&world.root, "file", true, SetTime::Now, SetTime::At(5)).unwrap();
    assert_eq!(world.stat("file").unwrap().mtim, 5);
    world.link("dir/a", "extra").unwrap();
    world.unlink("extra").unwrap();
    world.write("temporary", b"x");
    world.unlink("temporary").unwrap();
    assert_eq!(world.diff(), Default::default());
    let file = world.file("file", WRITE);
    assert_eq!(world.vfs.write_at(&file, 0, b"f"), Ok(1));
    world.vfs.close_file(file);
    assert_eq!(world.diff(), (paths(&[]), paths(&["/file"]), paths(&[])), "writing the same bytes counts");
}

#[test]
fn a_file_in_place_of_a_directory_and_the_reverse_are_told_apart() {
    let mut world = overlay();
    for path in ["dir/deep/deeper/d", "dir/deep/c"] {
        world.unlink(path).unwrap();
    }
    world.rmdir("dir/deep/deeper").unwrap();
    world.rmdir("dir/deep").unwrap();
    world.write("dir/deep", b"now a file");
    world.unlink("file").unwrap();
    world.mkdir("file");
    world.write("file/inside", b"");
    let (added, changed, removed) = world.diff();
    assert_eq!(added, ["/dir/deep", "/file/inside"]);
    assert!(changed.is_empty());
    assert_eq!(removed, ["/dir/deep", "/file"], "what lay in the directory is gone with it");
}

#[test]
fn the_folder_below_is_unchanged_after_heavy_use() {
    let mut world = overlay();
    let before = snapshot(&world.folder());
    let stamp = |folder: &Path| {
        let of = |path: &str| fs::metadata(folder.join(path)).unwrap();
        ["file", "dir", "dir/a", "dir/deep"].map(|path| (of(path).mtime_nsec(), of(path).ctime_nsec(), of(path).ino()))
    };
    let stamps = stamp(&world.folder());
    let mut dice = Dice(7);
    let names = ["file", "dir", "dir/a", "dir/b", "dir/deep", "dir/deep/c", "hard", "link", "x", "dir/x", "x/y"];
    for _ in 0..20_000 {
        let (path, other) = (names[dice.roll(names.len())], names[dice.roll(names.len())]);
        let _ = match dice.roll(9) {
            0 => world.unlink(path),
            1 => world.rmdir(path),
            2 => world.rename(path, other),
            3 => world.link(path, other),
            4 => world.symlink(other, path),
            5 => world.vfs.create_directory(&world.root, path),
            6 => world.vfs.path_set_times(&world.root, path, true, SetTime::Now, SetTime::Now),
            _ => match world.open(path, OpenFlags { truncate: dice.roll(2) == 0, ..CREATE }) {
                Ok(Opened::File(file)) => {
                    let _ = world.vfs.append(&file, b"data");
                    world.vfs.close_file(file);
                    Ok(())
                }
                other => other.map(drop),
            },
        };
    }
    world.diff();
    assert_eq!(snapshot(&world.folder()), before);
    assert_eq!(stamp(&world.folder()), stamps);
}

#[test]
fn an_exported_difference_makes_a_copy_equal_to_the_overlay() {
    let mut dice = Dice(99);
    for _ in 0..30 {
        let mut world = overlay();
        let copy = tempfile::tempdir().unwrap();
        lower(copy.path());
        let names = [
            "file",
            "dir",
            "dir/a",
            "dir/b",
            "dir/deep",
            "dir/deep/c",
            "dir/deep/deeper",
            "hard",
            "link",
            "x",
            "x/y",
            "y",
        ];
        for _ in 0..25 {
            let (path, other) = (names[dice.roll(names.len())], names[dice.roll(names.len())]);
            let _ = match dice.roll(8) {
                0 => world.unlink(path),
                1 => world.rmdir(path),
                2 | 3 => world.rename(path, other),
                4 => world.symlink("file", path),
                5 => world.vfs.create_directory(&world.root, path),
                _ => match world.open(path, CREATE) {
                    Ok(Opened::File(file)) => {
                        // Hard links of the folder below become separate files in the copy.
                        let _ = world.vfs.file_stat(&file).unwrap().nlink == 1 && world.vfs.append(&file, b"+").is_ok();
                        world.vfs.close_file(file);
                        Ok(())
                    }
                    other => other.map(drop),
                },
            };
        }
        let (_, _, removed) = world.diff();
        for path in &removed {
            let path = copy.path().join(&path[1..]);
            let gone =
                if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            gone.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        let to = host::open_folder(copy.path()).unwrap();
        world.vfs.export(&GuestPath::parse("/").unwrap(), &to).unwrap();
        let files = |found: BTreeMap<String, Option<Vec<u8>>>| {
            found.into_iter().filter(|(_, content)| content.is_some()).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(files(snapshot(copy.path())), files(world.seen()));
    }
}

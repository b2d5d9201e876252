//! Files and directories, the same over every kind of mount.

use super::*;

/// Instantiates each case for every kind of mount.
macro_rules! for_every_kind {
    ($($case:ident),+ $(,)?) => {
        mod memory { $( #[test] fn $case() { super::$case(super::World::new(super::Kind::Memory)); } )+ }
        mod overlay { $( #[test] fn $case() { super::$case(super::World::new(super::Kind::Overlay)); } )+ }
        mod host { $( #[test] fn $case() { super::$case(super::World::new(super::Kind::Host)); } )+ }
    };
}
pub(super) use for_every_kind;

for_every_kind!(
    a_file_gives_back_what_was_written,
    bytes_beyond_what_was_written_are_zeros,
    truncating_and_growing_again_leaves_zeros,
    appending_goes_to_the_end,
    allocating_only_ever_extends,
    an_unlinked_file_lives_until_it_is_closed,
    a_handle_without_the_right_cannot_read_or_write,
    hard_links_share_one_node,
    renaming_follows_posix,
    a_removed_directory_takes_no_new_entries,
    times_can_be_set_and_move_with_changes,
    a_listing_neither_repeats_nor_skips_under_change,
    a_listing_goes_on_from_any_cookie,
    exclusive_creation_refuses_what_exists,
    a_directory_cannot_be_opened_for_writing,
    everything_removed_gives_the_budget_back,
    large_files_survive_writes_at_odd_places,
    an_open_survives_its_rename,
);

fn a_file_gives_back_what_was_written(mut world: World) {
    world.write("file", b"hello");
    assert_eq!(world.read("file"), b"hello");
    let stat = world.stat("file").unwrap();
    assert_eq!((stat.size, stat.filetype, stat.nlink), (5, FileType::RegularFile, 1));
    let file = world.file("file", WRITE);
    assert_eq!(world.vfs.write_at(&file, 2, b"LL"), Ok(2));
    let mut two = [0; 2];
    assert_eq!(world.vfs.read_at(&file, 2, &mut two), Ok(2));
    assert_eq!(&two, b"LL");
    assert_eq!(world.vfs.read_at(&file, 5, &mut two), Ok(0));
    assert_eq!(world.vfs.read_at(&file, u64::MAX, &mut two), Ok(0));
    assert_eq!(world.vfs.file_stat(&file).unwrap().ino, stat.ino);
    world.vfs.sync(&file, false).unwrap();
    world.vfs.sync(&file, true).unwrap();
    world.vfs.close_file(file);
    world.write("file", b"short");
    assert_eq!(world.read("file"), b"short");
}

fn bytes_beyond_what_was_written_are_zeros(mut world: World) {
    let file = world.file("sparse", CREATE);
    assert_eq!(world.vfs.write_at(&file, 200_000, b"x"), Ok(1));
    let data = read_all(&mut world.vfs, &file);
    assert_eq!(data.len(), 200_001);
    assert!(data[..200_000].iter().all(|byte| *byte == 0));
    assert_eq!(data[200_000], b'x');
    world.vfs.close_file(file);
}

fn truncating_and_growing_again_leaves_zeros(mut world: World) {
    let file = world.file("file", CREATE);
    assert_eq!(world.vfs.write_at(&file, 0, &[7; 100_000]), Ok(100_000));
    for size in [70_000, 65_536, 300, 3] {
        world.vfs.set_size(&file, size).unwrap();
        world.vfs.set_size(&file, 100_000).unwrap();
        let data = read_all(&mut world.vfs, &file);
        assert!(data[..size as usize].iter().all(|byte| *byte == 7), "{size}");
        assert!(data[size as usize..].iter().all(|byte| *byte == 0), "{size}");
    }
    world.vfs.set_size(&file, 0).unwrap();
    assert_eq!(world.vfs.file_stat(&file).unwrap().size, 0);
    world.vfs.close_file(file);
}

fn appending_goes_to_the_end(mut world: World) {
    world.write("log", b"one");
    let (first, second) = (world.file("log", WRITE), world.file("log", WRITE));
    assert_eq!(world.vfs.append(&first, b"two"), Ok((3, 6)));
    assert_eq!(world.vfs.append(&second, b"three"), Ok((5, 11)));
    assert_eq!(world.read("log"), b"onetwothree");
    world.vfs.close_file(first);
    world.vfs.close_file(second);
}

fn allocating_only_ever_extends(mut world: World) {
    let file = world.file("file", CREATE);
    for (offset, len, size) in [(0, 100, 100), (10, 10, 100), (90, 20, 110)] {
        world.vfs.allocate(&file, offset, len).unwrap();
        assert_eq!(world.vfs.file_stat(&file).unwrap().size, size);
    }
    assert_eq!(world.vfs.allocate(&file, 0, 0), Err(Errno::Inval));
    assert_eq!(world.vfs.allocate(&file, u64::MAX, 2), Err(Errno::Fbig));
    assert_eq!(world.vfs.allocate(&file, 1 << 60, 2), Err(Errno::Fbig));
    world.vfs.close_file(file);
}

fn an_unlinked_file_lives_until_it_is_closed(mut world: World) {
    world.write("file", b"alive");
    let file = world.file("file", WRITE);
    world.unlink("file").unwrap();
    assert_eq!(world.refused("file", READ), Errno::Noent);
    assert_eq!(world.vfs.file_stat(&file).unwrap().nlink, 0);
    assert_eq!(world.vfs.write_at(&file, 5, b" still"), Ok(6));
    assert_eq!(read_all(&mut world.vfs, &file), b"alive still");
    world.write("file", b"another");
    assert_eq!(read_all(&mut world.vfs, &file), b"alive still");
    world.vfs.close_file(file);
    assert_eq!(world.read("file"), b"another");
}

fn a_handle_without_the_right_cannot_read_or_write(mut world: World) {
    world.write("file", b"text");
    let reader = world.file("file", READ);
    assert_eq!(world.vfs.write_at(&reader, 0, b"x"), Err(Errno::Badf));
    assert_eq!(world.vfs.set_size(&reader, 0), Err(Errno::Badf));
    assert_eq!(world.vfs.allocate(&reader, 0, 100), Err(Errno::Badf));
    let writer = world.file("file", OpenFlags { read: false, ..WRITE });
    assert_eq!(world.vfs.read_at(&writer, 0, &mut [0; 4]), Err(Errno::Badf));
    world.vfs.close_file(reader);
    world.vfs.close_file(writer);
    let neither = world.file("file", OpenFlags::default());
    world.vfs.close_file(neither);
    let truncated = world.file("file", OpenFlags { truncate: true, ..OpenFlags::default() });
    assert_eq!(world.vfs.file_stat(&truncated).unwrap().size, 0);
    world.vfs.close_file(truncated);
}

fn hard_links_share_one_node(mut world: World) {
    world.write("file", b"shared");
    world.mkdir("dir");
    world.link("file", "dir/link").unwrap();
    let (file, link) = (world.stat("file").unwrap(), world.stat("dir/link").unwrap());
    assert_eq!(file, link);
    assert_eq!(file.nlink, 2);
    world.write("dir/link", b"changed");
    assert_eq!(world.read("file"), b"changed");
    assert_eq!(world.rename("file", "dir/link"), Ok(()), "names of one file: nothing happens");
    assert_eq!(world.names("dir"), ["link"]);
    assert_eq!(world.stat("file").unwrap().nlink, 2);
    world.unlink("file").unwrap();
    assert_eq!(world.stat("dir/link").unwrap().nlink, 1);
    assert_eq!(world.link("dir/link", "dir/link"), Err(Errno::Exist));
    assert_eq!(world.link("dir", "other"), Err(Errno::Perm));
    assert_eq!(world.link("dir/link", "dir"), Err(Errno::Exist));
    assert_eq!(world.link("dir/link", "other/"), Err(Errno::Noent));
    assert_eq!(world.link("dir/link/", "other"), Err(Errno::Notdir));
    assert_eq!(world.link("none", "other"), Err(Errno::Noent));
}

fn renaming_follows_posix(mut world: World) {
    world.write("file", b"1");
    world.write("other", b"22");
    world.rename("file", "other").unwrap();
    assert_eq!((world.read("other"), world.refused("file", READ)), (b"1".to_vec(), Errno::Noent));
    for path in ["a", "a/b", "empty", "full", "full/x"] {
        world.mkdir(path);
    }
    assert_eq!(world.rename("other", "a"), Err(Errno::Isdir));
    assert_eq!(world.rename("a", "other"), Err(Errno::Notdir));
    assert_eq!(world.rename("a", "full"), Err(Errno::Notempty));
    assert_eq!(world.rename("a", "a/b/c"), Err(Errno::Inval));
    assert_eq!(world.rename("a", "a"), Ok(()));
    assert_eq!(world.rename("none", "x"), Err(Errno::Noent));
    assert_eq!(world.rename("other/", "x"), Err(Errno::Notdir));
    assert_eq!(world.rename("other", "x/"), Err(Errno::Notdir));
    assert_eq!(world.rename("a/.", "x"), Err(Errno::Busy));
    assert_eq!(world.rename("a", "none/x"), Err(Errno::Noent));
    assert_eq!(world.rename("a", "other/x"), Err(Errno::Notdir));
    world.rename("a/", "empty/").unwrap();
    assert_eq!(world.names("."), ["empty", "full", "other"]);
    assert_eq!(world.names("empty"), ["b"]);
    world.rename("empty", "new/").unwrap();
    world.rename("new/b", "b").unwrap();
    assert_eq!(world.names("."), ["b", "full", "new", "other"]);
    assert_eq!(world.names("b/.."), ["b", "full", "new", "other"]);
}

fn a_removed_directory_takes_no_new_entries(mut world: World) {
    world.mkdir("dir");
    let dir = world.dir("dir");
    assert_eq!(world.rmdir("."), Err(Errno::Inval));
    world.rmdir("dir").unwrap();
    assert_eq!(world.vfs.create_directory(&dir, "sub"), Err(Errno::Noent));
    assert!(matches!(world.vfs.open(&dir, "file", CREATE), Err(Errno::Noent)));
    assert_eq!(world.vfs.symlink("x", &dir, "link"), Err(Errno::Noent));
    world.write("file", b"");
    assert_eq!(world.vfs.rename(&world.root, "file", &dir, "file"), Err(Errno::Noent));
    assert_eq!(world.vfs.link(&world.root, "file", false, &dir, "file"), Err(Errno::Noent));
    assert_eq!(world.vfs.path_stat(&dir, "file", false), Err(Errno::Noent));
    assert!(world.vfs.dir_stat(&dir).is_ok());
    world.vfs.close_dir(dir);
    world.mkdir("full");
    world.mkdir("full/x");
    assert_eq!(world.rmdir("full"), Err(Errno::Notempty));
    assert_eq!(world.rmdir("full/x/.."), Err(Errno::Notempty));
    assert_eq!(world.rmdir("file"), Err(Errno::Notdir));
    assert_eq!(world.unlink("full"), Err(Errno::Isdir));
}

fn times_can_be_set_and_move_with_changes(mut world: World) {
    world.write("file", b"x");
    world.symlink("file", "link").unwrap();
    world.mkdir("dir");
    let set = |world: &mut World, path: &str, follow| {
        let (atim, mtim) = (SetTime::At(1_000_000_123), SetTime::At(2_000_000_456));
        world.vfs.path_set_times(&world.root, path, follow, atim, mtim).unwrap();
    };
    set(&mut world, "link", false);
    assert_eq!(world.stat("link").unwrap().mtim, 2_000_000_456);
    assert_ne!(world.stat("file").unwrap().mtim, 2_000_000_456);
    set(&mut world, "link", true);
    set(&mut world, "dir", true);
    for path in ["file", "dir"] {
        let stat = world.stat(path).unwrap();
        assert_eq!((stat.atim, stat.mtim), (1_000_000_123, 2_000_000_456));
        assert!(stat.ctim > 2_000_000_456);
    }
    let file = world.file("file", WRITE);
    world.vfs.file_set_times(&file, SetTime::Keep, SetTime::At(5_000_000_000)).unwrap();
    let stat = world.vfs.file_stat(&file).unwrap();
    assert_eq!((stat.atim, stat.mtim), (1_000_000_123, 5_000_000_000));
    assert_eq!(world.vfs.write_at(&file, 0, b"y"), Ok(1));
    assert!(world.vfs.file_stat(&file).unwrap().mtim > 5_000_000_000);
    world.vfs.close_file(file);
    world.write("dir/child", b"");
    assert!(world.stat("dir").unwrap().mtim > 2_000_000_456);
    let dir = world.dir("dir");
    world.vfs.dir_set_times(&dir, SetTime::Now, SetTime::At(9)).unwrap();
    assert_eq!(world.vfs.dir_stat(&dir).unwrap().mtim, 9);
    world.vfs.close_dir(dir);
}

fn a_listing_neither_repeats_nor_skips_under_change(mut world: World) {
    for index in 0..200 {
        world.write(&format!("keep{index:03}"), b"");
        world.write(&format!("gone{index:03}"), b"");
    }
    let dir = world.dir(".");
    let (mut seen, mut cookie, mut round) = (Vec::new(), 0, 0);
    loop {
        let part: Vec<_> = list(&mut world.vfs, &dir, cookie).into_iter().take(7).collect();
        let Some((_, next)) = part.last() else { break };
        cookie = *next;
        seen.extend(part.into_iter().map(|(name, _)| name).filter(|name| name.starts_with("keep")));
        if round < 200 {
            world.unlink(&format!("gone{round:03}")).unwrap();
            world.write(&format!("late{round:03}"), b"");
        }
        round += 1;
        assert!(round < 1000);
    }
    seen.sort();
    let expected: Vec<_> = (0..200).map(|index| format!("keep{index:03}")).collect();
    assert_eq!(seen, expected);
    world.vfs.close_dir(dir);
}

fn a_listing_goes_on_from_any_cookie(mut world: World) {
    world.write("file", b"");
    world.mkdir("dir");
    world.symlink("file", "link").unwrap();
    let dir = world.dir(".");
    let all = list(&mut world.vfs, &dir, 0);
    assert_eq!(all.iter().map(|(name, _)| name.as_str()).take(2).collect::<Vec<_>>(), [".", ".."]);
    for (index, (_, next)) in all.iter().enumerate() {
        assert_eq!(list(&mut world.vfs, &dir, *next), all[index + 1..]);
    }
    assert!(list(&mut world.vfs, &dir, u64::MAX).is_empty());
    let mut types = BTreeMap::new();
    let visit = &mut |entry: &DirEntry<'_>| {
        types.insert(entry.name.to_owned(), (entry.filetype, entry.ino));
        ControlFlow::Continue(())
    };
    world.vfs.read_dir(&dir, 0, visit).unwrap();
    for (name, filetype) in
        [("file", FileType::RegularFile), ("dir", FileType::Directory), ("link", FileType::SymbolicLink)]
    {
        assert_eq!(types[name], (filetype, world.stat(name).unwrap().ino));
    }
    assert_eq!(types["."].1, world.vfs.dir_stat(&dir).unwrap().ino);
    world.vfs.close_dir(dir);
}

fn exclusive_creation_refuses_what_exists(mut world: World) {
    let exclusive = OpenFlags { exclusive: true, ..CREATE };
    let file = world.file("file", exclusive);
    world.vfs.close_file(file);
    world.mkdir("dir");
    world.symlink("nowhere", "dangling").unwrap();
    for path in ["file", "dir", "dangling", "."] {
        assert_eq!(world.refused(path, exclusive), Errno::Exist, "{path}");
        assert_eq!(world.refused(path, OpenFlags { follow: true, ..exclusive }), Errno::Exist, "{path}");
    }
    for path in ["file", "dir", "dangling", "file/"] {
        let errno = if path == "file/" { Errno::Notdir } else { Errno::Exist };
        assert_eq!(world.vfs.create_directory(&world.root, path), Err(errno), "{path}");
    }
}

fn a_directory_cannot_be_opened_for_writing(mut world: World) {
    world.mkdir("dir");
    assert_eq!(world.refused("dir", WRITE), Errno::Isdir);
    assert_eq!(world.refused("dir", OpenFlags { truncate: true, ..READ }), Errno::Isdir);
    assert_eq!(world.refused(".", OpenFlags { directory: true, ..WRITE }), Errno::Isdir);
    assert_eq!(world.refused("dir", OpenFlags { directory: true, ..CREATE }), Errno::Inval);
    world.write("file", b"");
    assert_eq!(world.refused("file", OpenFlags { directory: true, ..READ }), Errno::Notdir);
}

fn everything_removed_gives_the_budget_back(mut world: World) {
    world.names(".");
    let host_before = world.budget.used();
    for round in 0..3 {
        world.mkdir("dir");
        for index in 0..20 {
            world.write(&format!("dir/file{index}"), &vec![1; index * 9_000]);
        }
        world.symlink("file1", "dir/link").unwrap();
        world.link("dir/file3", "dir/hard").unwrap();
        world.rename("dir/file4", "dir/file5").unwrap();
        world.rename("dir", "moved").unwrap();
        let open = world.file("moved/file6", WRITE);
        for name in world.names("moved") {
            world.unlink(&format!("moved/{name}")).unwrap();
        }
        assert!(world.vfs.fs_bytes_used() > 0, "an open file still has its bytes");
        assert_eq!(world.vfs.write_at(&open, 100_000, &[1; 100_000]), Ok(100_000));
        world.vfs.close_file(open);
        world.rmdir("moved").unwrap();
        assert_eq!(world.vfs.fs_bytes_used(), 0, "round {round}");
        assert_eq!(world.budget.used(), host_before, "round {round}");
    }
    let World { vfs, budget, .. } = world;
    drop(vfs);
    assert_eq!(budget.used(), 0);
}

fn large_files_survive_writes_at_odd_places(mut world: World) {
    let file = world.file("file", CREATE);
    let mut model = vec![0_u8; 0];
    let mut dice = Dice(1);
    for round in 0..300 {
        let (offset, len) = (dice.roll(400_000), dice.roll(9_000));
        if round % 17 == 0 {
            world.vfs.set_size(&file, offset as u64).unwrap();
            model.resize(offset, 0);
            continue;
        }
        let data = vec![round as u8; len];
        assert_eq!(world.vfs.write_at(&file, offset as u64, &data), Ok(len));
        if len > 0 {
            model.resize(model.len().max(offset + len), 0);
            model[offset..offset + len].copy_from_slice(&data);
        }
    }
    assert!(read_all(&mut world.vfs, &file) == model);
    let mut part = vec![0; 70_001];
    let count = world.vfs.read_at(&file, 65_000, &mut part).unwrap();
    assert!(part[..count] == model[65_000.min(model.len())..(65_000 + count).min(model.len())]);
    world.vfs.close_file(file);
}

fn an_open_survives_its_rename(mut world: World) {
    world.mkdir("dir");
    world.write("dir/file", b"x");
    let (dir, file) = (world.dir("dir"), world.file("dir/file", WRITE));
    world.rename("dir", "moved").unwrap();
    world.rename("moved/file", "file").unwrap();
    assert_eq!(world.vfs.append(&file, b"y"), Ok((1, 2)));
    assert_eq!(world.read("file"), b"xy");
    world.vfs.create_directory(&dir, "sub").unwrap();
    assert_eq!(world.names("moved"), ["sub"]);
    world.vfs.close_dir(dir);
    world.vfs.close_file(file);
}

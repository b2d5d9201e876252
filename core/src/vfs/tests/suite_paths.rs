//! Paths, symlinks and slashes, the same over every kind of mount. Where the public WASI test
//! programs accept only certain errors, these are among them.

use super::suite::for_every_kind;
use super::*;

for_every_kind!(
    dots_and_slashes_lead_where_they_should,
    a_path_out_of_its_handle_is_refused,
    a_malformed_path_is_refused,
    symlinks_are_followed_only_when_asked,
    a_symlink_loop_ends_in_every_call,
    forty_symlinks_are_walked_and_no_more,
    absolute_symlinks_are_refused,
    trailing_slashes_mean_a_directory,
    a_dangling_symlink_creates_its_target,
    a_parent_after_a_symlink_is_the_parent_of_its_target,
    expensive_paths_stay_cheap,
);

const FOLLOW: OpenFlags = OpenFlags { follow: true, ..READ };

fn tree(world: &mut World) {
    world.mkdir("dir");
    world.mkdir("dir/nested");
    world.write("dir/nested/file", b"deep");
    world.write("file", b"top");
}

fn dots_and_slashes_lead_where_they_should(mut world: World) {
    tree(&mut world);
    for path in ["dir/.//nested/../../dir/nested/../nested///./file", "./dir/nested/file", "dir/../dir/nested/file"] {
        assert_eq!(world.read(path), b"deep", "{path}");
    }
    for path in [".", "./", "dir/..", "dir/../", "dir/nested/../..", "dir/nested/../../."] {
        assert_eq!(world.names(path), ["dir", "file"], "{path}");
    }
    assert_eq!(world.refused("dir/nested/file/", READ), Errno::Notdir);
    assert_eq!(world.refused("dir/nested/file///", READ), Errno::Notdir);
    assert_eq!(world.refused("dir/nested/file/..", READ), Errno::Notdir);
    assert_eq!(world.refused("file/x", READ), Errno::Notdir);
    assert_eq!(world.refused("none/x", READ), Errno::Noent);
    assert_eq!(world.refused("none/../file", READ), Errno::Noent);
    assert_eq!(world.names("dir/nested///"), ["file"]);
}

fn a_path_out_of_its_handle_is_refused(mut world: World) {
    tree(&mut world);
    let nested = world.dir("dir/nested");
    for path in ["..", "../nested/file", "./../x", "../../../../../../etc/passwd"] {
        assert!(matches!(world.vfs.open(&nested, path, READ), Err(Errno::NotCapable)), "{path}");
        assert_eq!(world.vfs.path_stat(&nested, path, true), Err(Errno::NotCapable), "{path}");
    }
    world.vfs.close_dir(nested);
    for path in ["/", "/file", "//file", "dir/nested/../../../mounted/file", "dir/../../secret"] {
        assert_eq!(world.refused(path, READ), Errno::NotCapable, "{path}");
        assert_eq!(world.unlink(path), Err(Errno::NotCapable), "{path}");
        assert_eq!(world.rmdir(path), Err(Errno::NotCapable), "{path}");
        assert_eq!(world.rename(path, "x"), Err(Errno::NotCapable), "{path}");
        assert_eq!(world.rename("file", path), Err(Errno::NotCapable), "{path}");
        assert_eq!(world.link(path, "x"), Err(Errno::NotCapable), "{path}");
        assert_eq!(world.link("file", path), Err(Errno::NotCapable), "{path}");
        assert_eq!(world.symlink("x", path), Err(Errno::NotCapable), "{path}");
        assert_eq!(world.vfs.read_link(&world.root, path), Err(Errno::NotCapable), "{path}");
        assert_eq!(world.vfs.create_directory(&world.root, path), Err(Errno::NotCapable), "{path}");
    }
    assert_eq!(fs::read(world.host.path().join("secret")).unwrap(), b"canary");
}

fn a_malformed_path_is_refused(mut world: World) {
    let (name, path) = ("n".repeat(256), "d/".repeat(2049));
    for (path, errno) in [
        ("", Errno::Noent),
        ("file\0", Errno::Inval),
        ("\0", Errno::Inval),
        (&name, Errno::NameTooLong),
        (&path, Errno::NameTooLong),
    ] {
        assert_eq!(world.refused(path, CREATE), errno);
        assert_eq!(world.vfs.create_directory(&world.root, path), Err(errno));
        assert_eq!(world.symlink("x", path), Err(errno));
        assert_eq!(world.stat(path), Err(errno));
    }
    world.write(&name[..255], b"fits");
    assert_eq!(world.read(&name[..255]), b"fits");
    assert_eq!(world.symlink("", "link"), Err(Errno::Noent));
    assert_eq!(world.symlink("a\0b", "link"), Err(Errno::Inval));
    assert_eq!(world.symlink(&path, "link"), Err(Errno::NameTooLong));
    assert_eq!(world.names(".").len(), 1);
}

fn symlinks_are_followed_only_when_asked(mut world: World) {
    tree(&mut world);
    world.symlink("dir", "to_dir").unwrap();
    world.symlink("dir/nested/file", "to_file").unwrap();
    assert_eq!(world.vfs.read_link(&world.root, "to_file"), Ok("dir/nested/file".to_owned()));
    assert_eq!(world.vfs.read_link(&world.root, "file"), Err(Errno::Inval));
    assert_eq!(world.vfs.read_link(&world.root, "to_dir/"), Err(Errno::Inval));
    for link in ["to_dir", "to_file"] {
        assert_eq!(world.refused(link, READ), Errno::Loop);
        assert_eq!(world.refused(link, OpenFlags { directory: true, ..READ }), Errno::Notdir);
        assert_eq!(world.stat(link).unwrap().filetype, FileType::SymbolicLink);
    }
    assert_eq!(world.stat("to_file").unwrap().size, 15);
    assert_eq!(world.read("to_file"), b"deep");
    assert_eq!(world.names("to_dir"), ["nested"]);
    assert_eq!(world.stat("to_dir/").unwrap().filetype, FileType::Directory);
    assert_eq!(world.refused("to_file", OpenFlags { directory: true, ..FOLLOW }), Errno::Notdir);
    assert_eq!(world.refused("to_file/", FOLLOW), Errno::Notdir);
    assert_eq!(world.vfs.path_stat(&world.root, "to_dir", true).unwrap().filetype, FileType::Directory);
    world.link("to_file", "link_of_link").unwrap();
    assert_eq!(world.stat("link_of_link").unwrap().filetype, FileType::SymbolicLink);
    world.vfs.link(&world.root, "to_file", true, &world.root, "link_of_file").unwrap();
    assert_eq!(world.stat("link_of_file").unwrap().filetype, FileType::RegularFile);
    assert_eq!(world.rmdir("to_dir"), Err(Errno::Notdir));
    world.unlink("to_dir").unwrap();
    assert_eq!(world.names("dir"), ["nested"]);
    world.rename("to_file", "renamed").unwrap();
    assert_eq!(world.read("renamed"), b"deep");
}

fn a_symlink_loop_ends_in_every_call(mut world: World) {
    world.symlink("b", "a").unwrap();
    world.symlink("a", "b").unwrap();
    world.symlink("self", "self").unwrap();
    world.write("file", b"");
    let path_set =
        |world: &mut World, path: &str| world.vfs.path_set_times(&world.root, path, true, SetTime::Now, SetTime::Now);
    for path in ["a", "b", "self", "a/", "self/x"] {
        assert_eq!(world.refused(path, FOLLOW), Errno::Loop);
        assert_eq!(world.refused(path, OpenFlags { follow: true, ..CREATE }), Errno::Loop);
        assert_eq!(world.vfs.path_stat(&world.root, path, true), Err(Errno::Loop));
        assert_eq!(path_set(&mut world, path), Err(Errno::Loop));
        let link = world.vfs.link(&world.root, path, true, &world.root, "x");
        assert_eq!(link, Err(Errno::Loop));
    }
    assert_eq!(world.unlink("self/x"), Err(Errno::Loop));
    assert_eq!(world.rmdir("self/x"), Err(Errno::Loop));
    assert_eq!(world.rename("self/x", "y"), Err(Errno::Loop));
    assert_eq!(world.rename("file", "self/x"), Err(Errno::Loop));
    assert_eq!(world.link("file", "self/x"), Err(Errno::Loop));
    assert_eq!(world.symlink("x", "self/x"), Err(Errno::Loop));
    assert_eq!(world.vfs.create_directory(&world.root, "self/x"), Err(Errno::Loop));
    assert_eq!(world.vfs.read_link(&world.root, "self/x"), Err(Errno::Loop));
    assert_eq!(world.vfs.read_link(&world.root, "self"), Ok("self".to_owned()));
    world.link("self", "hard").unwrap();
    world.unlink("self").unwrap();
    assert_eq!(world.refused("hard", FOLLOW), Errno::Noent);
}

fn forty_symlinks_are_walked_and_no_more(mut world: World) {
    world.write("link0", b"end");
    for index in 0..41 {
        world.symlink(&format!("link{index}"), &format!("link{}", index + 1)).unwrap();
    }
    assert_eq!(world.read("link40"), b"end");
    assert_eq!(world.refused("link41", FOLLOW), Errno::Loop);
}

fn absolute_symlinks_are_refused(mut world: World) {
    assert_eq!(world.symlink("/", "link"), Err(Errno::NotCapable));
    assert_eq!(world.symlink("/etc/passwd", "link"), Err(Errno::NotCapable));
    assert!(world.names(".").is_empty());
}

fn trailing_slashes_mean_a_directory(mut world: World) {
    assert_eq!(world.symlink("source", "target/"), Err(Errno::Noent));
    world.mkdir("target/");
    assert_eq!(world.symlink("source", "target/"), Err(Errno::Exist));
    assert_eq!(world.symlink("source", "target"), Err(Errno::Exist));
    assert_eq!(world.unlink("target/"), Err(Errno::Isdir));
    assert_eq!(world.unlink("target"), Err(Errno::Isdir));
    world.rmdir("target/").unwrap();
    world.write("target", b"");
    assert_eq!(world.symlink("source", "target/"), Err(Errno::Notdir));
    assert_eq!(world.symlink("source", "target"), Err(Errno::Exist));
    assert_eq!(world.rmdir("target"), Err(Errno::Notdir));
    assert_eq!(world.rmdir("target/"), Err(Errno::Notdir));
    assert_eq!(world.unlink("target/"), Err(Errno::Notdir));
    assert_eq!(world.stat("target/"), Err(Errno::Notdir));
    assert_eq!(world.refused("target/", CREATE), Errno::Notdir);
    assert_eq!(world.refused("new/", CREATE), Errno::Isdir);
    assert_eq!(world.refused("new/", READ), Errno::Noent);
    world.symlink("nowhere", "dangling").unwrap();
    assert_eq!(world.vfs.create_directory(&world.root, "dangling/"), Err(Errno::Notdir));
    assert_eq!(world.names("."), ["dangling", "target"]);
}

fn a_dangling_symlink_creates_its_target(mut world: World) {
    world.mkdir("dir");
    world.symlink("dir/made", "link").unwrap();
    assert_eq!(world.refused("link", CREATE), Errno::Loop);
    assert_eq!(world.refused("link", FOLLOW), Errno::Noent);
    let file = world.file("link", OpenFlags { follow: true, ..CREATE });
    world.vfs.close_file(file);
    assert_eq!(world.names("dir"), ["made"]);
    assert_eq!(world.link("dir/made", "link"), Err(Errno::Exist));
}

fn a_parent_after_a_symlink_is_the_parent_of_its_target(mut world: World) {
    tree(&mut world);
    world.mkdir("other");
    world.symlink("../dir/nested", "other/link").unwrap();
    assert_eq!(world.names("other/link/.."), ["nested"]);
    assert_eq!(world.read("other/link/../nested/file"), b"deep");
    world.symlink("../../x", "other/up").unwrap();
    assert_eq!(world.refused("other/up", FOLLOW), Errno::NotCapable);
    let other = world.dir("other");
    assert!(matches!(world.vfs.open(&other, "link", FOLLOW), Err(Errno::NotCapable)));
    world.vfs.close_dir(other);
}

fn expensive_paths_stay_cheap(mut world: World) {
    world.mkdir("d");
    let back_and_forth = format!("{}d", "d/../".repeat(818));
    assert_eq!(world.stat(&back_and_forth).unwrap().filetype, FileType::Directory);
    let slashes = format!("d{}", "/".repeat(4095));
    assert_eq!(world.stat(&slashes).unwrap().filetype, FileType::Directory);
    let dots = format!("d{}", "/.".repeat(2000));
    assert_eq!(world.stat(&dots).unwrap().filetype, FileType::Directory);
    world.symlink(&"./".repeat(2000), "l0").unwrap();
    for index in 0..39 {
        let target = format!("{}l{index}", "./".repeat(2000));
        world.symlink(&target, &format!("l{}", index + 1)).unwrap();
    }
    assert_eq!(world.refused("l39", FOLLOW), Errno::Loop);
    let descriptors = descriptors_into(&world.folder());
    let mut path = String::new();
    let mut deep = world.dir(".");
    for _ in 0..150 {
        if world.vfs.create_directory(&deep, "d").is_err() {
            assert_eq!(path, "");
        }
        let Ok(Opened::Dir(next)) = world.vfs.open(&deep, "d", READ) else { panic!() };
        world.vfs.close_dir(std::mem::replace(&mut deep, next));
        path.push_str("d/");
    }
    world.vfs.close_dir(deep);
    let outcome = world.stat(&path).map(|stat| stat.filetype);
    if world.kind == Kind::Host {
        assert_eq!(outcome, Err(Errno::NameTooLong), "a walk holds few descriptors");
    } else {
        assert_eq!(outcome, Ok(FileType::Directory));
    }
    assert_eq!(descriptors_into(&world.folder()), descriptors);
}

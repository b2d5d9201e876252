//! What the embedder reads, writes and takes out.

use super::*;

fn path(text: &str) -> GuestPath {
    GuestPath::parse(text).unwrap()
}

#[test]
fn files_are_read_and_written_from_outside() {
    let host = tempfile::tempdir().unwrap();
    let dir = host::open_folder(host.path()).unwrap();
    let data = Source::Host { dir, access: Access::ReadWrite, symlinks: false };
    let (mut vfs, roots, _) = join(vec![("/", memory(&[("x", "initial")])), ("/data", data)], GENEROUS);
    assert_eq!(vfs.read_file(&path("/x")).unwrap(), b"initial");
    vfs.write_file(&path("/out/deep/file"), b"new").unwrap();
    vfs.write_file(&path("/data/sub/file"), b"host").unwrap();
    vfs.symlink("out/deep/file", &roots[0], "link").unwrap();
    assert_eq!(vfs.read_file(&path("/link")).unwrap(), b"new");
    assert_eq!(fs::read(host.path().join("sub/file")).unwrap(), b"host");
    assert_eq!(vfs.read_file(&path("/data/sub/file")).unwrap(), b"host");
    vfs.symlink("../x", &roots[1], "up").unwrap_err();
    for (bad, part) in
        [("/none", "does not exist"), ("/out", "is a directory"), ("/x/y", "not a directory"), ("/", "is a directory")]
    {
        let error = vfs.read_file(&path(bad)).unwrap_err();
        assert_eq!(error.code().as_str(), "file_unavailable");
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(vfs.write_file(&path("/x/y"), b"").is_err());
    assert!(vfs.write_file(&path("/out"), b"").is_err());
}

#[test]
fn writing_from_outside_obeys_the_quotas() {
    let (mut vfs, _, _) = join(vec![("/", memory(&[]))], Quota { fs_bytes: 1_000, ..GENEROUS });
    let error = vfs.write_file(&path("/big"), &[0; 5_000]).unwrap_err().to_string();
    assert!(error.contains("quota"), "{error}");
    vfs.write_file(&path("/small"), &[0; 100]).unwrap();
}

#[test]
fn a_file_that_is_too_long_to_read_at_once_is_refused() {
    let quota = Quota { file_bytes: 1 << 40, ..GENEROUS };
    let (mut vfs, root, _) = single(memory(&[]), quota);
    let Ok(Opened::File(file)) = vfs.open(&root, "huge", CREATE) else { panic!() };
    vfs.set_size(&file, (1 << 30) + 1).unwrap();
    vfs.close_file(file);
    assert!(vfs.read_file(&path("/huge")).unwrap_err().to_string().contains("longer"));
}

#[test]
fn the_difference_of_a_memory_mount_is_against_its_initial_files() {
    let (mut vfs, root, _) =
        single(memory(&[("keep", "k"), ("change", "c"), ("dir/gone", "g"), ("dir/moved", "m")]), GENEROUS);
    assert_eq!(vfs.diff(), FilesDiff::default());
    vfs.write_file(&path("/change"), b"c").unwrap();
    vfs.write_file(&path("/new/file"), b"n").unwrap();
    vfs.unlink_file(&root, "dir/gone").unwrap();
    vfs.rename(&root, "dir/moved", &root, "dir/elsewhere").unwrap();
    vfs.create_directory(&root, "empty").unwrap();
    let FilesDiff { added, changed, removed, .. } = vfs.diff();
    assert_eq!(added, ["/dir/elsewhere", "/new/file"]);
    assert_eq!(changed, ["/change"]);
    assert_eq!(removed, ["/dir/gone", "/dir/moved"]);
    vfs.rename(&root, "dir/elsewhere", &root, "dir/moved").unwrap();
    assert_eq!(vfs.diff().removed, ["/dir/gone"]);
    vfs.rename(&root, "dir", &root, "folder").unwrap();
    assert_eq!(vfs.diff().added, ["/folder/moved", "/new/file"]);
    assert_eq!(vfs.diff().removed, ["/dir/gone", "/dir/moved"]);
}

#[test]
fn a_difference_lists_the_first_thousand_paths() {
    let (mut vfs, root, _) = single(memory(&[]), GENEROUS);
    for index in (0..1_500).rev() {
        let Ok(Opened::File(file)) = vfs.open(&root, &format!("f{index:04}"), CREATE) else { panic!() };
        vfs.close_file(file);
    }
    let FilesDiff { added, truncated, .. } = vfs.diff();
    assert!(truncated);
    assert_eq!((added.len(), added[0].as_str(), added[999].as_str()), (1_000, "/f0000", "/f0999"));
    let to = tempfile::tempdir().unwrap();
    vfs.export(&path("/"), &host::open_folder(to.path()).unwrap()).unwrap();
    assert_eq!(snapshot(to.path()).len(), 1_500, "an export writes them all");
}

#[test]
fn a_difference_has_at_most_a_mebibyte_of_text() {
    let (mut vfs, root, _) = single(memory(&[]), GENEROUS);
    let names: Vec<_> = (0..15).map(|index| format!("{index:02}{}", "d".repeat(253))).collect();
    for depth in 1..=names.len() {
        vfs.create_directory(&root, &names[..depth].join("/")).unwrap();
    }
    let Ok(Opened::Dir(deep)) = vfs.open(&root, &names.join("/"), READ) else { panic!() };
    for index in 0..900 {
        let Ok(Opened::File(file)) = vfs.open(&deep, &format!("f{index:04}"), CREATE) else { panic!() };
        vfs.close_file(file);
    }
    vfs.close_dir(deep);
    let FilesDiff { added, truncated, .. } = vfs.diff();
    assert!(truncated);
    assert!(added.iter().map(String::len).sum::<usize>() <= FilesDiff::MAX_TEXT_BYTES);
    assert!(added.len() > 200 && added[200].ends_with("/f0200"), "the first ones: {}", added.len());
}

#[test]
fn an_export_stays_in_its_folder_whatever_lies_there() {
    let around = tempfile::tempdir().unwrap();
    let to = around.path().join("to");
    fs::create_dir_all(around.path().join("outside")).unwrap();
    fs::create_dir_all(&to).unwrap();
    fs::write(around.path().join("canary"), "canary").unwrap();
    std::os::unix::fs::symlink("../outside", to.join("dir")).unwrap();
    std::os::unix::fs::symlink("../canary", to.join("file")).unwrap();
    let (mut vfs, root, _) = single(memory(&[]), GENEROUS);
    vfs.write_file(&path("/dir/a"), b"a").unwrap();
    vfs.write_file(&path("/file"), b"f").unwrap();
    vfs.symlink("dir/a", &root, "good").unwrap();
    vfs.symlink("../canary", &root, "bad").unwrap();
    let diff = vfs.export(&path("/"), &host::open_folder(&to).unwrap()).unwrap();
    assert_eq!(diff.added, ["/bad", "/dir/a", "/file", "/good"]);
    let found = snapshot(&to);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["dir", "dir/a", "file", "good"]);
    assert_eq!(fs::read(around.path().join("canary")).unwrap(), b"canary");
    assert!(snapshot(&around.path().join("outside")).is_empty());
    let error = vfs.export(&path("/none"), &host::open_folder(&to).unwrap()).unwrap_err();
    assert_eq!(error.code().as_str(), "mount_invalid");
}

#[test]
fn no_name_that_a_guest_chooses_blocks_an_export_or_loses_a_file() {
    let to = tempfile::tempdir().unwrap();
    fs::write(to.path().join(".sandcell-partial"), "the host's").unwrap();
    let (mut vfs, root, _) = single(memory(&[]), GENEROUS);
    vfs.create_directory(&root, "dir").unwrap();
    vfs.write_file(&path("/dir/.sandcell-partial"), b"the guest's").unwrap();
    vfs.write_file(&path("/dir/a"), b"a").unwrap();
    vfs.write_file(&path("/dir/z"), b"z").unwrap();
    vfs.write_file(&path("/sub/.sandcell-partial/file"), b"deep").unwrap();
    vfs.write_file(&path("/sub/file"), b"f").unwrap();
    vfs.symlink("a", &root, "dir/link").unwrap();
    vfs.export(&path("/"), &host::open_folder(to.path()).unwrap()).unwrap();
    let found = snapshot(to.path());
    let text = |path: &str| found[path].as_deref().map(|data| str::from_utf8(data).unwrap());
    assert_eq!(text(".sandcell-partial"), Some("the host's"));
    assert_eq!(text("dir/.sandcell-partial"), Some("the guest's"));
    assert_eq!(text("sub/.sandcell-partial/file"), Some("deep"));
    assert_eq!(
        (text("dir/a"), text("dir/z"), text("dir/link"), text("sub/file")),
        (Some("a"), Some("z"), Some("a"), Some("f"))
    );
    assert_eq!(found.len(), 10, "nothing is left over: {:?}", found.keys());
}

#[test]
fn an_export_over_a_directory_says_which_and_writes_nothing() {
    let to = tempfile::tempdir().unwrap();
    fs::create_dir_all(to.path().join("sub/taken")).unwrap();
    fs::write(to.path().join("sub/taken/kept"), "kept").unwrap();
    let before = snapshot(to.path());
    let (mut vfs, _, _) = single(memory(&[]), GENEROUS);
    for name in ["/early", "/sub/taken", "/sub/z"] {
        vfs.write_file(&path(name), b"new").unwrap();
    }
    let error = vfs.export(&path("/"), &host::open_folder(to.path()).unwrap()).unwrap_err();
    assert_eq!(error.code().as_str(), "host_io");
    assert!(error.to_string().contains("exporting sub/taken"), "{error}");
    assert_eq!(snapshot(to.path()), before);
}

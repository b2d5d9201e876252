//! Several mounts in one tree.

use super::*;

fn names(vfs: &mut Vfs, root: &DirHandle, path: &str) -> Vec<String> {
    let flags = OpenFlags { follow: true, ..READ };
    let Ok(Opened::Dir(dir)) = vfs.open(root, path, flags) else { panic!("{path}") };
    let names = list(vfs, &dir, 0).into_iter().map(|(name, _)| name).skip(2).collect();
    vfs.close_dir(dir);
    names
}

fn read(vfs: &mut Vfs, root: &DirHandle, path: &str) -> Result<Vec<u8>, Errno> {
    match vfs.open(root, path, OpenFlags { follow: true, ..READ })? {
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

fn three_mounts() -> (Vfs, Vec<DirHandle>, TempDir) {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("x"), "host").unwrap();
    let data =
        Source::Host { dir: host::open_folder(host.path()).unwrap(), access: Access::ReadWrite, symlinks: false };
    let mounts =
        vec![("/", memory(&[("file", "root")])), ("/data", data), ("/usr/local/lib", memory(&[("lib.py", "lib")]))];
    let (vfs, roots, _) = join(mounts, GENEROUS);
    (vfs, roots, host)
}

#[test]
fn every_mount_is_a_preopen_in_its_order() {
    let (mut vfs, ..) = three_mounts();
    let guests: Vec<_> = vfs.preopens_from(0).into_iter().map(|(guest, _)| guest.to_string()).collect();
    assert_eq!(guests, ["/", "/data", "/usr/local/lib"]);
}

#[test]
fn a_walk_crosses_into_the_mounts_below() {
    let (mut vfs, roots, _host) = three_mounts();
    assert_eq!(read(&mut vfs, &roots[0], "data/x").unwrap(), b"host");
    assert_eq!(read(&mut vfs, &roots[0], "usr/local/lib/lib.py").unwrap(), b"lib");
    assert_eq!(read(&mut vfs, &roots[0], "usr/local/lib/../../../data/../file").unwrap(), b"root");
    assert_eq!(read(&mut vfs, &roots[1], "../file"), Err(Errno::NotCapable));
    let devices =
        ["file", "data/x", "usr", "usr/local/lib"].map(|path| vfs.path_stat(&roots[0], path, true).unwrap().dev);
    assert_eq!(devices, [1, 2, 4, 3]);
}

#[test]
fn a_listing_shows_the_mounts_below_and_goes_on_after_each() {
    let (mut vfs, roots, _host) = three_mounts();
    assert_eq!(names(&mut vfs, &roots[0], "."), ["data", "usr", "file"]);
    assert_eq!(names(&mut vfs, &roots[0], "usr"), ["local"]);
    assert_eq!(names(&mut vfs, &roots[0], "usr/local"), ["lib"]);
    let all = list(&mut vfs, &roots[0], 0);
    for (index, (_, next)) in all.iter().enumerate() {
        assert_eq!(list(&mut vfs, &roots[0], *next), all[index + 1..]);
    }
}

#[test]
fn mount_points_and_what_leads_to_them_stay_where_they_are() {
    let (mut vfs, roots, _host) = three_mounts();
    let root = &roots[0];
    for path in ["data", "usr", "usr/local", "usr/local/lib", "data/"] {
        assert_eq!(vfs.remove_directory(root, path), Err(Errno::Busy), "{path}");
        assert_eq!(vfs.rename(root, path, root, "moved"), Err(Errno::Busy), "{path}");
        assert_eq!(vfs.rename(root, "file", root, path), Err(Errno::Busy), "{path}");
        assert_eq!(vfs.create_directory(root, path), Err(Errno::Exist), "{path}");
        assert_eq!(
            vfs.unlink_file(root, path),
            if path.starts_with("usr/") { Err(Errno::Rofs) } else { Err(Errno::Isdir) }
        );
    }
}

#[test]
fn directories_that_only_lead_to_mounts_are_read_only() {
    let (mut vfs, roots, _host) = three_mounts();
    assert!(matches!(vfs.open(&roots[0], "usr/new", CREATE), Err(Errno::Rofs)));
    assert_eq!(vfs.create_directory(&roots[0], "usr/new"), Err(Errno::Rofs));
    assert_eq!(vfs.symlink("x", &roots[0], "usr/new"), Err(Errno::Rofs));
    assert_eq!(vfs.path_set_times(&roots[0], "usr", true, SetTime::Now, SetTime::Now), Err(Errno::Rofs));
    assert_eq!(vfs.path_stat(&roots[0], "usr", true).unwrap().filetype, FileType::Directory);
}

#[test]
fn nothing_is_renamed_or_linked_across_mounts() {
    let (mut vfs, roots, host) = three_mounts();
    assert_eq!(vfs.rename(&roots[0], "file", &roots[0], "data/file"), Err(Errno::Xdev));
    assert_eq!(vfs.rename(&roots[0], "file", &roots[2], "file"), Err(Errno::Xdev));
    assert_eq!(vfs.link(&roots[0], "data/x", false, &roots[0], "x"), Err(Errno::Xdev));
    assert_eq!(vfs.link(&roots[0], "file", false, &roots[0], "usr/x"), Err(Errno::Xdev));
    assert_eq!(vfs.rename(&roots[0], "none", &roots[1], "x"), Err(Errno::Noent));
    assert_eq!(snapshot(host.path()).len(), 1);
}

#[test]
fn a_mount_below_the_name_of_a_file_has_only_its_own_handle() {
    let mounts =
        vec![("/lib", memory(&[("python.zip", "zip")])), ("/lib/python.zip/mpl-data", memory(&[("rc", "settings")]))];
    let (mut vfs, roots, _) = join(mounts, GENEROUS);
    assert_eq!(read(&mut vfs, &roots[0], "python.zip").unwrap(), b"zip");
    assert_eq!(read(&mut vfs, &roots[0], "python.zip/mpl-data/rc"), Err(Errno::Notdir));
    assert_eq!(read(&mut vfs, &roots[1], "rc").unwrap(), b"settings");
    assert_eq!(names(&mut vfs, &roots[0], "."), ["python.zip"]);
    let path = GuestPath::parse("/lib/python.zip/mpl-data/rc").unwrap();
    assert_eq!(vfs.read_file(&path).unwrap(), b"settings");
    vfs.unlink_file(&roots[0], "python.zip").unwrap();
    assert_eq!(read(&mut vfs, &roots[0], "python.zip/mpl-data/rc").unwrap(), b"settings");
}

#[test]
fn a_real_directory_on_the_way_to_a_mount_shows_both() {
    let mounts = vec![("/", memory(&[("usr/bin/tool", "t"), ("usr/share", "hidden")])), ("/usr/share", memory(&[]))];
    let (mut vfs, roots, _) = join(mounts, GENEROUS);
    assert_eq!(names(&mut vfs, &roots[0], "usr"), ["share", "bin"]);
    assert_eq!(vfs.path_stat(&roots[0], "usr/share", true).unwrap().filetype, FileType::Directory);
    assert_eq!(vfs.rename(&roots[0], "usr", &roots[0], "moved"), Err(Errno::Busy));
    assert_eq!(read(&mut vfs, &roots[0], "usr/share/../bin/tool").unwrap(), b"t");
}

#[test]
fn two_mounts_of_one_path_are_refused() {
    let point = |guest| MountPoint { guest: GuestPath::parse(guest).unwrap(), source: memory(&[]) };
    let mounts = vec![point("/a"), point("/b"), point("/a"), point("/b")];
    let now = Arc::new(Ticks(AtomicU64::new(0)));
    let error = Vfs::new(mounts, GENEROUS, Arc::new(Budget::new(HOST_BYTES)), now).err().unwrap().to_string();
    assert!(error.contains("`/a`") && error.contains("`/b`"), "{error}");
}

#[test]
fn contradicting_initial_files_are_refused() {
    for files in
        [[("a", ""), ("a/b", "")], [("a/b", ""), ("a", "")], [("a", ""), ("./a", "")], [("../a", ""), ("b", "")]]
    {
        let point = MountPoint { guest: GuestPath::parse("/m").unwrap(), source: memory(&files) };
        let now = Arc::new(Ticks(AtomicU64::new(0)));
        let budget = Arc::new(Budget::new(HOST_BYTES));
        let error = Vfs::new(vec![point], GENEROUS, budget.clone(), now).err().unwrap();
        assert_eq!(error.code().as_str(), "mount_invalid", "{files:?}");
        assert_eq!(budget.used(), 0);
    }
}

#[test]
fn a_policy_with_bad_folders_names_every_one() {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("file"), "").unwrap();
    let mounts = [
        crate::Mount::host(host.path(), "/good", Access::ReadOnly).unwrap(),
        crate::Mount::host(host.path().join("none"), "/missing", Access::ReadOnly).unwrap(),
        crate::Mount::overlay(host.path().join("file"), "/file").unwrap(),
        crate::Mount::memory("/good").unwrap(),
    ];
    let error = mount_points(&mounts).err().unwrap();
    assert_eq!(error.code().as_str(), "mount_invalid");
    let text = error.to_string();
    for part in ["/missing", "has no folder", "/file", "is not a directory", "/good", "another mount"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(mount_points(&mounts[..1]).unwrap().len(), 1);
}

#[test]
fn without_any_mount_there_is_nothing() {
    let (mut vfs, roots, _) = join(vec![], GENEROUS);
    assert!(roots.is_empty());
    let path = GuestPath::parse("/x").unwrap();
    assert!(vfs.read_file(&path).is_err());
    assert!(vfs.write_file(&path, b"").is_err());
    assert_eq!(vfs.diff(), FilesDiff::default());
}

//! Read-only mounts under every call that changes something.

use super::*;

fn every_change_is_refused(mut vfs: Vfs, root: &DirHandle) {
    let rofs = Err(Errno::Rofs);
    for flags in [WRITE, CREATE, OpenFlags { truncate: true, ..READ }] {
        assert!(matches!(vfs.open(root, "file", flags), Err(Errno::Rofs)), "{flags:?}");
    }
    assert!(matches!(vfs.open(root, "new", CREATE), Err(Errno::Rofs)));
    assert!(matches!(vfs.open(root, "new", OpenFlags { exclusive: true, ..CREATE }), Err(Errno::Rofs)));
    assert!(matches!(vfs.open(root, "file", OpenFlags { exclusive: true, ..CREATE }), Err(Errno::Exist)));
    assert_eq!(vfs.create_directory(root, "new"), rofs);
    assert_eq!(vfs.create_directory(root, "dir"), Err(Errno::Exist));
    assert_eq!(vfs.remove_directory(root, "dir"), rofs);
    assert_eq!(vfs.unlink_file(root, "file"), rofs);
    assert_eq!(vfs.unlink_file(root, "none"), rofs);
    assert_eq!(vfs.rename(root, "file", root, "new"), rofs);
    assert_eq!(vfs.link(root, "file", false, root, "new"), rofs);
    assert_eq!(vfs.symlink("file", root, "new"), rofs);
    assert_eq!(vfs.path_set_times(root, "file", true, SetTime::Now, SetTime::Now), rofs);
    assert_eq!(vfs.path_set_times(root, "dir", true, SetTime::Now, SetTime::Now), rofs);
    assert_eq!(vfs.dir_set_times(root, SetTime::Now, SetTime::Now), rofs);
    let Ok(Opened::File(file)) = vfs.open(root, "file", READ) else { panic!() };
    assert_eq!(read_all(&mut vfs, &file), b"text");
    assert_eq!(vfs.write_at(&file, 0, b"x"), Err(Errno::Badf));
    assert_eq!(vfs.append(&file, b"x"), Err(Errno::Badf));
    assert_eq!(vfs.set_size(&file, 0), Err(Errno::Badf));
    assert_eq!(vfs.allocate(&file, 0, 100), Err(Errno::Badf));
    assert_eq!(vfs.file_set_times(&file, SetTime::Now, SetTime::Now), rofs);
    vfs.close_file(file);
    assert!(vfs.write_file(&GuestPath::parse("/file").unwrap(), b"x").is_err());
    assert_eq!(vfs.diff(), FilesDiff::default());
}

#[test]
fn a_read_only_memory_mount_refuses_every_change() {
    let files = vec![("file".to_owned(), bytes(b"text")), ("dir/x".to_owned(), bytes(b""))];
    let (vfs, root, _) = single(Source::Memory { files, access: Access::ReadOnly }, GENEROUS);
    every_change_is_refused(vfs, &root);
}

#[test]
fn a_read_only_host_folder_refuses_every_change_and_stays_as_it_is() {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("file"), "text").unwrap();
    fs::create_dir(host.path().join("dir")).unwrap();
    let before = snapshot(host.path());
    let modified = fs::metadata(host.path().join("file")).unwrap().modified().unwrap();
    let dir = host::open_folder(host.path()).unwrap();
    let (vfs, root, _) = single(Source::Host { dir, access: Access::ReadOnly, symlinks: true }, GENEROUS);
    every_change_is_refused(vfs, &root);
    assert_eq!(snapshot(host.path()), before);
    assert_eq!(fs::metadata(host.path().join("file")).unwrap().modified().unwrap(), modified);
}

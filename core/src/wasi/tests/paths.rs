//! Opening, listing and changing the tree.

use super::*;

/// The names in a directory, read through a buffer of `size` bytes.
fn list(guest: &mut Guest, fd: u32, size: u32) -> Vec<String> {
    let (mut names, mut cookie) = (Vec::new(), 0);
    loop {
        guest.call(|ctx, memory| ctx.fd_readdir(memory, fd, DATA, size, cookie, OUT)).unwrap();
        let (used, mut at) = (guest.u32(OUT), 0);
        assert!(used <= size);
        while at + 24 <= used {
            let len = guest.u32(DATA + at + 16);
            if at + 24 + len > used {
                break;
            }
            names.push(String::from_utf8(guest.slice(DATA + at + 24, len).to_vec()).unwrap());
            cookie = guest.u64(DATA + at);
            at += 24 + len;
        }
        if used < size {
            return names;
        }
        assert!(at > 0, "no whole entry fits");
    }
}

fn opened(guest: &mut Guest, path: &str) -> u32 {
    let reading = Rights::FILE.without(Rights::FILE_WRITING) | Rights::DIRECTORY;
    guest.open(path, OFlags::default(), reading).unwrap()
}

#[test]
fn the_mounts_are_preopened_and_named() {
    let mut guest = Guest::new();
    for (fd, path) in [(ROOT, "/"), (FIXED, "/fixed")] {
        guest.call(|ctx, memory| ctx.fd_prestat_get(memory, fd, OUT)).unwrap();
        assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (0, path.len() as u32));
        let len = path.len() as u32;
        let name = |guest: &mut Guest, len| guest.call(|ctx, memory| ctx.fd_prestat_dir_name(memory, fd, DATA, len));
        assert_eq!(name(&mut guest, len - 1), Err(Errno::NameTooLong));
        assert_eq!(name(&mut guest, len + 1), Ok(()));
        assert_eq!(guest.slice(DATA, len), path.as_bytes());
    }
    assert_eq!(guest.call(|ctx, memory| ctx.fd_prestat_get(memory, 5, OUT)), Err(Errno::Badf));
    assert_eq!(guest.call(|ctx, memory| ctx.fd_prestat_get(memory, 1, OUT)), Err(Errno::Badf));
    assert_eq!(guest.call(|ctx, memory| ctx.fd_prestat_dir_name(memory, 1, DATA, 9)), Err(Errno::Notdir));
    assert_eq!(guest.close(ROOT), Ok(()));
    assert_eq!(guest.call(|ctx, memory| ctx.fd_prestat_get(memory, ROOT, OUT)), Err(Errno::Badf));
}

#[test]
fn what_is_opened_has_no_more_rights_than_its_directory_hands_on() {
    let mut guest = Guest::new();
    let base = Rights::DIRECTORY.bits();
    let inheriting = (Rights::FD_READ | Rights::FD_SEEK).bits();
    let len = guest.put(PATH, b"dir");
    guest.call(|ctx, memory| ctx.path_open(memory, ROOT, 0, PATH, len, 2, base, inheriting, 0, OUT)).unwrap();
    let dir = guest.u32(OUT);
    assert_eq!(guest.rights(dir).unwrap(), (base, inheriting));
    let file = guest.open_with(dir, "inner", OFlags::default(), Rights::FILE, FdFlags::default()).unwrap();
    assert_eq!(guest.rights(file).unwrap(), (inheriting, inheriting));
    assert_eq!(guest.read(file, 100).unwrap(), b"inner");
    assert_eq!(guest.write(file, b"x"), Err(Errno::Badf));
}

#[test]
fn without_a_right_a_path_call_is_refused_and_recorded() {
    let mut guest = Guest::new();
    let dir = opened(&mut guest, "dir");
    let base = Rights::PATH_OPEN.bits();
    guest.call(|ctx, memory| ctx.fd_fdstat_set_rights(memory, dir, base, u64::from(u32::MAX) & 2)).unwrap();
    let len = guest.put(PATH, b"inner");
    let mut refused = |call: fn(&mut WasiCtx, GuestMemory<'_>, u32, u32) -> Result<(), Failure>| {
        assert_eq!(guest.call(|ctx, memory| call(ctx, memory, dir, len)), Err(Errno::NotCapable));
    };
    refused(|ctx, memory, fd, len| ctx.path_create_directory(memory, fd, PATH, len));
    refused(|ctx, memory, fd, len| ctx.path_remove_directory(memory, fd, PATH, len));
    refused(|ctx, memory, fd, len| ctx.path_unlink_file(memory, fd, PATH, len));
    refused(|ctx, memory, fd, len| ctx.path_filestat_get(memory, fd, 0, PATH, len, OUT));
    refused(|ctx, memory, fd, len| ctx.path_filestat_set_times(memory, fd, 0, PATH, len, 0, 0, 5));
    refused(|ctx, memory, fd, len| ctx.path_readlink(memory, fd, PATH, len, DATA, 9, OUT));
    refused(|ctx, memory, fd, len| ctx.path_symlink(memory, PATH, len, fd, PATH, len));
    refused(|ctx, memory, fd, len| ctx.path_link(memory, fd, 0, PATH, len, ROOT, PATH, len));
    refused(|ctx, memory, fd, len| ctx.path_link(memory, ROOT, 0, PATH, len, fd, PATH, len));
    refused(|ctx, memory, fd, len| ctx.path_rename(memory, fd, PATH, len, ROOT, PATH, len));
    refused(|ctx, memory, fd, len| ctx.path_rename(memory, ROOT, PATH, len, fd, PATH, len));
    refused(|ctx, memory, fd, len| ctx.path_open(memory, fd, 0, PATH, len, 1, 2, 0, 0, OUT));
    refused(|ctx, memory, fd, len| ctx.path_open(memory, fd, 0, PATH, len, 8, 2, 0, 0, OUT));
    assert_eq!(guest.call(|ctx, memory| ctx.fd_readdir(memory, dir, DATA, 64, 0, OUT)), Err(Errno::NotCapable));
    assert_eq!(guest.size("dir/inner"), Ok(5));
    let operations: Vec<_> = guest.ctx.end_run().denials.into_iter().map(|denial| denial.operation).collect();
    let expected = [
        "path_create_directory",
        "path_remove_directory",
        "path_unlink_file",
        "path_filestat_get",
        "path_filestat_set_times",
        "path_readlink",
        "path_symlink",
        "path_link",
        "path_link",
        "path_rename",
        "path_rename",
        "path_open",
    ];
    assert_eq!(operations, expected);
}

#[test]
fn a_refused_path_is_reported_as_the_program_gave_it_and_a_missing_one_is_not() {
    let mut guest = Guest::new();
    let write = Rights::FD_READ | Rights::FD_WRITE;
    let denied = guest.open_with(FIXED, "file", OFlags::default(), write, FdFlags::default());
    assert_eq!(denied, Err(Errno::Rofs));
    assert_eq!(guest.open("missing", OFlags::default(), write), Err(Errno::Noent));
    assert!(guest.open("/etc/passwd", OFlags::default(), Rights::FD_READ).is_err());
    assert!(guest.open("dir/../../x", OFlags::default(), Rights::FD_READ).is_err());
    assert_eq!(guest.open_descriptors(), [0, 1, 2, 3, 4]);
    let denials = guest.ctx.end_run().denials;
    let names: Vec<_> = denials.iter().map(|denial| (denial.what.as_str(), denial.name.as_str())).collect();
    assert_eq!(names, [("path", "/fixed/file"), ("path", "/etc/passwd"), ("path", "/dir/../../x")]);
}

#[test]
fn a_file_is_truncated_only_with_the_directorys_right_and_not_the_descriptors() {
    let mut guest = Guest::new();
    assert!(guest.open("hello", OFlags::TRUNC, Rights::NONE).is_ok());
    assert_eq!(guest.size("hello"), Ok(0));
    let (base, inheriting) = guest.rights(ROOT).unwrap();
    let less = base & !Rights::PATH_FILESTAT_SET_SIZE.bits();
    guest.call(|ctx, memory| ctx.fd_fdstat_set_rights(memory, ROOT, less, inheriting)).unwrap();
    assert_eq!(guest.open("dir/inner", OFlags::TRUNC, Rights::NONE), Err(Errno::NotCapable));
    assert_eq!(guest.size("dir/inner"), Ok(5));
}

#[test]
fn paths_need_a_directory() {
    let mut guest = Guest::new();
    let file = opened(&mut guest, "hello");
    let create = OFlags::CREAT;
    assert_eq!(guest.open_with(file, "x", create, Rights::FD_READ, FdFlags::default()), Err(Errno::Notdir));
    assert_eq!(guest.open_with(1, "x", create, Rights::FD_READ, FdFlags::default()), Err(Errno::Badf));
    let wrong = guest.call(|ctx, memory| ctx.path_unlink_file(memory, file, PATH, 1));
    assert_eq!(wrong, Err(Errno::Badf));
    assert_eq!(guest.open("dir", OFlags::DIRECTORY, Rights::FD_READ | Rights::FD_WRITE), Err(Errno::Isdir));
    assert_eq!(guest.open("hello", OFlags::DIRECTORY, Rights::FD_READ), Err(Errno::Notdir));
    assert_eq!(guest.open("hello", OFlags::CREAT | OFlags::EXCL, Rights::FD_READ), Err(Errno::Exist));
}

#[test]
fn past_open_files_nothing_is_opened_and_nothing_is_made() {
    let mut guest = Guest::with(|setup| {
        setup.limits = Limits::new().with(LimitKey::OpenFiles, 8).unwrap();
    });
    for _ in 0..3 {
        opened(&mut guest, "hello");
    }
    let used = guest.budget.used();
    assert_eq!(guest.open("new", OFlags::CREAT, Rights::FILE), Err(Errno::Mfile));
    assert_eq!((guest.size("new"), guest.budget.used()), (Err(Errno::Noent), used));
    guest.close(6).unwrap();
    assert_eq!(guest.open("missing", OFlags::default(), Rights::FILE), Err(Errno::Noent));
    assert_eq!(guest.open("hello", OFlags::default(), Rights::FILE), Ok(6));
}

#[test]
fn a_renumbered_file_keeps_its_position_and_the_replaced_one_is_closed() {
    let mut guest = Guest::new();
    let (from, to) = (opened(&mut guest, "hello"), opened(&mut guest, "dir/inner"));
    guest.seek(from, 7, 0).unwrap();
    assert_eq!(guest.call(|ctx, memory| ctx.fd_renumber(memory, from, to)), Ok(()));
    assert_eq!(guest.read(to, 100).unwrap(), b"world");
    assert_eq!(guest.close(from), Err(Errno::Badf));
    assert_eq!(guest.call(|ctx, memory| ctx.fd_renumber(memory, to, from)), Err(Errno::Badf));
    assert_eq!(opened(&mut guest, "hello"), from);
}

#[test]
fn a_directory_is_listed_whole_whatever_the_size_of_the_buffer() {
    let mut guest = Guest::new();
    let longest = "n".repeat(255);
    let mut expected = vec![".".to_owned(), "..".to_owned(), "inner".to_owned(), longest.clone()];
    guest.create(&format!("dir/{longest}"));
    for index in 0..100 {
        let fd = guest.create(&format!("dir/file{index}"));
        guest.close(fd).unwrap();
        expected.push(format!("file{index}"));
    }
    expected.sort();
    let dir = opened(&mut guest, "dir");
    for size in [279, 280, 300, 512, 1000, 4096, 32 << 10] {
        let mut names = list(&mut guest, dir, size);
        assert_eq!(names[..2], [".", ".."], "{size}");
        names.sort();
        assert_eq!(names, expected, "{size}");
    }
}

#[test]
fn the_entry_at_the_end_of_the_buffer_is_cut_and_says_so_by_filling_it() {
    let mut guest = Guest::new();
    let dir = opened(&mut guest, "dir");
    for size in [0, 1, 7, 23, 24, 25, 26, 40, 50, 51] {
        guest.put(DATA, &[0xee; 64]);
        guest.call(|ctx, memory| ctx.fd_readdir(memory, dir, DATA, size, 0, OUT)).unwrap();
        assert_eq!(guest.u32(OUT), size);
        assert_eq!(guest.slice(DATA + size, 8), [0xee; 8], "{size}");
    }
    guest.call(|ctx, memory| ctx.fd_readdir(memory, dir, DATA, 64, u64::MAX, OUT)).ok();
}

#[test]
fn links_are_made_read_and_removed() {
    let mut guest = Guest::new();
    let (target, link) = (guest.put(PATH, b"hello"), guest.put(OTHER_PATH, b"link"));
    guest.call(|ctx, memory| ctx.path_symlink(memory, PATH, target, ROOT, OTHER_PATH, link)).unwrap();
    let read = |guest: &mut Guest, len| {
        guest.put(DATA, &[0; 16]);
        guest.call(|ctx, memory| ctx.path_readlink(memory, ROOT, OTHER_PATH, link, DATA, len, OUT)).unwrap();
        (guest.u32(OUT), guest.slice(DATA, 6).to_vec())
    };
    assert_eq!(read(&mut guest, 10), (5, b"hello\0".to_vec()));
    assert_eq!(read(&mut guest, 4), (4, b"hell\0\0".to_vec()));
    assert_eq!(read(&mut guest, 0), (0, vec![0; 6]));
    guest.put(OTHER_PATH, b"hard");
    guest.call(|ctx, memory| ctx.path_link(memory, ROOT, 0, PATH, target, ROOT, OTHER_PATH, 4)).unwrap();
    assert_eq!(guest.size("hard"), Ok(12));
    assert_eq!(guest.u64(OUT + 24), 2);
    guest.put(PATH, b"hard");
    guest.put(OTHER_PATH, b"name");
    guest.call(|ctx, memory| ctx.path_rename(memory, ROOT, PATH, 4, ROOT, OTHER_PATH, 4)).unwrap();
    assert_eq!((guest.size("hard"), guest.size("name")), (Err(Errno::Noent), Ok(12)));
    guest.put(PATH, b"name");
    guest.call(|ctx, memory| ctx.path_unlink_file(memory, ROOT, PATH, 4)).unwrap();
    guest.put(PATH, b"made");
    guest.call(|ctx, memory| ctx.path_create_directory(memory, ROOT, PATH, 4)).unwrap();
    guest.call(|ctx, memory| ctx.path_remove_directory(memory, ROOT, PATH, 4)).unwrap();
    assert_eq!((guest.size("name"), guest.size("made")), (Err(Errno::Noent), Err(Errno::Noent)));
}

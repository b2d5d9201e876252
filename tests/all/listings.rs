//! What the host sees of a guest's file tree, and copies of it: nothing leads out, whatever the guest made.

use sandcell::{Access, Code, FileKind, Limits, Listing, Mount, Policy, Program, Sandbox};
use sandcell_tests::{folders, guests};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

fn sandbox(policy: Policy) -> Sandbox {
    guests::sandbox(guests::python(), policy, Limits::new())
}

fn run(sandbox: &mut Sandbox, code: &str) {
    let outcome = sandbox.run(Program::code(code)).unwrap();
    assert!(outcome.is_success(), "{}", outcome.stderr_text());
}

fn paths(listing: &Listing) -> Vec<&str> {
    listing.entries.iter().map(|entry| entry.path.as_str()).collect()
}

#[test]
fn a_listing_has_what_the_guest_sees_whoever_put_it_there() {
    let host = folders::with_files(&[("given", "12345"), ("deep/file", "1")]);
    let policy = Policy::new()
        .mount(Mount::memory("/work").unwrap())
        .mount(Mount::host(host.path(), "/work/data", Access::ReadOnly).unwrap())
        .mount(Mount::overlay(host.path(), "/over").unwrap());
    let mut sandbox = sandbox(policy);
    run(
        &mut sandbox,
        "import os\nopen('/work/made', 'w').write('abc'); os.symlink('made', '/work/link')
os.unlink('/over/given'); open('/over/deep/new', 'w').write('n')",
    );
    let listing = sandbox.list_files("/work", false).unwrap();
    let seen: Vec<_> = listing.entries.iter().map(|entry| (entry.path.as_str(), entry.kind, entry.size)).collect();
    assert_eq!(
        seen,
        [
            ("/work/data", FileKind::Directory, 0),
            ("/work/link", FileKind::Symlink, 0),
            ("/work/made", FileKind::File, 3)
        ]
    );
    let below = sandbox.list_files("/work", true).unwrap();
    assert_eq!(
        paths(&below),
        ["/work/data", "/work/data/deep", "/work/data/deep/file", "/work/data/given", "/work/link", "/work/made"]
    );
    assert_eq!(paths(&sandbox.list_files("/over", true).unwrap()), ["/over/deep", "/over/deep/file", "/over/deep/new"]);
    let root = sandbox.list_files("/", false).unwrap();
    assert!(paths(&root).contains(&"/work") && paths(&root).contains(&"/over") && !root.truncated, "{root:?}");
    for path in ["/nothing", "/work/made", "/work/link"] {
        assert_eq!(sandbox.list_files(path, true).unwrap_err().code(), Code::FileUnavailable, "{path}");
    }
    assert_eq!(sandbox.list_files("/../etc", true).unwrap_err().code(), Code::GuestPathInvalid);
}

#[test]
fn symlinks_out_of_a_host_folder_fifos_and_odd_names_lead_a_listing_nowhere() {
    let outside = folders::with_files(&[("secret", "not yours"), ("sub/more", "x")]);
    let host = folders::with_files(&[("ok", "1")]);
    symlink(outside.path(), host.path().join("out")).unwrap();
    symlink("/", host.path().join("root")).unwrap();
    symlink(".", host.path().join("round")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(host.path().join("fifo")).status().unwrap().success());
    fs::write(host.path().join(std::ffi::OsStr::from_bytes(b"\xff")), "no text").unwrap();
    let mut sandbox = sandbox(Policy::new().mount(Mount::host(host.path(), "/data", Access::ReadOnly).unwrap()));
    let listing = sandbox.list_files("/data", true).unwrap();
    let kinds: Vec<_> = listing.entries.iter().map(|entry| (entry.path.as_str(), entry.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("/data/fifo", FileKind::Other),
            ("/data/ok", FileKind::File),
            ("/data/out", FileKind::Symlink),
            ("/data/root", FileKind::Symlink),
            ("/data/round", FileKind::Symlink),
        ]
    );
    for path in ["/data/out", "/data/out/sub", "/data/root/etc"] {
        assert_eq!(sandbox.list_files(path, true).unwrap_err().code(), Code::FileUnavailable, "{path}");
    }
    let to = tempfile::tempdir().unwrap();
    let copied = sandbox.copy_files("/data", to.path()).unwrap();
    assert_eq!(paths(&copied), ["/data/ok", "/data/round"]);
    assert_eq!(names(to.path()), ["ok", "round"]);
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_copy_of_a_hostile_tree_stays_in_its_folder_and_keeps_what_it_may() {
    let mut sandbox = sandbox(Policy::new().mount(Mount::memory("/work").unwrap()));
    run(
        &mut sandbox,
        r"import os
os.makedirs('/work/a/b'); open('/work/a/b/file', 'wb').write(bytes(200_000))
for name in ['..\\up', '...', ' ', 'C:', '-rf', 'new\nline']: open('/work/' + name, 'w').write('x')
os.symlink('../../../../tmp', '/work/a/out'); os.symlink('b/../../../x', '/work/a/sly'); os.symlink('b', '/work/a/in')
os.makedirs('/work/trap'); open('/work/trap/planted', 'w').write('x')",
    );
    // In the way: a symlink where a folder comes, and one where a file comes.
    let (outside, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("kept"), "kept").unwrap();
    symlink(outside.path(), to.path().join("trap")).unwrap();
    symlink(outside.path().join("kept"), to.path().join("-rf")).unwrap();
    let copied = sandbox.copy_files("/work", to.path()).unwrap();
    assert!(!paths(&copied).contains(&"/work/a/out") && !paths(&copied).contains(&"/work/a/sly"), "{copied:?}");
    assert_eq!(names(outside.path()), ["kept"]);
    assert_eq!(fs::read(outside.path().join("kept")).unwrap(), b"kept");
    assert_eq!(names(to.path()), [" ", "-rf", "...", "..\\up", "C:", "a", "new\nline", "trap"]);
    assert_eq!(fs::read(to.path().join("a/b/file")).unwrap().len(), 200_000);
    assert_eq!(
        (names(&to.path().join("a")), names(&to.path().join("trap"))),
        (vec!["b".into(), "in".into()], vec!["planted".into()])
    );
}

#[test]
fn a_listing_is_bounded_and_what_is_too_much_is_not_copied_in_part() {
    let limits = guests::limits(&[("fs_nodes", 30_000), ("fuel", 100_000_000_000), ("deadline_ms", 60_000)]);
    let mut sandbox = guests::sandbox(guests::python(), Policy::new().mount(Mount::memory("/work").unwrap()), limits);
    run(
        &mut sandbox,
        "import os\nfor d in 'abc':\n    os.mkdir('/work/' + d)\n    for i in range(4_000): open(f'/work/{d}/{i}', 'w').close()",
    );
    let listing = sandbox.list_files("/work", true).unwrap();
    assert!(listing.truncated && listing.entries.len() == Listing::MAX_ENTRIES);
    assert!(["/work/a", "/work/b", "/work/c"].iter().all(|path| paths(&listing).contains(path)), "folders come first");
    let one = sandbox.list_files("/work/a", false).unwrap();
    assert_eq!((one.entries.len(), one.truncated), (4_000, false));
    let to = tempfile::tempdir().unwrap();
    assert_eq!(sandbox.copy_files("/work", to.path()).unwrap_err().code(), Code::FileUnavailable);
    assert!(names(to.path()).is_empty());
    run(&mut sandbox, "open('/work/b/huge', 'wb').truncate(40 << 20)\nimport shutil; shutil.rmtree('/work/c')");
    assert_eq!(sandbox.copy_files("/work", to.path()).unwrap().entries.len(), 8_003);
    assert_eq!(fs::metadata(to.path().join("b/huge")).unwrap().len(), 40 << 20);
    // Nested as deep as a path can be.
    run(
        &mut sandbox,
        "import os\nos.chdir('/work')\ntry:\n    while True: os.mkdir('d' * 200); os.chdir('d' * 200)\nexcept OSError: pass",
    );
    assert!(sandbox.list_files("/work", true).unwrap().entries.len() > 8_003);
}

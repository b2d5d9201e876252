//! Quotas: what does not fit is refused before it exists.

use super::suite::for_every_kind;
use super::*;

for_every_kind!(
    a_sparse_write_far_away_is_refused_and_costs_nothing,
    a_file_cannot_grow_past_file_bytes,
    ten_thousand_files_stop_at_a_thousand_nodes,
    writing_stops_where_fs_bytes_ends,
    a_refused_creation_leaves_no_name,
    a_path_longer_than_a_guest_path_may_be_cannot_be_made,
);

/// With a name of 255 bytes per level, 4,000 levels once made a difference of gigabytes.
fn a_path_longer_than_a_guest_path_may_be_cannot_be_made(mut world: World) {
    if world.kind == Kind::Host {
        return;
    }
    let name = "d".repeat(255);
    let mut deep = world.dir(".");
    for _ in 0..16 {
        world.vfs.create_directory(&deep, &name).unwrap();
        let Ok(Opened::Dir(next)) = world.vfs.open(&deep, &name, READ) else { panic!() };
        world.vfs.close_dir(std::mem::replace(&mut deep, next));
    }
    // 4,095 bytes: nothing fits below.
    let (nodes, budget) = (world.names(&name), world.budget.used());
    world.write("file", b"");
    world.mkdir("dir");
    world.mkdir("dir/sub");
    let more = world.budget.used();
    assert_eq!(world.vfs.create_directory(&deep, "x"), Err(Errno::NameTooLong));
    assert!(matches!(world.vfs.open(&deep, "x", CREATE), Err(Errno::NameTooLong)));
    assert_eq!(world.vfs.symlink("x", &deep, "x"), Err(Errno::NameTooLong));
    assert_eq!(world.vfs.link(&world.root, "file", false, &deep, "x"), Err(Errno::NameTooLong));
    assert_eq!(world.vfs.rename(&world.root, "file", &deep, "x"), Err(Errno::NameTooLong));
    world.vfs.close_dir(deep);
    // Nor does what lies below a directory become too long by moving it.
    assert_eq!(world.rename(&name, "dir/x"), Ok(()));
    assert_eq!(world.rename("dir", &name), Err(Errno::NameTooLong));
    assert_eq!(world.rename("dir", "dirs"), Ok(()));
    assert_eq!(world.rename("dirs/x", &name), Ok(()));
    assert_eq!((world.names(&name), world.budget.used()), (nodes, more + 1));
    assert!(more > budget);
}

fn a_sparse_write_far_away_is_refused_and_costs_nothing(mut world: World) {
    let file = world.file("file", CREATE);
    let (used, host) = (world.vfs.fs_bytes_used(), world.budget.used());
    assert_eq!(world.vfs.write_at(&file, 1 << 60, b"x"), Err(Errno::Fbig));
    assert_eq!(world.vfs.write_at(&file, u64::MAX, b"x"), Err(Errno::Fbig));
    assert_eq!(world.vfs.set_size(&file, 1 << 60), Err(Errno::Fbig));
    assert_eq!((world.vfs.fs_bytes_used(), world.budget.used()), (used, host));
    assert_eq!(world.vfs.file_stat(&file).unwrap().size, 0);
    assert_eq!(world.vfs.write_at(&file, 1 << 60, b""), Ok(0));
    world.vfs.close_file(file);
}

fn a_file_cannot_grow_past_file_bytes(mut world: World) {
    let file = world.file("file", CREATE);
    let last = GENEROUS.file_bytes - 3;
    assert_eq!(world.vfs.write_at(&file, last, b"abcdef"), Ok(3));
    assert_eq!(world.vfs.write_at(&file, last + 3, b"x"), Err(Errno::Fbig));
    assert_eq!(world.vfs.append(&file, b"x"), Err(Errno::Fbig));
    assert_eq!(world.vfs.set_size(&file, GENEROUS.file_bytes + 1), Err(Errno::Fbig));
    assert_eq!(world.vfs.file_stat(&file).unwrap().size, GENEROUS.file_bytes);
    if world.kind == Kind::Memory {
        assert!(world.vfs.fs_bytes_used() <= 64 << 10, "a hole costs nothing");
    }
    world.vfs.close_file(file);
}

fn ten_thousand_files_stop_at_a_thousand_nodes(world: World) {
    let mut world = World::with(world.kind, Quota { fs_nodes: 1_000, ..GENEROUS }, |_| {});
    let mut made = 0;
    for index in 0..10_000 {
        match world.open(&format!("file{index}"), CREATE) {
            Ok(Opened::File(file)) => {
                world.vfs.close_file(file);
                made += 1;
            }
            outcome => assert_eq!(outcome.expect_err("a file"), Errno::Nospc),
        }
    }
    assert_eq!(made, 1_000);
    assert_eq!(world.names(".").len(), 1_000);
    assert_eq!(world.vfs.create_directory(&world.root, "dir"), Err(Errno::Nospc));
    assert_eq!(world.symlink("x", "link"), Err(Errno::Nospc));
    assert_eq!(world.link("file1", "hard"), Err(Errno::Nospc));
    world.rename("file1", "renamed").unwrap();
    world.rename("file2", "file3").unwrap();
    world.mkdir("dir");
    assert_eq!(world.link("file4", "hard"), Err(Errno::Nospc));
    world.unlink("file4").unwrap();
    world.symlink("x", "link").unwrap();
}

fn writing_stops_where_fs_bytes_ends(world: World) {
    let mut world = World::with(world.kind, Quota { fs_bytes: 1 << 20, ..GENEROUS }, |_| {});
    let file = world.file("file", CREATE);
    let mut written = 0;
    loop {
        match world.vfs.write_at(&file, written, &[1; 10_000]) {
            Ok(count) => written += count as u64,
            Err(errno) => break assert_eq!(errno, Errno::Nospc),
        }
    }
    assert_eq!(written, 1 << 20);
    assert_eq!(world.vfs.fs_bytes_used(), 1 << 20);
    let other = world.file("other", CREATE);
    assert_eq!(world.vfs.write_at(&other, 0, b"x"), Err(Errno::Nospc));
    world.vfs.set_size(&file, 500_000).unwrap();
    assert_eq!(world.vfs.write_at(&other, 0, &[2; 300_000]), Ok(300_000));
    world.vfs.close_file(file);
    world.unlink("file").unwrap();
    assert_eq!(world.vfs.write_at(&other, 300_000, &[2; 600_000]), Ok(600_000));
    world.vfs.close_file(other);
    world.unlink("other").unwrap();
    assert_eq!(world.vfs.fs_bytes_used(), 0);
}

fn a_refused_creation_leaves_no_name(world: World) {
    let mut world = World::with(world.kind, Quota { fs_nodes: 0, ..GENEROUS }, |_| {});
    assert_eq!(world.refused("file", CREATE), Errno::Nospc);
    assert_eq!(world.vfs.create_directory(&world.root, "dir"), Err(Errno::Nospc));
    assert!(world.names(".").is_empty());
    assert!(snapshot(&world.folder()).is_empty());
}

#[test]
fn small_files_cost_small_blocks() {
    let mut world = World::new(Kind::Memory);
    for (size, cost) in [(1, 256), (256, 256), (257, 512), (5_000, 8_192), (20_000, 65_536)] {
        world.write("file", &vec![1; size]);
        assert_eq!(world.vfs.fs_bytes_used(), cost, "{size}");
    }
    let file = world.file("file", WRITE);
    world.vfs.set_size(&file, 100).unwrap();
    assert_eq!(world.vfs.fs_bytes_used(), 256);
    world.vfs.close_file(file);
}

#[test]
fn a_small_budget_of_the_host_refuses_files_and_listings() {
    let budget = Arc::new(Budget::new(100_000));
    let point = MountPoint { guest: GuestPath::parse("/").unwrap(), source: memory(&[]) };
    let now = Arc::new(Ticks(AtomicU64::new(0)));
    let mut vfs = Vfs::new(vec![point], GENEROUS, budget.clone(), now).unwrap();
    let (_, root) = vfs.preopens_from(0).pop().unwrap();
    let Ok(Opened::File(file)) = vfs.open(&root, "file", CREATE) else { panic!() };
    let mut written = 0;
    while let Ok(count) = vfs.write_at(&file, written, &[1; 4096]) {
        written += count as u64;
    }
    assert_eq!(vfs.write_at(&file, written, &[1; 1]), Err(Errno::Nospc));
    assert!((50_000..100_000).contains(&written), "{written}");
    let made = (0..1_000).take_while(|index| vfs.create_directory(&root, &format!("dir{index}")).is_ok()).count();
    assert!(made < 250, "{made}");
    assert!(budget.used() <= 100_000);
}

#[test]
fn the_content_of_initial_files_costs_nothing_until_it_is_written() {
    let big = "x".repeat(300_000);
    let (mut vfs, root, _) = single(memory(&[("big", &big)]), Quota { fs_bytes: 400_000, ..GENEROUS });
    let Ok(Opened::File(file)) = vfs.open(&root, "big", WRITE) else { panic!() };
    assert_eq!(vfs.fs_bytes_used(), 0);
    assert_eq!(vfs.write_at(&file, 299_999, b"yz"), Ok(2));
    assert!(vfs.fs_bytes_used() >= 300_001);
    let data = read_all(&mut vfs, &file);
    assert_eq!((data.len(), &data[299_998..]), (300_001, &b"xyz"[..]));
    vfs.close_file(file);
    let (mut vfs, root, _) = single(memory(&[("big", &big)]), Quota { fs_bytes: 200_000, ..GENEROUS });
    let Ok(Opened::File(file)) = vfs.open(&root, "big", WRITE) else { panic!() };
    assert_eq!(vfs.write_at(&file, 0, b"y"), Err(Errno::Nospc));
    assert_eq!(read_all(&mut vfs, &file), big.as_bytes());
    vfs.set_size(&file, 10).unwrap();
    assert_eq!(vfs.write_at(&file, 0, b"y"), Ok(1));
    assert_eq!(read_all(&mut vfs, &file), b"yxxxxxxxxx");
    vfs.close_file(file);
}

/// Runs a test again in a process of its own, where no other test takes memory. True in there.
fn is_alone() -> bool {
    const ALONE: &str = "SANDCELL_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let own = std::thread::current().name().unwrap().to_owned();
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    let output = alone.args(["--exact", &own]).env(ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Tables that only grew once took 550 MB for 1,000 directories, with a budget of 8 MiB.
#[test]
fn names_that_came_and_went_leave_no_memory_behind() {
    if !is_alone() {
        return;
    }
    let mut world = World::new(Kind::Memory);
    let before = resident_bytes();
    for dir in 0..200 {
        world.mkdir(&format!("d{dir}"));
        for index in 0..4_000 {
            world.symlink("x", &format!("d{dir}/{index}")).unwrap();
        }
        for index in 0..4_000 {
            world.unlink(&format!("d{dir}/{index}")).unwrap();
        }
    }
    assert!(world.budget.used() < 1 << 20);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes");
}

#[test]
fn what_is_charged_covers_what_is_allocated() {
    if !is_alone() {
        return;
    }
    type Make = fn(&mut World, usize);
    let kinds: [(&str, Make); 4] = [
        ("a symlink", |world, index| world.symlink("x", &format!("l{index}")).unwrap()),
        ("a directory with one entry", |world, index| {
            world.mkdir(&format!("d{index}"));
            world.symlink("x", &format!("d{index}/x")).unwrap();
        }),
        ("a small file", |world, index| world.write(&format!("f{index}"), b"x")),
        ("a file with a hole", |world, index| {
            let file = world.file(&format!("h{index}"), CREATE);
            assert_eq!(world.vfs.write_at(&file, 100_000, b"x"), Ok(1));
            world.vfs.close_file(file);
        }),
    ];
    let mut worlds = Vec::new();
    for (what, make) in kinds {
        let mut world = World::with(Kind::Memory, Quota { fs_bytes: 1 << 30, ..GENEROUS }, |_| {});
        let (before, charged) = (resident_bytes(), world.budget.used());
        (0..2_000).for_each(|index| make(&mut world, index));
        let grown = resident_bytes().saturating_sub(before);
        let charged = world.budget.used() - charged;
        assert!(grown <= charged + (256 << 10), "{what}: {grown} bytes allocated, {charged} charged");
        worlds.push(world);
    }
}

#[test]
fn removing_what_the_sandbox_did_not_write_refunds_nothing() {
    let quota = Quota { fs_bytes: 1_000, fs_nodes: 2, ..GENEROUS };
    let mut world = World::with(Kind::Host, quota, |folder| {
        for name in ["a", "b", "c"] {
            fs::write(folder.join(name), vec![1; 5_000]).unwrap();
        }
    });
    let file = world.file("a", WRITE);
    assert_eq!(world.vfs.append(&file, &[2; 600]), Ok((600, 5_600)));
    world.vfs.set_size(&file, 0).unwrap();
    assert_eq!(world.vfs.fs_bytes_used(), 0, "only what was charged comes back");
    assert_eq!(world.vfs.append(&file, &[2; 1_500]), Ok((1_000, 1_000)));
    world.vfs.close_file(file);
    world.unlink("b").unwrap();
    world.unlink("c").unwrap();
    assert_eq!(world.vfs.fs_bytes_used(), 1_000);
    world.write("d", b"");
    world.write("e", b"");
    assert_eq!(world.refused("f", CREATE), Errno::Nospc);
}

#[test]
fn a_removed_host_file_counts_until_its_last_handle_closes() {
    let mut world = World::with(Kind::Host, Quota { fs_bytes: 1_000, ..GENEROUS }, |_| {});
    let file = world.file("file", CREATE);
    assert_eq!(world.vfs.write_at(&file, 0, &[1; 900]), Ok(900));
    world.unlink("file").unwrap();
    assert_eq!(world.vfs.fs_bytes_used(), 900);
    world.vfs.close_file(file);
    assert_eq!(world.vfs.fs_bytes_used(), 0);
}

#[test]
fn removed_files_held_open_for_reading_fill_fs_bytes_like_others() {
    let mut world = World::with(Kind::Host, Quota { fs_bytes: 2_000, ..GENEROUS }, |_| {});
    let used = world.budget.used();
    let mut held = Vec::new();
    for _ in 0..2 {
        let writer = world.file("file", CREATE);
        assert_eq!(world.vfs.write_at(&writer, 0, &[1; 1_000]), Ok(1_000));
        held.push(world.file("file", READ));
        world.vfs.close_file(writer);
        world.unlink("file").unwrap();
    }
    assert_eq!(world.vfs.fs_bytes_used(), 2_000);
    let writer = world.file("file", CREATE);
    assert_eq!(world.vfs.write_at(&writer, 0, &[1]), Err(Errno::Nospc));
    assert_eq!(snapshot(&world.folder())["file"].as_deref(), Some(&b""[..]));
    for file in held {
        world.vfs.close_file(file);
    }
    assert_eq!(world.vfs.fs_bytes_used(), 0);
    assert_eq!(world.vfs.write_at(&writer, 0, &[1; 2_000]), Ok(2_000));
    world.vfs.close_file(writer);
    world.unlink("file").unwrap();
    assert_eq!((world.vfs.fs_bytes_used(), world.budget.used()), (0, used));
}

#[test]
fn a_removed_file_counts_while_any_mount_of_its_folder_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = || open_folder(folder.path()).unwrap();
    let again = |access| Source::Host { dir: dir(), access, symlinks: false };
    let mounts = vec![
        ("/rw", again(Access::ReadWrite)),
        ("/same", again(Access::ReadWrite)),
        ("/ro", again(Access::ReadOnly)),
        ("/over", Source::Overlay { dir: dir() }),
    ];
    let (mut vfs, roots, budget) = join(mounts, Quota { fs_bytes: 1_000, ..GENEROUS });
    for holder in 1..4 {
        let name = format!("file{holder}");
        let file = |opened| if let Ok(Opened::File(file)) = opened { file } else { panic!("{opened:?}") };
        let created = file(vfs.open(&roots[0], &name, CREATE));
        // Opened while there is nothing to charge yet.
        let reader = file(vfs.open(&roots[holder], &name, READ));
        let used = budget.used();
        assert_eq!(vfs.write_at(&created, 0, &[1; 1_000]), Ok(1_000));
        vfs.close_file(created);
        vfs.unlink_file(&roots[1], &name).unwrap();
        assert_eq!(vfs.fs_bytes_used(), 1_000, "{holder}");
        let other = file(vfs.open(&roots[0], "other", CREATE));
        assert_eq!(vfs.write_at(&other, 0, &[1]), Err(Errno::Nospc), "{holder}");
        vfs.close_file(other);
        vfs.unlink_file(&roots[0], "other").unwrap();
        assert_eq!(budget.used(), used);
        vfs.close_file(reader);
        assert_eq!(vfs.fs_bytes_used(), 0, "{holder}");
    }
    assert!(snapshot(folder.path()).is_empty());
}

#[test]
fn a_block_that_is_used_again_shows_nothing_of_what_it_held() {
    for _ in 0..100 {
        let mut world = World::new(Kind::Memory);
        let file = world.file("secret", CREATE);
        assert_eq!(world.vfs.write_at(&file, 0, &[0x5e; 200_000]), Ok(200_000));
        world.vfs.set_size(&file, 0).unwrap();
        assert_eq!(world.vfs.write_at(&file, 199_999, b"x"), Ok(1));
        assert!(read_all(&mut world.vfs, &file)[..199_999].iter().all(|byte| *byte == 0));
        world.vfs.close_file(file);
    }
}

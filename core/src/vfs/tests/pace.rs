//! Calls that are ended in the middle of their work.

use super::*;
use std::sync::atomic::AtomicUsize;

/// Allows so many units of work; counts what was asked for.
struct Patience {
    left: u64,
    spent: Arc<AtomicU64>,
    looks: Arc<AtomicUsize>,
}

/// What the caller of a [`Patience`] sees of it.
#[derive(Default)]
struct Watch {
    spent: Arc<AtomicU64>,
    looks: Arc<AtomicUsize>,
}

impl Pace for Patience {
    fn spend(&mut self, cost: u32) -> Result<(), Errno> {
        self.looks.fetch_add(usize::from(cost == u32::MAX), Ordering::Relaxed);
        // A look counts as one step, so that a test can stop at every one of them.
        let cost = if cost == u32::MAX { 1 } else { u64::from(cost) };
        self.spent.fetch_add(cost, Ordering::Relaxed);
        self.left = self.left.checked_sub(cost).ok_or(Errno::Intr)?;
        Ok(())
    }
}

impl Vfs {
    fn allow(&mut self, left: u64) -> Watch {
        let watch = Watch::default();
        let (spent, looks) = (watch.spent.clone(), watch.looks.clone());
        self.set_pace(Some(Box::new(Patience { left, spent, looks })));
        watch
    }
}

fn big(folder: &Path) {
    fs::write(folder.join("big"), vec![7; 1_000_000]).unwrap();
}

fn many(folder: &Path) {
    (0..300).for_each(|index| fs::write(folder.join(format!("file{index:03}")), "").unwrap());
}

#[test]
fn a_copy_up_looks_at_every_block_and_a_stop_in_it_leaves_nothing_behind() {
    let mut world = World::with(Kind::Overlay, GENEROUS, big);
    let file = world.file("big", WRITE);
    let used = (world.vfs.fs_bytes_used(), world.budget.used());
    let blocks = 1_000_000_u64.div_ceil(64 << 10);
    for allowed in 0..blocks {
        world.vfs.allow(allowed);
        assert_eq!(world.vfs.write_at(&file, 0, b"x"), Err(Errno::Intr), "{allowed}");
        assert_eq!((world.vfs.fs_bytes_used(), world.budget.used()), used, "{allowed}");
    }
    world.vfs.allow(0);
    assert_eq!(world.link("big", "hard"), Err(Errno::Intr));
    assert_eq!(world.vfs.set_size(&file, 500_000), Err(Errno::Intr));
    assert_eq!((world.vfs.fs_bytes_used(), world.budget.used()), used);
    let watch = world.vfs.allow(u64::MAX);
    assert_eq!(world.vfs.write_at(&file, 0, b"x"), Ok(1));
    assert_eq!(watch.looks.load(Ordering::Relaxed) as u64, blocks);
    world.vfs.set_pace(None);
    let data = read_all(&mut world.vfs, &file);
    assert_eq!((data.len(), &data[..3]), (1_000_000, &b"x\x07\x07"[..]));
    world.vfs.close_file(file);
    world.unlink("big").unwrap();
    assert_eq!(world.vfs.fs_bytes_used(), 0);
}

#[test]
fn a_listing_pays_for_every_entry_and_a_stop_in_it_leaves_the_budget_exact() {
    for kind in [Kind::Overlay, Kind::Host] {
        let mut plain = World::with(kind, GENEROUS, many);
        plain.names(".");
        let mut world = World::with(kind, GENEROUS, many);
        let (root, used) = (world.dir("."), world.budget.used());
        let mut allowed = 0;
        loop {
            world.vfs.allow(allowed);
            let mut names = 0;
            let listed = world.vfs.read_dir(&root, 0, &mut |_| {
                names += 1;
                ControlFlow::Continue(())
            });
            if listed.is_ok() {
                break assert_eq!(names, 302, "{kind:?}");
            }
            assert_eq!((listed, names), (Err(Errno::Intr), 2), "{kind:?} {allowed}");
            if kind == Kind::Host {
                assert_eq!(world.budget.used(), used, "{allowed}");
            }
            allowed += 150;
        }
        assert!(allowed > 300, "{kind:?} {allowed}");
        world.vfs.set_pace(None);
        world.vfs.close_dir(root);
        assert_eq!(world.names(".").len(), 300);
        assert_eq!(world.budget.used(), plain.budget.used(), "{kind:?}");
    }
}

#[test]
fn a_path_pays_for_every_step_and_more_on_the_host() {
    for (kind, least) in [(Kind::Memory, 4_000), (Kind::Overlay, 4_000), (Kind::Host, 1_000 * 64)] {
        let mut world = World::new(kind);
        world.mkdir("a");
        world.symlink(&"a/../".repeat(800), "loop").unwrap();
        world.symlink(&"loop/".repeat(20), "long").unwrap();
        let watch = world.vfs.allow(u64::MAX);
        assert_eq!(world.rename("loop/loop/x", "loop/y"), Err(Errno::Noent));
        assert!(watch.spent.load(Ordering::Relaxed) >= least, "{kind:?}");
        let used = world.budget.used();
        for allowed in [0, 1, 100, 2_000] {
            world.vfs.allow(allowed);
            let file = world.open("long/file", CREATE);
            assert_eq!(file.unwrap_err(), Errno::Intr, "{kind:?} {allowed}");
        }
        world.vfs.set_pace(None);
        assert_eq!(world.budget.used(), used, "{kind:?}");
        assert_eq!(world.refused("file", READ), Errno::Noent);
        if kind == Kind::Host {
            assert_eq!(descriptors_into(&world.folder()), 1, "only the mount itself");
        }
    }
}

#[test]
fn a_change_of_a_host_folder_that_is_stopped_has_not_happened() {
    let mut world = World::with(Kind::Host, GENEROUS, big);
    let file = world.file("big", WRITE);
    let before = (snapshot(&world.folder()), world.budget.used(), world.vfs.fs_bytes_used());
    let mut attempt = |act: &mut dyn FnMut(&mut World) -> Result<(), Errno>| {
        // One name is walked; the change itself is one too much.
        world.vfs.allow(65);
        assert_eq!(act(&mut world), Err(Errno::Intr));
        assert_eq!((snapshot(&world.folder()), world.budget.used(), world.vfs.fs_bytes_used()), before);
    };
    attempt(&mut |world| world.unlink("big"));
    attempt(&mut |world| world.symlink("x", "link"));
    attempt(&mut |world| world.vfs.create_directory(&world.root, "dir"));
    attempt(&mut |world| world.open("big", OpenFlags { truncate: true, ..WRITE }).map(drop));
    attempt(&mut |world| {
        world.vfs.allow(0);
        world.vfs.set_size(&file, 0)
    });
    world.vfs.close_file(file);
}

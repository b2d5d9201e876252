//! States that come from anybody: an error or a tree that works, never a panic.

use super::state::{CAPS, decoded, encoded, point, restore};
use super::*;

/// A state with something of everything.
fn state() -> (VfsState, TempDir) {
    let host = tempfile::tempdir().unwrap();
    fs::create_dir(host.path().join("sub")).unwrap();
    fs::write(host.path().join("sub/file"), "x").unwrap();
    fs::write(host.path().join("one"), "x").unwrap();
    fs::hard_link(host.path().join("one"), host.path().join("two")).unwrap();
    let overlay = Source::Overlay { dir: host::open_folder(host.path()).unwrap() };
    let image = Source::Image { files: vec![("f".to_owned(), bytes(b"f"))], detached: false };
    let mounts = vec![("/m", memory(&[("a", "a"), ("b/c", "c")])), ("/o/v", overlay), ("/i", image)];
    let (mut vfs, roots, _) = join(mounts, GENEROUS);
    let write = |vfs: &mut Vfs, path: &str| vfs.write_file(&GuestPath::parse(path).unwrap(), b"data").unwrap();
    for path in ["/m/a", "/m/new/file", "/m/gone", "/o/v/sub/file", "/o/v/one"] {
        write(&mut vfs, path);
    }
    vfs.link(&roots[0], "a", false, &roots[0], "hard").unwrap();
    vfs.symlink("a", &roots[0], "soft").unwrap();
    vfs.unlink_file(&roots[0], "b/c").unwrap();
    let Ok(Opened::File(_)) = vfs.open(&roots[0], "gone", WRITE) else { panic!() };
    let Ok(Opened::Dir(_)) = vfs.open(&roots[0], "new", READ) else { panic!() };
    vfs.unlink_file(&roots[0], "gone").unwrap();
    vfs.unlink_file(&roots[1], "one").unwrap();
    (vfs.capture(), host)
}

/// Restores whatever was read and does everything to it that a guest could.
fn use_it(state: &VfsState, host: &Path) {
    let image = Source::Image { files: vec![("f".to_owned(), bytes(b"f"))], detached: false };
    let overlay = Source::Overlay { dir: host::open_folder(host).unwrap() };
    let mounts = vec![point("/i", image), point("/o/v", overlay)];
    let (Ok(mut vfs), budget) = restore(state, mounts, Take::Continue, GENEROUS) else { return };
    let _ = vfs.diff();
    for number in 0..8 {
        if let Some(dir) = vfs.dir_again(number) {
            visit(&mut vfs, &dir, 0);
            for name in ["a", "b", "new", "soft", "hard", "sub", "one", "two", "f"] {
                let _ = vfs.rename(&dir, name, &dir, "moved");
                let _ = vfs.unlink_file(&dir, "moved");
                let _ = vfs.remove_directory(&dir, "moved");
            }
            let _ = vfs.create_directory(&dir, "made");
            let _ = vfs.dir_stat(&dir);
            vfs.close_dir(dir);
        }
        if let Some(file) = vfs.file_again(number) {
            let _ = vfs.write_at(&file, 100_000, b"more");
            let _ = vfs.set_size(&file, 3);
            let _ = vfs.read_at(&file, 0, &mut [0; 10]);
            let _ = vfs.file_stat(&file);
            vfs.close_file(file);
        }
    }
    let again = encoded(&vfs.capture());
    match decoded(&again) {
        // Numbers that were near the largest have grown.
        Ok(_) => {}
        Err(reason) => assert_eq!(reason, "a number is too large"),
    }
    drop(vfs);
    assert_eq!(budget.used(), 0);
}

fn visit(vfs: &mut Vfs, dir: &DirHandle, depth: usize) {
    let mut names = Vec::new();
    let _ = vfs.read_dir(dir, 2, &mut |entry| {
        names.push(entry.name.to_owned());
        ControlFlow::Continue(())
    });
    for name in names {
        let _ = vfs.path_stat(dir, &name, false);
        match vfs.open(dir, &name, OpenFlags { ..READ }) {
            Ok(Opened::Dir(below)) => {
                if depth < 8 {
                    visit(vfs, &below, depth + 1);
                }
                vfs.close_dir(below);
            }
            Ok(Opened::File(file)) => {
                let _ = vfs.read_at(&file, 0, &mut [0; 64]);
                vfs.close_file(file);
            }
            Err(_) => {}
        }
        if let Ok(Opened::File(file)) = vfs.open(dir, &name, WRITE) {
            let _ = vfs.append(&file, b"appended");
            vfs.close_file(file);
        }
    }
}

#[test]
fn a_state_that_ends_early_is_refused_at_every_length() {
    let (state, host) = state();
    let bytes = encoded(&state);
    for length in 0..bytes.len() {
        assert!(decoded(&bytes[..length]).is_err(), "{length}");
    }
    assert!(decoded(&[&bytes[..], &[0]].concat()).is_err());
    use_it(&decoded(&bytes).unwrap(), host.path());
}

#[test]
fn a_state_with_any_byte_changed_is_refused_or_works() {
    let (state, host) = state();
    let bytes = encoded(&state);
    let mut accepted = 0;
    for at in 0..bytes.len() {
        for change in [1, 2, 4, 0x80, 0xFF] {
            let mut changed = bytes.clone();
            changed[at] ^= change;
            if let Ok(state) = decoded(&changed) {
                accepted += 1;
                use_it(&state, host.path());
            }
        }
    }
    assert!(accepted > 0, "times can be anything");
}

#[test]
fn numbers_at_random_places_are_refused_or_work() {
    let (state, host) = state();
    let bytes = encoded(&state);
    let mut dice = Dice(1);
    for _ in 0..20_000 {
        let mut changed = bytes.clone();
        for _ in 0..=dice.roll(3) {
            let at = dice.roll(bytes.len() - 8);
            let number = [0, 1, 2, 7, u64::MAX, 1 << 47, 1 << 32, u64::from(u32::MAX)][dice.roll(8)];
            let width = [1, 4, 8][dice.roll(3)];
            changed[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
        }
        if let Ok(state) = decoded(&changed) {
            use_it(&state, host.path());
        }
    }
}

#[test]
fn counts_beyond_the_input_or_the_caps_are_refused() {
    let (state, _host) = state();
    let bytes = encoded(&state);
    let mut many = bytes.clone();
    many[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(decoded(&many).err().unwrap().contains("counts more than it holds"));
    let refused = |caps: Caps| VfsState::decode(&mut Reader::new(&bytes, caps)).err().unwrap();
    assert!(refused(Caps { nodes: 5, ..CAPS }).contains("more files"));
    assert!(refused(Caps { content_bytes: 10, ..CAPS }).contains("longer than is allowed"));
    assert!(refused(Caps { descriptors: 2, ..CAPS }).contains("more descriptors"));
}

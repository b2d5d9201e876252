//! The kernel as the oracle: random calls give the same outcome over memory, over an overlay and
//! over a folder of the host.

use super::*;

const NAMES: [&str; 22] = [
    "a", "b", "d", "d/a", "d/e", "d/e/a", "l", "l/a", "d/l", "a/", "d/", "l/", "d/e/", "d/..", "d/.", "d/../a",
    "l/../b", "d/e/../a", ".", "a/x", "none/x", "d//e///a",
];
const TARGETS: [&str; 7] = ["a", "d", "d/e", "e", "../a", "../d/", "none"];

fn step(world: &mut World, dice: &mut Dice) -> String {
    let (path, other) = (NAMES[dice.roll(NAMES.len())], NAMES[dice.roll(NAMES.len())]);
    let target = TARGETS[dice.roll(TARGETS.len())];
    let (call, size) = (dice.roll(14), dice.roll(5_000));
    let bits = dice.roll(64);
    let follow = bits & 1 != 0;
    let outcome = match call {
        0 => world.unlink(path).map(|()| 0),
        1 => world.rmdir(path).map(|()| 0),
        2 => world.rename(path, other).map(|()| 0),
        3 => world.vfs.link(&world.root, path, follow, &world.root, other).map(|()| 0),
        4 => world.symlink(target, path).map(|()| 0),
        5 | 6 => world.vfs.create_directory(&world.root, path).map(|()| 0),
        7 => world.vfs.read_link(&world.root, path).map(|target| target.len() as u64),
        8 => world.vfs.path_stat(&world.root, path, follow).map(|stat| {
            let size = if stat.filetype == FileType::Directory { 0 } else { stat.size * 1_000 + stat.nlink };
            size * 10 + stat.filetype as u64
        }),
        _ => {
            let flags = OpenFlags {
                follow,
                create: bits & 2 != 0,
                exclusive: bits & 12 == 12,
                truncate: bits & 48 == 16,
                directory: bits & 48 == 48,
                read: true,
                write: bits & 8 != 0,
            };
            match world.open(path, flags) {
                Ok(Opened::Dir(dir)) => {
                    world.vfs.close_dir(dir);
                    Ok(1)
                }
                Ok(Opened::File(file)) => {
                    let done = world.vfs.append(&file, &vec![call as u8; size]).map(|(_, end)| end);
                    world.vfs.close_file(file);
                    done
                }
                Err(errno) => Err(errno),
            }
        }
    };
    format!("{call} {path} {other} {target} {bits}: {outcome:?}")
}

#[test]
fn random_calls_end_the_same_over_every_kind_of_mount() {
    for seed in 0..40 {
        let mut worlds = [Kind::Memory, Kind::Overlay, Kind::Host].map(|kind| (World::new(kind), Dice(seed)));
        for _ in 0..400 {
            let [memory, overlay, host] = &mut worlds;
            let [memory, overlay, host] = [memory, overlay, host].map(|(world, dice)| step(world, dice));
            assert!(memory == host && overlay == host, "seed {seed}: {memory} | {overlay} | {host}");
        }
        let [memory, overlay, host] = worlds.map(|(mut world, _)| world.seen());
        assert!(memory == host && overlay == host, "seed {seed}");
    }
}

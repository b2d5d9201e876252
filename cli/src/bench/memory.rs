//! Memory that idle sessions have for themselves.

use super::guests::{self, ADD, Known, PRINT};
use super::results::{Bound, Results};
use crate::failure::Failure;
use sandcell::{Engine, Image, Sandbox};

const MIB: f64 = 1_048_576.0;

pub(super) fn idle_sessions(results: &mut Results) -> Result<(), Failure> {
    let rows = [
        ("private_bytes_plain", "private memory per idle session", "python", PRINT, 1_000, 1.0),
        ("private_bytes_pandas", "the same with pandas", "bench-pandas", PRINT, 300, 4.0),
        ("private_bytes_javascript", "the same of JavaScript", "javascript", ADD, 1_000, 0.3),
    ];
    for (key, what, image, known, alive, mebibytes) in rows {
        match per_session(image, known, alive)? {
            Some(bytes) => results.bytes(key, what, bytes, Bound::AtMost(mebibytes * MIB)),
            None => results.unknown(key, what, "this system does not tell what memory is private"),
        }
    }
    Ok(())
}

/// Bytes that one of `alive` sessions adds after one turn. An engine of its own has no memory of
/// earlier guests to use again.
fn per_session(image: &str, known: Known, alive: u32) -> Result<Option<f64>, Failure> {
    let image = Image::load(&Engine::new()?, image)?;
    let fork = || {
        let mut sandbox = Sandbox::builder(&image).build()?;
        guests::turn(&mut sandbox, known)?;
        Ok::<_, Failure>(sandbox)
    };
    // What is made once is not a session's.
    let _first = fork()?;
    let Some(before) = private_dirty() else { return Ok(None) };
    let sandboxes = (0..alive).map(|_| fork()).collect::<Result<Vec<Sandbox>, Failure>>()?;
    let after = private_dirty();
    drop(sandboxes);
    Ok(after.map(|after| after.saturating_sub(before) as f64 / f64::from(alive)))
}

/// Pages that this process alone has and has written, in bytes.
fn private_dirty() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/smaps_rollup").ok()?)
}

fn parse(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Private_Dirty:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_line_is_understood() {
        assert_eq!(parse("Rss:   12 kB\nPrivate_Dirty:         112 kB\nKSM: 0 kB\n"), Some(112 * 1024));
        assert_eq!(parse("Rss:   12 kB\n"), None);
    }
}

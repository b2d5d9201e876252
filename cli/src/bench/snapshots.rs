//! The byte form of snapshots.

use super::Effort;
use super::guests::{self, Guests};
use super::results::{Bound, Results};
use super::timing::{in_turns, timed};
use crate::failure::Failure;
use sandcell::{Image, Sandbox};

/// Every byte of a megabyte, in a way that does not compress to nothing.
const CHANGE: &str = "for at in range(1 << 20): mega[at] = at * at >> 3 & 255";

/// A session that changed 1 MB, of a large and of a small image.
pub(super) fn to_bytes(guests: &Guests, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let changed = |image: &Image| {
        let mut sandbox = Sandbox::builder(image).build()?;
        guests::run(&mut sandbox, CHANGE)?;
        Ok::<_, Failure>(sandbox)
    };
    let (mut small, mut large) = (changed(&guests.small)?, changed(&guests.large)?);
    let bytes = large.snapshot()?.to_bytes(None)?.len() as u64;
    let saved = |sandbox: &mut Sandbox| Ok(timed(|| Ok(sandbox.snapshot()?.to_bytes(None)?))?.1);
    let [small, large] = in_turns(effort.rounds(25), [&mut || saved(&mut small), &mut || saved(&mut large)])?;
    let ratio = large.median() / small.median();
    results.ratio("snapshot_size_ratio", "snapshot of 1 MB, large image to small", ratio, Bound::AtMost(2.0));
    results.time("small_snapshot", "snapshot to bytes, small image", &small, None);
    results.time("large_snapshot", "the same, large image", &large, None);
    results.fact("snapshot_bytes", bytes);
    Ok(())
}

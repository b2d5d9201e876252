//! The binary form of a guest's state.

use super::abi::{FdFlags, Rights};
use super::random::Position;
use super::state::{Open, OpenKind, WasiState};
use crate::policy::{GuestPath, Seed};
use crate::vfs::{
    Caps, Malformed, Reader, VfsState, malformed, put_count, put_flags, put_text, put_u8, put_u32, put_u64,
};
use std::collections::BTreeSet;

const CLOSED: u8 = 0;
const STDIN: u8 = 1;
const STDOUT: u8 = 2;
const STDERR: u8 = 3;
const FILE: u8 = 4;
const DIR: u8 = 5;
const GONE: u8 = 6;

impl WasiState {
    /// Writes it without a version of its own: what contains it has one.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.vfs.encode(out);
        put_count(out, self.slots.len());
        for slot in &self.slots {
            match slot {
                None => put_u8(out, CLOSED),
                Some(open) => open.encode(out),
            }
        }
        put_u64(out, self.elapsed_ns);
        put_flags(out, &[self.random.is_some()]);
        if let Some(Position { seed, words }) = self.random {
            put_u64(out, seed.0);
            put_u64(out, words as u64);
            put_u64(out, (words >> 64) as u64);
        }
    }

    /// Reads a state from anybody. Nothing is allocated that `caps` or the input's own length do
    /// not cover; what it gives can be restored.
    pub(crate) fn decode(bytes: &[u8], caps: Caps) -> Result<WasiState, Malformed> {
        let mut from = Reader::new(bytes, caps);
        let vfs = VfsState::decode(&mut from)?;
        let count = from.count(1)?;
        from.take_descriptors(count)?;
        let mut slots = Vec::with_capacity(count);
        let mut handles = BTreeSet::new();
        for _ in 0..count {
            let slot = match from.u8()? {
                CLOSED => None,
                tag => Some(Open::decode(tag, &mut from)?),
            };
            let handle = match slot.as_ref().map(|open| &open.kind) {
                Some(OpenKind::File { handle, .. }) => Some((FILE, *handle)).filter(|_| vfs.has_file(*handle)),
                Some(OpenKind::Dir { handle, .. }) => Some((DIR, *handle)).filter(|_| vfs.has_dir(*handle)),
                _ => {
                    slots.push(slot);
                    continue;
                }
            };
            // Each handle has one owner, who closes it.
            if !handle.is_some_and(|handle| handles.insert(handle)) {
                return malformed("a descriptor has no file");
            }
            slots.push(slot);
        }
        if handles.len() != vfs.open() {
            return malformed("an open file has no descriptor");
        }
        let elapsed_ns = from.u64()?;
        let [is_seeded] = from.flags()?;
        let random = if is_seeded { Some(position(&mut from)?) } else { None };
        from.finish()?;
        Ok(WasiState { vfs, slots, elapsed_ns, random })
    }
}

fn position(from: &mut Reader<'_>) -> Result<Position, Malformed> {
    let (seed, low, high) = (Seed(from.u64()?), from.u64()?, from.u64()?);
    let words = u128::from(high) << 64 | u128::from(low);
    if words >= Position::END { malformed("its randomness is past its end") } else { Ok(Position { seed, words }) }
}

impl Open {
    fn encode(&self, out: &mut Vec<u8>) {
        match &self.kind {
            OpenKind::Stdin => put_u8(out, STDIN),
            OpenKind::Stdout => put_u8(out, STDOUT),
            OpenKind::Stderr => put_u8(out, STDERR),
            OpenKind::File { handle, position } => {
                put_u8(out, FILE);
                put_u32(out, *handle);
                put_u64(out, *position);
            }
            OpenKind::Dir { handle, preopen } => {
                put_u8(out, DIR);
                put_u32(out, *handle);
                put_flags(out, &[preopen.is_some()]);
                if let Some(preopen) = preopen {
                    put_text(out, preopen);
                }
            }
            OpenKind::Gone => put_u8(out, GONE),
        }
        put_u64(out, self.base.bits());
        put_u64(out, self.inheriting.bits());
        put_u32(out, u32::from(self.flags.bits()));
    }

    fn decode(tag: u8, from: &mut Reader<'_>) -> Result<Open, Malformed> {
        let kind = match tag {
            STDIN => OpenKind::Stdin,
            STDOUT => OpenKind::Stdout,
            STDERR => OpenKind::Stderr,
            FILE => {
                let (handle, position) = (from.u32()?, from.u64()?);
                if i64::try_from(position).is_err() {
                    return malformed("a position is too large");
                }
                OpenKind::File { handle, position }
            }
            DIR => {
                let handle = from.u32()?;
                let [is_preopen] = from.flags()?;
                let preopen = if is_preopen { Some(preopen(&from.guest_path()?)) } else { None };
                OpenKind::Dir { handle, preopen }
            }
            GONE => OpenKind::Gone,
            _ => return malformed("it has an unknown kind of descriptor"),
        };
        let (base, inheriting) = (rights(from.u64()?)?, rights(from.u64()?)?);
        let flags = FdFlags::try_from(from.u32()?).map_err(|_| "a descriptor has unknown flags".to_owned())?;
        Ok(Open { kind, base, inheriting, flags })
    }
}

fn preopen(path: &GuestPath) -> std::sync::Arc<str> {
    path.as_str().into()
}

fn rights(bits: u64) -> Result<Rights, Malformed> {
    let known = Rights::from_bits_truncate(bits);
    if known.bits() == bits { Ok(known) } else { malformed("a descriptor has unknown rights") }
}

//! The binary form of states: little-endian numbers, lengths before what they count.
//!
//! Writing is deterministic. What is read can come from anybody: nothing is allocated before its
//! length was compared with what is left of the input and with the [`Caps`].

use crate::policy::GuestPath;

/// What a state that is read may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caps {
    /// Files, directories and symlinks over all mounts.
    pub(crate) nodes: u64,
    /// Bytes of all files.
    pub(crate) content_bytes: u64,
    /// Descriptors, and mounts.
    pub(crate) descriptors: u64,
}

/// Numbers that only count up are refused from here on, so that they never wrap.
const MOST_COUNTED: u64 = 1 << 48;

pub(crate) fn put_u8(out: &mut Vec<u8>, value: u8) {
    out.push(value);
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// How many items follow: at most `u32::MAX`, which memory never holds.
pub(crate) fn put_count(out: &mut Vec<u8>, count: usize) {
    put_u32(out, u32::try_from(count).unwrap_or(u32::MAX));
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Bits of one byte, the first lowest.
pub(crate) fn put_flags(out: &mut Vec<u8>, flags: &[bool]) {
    out.push(flags.iter().rev().fold(0, |bits, flag| bits << 1 | u8::from(*flag)));
}

/// What is wrong with an input.
pub(crate) type Malformed = String;

/// Reads a state from the start of an input.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    left: &'a [u8],
    caps: Caps,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], caps: Caps) -> Reader<'a> {
        Reader { left: bytes, caps }
    }

    /// Refuses an input that goes on.
    pub(crate) fn finish(self) -> Result<(), Malformed> {
        if self.left.is_empty() { Ok(()) } else { malformed("it goes on after its end") }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A number that only ever counts up from small ones.
    pub(crate) fn counted(&mut self) -> Result<u64, Malformed> {
        match self.u64()? {
            value if value < MOST_COUNTED => Ok(value),
            _ => malformed("a number is too large"),
        }
    }

    /// The number of items that follow, of `least` bytes each.
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, Malformed> {
        let count = self.u32()? as usize;
        match count.checked_mul(least) {
            Some(bytes) if bytes <= self.left.len() => Ok(count),
            _ => malformed("it counts more than it holds"),
        }
    }

    pub(crate) fn flags<const N: usize>(&mut self) -> Result<[bool; N], Malformed> {
        let bits = self.u8()?;
        if u32::from(bits) >> N != 0 {
            return malformed("it has unknown flags");
        }
        Ok(std::array::from_fn(|index| bits >> index & 1 == 1))
    }

    /// Content of a file.
    pub(crate) fn content(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u64()?;
        self.caps.content_bytes =
            self.caps.content_bytes.checked_sub(length).ok_or("its files are longer than is allowed")?;
        match usize::try_from(length) {
            Ok(length) => self.take(length),
            Err(_) => malformed("it ends early"),
        }
    }

    pub(crate) fn text(&mut self, longest: usize) -> Result<&'a str, Malformed> {
        let length = self.u32()? as usize;
        if length > longest {
            return malformed("a text is too long");
        }
        std::str::from_utf8(self.take(length)?).map_err(|_| "a text is not UTF-8".to_owned())
    }

    /// The name of a directory entry.
    pub(crate) fn name(&mut self) -> Result<&'a str, Malformed> {
        let name = self.text(GuestPath::MAX_NAME_BYTES)?;
        if is_name(name) { Ok(name) } else { malformed("a name is invalid") }
    }

    /// Names with slashes between them.
    pub(crate) fn path(&mut self) -> Result<&'a str, Malformed> {
        let path = self.text(GuestPath::MAX_BYTES)?;
        let is_valid = path.split('/').all(|name| is_name(name) && name.len() <= GuestPath::MAX_NAME_BYTES);
        if is_valid { Ok(path) } else { malformed("a path is invalid") }
    }

    /// Where a mount is.
    pub(crate) fn guest_path(&mut self) -> Result<GuestPath, Malformed> {
        let text = self.text(GuestPath::MAX_BYTES)?;
        match GuestPath::parse(text) {
            Ok(path) if path.as_str() == text => Ok(path),
            _ => malformed("the path of a mount is invalid"),
        }
    }

    pub(crate) fn take_node(&mut self) -> Result<(), Malformed> {
        self.caps.nodes = self.caps.nodes.checked_sub(1).ok_or("it has more files than is allowed")?;
        Ok(())
    }

    pub(crate) fn take_descriptors(&mut self, count: usize) -> Result<(), Malformed> {
        if count as u64 > self.caps.descriptors {
            return malformed("it has more descriptors than is allowed");
        }
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| "it ends early".to_owned())
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, left) = self.left.split_at_checked(length).ok_or("it ends early")?;
        self.left = left;
        Ok(taken)
    }
}

pub(crate) fn malformed<T>(reason: &str) -> Result<T, Malformed> {
    Err(reason.to_owned())
}

fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

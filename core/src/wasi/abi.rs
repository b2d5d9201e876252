//! Numbers and struct layouts of preview 1.
//!
//! The source is the specification's `typenames.witx` (snapshot 1): a flag is the bit of its
//! position in the list there, a record is laid out like a C struct, little-endian. Nothing
//! here decides anything.

use crate::vfs::{Errno, FileType, Stat};
use std::ops::{BitAnd, BitOr};

/// Bytes of one `iovec` or `ciovec`: pointer and length.
pub(super) const IOVEC_BYTES: u32 = 8;
/// Bytes of one `subscription`.
pub(super) const SUBSCRIPTION_BYTES: u32 = 48;
/// Bytes of one `event`.
pub(super) const EVENT_BYTES: u32 = 32;
/// Bytes of a `filestat`.
pub(super) const FILESTAT_BYTES: u32 = 64;
/// Bytes of an `fdstat`.
pub(super) const FDSTAT_BYTES: u32 = 24;
/// Bytes of a `prestat`.
pub(super) const PRESTAT_BYTES: u32 = 8;
/// Bytes of a `dirent`, without the name that follows it.
pub(super) const DIRENT_BYTES: usize = 24;

macro_rules! flags {
    ($( $(#[doc = $doc:literal])+ $name:ident: $repr:ident { $($flag:ident = $bit:literal,)+ } )+) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub(super) struct $name($repr);

        #[allow(dead_code)] // The specification's whole list, and every set alike.
        impl $name {
            $( pub(super) const $flag: $name = $name(1 << $bit); )+
            const KNOWN: $repr = 0 $( | 1 << $bit )+;

            pub(super) const fn bits(self) -> $repr {
                self.0
            }

            /// The known flags among `bits`.
            pub(super) const fn from_bits_truncate(bits: $repr) -> $name {
                $name(bits & $name::KNOWN)
            }

            pub(super) const fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            pub(super) const fn intersects(self, other: $name) -> bool {
                self.0 & other.0 != 0
            }

            pub(super) const fn union(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }

            pub(super) const fn without(self, other: $name) -> $name {
                $name(self.0 & !other.0)
            }
        }

        impl BitOr for $name {
            type Output = $name;
            fn bitor(self, other: $name) -> $name {
                self.union(other)
            }
        }

        impl BitAnd for $name {
            type Output = $name;
            fn bitand(self, other: $name) -> $name {
                $name(self.0 & other.0)
            }
        }

        impl TryFrom<u32> for $name {
            type Error = Errno;
            /// Arguments arrive as 32 bits whatever the flags' size: unknown bits are `Inval`.
            fn try_from(bits: u32) -> Result<$name, Errno> {
                if u64::from(bits) & !u64::from($name::KNOWN) != 0 {
                    return Err(Errno::Inval);
                }
                Ok($name(bits as $repr))
            }
        }
    )+ };
}

flags! {
    /// `rights`: what may be done with a descriptor.
    Rights: u64 {
        FD_DATASYNC = 0,
        FD_READ = 1,
        FD_SEEK = 2,
        FD_FDSTAT_SET_FLAGS = 3,
        FD_SYNC = 4,
        FD_TELL = 5,
        FD_WRITE = 6,
        FD_ADVISE = 7,
        FD_ALLOCATE = 8,
        PATH_CREATE_DIRECTORY = 9,
        PATH_CREATE_FILE = 10,
        PATH_LINK_SOURCE = 11,
        PATH_LINK_TARGET = 12,
        PATH_OPEN = 13,
        FD_READDIR = 14,
        PATH_READLINK = 15,
        PATH_RENAME_SOURCE = 16,
        PATH_RENAME_TARGET = 17,
        PATH_FILESTAT_GET = 18,
        PATH_FILESTAT_SET_SIZE = 19,
        PATH_FILESTAT_SET_TIMES = 20,
        FD_FILESTAT_GET = 21,
        FD_FILESTAT_SET_SIZE = 22,
        FD_FILESTAT_SET_TIMES = 23,
        PATH_SYMLINK = 24,
        PATH_REMOVE_DIRECTORY = 25,
        PATH_UNLINK_FILE = 26,
        POLL_FD_READWRITE = 27,
        SOCK_SHUTDOWN = 28,
        SOCK_ACCEPT = 29,
    }
    /// `fdflags`: how a descriptor reads and writes.
    FdFlags: u16 { APPEND = 0, DSYNC = 1, NONBLOCK = 2, RSYNC = 3, SYNC = 4, }
    /// `oflags`: how `path_open` opens.
    OFlags: u16 { CREAT = 0, DIRECTORY = 1, EXCL = 2, TRUNC = 3, }
    /// `lookupflags`: how a path is resolved.
    LookupFlags: u32 { SYMLINK_FOLLOW = 0, }
    /// `fstflags`: which time stamps to set.
    FstFlags: u16 { ATIM = 0, ATIM_NOW = 1, MTIM = 2, MTIM_NOW = 3, }
    /// `subclockflags`: how a clock subscription counts.
    SubclockFlags: u16 { ABSTIME = 0, }
    /// `eventrwflags`: what an event says about a stream.
    EventRwFlags: u16 { HANGUP = 0, }
    /// `sdflags`: which directions a socket is shut down in.
    SdFlags: u8 { RD = 0, WR = 1, }
}

impl Rights {
    pub(super) const NONE: Rights = Rights(0);

    /// What a directory can be used for.
    pub(super) const DIRECTORY: Rights = Rights::PATH_CREATE_DIRECTORY
        .union(Rights::PATH_CREATE_FILE)
        .union(Rights::PATH_LINK_SOURCE)
        .union(Rights::PATH_LINK_TARGET)
        .union(Rights::PATH_OPEN)
        .union(Rights::FD_READDIR)
        .union(Rights::PATH_READLINK)
        .union(Rights::PATH_RENAME_SOURCE)
        .union(Rights::PATH_RENAME_TARGET)
        .union(Rights::PATH_FILESTAT_GET)
        .union(Rights::PATH_FILESTAT_SET_SIZE)
        .union(Rights::PATH_FILESTAT_SET_TIMES)
        .union(Rights::PATH_SYMLINK)
        .union(Rights::PATH_REMOVE_DIRECTORY)
        .union(Rights::PATH_UNLINK_FILE)
        .union(Rights::FD_SYNC)
        .union(Rights::FD_DATASYNC)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::FD_FILESTAT_SET_TIMES);

    /// What a regular file can be used for.
    pub(super) const FILE: Rights = Rights::FD_DATASYNC
        .union(Rights::FD_READ)
        .union(Rights::FD_SEEK)
        .union(Rights::FD_FDSTAT_SET_FLAGS)
        .union(Rights::FD_SYNC)
        .union(Rights::FD_TELL)
        .union(Rights::FD_WRITE)
        .union(Rights::FD_ADVISE)
        .union(Rights::FD_ALLOCATE)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::FD_FILESTAT_SET_SIZE)
        .union(Rights::FD_FILESTAT_SET_TIMES)
        .union(Rights::POLL_FD_READWRITE);

    /// What only a file opened for writing can be used for.
    pub(super) const FILE_WRITING: Rights =
        Rights::FD_WRITE.union(Rights::FD_ALLOCATE).union(Rights::FD_FILESTAT_SET_SIZE);

    /// What standard input can be used for. Neither `FD_SEEK` nor `FD_TELL`: the C library
    /// tells terminals and pipes from files by them.
    pub(super) const INPUT: Rights = Rights::FD_READ
        .union(Rights::FD_FDSTAT_SET_FLAGS)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::POLL_FD_READWRITE);

    /// What standard output and standard error can be used for.
    pub(super) const OUTPUT: Rights = Rights::FD_WRITE
        .union(Rights::FD_FDSTAT_SET_FLAGS)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::POLL_FD_READWRITE);
}

/// `whence`: what a seek counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whence {
    Set,
    Current,
    End,
}

impl TryFrom<u32> for Whence {
    type Error = Errno;
    fn try_from(number: u32) -> Result<Whence, Errno> {
        match number {
            0 => Ok(Whence::Set),
            1 => Ok(Whence::Current),
            2 => Ok(Whence::End),
            _ => Err(Errno::Inval),
        }
    }
}

/// `clockid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClockId {
    Realtime,
    Monotonic,
    ProcessCputime,
    ThreadCputime,
}

impl TryFrom<u32> for ClockId {
    type Error = Errno;
    fn try_from(number: u32) -> Result<ClockId, Errno> {
        match number {
            0 => Ok(ClockId::Realtime),
            1 => Ok(ClockId::Monotonic),
            2 => Ok(ClockId::ProcessCputime),
            3 => Ok(ClockId::ThreadCputime),
            _ => Err(Errno::Inval),
        }
    }
}

/// `eventtype`; the numbers are the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum EventType {
    Clock = 0,
    FdRead = 1,
    FdWrite = 2,
}

/// The highest `advice`; all are accepted and none changes anything.
pub(super) const ADVICE_MAX: u32 = 5;

/// The highest `signal`.
pub(super) const SIGNAL_MAX: u32 = 30;

/// An `event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) userdata: u64,
    pub(super) error: Option<Errno>,
    pub(super) kind: EventType,
    pub(super) nbytes: u64,
    pub(super) flags: EventRwFlags,
}

pub(super) fn event(event: &Event) -> [u8; EVENT_BYTES as usize] {
    let mut out = [0; EVENT_BYTES as usize];
    put(&mut out, 0, event.userdata.to_le_bytes());
    put(&mut out, 8, event.error.map_or(0, |errno| errno as u16).to_le_bytes());
    put(&mut out, 10, [event.kind as u8]);
    put(&mut out, 16, event.nbytes.to_le_bytes());
    put(&mut out, 24, event.flags.bits().to_le_bytes());
    out
}

pub(super) fn filestat(stat: &Stat) -> [u8; FILESTAT_BYTES as usize] {
    let mut out = [0; FILESTAT_BYTES as usize];
    put(&mut out, 0, stat.dev.to_le_bytes());
    put(&mut out, 8, stat.ino.to_le_bytes());
    put(&mut out, 16, [stat.filetype as u8]);
    put(&mut out, 24, stat.nlink.to_le_bytes());
    put(&mut out, 32, stat.size.to_le_bytes());
    put(&mut out, 40, stat.atim.to_le_bytes());
    put(&mut out, 48, stat.mtim.to_le_bytes());
    put(&mut out, 56, stat.ctim.to_le_bytes());
    out
}

pub(super) fn fdstat(
    filetype: FileType,
    flags: FdFlags,
    base: Rights,
    inheriting: Rights,
) -> [u8; FDSTAT_BYTES as usize] {
    let mut out = [0; FDSTAT_BYTES as usize];
    put(&mut out, 0, [filetype as u8]);
    put(&mut out, 2, flags.bits().to_le_bytes());
    put(&mut out, 8, base.bits().to_le_bytes());
    put(&mut out, 16, inheriting.bits().to_le_bytes());
    out
}

/// The `prestat` of a directory, the only kind there is (tag 0).
pub(super) fn prestat(name_bytes: u32) -> [u8; PRESTAT_BYTES as usize] {
    let mut out = [0; PRESTAT_BYTES as usize];
    put(&mut out, 4, name_bytes.to_le_bytes());
    out
}

pub(super) fn dirent(next: u64, ino: u64, name_bytes: u32, filetype: FileType) -> [u8; DIRENT_BYTES] {
    let mut out = [0; DIRENT_BYTES];
    put(&mut out, 0, next.to_le_bytes());
    put(&mut out, 8, ino.to_le_bytes());
    put(&mut out, 16, name_bytes.to_le_bytes());
    put(&mut out, 20, [filetype as u8]);
    out
}

fn put<const N: usize>(out: &mut [u8], at: usize, field: [u8; N]) {
    out[at..at + N].copy_from_slice(&field);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_flags_are_invalid_but_unknown_rights_are_merely_not_granted() {
        assert_eq!(OFlags::try_from(1 << 4), Err(Errno::Inval));
        assert_eq!(FdFlags::try_from(1 << 16), Err(Errno::Inval));
        assert_eq!(LookupFlags::try_from(u32::MAX), Err(Errno::Inval));
        assert_eq!(FdFlags::try_from(0b10001), Ok(FdFlags::APPEND | FdFlags::SYNC));
        assert_eq!(Rights::from_bits_truncate(u64::MAX).bits(), (1 << 30) - 1);
    }

    #[test]
    fn records_have_the_offsets_of_the_specification() {
        let stat = fdstat(FileType::RegularFile, FdFlags::NONBLOCK, Rights::FD_READ, Rights::FD_WRITE);
        assert_eq!((stat[0], stat[2], stat[8], stat[16]), (4, 4, 2, 64));
        let entry = dirent(1, 2, 3, FileType::Directory);
        assert_eq!((entry[0], entry[8], entry[16], entry[20]), (1, 2, 3, 3));
        assert_eq!(prestat(7), [0, 0, 0, 0, 7, 0, 0, 0]);
    }
}

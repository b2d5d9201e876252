//! What a descriptor number stands for, and what may be done with it.

use super::abi::{FdFlags, Rights};
use crate::vfs::{DirHandle, Errno, FileHandle};
use std::sync::Arc;

/// An open descriptor.
#[derive(Debug)]
pub(super) struct Descriptor {
    pub(super) kind: Kind,
    /// What may be done with it.
    pub(super) base: Rights,
    /// What may be done with descriptors opened through it.
    pub(super) inheriting: Rights,
    pub(super) flags: FdFlags,
}

/// What lies behind a descriptor.
#[derive(Debug)]
pub(super) enum Kind {
    Stdin,
    Stdout,
    Stderr,
    /// `/dev/urandom`
    Random,
    File(File),
    Dir(Dir),
    /// What it stood for was not restored. The number stays taken until the guest closes it.
    Gone,
}

/// An open regular file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) handle: FileHandle,
    /// Where the next `fd_read` or `fd_write` happens.
    pub(super) position: u64,
    /// Calls on it reach the host's disk, so they may take long.
    pub(super) on_host: bool,
    /// Somebody follows the run and wants to know when it is written.
    pub(super) followed: Option<Followed>,
}

/// What is told of a file when it is closed.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) name: Box<str>,
    pub(super) written: bool,
}

/// An open directory.
#[derive(Debug)]
pub(super) struct Dir {
    pub(super) handle: DirHandle,
    /// Where the guest sees it, if it was there from the start.
    pub(super) preopen: Option<Arc<str>>,
}

impl Descriptor {
    pub(super) fn stdin() -> Descriptor {
        Descriptor::stream(Kind::Stdin, Rights::INPUT)
    }

    pub(super) fn stdout() -> Descriptor {
        Descriptor::stream(Kind::Stdout, Rights::OUTPUT)
    }

    pub(super) fn stderr() -> Descriptor {
        Descriptor::stream(Kind::Stderr, Rights::OUTPUT)
    }

    pub(super) fn preopen(path: &str, handle: DirHandle) -> Descriptor {
        Descriptor {
            kind: Kind::Dir(Dir { handle, preopen: Some(path.into()) }),
            base: Rights::DIRECTORY,
            inheriting: Rights::DIRECTORY | Rights::FILE,
            flags: FdFlags::default(),
        }
    }

    fn stream(kind: Kind, base: Rights) -> Descriptor {
        Descriptor { kind, base, inheriting: Rights::NONE, flags: FdFlags::default() }
    }

    /// Whether nothing is behind it.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.kind, Kind::Gone)
    }

    /// The file, if this is one opened with `right`. Without it the answer is `denied`.
    pub(super) fn file(&mut self, right: Rights, denied: Errno) -> Result<(&mut File, FdFlags), Errno> {
        match &mut self.kind {
            Kind::File(_) if !self.base.contains(right) => Err(denied),
            Kind::File(file) => Ok((file, self.flags)),
            _ => Err(Errno::Badf),
        }
    }

    /// Like [`Descriptor::file`], for calls that need a position: streams have none.
    pub(super) fn seekable(&mut self, right: Rights, denied: Errno) -> Result<(&mut File, FdFlags), Errno> {
        match self.kind {
            Kind::Stdin | Kind::Stdout | Kind::Stderr | Kind::Random => Err(Errno::Spipe),
            _ => self.file(right, denied),
        }
    }

    /// The directory, if this is one with `right`.
    pub(super) fn dir(&self, right: Rights) -> Result<&Dir, Errno> {
        match &self.kind {
            Kind::Dir(_) if !self.base.contains(right) => Err(Errno::NotCapable),
            Kind::Dir(dir) => Ok(dir),
            _ => Err(Errno::Badf),
        }
    }

    /// Fails unless this descriptor has `right`.
    pub(super) fn require(&self, right: Rights) -> Result<(), Errno> {
        if self.base.contains(right) { Ok(()) } else { Err(Errno::NotCapable) }
    }
}

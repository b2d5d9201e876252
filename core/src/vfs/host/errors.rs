//! One table from the kernel's error numbers to those of preview 1.

use crate::vfs::Errno;
use rustix::io::Errno as Kernel;
use std::io;

/// The guest's error for an I/O error.
pub(in crate::vfs) fn from_io(error: io::Error) -> Errno {
    match Kernel::from_io_error(&error) {
        Some(kernel) => from_kernel(kernel),
        None => match error.kind() {
            io::ErrorKind::NotFound => Errno::Noent,
            io::ErrorKind::PermissionDenied => Errno::Acces,
            io::ErrorKind::AlreadyExists => Errno::Exist,
            io::ErrorKind::InvalidInput => Errno::Inval,
            io::ErrorKind::StorageFull | io::ErrorKind::WriteZero => Errno::Nospc,
            io::ErrorKind::OutOfMemory => Errno::Nomem,
            _ => Errno::Io,
        },
    }
}

/// The guest's error for a kernel's error number; what is not listed is `Io`.
pub(in crate::vfs) fn from_kernel(kernel: Kernel) -> Errno {
    match kernel {
        Kernel::ACCESS => Errno::Acces,
        Kernel::AGAIN => Errno::Again,
        Kernel::BADF => Errno::Badf,
        Kernel::BUSY => Errno::Busy,
        Kernel::DQUOT => Errno::Dquot,
        Kernel::EXIST => Errno::Exist,
        Kernel::FBIG => Errno::Fbig,
        Kernel::ILSEQ => Errno::Ilseq,
        Kernel::INTR => Errno::Intr,
        Kernel::INVAL => Errno::Inval,
        Kernel::ISDIR => Errno::Isdir,
        Kernel::LOOP => Errno::Loop,
        Kernel::MFILE => Errno::Mfile,
        Kernel::MLINK => Errno::Mlink,
        Kernel::NAMETOOLONG => Errno::NameTooLong,
        Kernel::NFILE => Errno::Nfile,
        Kernel::NODEV => Errno::Nodev,
        Kernel::NOENT => Errno::Noent,
        Kernel::NOMEM => Errno::Nomem,
        Kernel::NOSPC => Errno::Nospc,
        Kernel::NOSYS => Errno::Nosys,
        Kernel::NOTDIR => Errno::Notdir,
        Kernel::NOTEMPTY => Errno::Notempty,
        Kernel::NOTSUP => Errno::Notsup,
        Kernel::NXIO => Errno::Nxio,
        Kernel::OVERFLOW => Errno::Overflow,
        Kernel::PERM => Errno::Perm,
        Kernel::PIPE => Errno::Pipe,
        Kernel::RANGE => Errno::Range,
        Kernel::ROFS => Errno::Rofs,
        Kernel::SPIPE => Errno::Spipe,
        Kernel::STALE => Errno::Stale,
        Kernel::TOOBIG => Errno::TooBig,
        Kernel::TXTBSY => Errno::Txtbsy,
        Kernel::XDEV => Errno::Xdev,
        _ => Errno::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_an_exhausted_host_keep_their_meaning() {
        let from_raw = |kernel: Kernel| from_io(io::Error::from_raw_os_error(kernel.raw_os_error()));
        assert_eq!(from_raw(Kernel::NOSPC), Errno::Nospc);
        assert_eq!(from_raw(Kernel::DQUOT), Errno::Dquot);
        assert_eq!(from_raw(Kernel::MFILE), Errno::Mfile);
        assert_eq!(from_raw(Kernel::STALE), Errno::Stale);
        assert_eq!(from_raw(Kernel::UCLEAN), Errno::Io);
    }
}

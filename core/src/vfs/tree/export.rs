//! Writing what is new in a tree into a folder of the host.

use super::Tree;
use super::content::Content;
use super::lower::LowerFolder;
use super::node::{Body, NodeId};
use crate::error::{Error, Result};
use crate::vfs::Errno;
use crate::vfs::host::{self, Target};
use cap_std::fs::Dir;
use std::fs::File;
use std::io::{self, Write as _};
use std::ops::ControlFlow;

const PIECE: usize = 64 << 10;

impl Tree {
    /// Writes every added and changed file and symlink below `to`. Each is written beside its
    /// place and renamed into it. Symlinks that could lead out of `to` are left out.
    pub(in crate::vfs) fn export(&self, to: &Dir) -> Result<()> {
        let mut lower = self.lower.clone();
        let mut outcome = Ok(());
        let _ = self.visit_changes(&mut |_, path, node| {
            let Some(node) = node else { return ControlFlow::Continue(()) };
            let written = Target::at(to, path).and_then(|target| self.export_node(node, path, &target, &mut lower));
            outcome = written.map_err(Error::host_io(format!("exporting {path}")));
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        outcome
    }

    fn export_node(
        &self,
        node: NodeId,
        path: &str,
        target: &Target<'_>,
        lower: &mut Option<LowerFolder>,
    ) -> io::Result<()> {
        let found = self.node(node).map_err(failed)?;
        match &found.body {
            Body::Link(link) if stays_inside(path, link) => target.symlink(link),
            Body::File(Content::Chunks(chunks)) => {
                target.file(|file| copy(file, |offset, piece| Ok(chunks.read_at(offset, piece))))
            }
            Body::File(Content::Shared(bytes)) => target.file(|file| file.write_all((**bytes).as_ref())),
            Body::File(Content::Lower { .. }) => {
                let (Some(lower), Some(home)) = (lower, &found.home) else { return Err(failed(Errno::Io)) };
                let from = lower.open_file(home).map_err(failed)?;
                target
                    .file(|file| copy(file, |offset, piece| host::read_fully_at(&from, offset, piece).map_err(failed)))
            }
            _ => Ok(()),
        }
    }
}

/// Writes what `read` gives for each offset until it gives nothing.
fn copy(file: &mut File, mut read: impl FnMut(u64, &mut [u8]) -> io::Result<usize>) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut offset = 0;
    loop {
        match read(offset, &mut piece)? {
            0 => return Ok(()),
            count => {
                file.write_all(&piece[..count])?;
                offset += count as u64;
            }
        }
    }
}

fn failed(errno: Errno) -> io::Error {
    io::Error::other(format!("{errno:?}"))
}

/// True when a symlink at `path` cannot lead out of the exported folder: `..` only at its start,
/// and no more of them than there are folders above it. After a name, `..` could go up from
/// wherever another symlink led.
pub(in crate::vfs) fn stays_inside(path: &str, target: &str) -> bool {
    let above = path.matches('/').count();
    let mut parts = target.split('/').filter(|part| !part.is_empty() && *part != ".").peekable();
    let mut ups = 0;
    while parts.next_if_eq(&"..").is_some() {
        ups += 1;
    }
    !target.starts_with('/') && ups <= above && parts.all(|part| part != "..")
}

#[cfg(test)]
mod tests {
    use super::stays_inside;

    #[test]
    fn only_symlinks_that_cannot_lead_out_are_exported() {
        assert!(stays_inside("a/b/link", "../../x/y"));
        assert!(stays_inside("link", "a/b"));
        assert!(!stays_inside("a/link", "../../x"));
        assert!(!stays_inside("a/b/link", "up/../../y"));
        assert!(!stays_inside("link", "/etc/passwd"));
    }
}

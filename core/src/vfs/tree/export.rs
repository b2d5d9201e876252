//! Writing what is new in a tree into a folder of the host.

use super::content::Content;
use super::diff::Change;
use super::node::{Body, NodeId};
use super::{Ledger, Tree};
use crate::error::{Error, Result};
use crate::vfs::Errno;
use crate::vfs::host::{self, Target};
use cap_std::fs::Dir;
use std::io::Write as _;

const PIECE: usize = 64 << 10;

impl Tree {
    /// Writes every added and changed file and symlink below `to`. Each is written beside its
    /// place and renamed into it. Symlinks that could lead out of `to` are left out.
    pub(in crate::vfs) fn export(&mut self, to: &Dir, ledger: &mut Ledger) -> Result<()> {
        let mut paths = Vec::new();
        self.visit_changes(&mut |change, path| {
            if change != Change::Removed {
                paths.push(path);
            }
        });
        paths.sort_unstable();
        for path in paths {
            let failed = |errno: Errno| Error::HostIo {
                operation: format!("exporting {path}"),
                source: std::io::Error::other(format!("{errno:?}")),
            };
            let node = self.find(&path, ledger).map_err(failed)?;
            let target = Target::at(to, &path).map_err(Error::host_io(format!("exporting {path}")))?;
            self.export_node(node, &path, &target).map_err(Error::host_io(format!("exporting {path}")))?;
        }
        Ok(())
    }

    fn export_node(&mut self, node: NodeId, path: &str, target: &Target<'_>) -> std::io::Result<()> {
        let lower = self.open_lower(node).map_err(|errno| std::io::Error::other(format!("{errno:?}")))?;
        let body = self.nodes.find(node).map(|node| &node.body).map_err(|_| std::io::ErrorKind::NotFound)?;
        match body {
            Body::Link(link) if stays_inside(path, link) => target.symlink(link),
            Body::File(content) => target.file(|file| {
                let mut piece = vec![0; PIECE];
                let mut offset = 0;
                loop {
                    let read = match (content, &lower) {
                        (Content::Chunks(chunks), _) => chunks.read_at(offset, &mut piece),
                        (Content::Shared(bytes), _) => {
                            file.write_all((**bytes).as_ref())?;
                            return Ok(());
                        }
                        (Content::Lower { .. }, Some(lower)) => host::read_fully_at(lower, offset, &mut piece)
                            .map_err(|errno| std::io::Error::other(format!("{errno:?}")))?,
                        (Content::Lower { .. }, None) => 0,
                    };
                    if read == 0 {
                        return Ok(());
                    }
                    file.write_all(&piece[..read])?;
                    offset += read as u64;
                }
            }),
            _ => Ok(()),
        }
    }

    fn find(&mut self, path: &str, ledger: &mut Ledger) -> std::result::Result<NodeId, Errno> {
        let mut at = self.root;
        for name in path.split('/') {
            at = self.look_up(at, name, ledger)?.ok_or(Errno::Noent)?;
        }
        Ok(at)
    }
}

/// True when a symlink at `path` cannot lead out of the exported folder: `..` only at its start,
/// and no more of them than there are folders above it. After a name, `..` could go up from
/// wherever another symlink led.
fn stays_inside(path: &str, target: &str) -> bool {
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

//! Reading and writing the files of a tree.

use super::content::{Chunks, Content};
use super::node::{Body, NodeId};
use super::{Ledger, Tree};
use crate::vfs::Errno;
use crate::vfs::host;
use std::fs::File;

impl Tree {
    /// The file of the folder below that holds a node's content, while nothing was written.
    pub(in crate::vfs) fn open_lower(&mut self, node: NodeId) -> Result<Option<File>, Errno> {
        let found = self.node(node)?;
        let (Body::File(Content::Lower { .. }), Some(home)) = (&found.body, found.home.clone()) else {
            return Ok(None);
        };
        self.lower.as_mut().ok_or(Errno::Io)?.open_file(&home).map(Some)
    }

    /// Reads at an offset. `lower` is what [`Tree::open_lower`] gave when the file was opened; `now`
    /// is the time to mark the file with, if it may be marked.
    pub(in crate::vfs) fn read_at(
        &mut self,
        node: NodeId,
        lower: Option<&File>,
        offset: u64,
        buffer: &mut [u8],
        now: impl FnOnce() -> Option<u64>,
    ) -> Result<usize, Errno> {
        let found = self.node(node)?;
        let Body::File(content) = &found.body else { return Err(Errno::Badf) };
        let count = match content {
            Content::Chunks(chunks) => chunks.read_at(offset, buffer),
            Content::Shared(bytes) => {
                let bytes = (**bytes).as_ref();
                let from = usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()));
                let count = buffer.len().min(bytes.len() - from);
                buffer[..count].copy_from_slice(&bytes[from..from + count]);
                count
            }
            Content::Lower { size } => {
                let left = size.saturating_sub(offset);
                let count = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
                match count {
                    0 => 0,
                    _ => host::read_fully_at(lower.ok_or(Errno::Io)?, offset, &mut buffer[..count])?,
                }
            }
        };
        // As Linux does by default: reading marks a file once after each change, not every time.
        if (found.atim <= found.mtim || found.atim <= found.ctim)
            && let Some(now) = now()
        {
            self.node_mut(node)?.atim = now;
        }
        Ok(count)
    }

    pub(in crate::vfs) fn write_at(
        &mut self,
        node: NodeId,
        offset: u64,
        data: &[u8],
        now: u64,
        ledger: &mut Ledger,
    ) -> Result<usize, Errno> {
        if ledger.length_allowed(offset, data.len())? == 0 {
            return Ok(0);
        }
        let chunks = self.own_content(node, u64::MAX, ledger)?;
        let count = chunks.write_at(offset, data, ledger)?;
        self.mark_written(node, now);
        Ok(count)
    }

    pub(in crate::vfs) fn size(&self, node: NodeId) -> u64 {
        match self.node(node).map(|node| &node.body) {
            Ok(Body::File(content)) => content.size(),
            _ => 0,
        }
    }

    pub(in crate::vfs) fn set_size(
        &mut self,
        node: NodeId,
        size: u64,
        now: u64,
        ledger: &mut Ledger,
    ) -> Result<(), Errno> {
        ledger.check_length(size)?;
        self.own_content(node, size, ledger)?.set_size(size, ledger)?;
        self.mark_written(node, now);
        Ok(())
    }

    /// Copies a file of the folder below up, unchanged.
    pub(super) fn copy_up(&mut self, node: NodeId, ledger: &mut Ledger) -> Result<(), Errno> {
        if matches!(self.node(node)?.body, Body::File(Content::Lower { .. })) {
            self.own_content(node, u64::MAX, ledger)?;
        }
        Ok(())
    }

    /// The node's content as chunks of its own; what it had is copied, at most `keep` bytes.
    fn own_content(&mut self, node: NodeId, keep: u64, ledger: &mut Ledger) -> Result<&mut Chunks, Errno> {
        let Body::File(content) = &self.node(node)?.body else { return Err(Errno::Badf) };
        let own = match content {
            Content::Chunks(_) => None,
            Content::Shared(bytes) => {
                let bytes = (**bytes).as_ref();
                let size = keep.min(bytes.len() as u64);
                Some(Chunks::filled(size, ledger, |offset, buffer| {
                    let from = offset as usize;
                    buffer.copy_from_slice(&bytes[from..from + buffer.len()]);
                    Ok(buffer.len())
                })?)
            }
            Content::Lower { .. } if keep == 0 => Some(Chunks::default()),
            Content::Lower { size } => {
                let size = keep.min(*size);
                let lower = self.open_lower(node)?.ok_or(Errno::Io)?;
                Some(Chunks::filled(size, ledger, |offset, buffer| host::read_fully_at(&lower, offset, buffer))?)
            }
        };
        let Body::File(content) = &mut self.node_mut(node)?.body else { return Err(Errno::Badf) };
        if let Some(own) = own {
            *content = Content::Chunks(own);
        }
        match content {
            Content::Chunks(chunks) => Ok(chunks),
            _ => Err(Errno::Io),
        }
    }

    fn mark_written(&mut self, node: NodeId, now: u64) {
        let Ok(node) = self.node_mut(node) else { return };
        (node.mtim, node.ctim) = (now, now);
        let is_first = node.writes == 0;
        node.writes = node.writes.checked_add(1).unwrap_or(1);
        if is_first {
            let (home, has_names_below) = (node.home.clone(), node.lower_key.is_some());
            self.layer_mut().touched_everywhere |= has_names_below;
            if let Some(home) = home {
                self.touch_home(&home);
            }
        }
    }
}

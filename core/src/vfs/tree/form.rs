//! The binary form of a tree. A host's folder below an overlay is no part of it.

use super::Layer;
use super::content::{Chunks, Content};
use super::directory::Directory;
use super::node::{Body, Node, NodeId, Nodes};
use crate::policy::GuestPath;
use crate::vfs::wire::{Malformed, Reader, malformed, put_bytes, put_count, put_flags, put_text, put_u8, put_u64};
use crate::vfs::{Bytes, FileType};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

const CHUNKS: u8 = 0;
const SHARED: u8 = 1;
const LOWER: u8 = 2;
const DIRECTORY: u8 = 3;
const LINK: u8 = 4;
const SPECIAL: u8 = 5;

/// The fewest bytes of a node.
const LEAST_NODE: usize = 50;

impl Layer {
    pub(in crate::vfs) fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.nodes.next().ino());
        put_count(out, self.nodes.iter().len());
        for (id, node) in self.nodes.iter() {
            put_u64(out, id.ino());
            let is_shared = node.lower_key.is_some_and(|key| self.shared.get(&key) == Some(&id));
            node.encode(is_shared, out);
        }
        put_count(out, self.initial.len());
        self.initial.iter().for_each(|path| put_text(out, path));
        put_flags(out, &[self.touched_everywhere]);
    }

    /// Reads a tree and proves that it is one.
    pub(in crate::vfs) fn decode(from: &mut Reader<'_>, over_lower: bool) -> Result<Layer, Malformed> {
        let mut nodes = Nodes::starting_at(NodeId::numbered(from.counted()?));
        let mut shared = BTreeMap::new();
        for _ in 0..from.count(LEAST_NODE)? {
            from.take_node()?;
            let id = NodeId::numbered(from.u64()?);
            let (node, is_shared) = Node::decode(from, over_lower)?;
            if let Some(key) = node.lower_key.filter(|_| is_shared)
                && shared.insert(key, id).is_some()
            {
                return malformed("two files have one number of the host");
            }
            if (id == NodeId::ROOT) != (node.home.as_deref() == Some("")) {
                return malformed("its root is somewhere else");
            }
            if !nodes.append(id, node) {
                return malformed("its nodes are not in order");
            }
        }
        let mut initial = BTreeSet::new();
        for _ in 0..from.count(5)? {
            initial.insert(Arc::from(from.path()?));
        }
        let [touched_everywhere] = from.flags()?;
        let initial = Arc::new(initial);
        let mut layer = Layer { nodes, shared, initial, touched_everywhere, weight: OnceLock::new() };
        layer.knit(over_lower)?;
        Ok(layer)
    }
}

impl Node {
    fn encode(&self, is_shared: bool, out: &mut Vec<u8>) {
        for number in [self.atim, self.mtim, self.ctim, self.links, self.unseen] {
            put_u64(out, number);
        }
        put_flags(out, &[self.writes > 0, self.home.is_some(), self.lower_key.is_some(), is_shared]);
        if let Some(home) = &self.home {
            put_text(out, home);
        }
        if let Some((dev, ino)) = self.lower_key {
            put_u64(out, dev);
            put_u64(out, ino);
        }
        match &self.body {
            Body::File(Content::Chunks(chunks)) => {
                put_u8(out, CHUNKS);
                chunks.encode(out);
            }
            Body::File(Content::Shared(bytes)) => {
                put_u8(out, SHARED);
                put_bytes(out, (**bytes).as_ref());
            }
            Body::File(Content::Lower { size }) => {
                put_u8(out, LOWER);
                put_u64(out, *size);
            }
            Body::Dir(directory) => {
                put_u8(out, DIRECTORY);
                directory.encode(out);
            }
            Body::Link(target) => {
                put_u8(out, LINK);
                put_text(out, target);
            }
            Body::Special(filetype) => {
                put_u8(out, SPECIAL);
                put_u8(out, *filetype as u8);
            }
        }
    }

    /// A node without names; and whether other names below lead to it.
    fn decode(from: &mut Reader<'_>, over_lower: bool) -> Result<(Node, bool), Malformed> {
        let (atim, mtim, ctim) = (from.u64()?, from.u64()?, from.u64()?);
        let (links, unseen) = (from.u64()?, from.u64()?);
        let [written, has_home, has_key, is_shared] = from.flags()?;
        let home = if has_home { Some(home(from)?) } else { None };
        let lower_key = if has_key { Some((from.u64()?, from.u64()?)) } else { None };
        let body = match from.u8()? {
            CHUNKS => Body::File(Content::Chunks(Chunks::decode(from)?)),
            SHARED => Body::File(Content::Shared(Arc::new(from.content()?.to_vec()) as Bytes)),
            LOWER if over_lower && home.is_some() => Body::File(Content::Lower { size: from.u64()? }),
            DIRECTORY => Body::Dir(Directory::decode(from, over_lower)?),
            LINK => Body::Link(from.text(GuestPath::MAX_BYTES)?.into()),
            SPECIAL if over_lower => Body::Special(special(from.u8()?)?),
            _ => return malformed("it has an unknown kind of file"),
        };
        let is_of_lower = has_key || is_shared || unseen > 0;
        if is_of_lower && (!over_lower || !has_key || matches!(body, Body::Dir(_))) {
            return malformed("a file has names that it cannot have");
        }
        Ok((
            Node { names: 0, unseen, links, atim, mtim, ctim, home, lower_key, writes: u32::from(written), body },
            is_shared,
        ))
    }
}

fn home(from: &mut Reader<'_>) -> Result<Arc<str>, Malformed> {
    let mut ahead = from.clone();
    if ahead.text(0).is_ok() {
        *from = ahead;
        return Ok("".into());
    }
    from.path().map(Arc::from)
}

fn special(number: u8) -> Result<FileType, Malformed> {
    let kinds = [
        FileType::Unknown,
        FileType::BlockDevice,
        FileType::CharacterDevice,
        FileType::SocketStream,
        FileType::SymbolicLink,
    ];
    let found = kinds.into_iter().find(|kind| *kind as u8 == number);
    found.ok_or_else(|| "it has an unknown kind of device".to_owned())
}

//! The one path resolver: names, `..` and symlinks, over every kind of mount.
//!
//! A path is walked name by name from a directory handle. `..` goes back to the directory the
//! walk came from and never above the handle; symlinks are read and walked here. Nothing recurses,
//! and the steps of one path are bounded whatever symlinks it meets.

use super::host::{self, Folder, Name};
use super::namespace::{At, Place};
use super::pace::cost;
use super::tree::NodeId;
use super::{Backend, DirHandle, Errno, FileType, Stat, Vfs};
use crate::policy::GuestPath;
use std::borrow::Cow;
use std::sync::Arc;

/// What to do with a symlink in the last component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follow {
    /// It is what the path names, whatever follows it.
    Never,
    /// Follow it only before a slash.
    BeforeSlash,
    Always,
}

impl Follow {
    pub(super) fn last(follow: bool) -> Follow {
        if follow { Follow::Always } else { Follow::BeforeSlash }
    }
}

/// Where a path led.
pub(super) struct Spot<'p> {
    pub(super) parent: Place,
    pub(super) last: Last<'p>,
    /// A slash follows the last name.
    pub(super) slash: bool,
    pub(super) found: Option<Found>,
}

/// The last component of a path.
pub(super) enum Last<'p> {
    Name(Cow<'p, str>),
    /// `.`, also at the end of a longer path.
    Dot,
    DotDot,
}

/// What has a name.
pub(super) enum Found {
    Dir(Place),
    Leaf(Leaf),
}

/// Something that is not a directory, found in a place.
pub(super) enum Leaf {
    Node { node: NodeId, filetype: FileType },
    Host(Stat),
}

impl Leaf {
    pub(super) fn filetype(&self) -> FileType {
        match self {
            Leaf::Node { filetype, .. } => *filetype,
            Leaf::Host(stat) => stat.filetype,
        }
    }
}

/// As on Linux.
const MOST_SYMLINKS: usize = 40;
/// Names walked for one path. Forty symlinks of 4 KiB each could ask for twenty times as many.
const MOST_STEPS: usize = 8192;
/// Directories of the host held open by one walk, for `..` to go back to.
const MOST_HELD: usize = 128;

impl Vfs {
    pub(super) fn resolve<'p>(&mut self, base: &DirHandle, path: &'p str, follow: Follow) -> Result<Spot<'p>, Errno> {
        let start = self.dirs.find(base.0).ok_or(Errno::Badf)?.place.clone();
        self.resolve_from(start, path, follow)
    }

    pub(super) fn resolve_from<'p>(&mut self, start: Place, path: &'p str, follow: Follow) -> Result<Spot<'p>, Errno> {
        check(path)?;
        let mut visited = std::mem::take(&mut self.visited);
        let outcome = self.walk(start, path, follow, &mut visited);
        visited.clear();
        self.visited = visited;
        outcome
    }

    fn walk<'p>(
        &mut self,
        start: Place,
        path: &'p str,
        follow: Follow,
        visited: &mut Vec<Place>,
    ) -> Result<Spot<'p>, Errno> {
        let mut walk = Walk { given: path, targets: Vec::new(), expanded: 0 };
        let mut here = start;
        let mut held = 0;
        let mut last = Last::Dot;
        for _ in 0..MOST_STEPS {
            self.ledger.spend(cost::STEP)?;
            let Some(name) = walk.next() else {
                return Ok(Spot { found: Some(Found::Dir(here.clone())), parent: here, last, slash: false });
            };
            match &*name {
                "." => last = Last::Dot,
                ".." => {
                    held -= usize::from(here.holds_descriptor() && !visited.is_empty());
                    here = visited.pop().ok_or(Errno::NotCapable)?;
                    last = Last::DotDot;
                }
                _ if name.len() > GuestPath::MAX_NAME_BYTES => return Err(Errno::NameTooLong),
                _ => {
                    let found = self.look_up(&here, &name)?;
                    let rest = walk.rest();
                    let is_last = rest != Rest::Names;
                    match found {
                        Some(Found::Dir(place)) if !is_last => {
                            held += usize::from(place.holds_descriptor());
                            if held > MOST_HELD {
                                return Err(Errno::NameTooLong);
                            }
                            visited.push(std::mem::replace(&mut here, place));
                        }
                        Some(Found::Leaf(leaf))
                            if leaf.filetype() == FileType::SymbolicLink
                                && (!is_last || follow.follows(rest == Rest::Slash)) =>
                        {
                            let target = self.read_target(&here, &name, &leaf)?;
                            walk.expand(target)?;
                        }
                        Some(Found::Leaf(_)) if !is_last => return Err(Errno::Notdir),
                        None if !is_last => return Err(Errno::Noent),
                        found => {
                            let slash = rest == Rest::Slash;
                            return Ok(Spot { parent: here, last: Last::Name(name), slash, found });
                        }
                    }
                }
            }
        }
        Err(Errno::Loop)
    }

    /// Finds a name in a place. Mounts cover what lies under them; a directory that is only there
    /// because of a mount below it gives way to anything real.
    pub(super) fn look_up(&mut self, place: &Place, name: &str) -> Result<Option<Found>, Errno> {
        let point = place.point.and_then(|point| self.namespace.child(point, name));
        if let Some(mount) = point.and_then(|point| self.namespace.mount_at(point)) {
            let at = self.mounts[mount.0 as usize].root(mount).ok_or(Errno::Io)?;
            return Ok(Some(Found::Dir(Place { point, at })));
        }
        let found = match &place.at {
            At::Synthetic => None,
            At::Tree { mount, node } => {
                let Backend::Tree(tree) = &mut self.mounts[mount.0 as usize].backend else { return Err(Errno::Io) };
                tree.look_up(*node, name, &mut self.ledger)?.map(|node| match tree.filetype(node) {
                    FileType::Directory => Found::Dir(Place { point, at: At::Tree { mount: *mount, node } }),
                    filetype => Found::Leaf(Leaf::Node { node, filetype }),
                })
            }
            At::Host { mount, dir, depth } => {
                self.ledger.spend(cost::HOST_STEP)?;
                match host::look_up(dir, Name::parse(name)?)? {
                    Some(stat) if stat.filetype == FileType::Directory => {
                        let dir = Folder::enter(dir, name)?;
                        let at = At::Host { mount: *mount, dir, depth: depth + 1 };
                        Some(Found::Dir(Place { point, at }))
                    }
                    other => other.map(|stat| Found::Leaf(Leaf::Host(stat))),
                }
            }
        };
        Ok(found.or_else(|| point.map(|_| Found::Dir(Place { point, at: At::Synthetic }))))
    }

    /// The target of a symlink that was just found.
    pub(super) fn read_target(&self, place: &Place, name: &str, leaf: &Leaf) -> Result<Arc<str>, Errno> {
        match (leaf, &place.at) {
            (Leaf::Node { node, .. }, At::Tree { mount, .. }) => match &self.mounts[mount.0 as usize].backend {
                Backend::Tree(tree) => tree.target(*node),
                _ => Err(Errno::Io),
            },
            (Leaf::Host(_), At::Host { dir, .. }) => match host::read_link(dir, Name::parse(name)?) {
                Ok(target) => Ok(target.into()),
                // It was replaced by something else in between.
                Err(Errno::Inval) => Err(Errno::Noent),
                Err(errno) => Err(errno),
            },
            _ => Err(Errno::Io),
        }
    }
}

impl Follow {
    fn follows(self, slash: bool) -> bool {
        match self {
            Follow::Never => false,
            Follow::BeforeSlash => slash,
            Follow::Always => true,
        }
    }
}

impl Place {
    fn holds_descriptor(&self) -> bool {
        matches!(self.at, At::Host { .. })
    }
}

fn check(path: &str) -> Result<(), Errno> {
    if path.is_empty() {
        return Err(Errno::Noent);
    }
    if path.len() > GuestPath::MAX_BYTES {
        return Err(Errno::NameTooLong);
    }
    if path.as_bytes().contains(&0) {
        return Err(Errno::Inval);
    }
    if path.starts_with('/') {
        return Err(Errno::NotCapable);
    }
    Ok(())
}

/// The names still to walk: the innermost symlink's target first, then what followed it.
struct Walk<'p> {
    given: &'p str,
    targets: Vec<(Arc<str>, usize)>,
    expanded: usize,
}

/// What follows the name that was taken last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Nothing,
    Slash,
    Names,
}

impl<'p> Walk<'p> {
    fn next(&mut self) -> Option<Cow<'p, str>> {
        while let Some((target, at)) = self.targets.last_mut() {
            let (name, after) = split(&target[*at..]);
            if !name.is_empty() {
                let name = name.to_owned();
                *at = target.len() - after.len();
                return Some(Cow::Owned(name));
            }
            self.targets.pop();
        }
        let (name, after) = split(self.given);
        self.given = after;
        (!name.is_empty()).then_some(Cow::Borrowed(name))
    }

    fn rest(&self) -> Rest {
        let mut slash = false;
        let targets = self.targets.iter().map(|(target, at)| &target[*at..]);
        for text in targets.chain([self.given]) {
            if text.bytes().any(|byte| byte != b'/') {
                return Rest::Names;
            }
            slash |= !text.is_empty();
        }
        if slash { Rest::Slash } else { Rest::Nothing }
    }

    fn expand(&mut self, target: Arc<str>) -> Result<(), Errno> {
        self.expanded += 1;
        if self.expanded > MOST_SYMLINKS {
            return Err(Errno::Loop);
        }
        if target.len() > GuestPath::MAX_BYTES {
            return Err(Errno::NameTooLong);
        }
        match target.as_bytes().first() {
            None => Err(Errno::Noent),
            Some(b'/') => Err(Errno::NotCapable),
            Some(_) => {
                self.targets.push((target, 0));
                Ok(())
            }
        }
    }
}

/// The first name of a text and what follows it.
fn split(text: &str) -> (&str, &str) {
    let start = text.bytes().position(|byte| byte != b'/').unwrap_or(text.len());
    let text = &text[start..];
    let end = text.bytes().position(|byte| byte == b'/').unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(path: &str) -> Vec<(String, Rest)> {
        let mut walk = Walk { given: path, targets: Vec::new(), expanded: 0 };
        std::iter::from_fn(|| walk.next().map(|name| (name.into_owned(), walk.rest()))).collect()
    }

    #[test]
    fn a_path_is_taken_apart_into_names_and_what_follows_them() {
        let expected = [("a", Rest::Names), (".", Rest::Names), ("b", Rest::Slash)];
        assert_eq!(names("a//./b///"), expected.map(|(name, rest)| (name.to_owned(), rest)));
        assert_eq!(names("x"), [("x".to_owned(), Rest::Nothing)]);
    }

    #[test]
    fn a_slash_after_a_symlink_stays_after_its_target() {
        let mut walk = Walk { given: "link/", targets: Vec::new(), expanded: 0 };
        assert_eq!(walk.next().as_deref(), Some("link"));
        walk.expand("a/b".into()).unwrap();
        assert_eq!(walk.next().as_deref(), Some("a"));
        assert_eq!(walk.rest(), Rest::Names);
        assert_eq!(walk.next().as_deref(), Some("b"));
        assert_eq!(walk.rest(), Rest::Slash);
        assert_eq!(walk.next(), None);
    }
}

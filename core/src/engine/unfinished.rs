//! Files that are there whole or not at all: written under another name beside their place, then
//! renamed. Nothing else writes a file that somebody may be reading.

use super::sealed;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// How often the name is found in the hands of others before this is given up. Nothing queues: who
/// writes again and again is back before those who slept are awake, so an honest writer may lose many
/// times in a row, and each time it has slept.
const ATTEMPTS: usize = 10_000;

/// A private file that goes when it is dropped, unless it was finished.
///
/// Everybody who writes to one place uses one name beside it, one after the other, under a lock on
/// the file. So what a killed writer left is used up by the next one.
pub(crate) struct Unfinished {
    file: File,
    path: PathBuf,
    place: PathBuf,
}

impl Unfinished {
    /// An empty file that is to become `place`. Waits while another one is written for the same place.
    pub(crate) fn beside(place: &Path) -> io::Result<Unfinished> {
        let name = place.file_name().filter(|_| !place.is_dir());
        let name = name.ok_or_else(|| io::Error::other(format!("{} is not the name of a file", place.display())))?;
        let mut unfinished = OsString::from(".");
        unfinished.push(name);
        unfinished.push(".unfinished");
        let path = place.with_file_name(unfinished);
        for _ in 0..ATTEMPTS {
            let file = sealed::private_options().create(true).truncate(false).open(&path)?;
            match file.lock() {
                // Some network file systems have no locks; then two writers at once can still damage
                // each other's file, as everywhere there.
                Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(error),
                _ => {}
            }
            if !is_at(&file, &path)? {
                // Its former holder has finished or removed it meanwhile.
                continue;
            }
            let found = file.metadata()?;
            if !found.is_file() || !sealed::is_private(&found) || found.nlink() != 1 {
                // Not one of ours, or others could look on: away with it, if that is allowed.
                fs::remove_file(&path)?;
                continue;
            }
            file.set_len(0)?;
            return Ok(Unfinished { file, path, place: place.to_owned() });
        }
        Err(io::Error::other(format!("{} is taken away again and again", path.display())))
    }

    /// Where to write.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Lets it take its place, which then has the new content even after a power failure or still has
    /// the old.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, &self.place)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // The name may be somebody else's by now: it is ours only while it is this file.
        if is_at(&self.file, &self.path).unwrap_or(false) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Writes a whole file at once.
pub(crate) fn replace(place: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let unfinished = Unfinished::beside(place)?;
    unfinished.file().write_all(bytes)?;
    unfinished.finish()
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let here = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((here.dev(), here.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_and_one_that_is_dropped_leaves_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("file");
        replace(&place, b"old").unwrap();
        let unfinished = Unfinished::beside(&place).unwrap();
        unfinished.file().write_all(b"half").unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"old");
        drop(unfinished);
        assert_eq!((fs::read(&place).unwrap(), names(folder.path())), (b"old".to_vec(), vec!["file".into()]));
        replace(&place, b"new").unwrap();
        assert_eq!((fs::read(&place).unwrap(), names(folder.path())), (b"new".to_vec(), vec!["file".into()]));
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Unfinished::beside(folder.path()).is_err());
    }

    #[test]
    fn what_a_killed_writer_or_somebody_else_left_is_not_written_into_what_others_see() {
        let folder = tempfile::tempdir().unwrap();
        let (place, left) = (folder.path().join("file"), folder.path().join(".file.unfinished"));
        fs::write(&left, b"left by a killed writer, and longer").unwrap();
        replace(&place, b"new").unwrap();
        assert_eq!((fs::read(&place).unwrap(), names(folder.path())), (b"new".to_vec(), vec!["file".into()]));
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);

        // A second name for the file, through which others would see and change it.
        let other = folder.path().join("other");
        fs::write(&other, b"other").unwrap();
        fs::hard_link(&other, &left).unwrap();
        replace(&place, b"newer").unwrap();
        assert_eq!((fs::read(&place).unwrap(), fs::read(&other).unwrap()), (b"newer".to_vec(), b"other".to_vec()));

        std::os::unix::fs::symlink(&other, &left).unwrap();
        assert!(replace(&place, b"newest").is_err());
        assert_eq!((fs::read(&place).unwrap(), fs::read(&other).unwrap()), (b"newer".to_vec(), b"other".to_vec()));
    }

    #[test]
    fn many_writers_of_one_place_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("file");
        std::thread::scope(|scope| {
            for writer in 0..4u8 {
                let place = &place;
                scope.spawn(move || {
                    for round in 0..50 {
                        replace(place, &vec![writer; 1000 + round]).unwrap();
                        let read = fs::read(place).unwrap();
                        assert!(read.len() >= 1000 && read.iter().all(|byte| *byte == read[0]));
                    }
                });
            }
        });
        assert_eq!(names(folder.path()), ["file"]);
    }
}

//! The read-only files of an image: gathered from its source, kept one after the other in one
//! file of the cache, and served from a map of it.

use super::build::{Reporter, read_verified};
use super::manifest::{ManifestFile, ManifestFolder};
use super::recipe::Recipe;
use super::{Folder, ImageFiles, tar};
use crate::error::{Error, Result};
use crate::memory::FileMap;
use crate::policy::GuestPath;
use crate::vfs::Bytes;
use std::fs::File;
use std::io::{Cursor, Read as _};
use std::path::Path;
use std::sync::Arc;

/// The most that an archive inside a source may unpack to.
const MAX_UNPACKED_BYTES: u64 = 1 << 30;

/// All files in one block, and where each lies.
pub(super) struct Gathered {
    pub(super) bytes: Vec<u8>,
    pub(super) folders: Vec<ManifestFolder>,
}

/// Reads the files that a recipe names and unpacks its archives.
pub(super) fn gather(recipe: &Recipe, unpacked: &Path, report: &mut Reporter<'_>) -> Result<Gathered> {
    let mut gathered = Gathered { bytes: Vec::new(), folders: Vec::new() };
    for file in &recipe.parsed.file {
        let bytes = read_verified(recipe, unpacked, &file.from, file.sha256, report)?;
        let (folder, name) = file.guest.split_last().ok_or_else(|| damaged(recipe, "a file cannot be the root"))?;
        gathered.add(&folder, false, name, &bytes);
    }
    for archive in &recipe.parsed.unzip {
        let bytes = read_verified(recipe, unpacked, &archive.from, archive.sha256, report)?;
        let outer = open_zip(recipe, bytes)?;
        let inner = match &archive.inner {
            Some(inner) => open_zip(recipe, read_entry(recipe, outer, inner)?)?,
            None => outer,
        };
        gathered.add_all(recipe, &archive.guest, archive.detached, inner)?;
    }
    for archive in &recipe.parsed.untar {
        let bytes = read_verified(recipe, unpacked, &archive.from, archive.sha256, report)?;
        for entry in tar::entries(&bytes) {
            let (path, content) = entry.map_err(|reason| damaged(recipe, &format!("{}: {reason}", archive.from)))?;
            GuestPath::parse(&format!("/{path}"))?;
            if !archive.leave_out.iter().any(|start| path.starts_with(start)) {
                gathered.add(&archive.guest, false, &path, content);
            }
        }
    }
    Ok(gathered)
}

type Zip = zip::ZipArchive<Cursor<Vec<u8>>>;

fn open_zip(recipe: &Recipe, bytes: Vec<u8>) -> Result<Zip> {
    Zip::new(Cursor::new(bytes)).map_err(|error| damaged(recipe, &error.to_string()))
}

fn read_entry(recipe: &Recipe, mut zip: Zip, name: &str) -> Result<Vec<u8>> {
    let entry = zip.by_name(name).map_err(|error| damaged(recipe, &format!("{name}: {error}")))?;
    let mut bytes = Vec::new();
    let read = entry.take(MAX_UNPACKED_BYTES).read_to_end(&mut bytes);
    read.map(|_| bytes).map_err(|error| damaged(recipe, &format!("{name}: {error}")))
}

fn damaged(recipe: &Recipe, reason: &str) -> Error {
    Error::ImageDamaged { name: recipe.name().to_owned(), reason: reason.to_owned() }
}

impl Gathered {
    fn add(&mut self, folder: &GuestPath, detached: bool, path: &str, bytes: &[u8]) {
        let file = ManifestFile { path: path.to_owned(), offset: self.bytes.len() as u64, bytes: bytes.len() as u64 };
        self.bytes.extend_from_slice(bytes);
        match self.folders.iter_mut().find(|known| known.guest == *folder) {
            Some(known) => known.files.push(file),
            None => self.folders.push(ManifestFolder { guest: folder.clone(), detached, files: vec![file] }),
        }
    }

    fn add_all(&mut self, recipe: &Recipe, folder: &GuestPath, detached: bool, mut zip: Zip) -> Result<()> {
        let mut left = MAX_UNPACKED_BYTES;
        for index in 0..zip.len() {
            let mut entry = zip.by_index(index).map_err(|error| damaged(recipe, &error.to_string()))?;
            if !entry.is_file() {
                continue;
            }
            let path = entry.name().to_owned();
            // The one rule for names: no way out of the folder.
            GuestPath::parse(&format!("/{path}"))?;
            let mut bytes = Vec::new();
            let read = (&mut entry).take(left).read_to_end(&mut bytes);
            left -= read.map_err(|error| damaged(recipe, &format!("{path}: {error}")))? as u64;
            if left == 0 {
                return Err(damaged(recipe, "its archive unpacks to more than 1 GiB"));
            }
            self.add(folder, detached, &path, &bytes);
        }
        Ok(())
    }

    /// The files as the warm-up sees them, before they are on disk.
    pub(super) fn in_memory(&self, memory: &[GuestPath]) -> ImageFiles {
        let block: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(self.bytes.clone());
        ImageFiles { folders: folders(&block, &self.folders), memory: memory.to_vec() }
    }
}

/// Maps the files of a built image.
pub(super) fn map(file: &File, listed: &[ManifestFolder], memory: &[GuestPath]) -> Result<ImageFiles, String> {
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let fits = |file: &ManifestFile| file.offset.checked_add(file.bytes).is_some_and(|end| end <= length);
    if !listed.iter().flat_map(|folder| &folder.files).all(fits) {
        return Err("the manifest names files beyond the end of the block".into());
    }
    let block: Bytes = if length == 0 {
        Arc::new([0u8; 0])
    } else {
        Arc::new(FileMap::of_sealed(file).map_err(|error| error.to_string())?)
    };
    Ok(ImageFiles { folders: folders(&block, listed), memory: memory.to_vec() })
}

fn folders(block: &Bytes, listed: &[ManifestFolder]) -> Vec<Folder> {
    let part = |file: &ManifestFile| {
        let range = file.offset as usize..(file.offset + file.bytes) as usize;
        (file.path.clone(), Arc::new(Part { block: block.clone(), range }) as Bytes)
    };
    let folder = |folder: &ManifestFolder| Folder {
        guest: folder.guest.clone(),
        detached: folder.detached,
        files: folder.files.iter().map(part).collect(),
    };
    listed.iter().map(folder).collect()
}

/// One file inside the block.
struct Part {
    block: Bytes,
    range: std::ops::Range<usize>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        (*self.block).as_ref().get(self.range.clone()).unwrap_or(&[])
    }
}

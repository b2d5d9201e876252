//! The terms under which what is in an image may be passed on, gathered from its source into one
//! text, so that they go wherever the image goes.

use super::build::read_regular;
use super::recipe::Recipe;
use crate::error::{Error, Result};
use std::fs;
use std::io;
use std::path::Path;

/// The most that all texts have together.
const MAX_BYTES: usize = 16 << 20;

/// Reads the files, and the files of the folders, that a recipe names; each under its path.
pub(super) fn gather(recipe: &Recipe, unpacked: &Path) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    for from in &recipe.parsed.licences {
        let read = add(&mut text, unpacked, from);
        read.map_err(Error::host_io(format!("reading {from} of the source")))?;
    }
    Ok(text)
}

fn add(text: &mut Vec<u8>, unpacked: &Path, from: &str) -> io::Result<()> {
    let path = unpacked.join(from);
    if !path.is_dir() {
        return add_file(text, &path, from);
    }
    let mut names = fs::read_dir(&path)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    for name in names {
        add_file(text, &path.join(&name), &format!("{from}/{}", name.to_string_lossy()))?;
    }
    Ok(())
}

fn add_file(text: &mut Vec<u8>, path: &Path, shown: &str) -> io::Result<()> {
    let bytes = read_regular(path)?;
    if text.len() + bytes.len() > MAX_BYTES {
        return Err(io::Error::other("the licences are longer than 16 MiB"));
    }
    text.extend_from_slice(format!("==> {shown} <==\n").as_bytes());
    text.extend_from_slice(&bytes);
    text.extend_from_slice(b"\n\n");
    Ok(())
}

//! Where the files of the checkout are.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    // Cargo tells at run time; the place at build time serves a binary that is run by hand.
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest.parent().map_or_else(|| manifest.clone(), Path::to_owned)
}

/// Test data that is shared between projects: `$SANDCELL_SHARED`, else `shared` beside the
/// checkout.
pub(crate) fn shared() -> Option<PathBuf> {
    let given = std::env::var_os("SANDCELL_SHARED").map(PathBuf::from);
    let beside = root().parent().map(|parent| parent.join("shared"));
    given.or(beside).filter(|folder| folder.is_dir())
}

/// Every Rust file of the checkout, by its path below the root with forward slashes.
pub(crate) fn rust_files() -> Result<Vec<(String, String)>, String> {
    let root = root();
    let mut found = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" && name != "node_modules" && name != "fetched" {
                    open.push(path);
                }
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                let below = path.strip_prefix(&root).unwrap_or(&path);
                found.push((below.to_string_lossy().replace('\\', "/"), text));
            }
        }
    }
    found.sort();
    Ok(found)
}

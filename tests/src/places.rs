//! Where things lie.

use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A file or folder of the material shared with other repositories: `$SANDCELL_SHARED`, else
/// `../shared` beside the checkout.
///
/// # Panics
/// If it is not there: tests that need it must not pass without it.
pub fn shared(path: &str) -> PathBuf {
    let root = match std::env::var_os("SANDCELL_SHARED") {
        Some(root) => PathBuf::from(root),
        None => workspace().parent().unwrap().join("shared"),
    };
    let found = root.join(path);
    assert!(
        found.exists(),
        "{} does not exist: put the shared folder beside the checkout, or name it in SANDCELL_SHARED",
        found.display()
    );
    found
}

/// A folder for what tests make and need not keep, the same for every run.
pub fn scratch(name: &str) -> PathBuf {
    let folder = release().parent().unwrap().join("tmp/sandcell-tests").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The folder of the binaries that this test was built with.
pub fn release() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

/// A binary of the workspace.
///
/// # Panics
/// If it was not built: `cargo test` builds only what the test's own package needs.
pub fn binary(name: &str) -> PathBuf {
    let path = release().join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --release --workspace` first", path.display());
    path
}

//! The examples run, from a folder of their own, and leave nothing behind.

use sandcell_tests::{cli, places};
use std::process::Command;

#[test]
fn every_example_runs() {
    let sources = places::workspace().join("examples/rust");
    for source in sandcell_tests::folders::listed(&sources, "rs") {
        let name = format!("example-{}", source.file_stem().unwrap().to_str().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let mut example = Command::new(places::binary(&name));
        let ran = cli::run(example.current_dir(folder.path()).env("TMPDIR", folder.path()));
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
        assert!(!ran.stdout.is_empty(), "{name} says nothing");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{name} left files behind");
    }
}

//! Image archives: exported by one process, imported by another into a cache of its own; and images
//! derived on the command line. The archive of the Python image is written once per test run.

use super::cache::Mounted;
use sandcell_tests::cli::{self, Ran};
use sandcell_tests::{guests, places};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The Python image as an archive that is sealed with a key.
struct Archive {
    path: PathBuf,
    key: PathBuf,
    sha256: String,
}

fn archive() -> &'static Archive {
    static ARCHIVE: OnceLock<Archive> = OnceLock::new();
    ARCHIVE.get_or_init(|| {
        guests::python();
        let folder = places::scratch("archives");
        let (path, key) = (folder.join("python.sandcell"), folder.join("key"));
        fs::write(&key, [7; 32]).unwrap();
        let export = ["image", "export", "python", text(&path), "--json", "--key-file", text(&key)];
        let exported = cli::run(cli::sandcell().args(export));
        assert_eq!((exported.code, &*exported.stderr), (Some(0), ""));
        let json = exported.json();
        let length = fs::metadata(&path).unwrap().len();
        assert_eq!((&json["bytes"], &json["keyed"], &json["name"]), (&json!(length), &json!(true), &json!("python")));
        Archive { path, key, sha256: json["sha256"].as_str().unwrap().to_owned() }
    })
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder with a cache in it.
struct Place(tempfile::TempDir);

impl Place {
    fn empty() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn cache(&self) -> PathBuf {
        self.0.path().join("cache")
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        cli::run(cli::sandcell_with_cache(&self.cache()).args(arguments))
    }

    fn import(&self, archive: &Path, trust: &[&str]) -> Ran {
        self.run(&[&["image", "import", text(archive), "--json"], trust].concat())
    }

    fn images(&self) -> Vec<String> {
        let images = self.run(&["image", "list", "--json"]).json();
        images["images"].as_array().unwrap().iter().map(|image| image["name"].as_str().unwrap().to_owned()).collect()
    }

    /// What lies in a folder of the cache, finished or not.
    fn entries(&self, kind: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.cache().join(kind)) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn assert_nothing_is_there(&self, why: &str) {
        for kind in ["artifacts", "images", "names"] {
            assert_eq!(self.entries(kind), Vec::<PathBuf>::new(), "{why}");
        }
    }
}

fn code(ran: &Ran) -> Value {
    assert_eq!(ran.code, Some(126), "{ran:?}");
    ran.json()["error"]["code"].clone()
}

/// As its publisher would say it.
fn sha256(path: &Path) -> String {
    let ran = cli::run(Command::new("sha256sum").arg(path));
    ran.stdout.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn an_exported_image_runs_from_an_empty_cache_keeps_its_digest_and_can_be_derived_from() {
    let archive = archive();
    assert_eq!(sha256(&archive.path), archive.sha256);
    assert_eq!(fs::metadata(&archive.path).unwrap().permissions().mode() & 0o777, 0o600);

    let place = Place::empty();
    let imported = place.import(&archive.path, &["--key-file", text(&archive.key)]);
    assert_eq!((imported.code, &*imported.stderr), (Some(0), ""));
    assert_eq!(imported.json()["digest"], guests::python().info().digest);
    let printed = place.run(&["run", "-c", "import numpy; print(int(numpy.arange(4).sum()))"]);
    assert_eq!((printed.code, &*printed.stdout, &*printed.stderr), (Some(0), "6\n", ""));
    assert_eq!((place.entries("artifacts").len(), place.entries("images").len()), (1, 1));

    let inode = |place: &Place| fs::metadata(place.entries("artifacts")[0].join("code.cwasm")).unwrap().ino();
    let before = inode(&place);
    let again = place.import(&archive.path, &["--sha256", &archive.sha256]);
    assert_eq!((again.code, again.json()), (Some(0), imported.json()));
    assert_eq!(inode(&place), before, "sound code was replaced");
    assert_eq!((place.entries("artifacts").len(), place.entries("images").len()), (1, 1));

    derives(&place);
}

/// Derives on the command line, from an image that was imported.
fn derives(place: &Place) {
    let (setup, rates) = (place.0.path().join("setup.py"), place.0.path().join("rates.csv"));
    fs::write(&setup, "import csv\nrates = dict(csv.reader(open('/data/rates.csv')))\n").unwrap();
    fs::write(&rates, "a,1\nb,2\n").unwrap();
    let file = format!("{}:/data/rates.csv", text(&rates));
    let derive = ["image", "derive", "--from", "python", "--name", "rated", "--json"];
    let derived = place.run(&[&derive[..], &["--setup-file", text(&setup), "--file", &file]].concat());
    assert_eq!((derived.code, &*derived.stderr), (Some(0), ""), "{derived:?}");
    assert_eq!(derived.json()["name"], "rated");
    let ran = place.run(&["run", "--image", "rated", "-c", "print(rates['b'], open('/data/rates.csv').read(3))"]);
    assert_eq!((ran.code, &*ran.stdout), (Some(0), "2 a,1\n"), "{ran:?}");
    assert_eq!(place.images(), ["python", "rated"]);
    // The compiled code is shared.
    assert_eq!((place.entries("artifacts").len(), place.entries("images").len()), (1, 2));

    let refused = |options: &[&str]| code(&place.run(&[&["image", "derive", "--json"], options].concat()));
    let raising = ["--from", "python", "--name", "other", "--setup", "raise ValueError('mine')"];
    assert_eq!(refused(&raising), "image_setup_failed");
    assert_eq!(refused(&["--from", "nothing", "--name", "other"]), "image_missing");
    assert_eq!(refused(&["--from", "python", "--name", "../other"]), "document_invalid");
    assert_eq!(refused(&["--from", "python", "--name", "other", "--file", "/nowhere:/a"]), "host_io");
    for usage in [&["--name", "python"][..], &["--name", "other", "--file", "a"], &[]] {
        let ran = place.run(&[&["image", "derive", "--json", "--from", "python"], usage].concat());
        assert_eq!(ran.code, Some(2), "{usage:?}: {ran:?}");
    }
    assert_eq!(place.images(), ["python", "rated"]);
}

#[test]
fn an_archive_that_is_not_the_trusted_one_is_refused_by_name_and_leaves_nothing() {
    let archive = archive();
    let bytes = fs::read(&archive.path).unwrap();
    let place = Place::empty();
    let write = |name: &str, bytes: &[u8]| {
        let path = place.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    let flipped = write("flipped", &flipped);
    let cut = write("cut", &bytes[..bytes.len() - 1]);
    let stump = write("stump", &bytes[..20]);
    let other_key = write("other_key", &[8; 32]);
    let short_key = write("short_key", &[8; 3]);
    drop(bytes);
    let by_digest = ["--sha256", &archive.sha256];
    let by_key = ["--key-file", text(&archive.key)];
    let wrong = "ab".repeat(32);

    for (file, trust, expected) in [
        (&archive.path, &["--sha256", &*wrong][..], "image_untrusted"),
        (&archive.path, &["--key-file", text(&other_key)], "image_untrusted"),
        (&archive.path, &["--key-file", text(&short_key)], "document_invalid"),
        (&archive.path, &["--key-file", "/nowhere"], "host_io"),
        (&archive.path, &[&by_digest[..], &["--limit", "image_bytes=1m"]].concat(), "image_exceeds"),
        (&archive.path, &[&by_digest[..], &["--limit", "image_bytes=100m"]].concat(), "image_exceeds"),
        (&flipped, &by_digest, "image_untrusted"),
        (&flipped, &by_key, "image_untrusted"),
        (&stump, &by_digest, "image_damaged"),
        (&other_key, &by_digest, "image_damaged"),
        (&place.0.path().to_owned(), &by_digest, "image_damaged"),
        (&place.0.path().join("none"), &by_digest, "host_io"),
    ] {
        let ran = place.import(file, trust);
        assert_eq!(code(&ran), expected, "{} {trust:?}", file.display());
        place.assert_nothing_is_there(expected);
    }
    // What the length field says lies elsewhere now: refused before or by the comparison.
    for trust in [by_digest, by_key] {
        let refused = code(&place.import(&cut, &trust));
        assert!(refused == "image_untrusted" || refused == "image_damaged", "{refused}");
        place.assert_nothing_is_there("cut");
    }
    // Trusted and damaged all the same: found while unpacking, and cleared away.
    let damaged = place.import(&flipped, &["--sha256", &sha256(&flipped)]);
    assert_eq!(code(&damaged), "image_damaged");
    place.assert_nothing_is_there("damaged");
    // Without a reason to trust it is wrong usage, and so are two.
    assert_eq!(place.import(&archive.path, &[]).code, Some(2));
    assert_eq!(place.import(&archive.path, &[&by_digest[..], &by_key].concat()).code, Some(2));
}

#[test]
fn a_full_disk_is_said_and_leaves_nothing() {
    let archive = archive();
    let place = Place::empty();
    fs::create_dir(place.cache()).unwrap();
    let Some(_mount) = Mounted::tmpfs(&place.cache(), "mode=0700,size=64m") else { return };
    assert_eq!(code(&place.import(&archive.path, &["--sha256", &archive.sha256])), "host_io");
    place.assert_nothing_is_there("import");

    let to = place.cache().join("python.sandcell");
    let export = cli::run(cli::sandcell().args(["image", "export", "python", text(&to), "--json"]));
    assert_eq!(code(&export), "host_io");
    let left: Vec<_> = fs::read_dir(place.cache()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("python.sandcell")), "{left:?}");
}

#[test]
fn what_cannot_be_exported_is_refused_and_the_file_that_was_there_stays() {
    let place = Place::empty();
    let file = place.0.path().join("file");
    fs::write(&file, "mine").unwrap();
    let export = |name: &str, to: &Path| code(&place.run(&["image", "export", name, text(to), "--json"]));
    assert_eq!(export("nothing", &file), "image_missing");
    assert_eq!(export("../python", &file), "document_invalid");
    guests::python();
    for to in [place.0.path(), &place.0.path().join("none/file")] {
        let ran = cli::run(cli::sandcell().args(["image", "export", "python", text(to), "--json"]));
        assert_eq!(code(&ran), "host_io", "{}", to.display());
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 1, "something was left beside it");
}

//! `sandcell image export` and `import`.

use super::row;
use crate::failure::Failure;
use crate::progress::Display;
use crate::{parse, report};
use clap::{ArgGroup, Args};
use sandcell::{Engine, Image, LimitKey, Limits, SnapshotKey, Trust};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

const EXPORT_EXAMPLES: &str = "\
Examples:
  sandcell image export python python.sandcell
  sandcell image export python python.sandcell --key-file ./export.key

The SHA-256 of the file is printed: whoever imports it needs that, or the key. The archive fits
machines with the same system and version of sandcell, and the same processor features. One of an image
that was built with `image build --baseline NAME` fits all processors that have the baseline.";

const IMPORT_EXAMPLES: &str = "\
Examples:
  sandcell image import python.sandcell --sha256 \"$(cat python.sandcell.sha256)\"
  sandcell image import python.sandcell --key-file ./export.key

An archive holds native code that runs outside of every sandbox: whoever made it runs code as you.
So there is no import without a reason to trust it: the SHA-256, which came another way than the
file, or the key that it was exported with. Nothing is unpacked before that was compared.";

/// Write an image into one file, for other machines
#[derive(Debug, Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub(super) struct ExportArgs {
    /// Which image
    name: String,
    /// The file to write; one that is there is replaced
    file: PathBuf,
    /// Seal it with the key in this file: 16 to 1024 bytes, which should be random
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    /// Print one JSON object, and no progress
    #[arg(long)]
    pub(super) json: bool,
}

/// Take an image that was exported elsewhere
#[derive(Debug, Args)]
#[command(after_help = IMPORT_EXAMPLES, group = ArgGroup::new("trust").required(true).args(["sha256", "key_file"]))]
pub(super) struct ImportArgs {
    /// The archive
    file: PathBuf,
    /// The archive's SHA-256, as its publisher says it is
    #[arg(long, value_name = "HEX", value_parser = Trust::sha256)]
    sha256: Option<Trust>,
    /// A file with the key that the archive was sealed with
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Set a limit: image_bytes bounds what is read and unpacked
    #[arg(long = "limit", value_name = "KEY=VALUE", value_parser = parse::limit)]
    limits: Vec<(LimitKey, u64)>,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    /// Print the image as one JSON object, and no progress
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn export(engine: &Engine, args: &ExportArgs) -> Result<u8, Failure> {
    let key = args.key_file.as_deref().map(read_key).transpose()?;
    let mut display = Display::new(args.quiet || args.json);
    let digest = Image::export(engine, &args.name, &args.file, key.as_ref(), &mut |progress| display.update(progress));
    display.finish();
    let digest = digest?;
    if args.json {
        let bytes = args.file.metadata().map_err(Failure::io(format!("reading {}", args.file.display())))?.len();
        let keyed = key.is_some();
        report::print_json(
            &serde_json::json!({ "name": args.name, "path": args.file, "bytes": bytes, "sha256": digest, "keyed": keyed }),
        )?;
    } else {
        // The digest alone, so that a script can take it; it is also the result with --quiet.
        report::print_text(&format!("{digest}\n"))?;
    }
    Ok(0)
}

pub(super) fn import(engine: &Engine, args: &ImportArgs) -> Result<u8, Failure> {
    let trust = trust(args)?;
    let limits = args.limits.iter().try_fold(Limits::new(), |limits, (key, value)| limits.with(*key, *value))?;
    let mut display = Display::new(args.quiet || args.json);
    let image = Image::import(engine, &args.file, &trust, &limits, &mut |progress| display.update(progress));
    display.finish();
    let image = image?;
    if args.json {
        report::print_json(image.info())?;
    } else if !args.quiet {
        report::print_text(&format!("{} (imported)\n", row(image.info())))?;
    }
    Ok(0)
}

/// One of the two; that there is one was checked with the command line.
fn trust(args: &ImportArgs) -> Result<Trust, Failure> {
    match (&args.sha256, &args.key_file) {
        (Some(trust), _) => Ok(trust.clone()),
        (None, Some(path)) => Ok(Trust::key(&read_key(path)?)),
        (None, None) => Err(Failure::Usage("give the archive's --sha256 or a --key-file".into())),
    }
}

/// The whole content of the file is the key, a line end included.
fn read_key(path: &Path) -> Result<SnapshotKey, Failure> {
    /// One more than a key may have, so that a longer file is refused and not cut.
    const ENOUGH: u64 = 1025;
    let reading = || format!("reading the key {}", path.display());
    let mut secret = Vec::new();
    let file = File::open(path).map_err(Failure::io(reading()))?;
    file.take(ENOUGH).read_to_end(&mut secret).map_err(Failure::io(reading()))?;
    Ok(SnapshotKey::new(&secret)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Import {
        #[command(flatten)]
        args: ImportArgs,
    }

    #[test]
    fn an_import_needs_exactly_one_reason_to_trust() {
        let digest = "ab".repeat(32);
        let parse = |options: &[&str]| Import::try_parse_from([&["import", "x.sandcell"], options].concat());
        assert!(parse(&[]).is_err());
        assert!(parse(&["--sha256", "ab"]).is_err());
        assert!(parse(&["--sha256", &digest, "--key-file", "key"]).is_err());
        assert!(parse(&["--sha256", &digest]).is_ok_and(|import| trust(&import.args).is_ok()));
        assert!(parse(&["--key-file", "key"]).is_ok());
    }

    #[test]
    fn a_key_of_a_wrong_length_is_refused_and_not_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for (length, good) in [(15, false), (16, true), (1024, true), (1025, false), (5000, false)] {
            std::fs::write(&path, vec![7; length]).unwrap();
            assert_eq!(read_key(&path).is_ok(), good, "{length}");
        }
        assert!(read_key(&folder.path().join("none")).is_err());
    }
}

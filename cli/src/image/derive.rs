//! `sandcell image derive`.

use super::row;
use crate::failure::Failure;
use crate::progress::Display;
use crate::{parse, report};
use clap::Args;
use sandcell::{Derivation, Engine, Image};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  sandcell image derive --from python --name science --setup 'import numpy, pandas'
  sandcell image derive --from python --name app --setup-file warm.py --file ./rates.csv:/data/rates.csv

The setup runs once, here, with the files in place; every sandbox of the new image starts with what
it left in memory. It must create no secrets: all sandboxes would share them. The compiled code is
shared with the image it comes from.";

/// Make an image from another one: with more files, after more code has run
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DeriveArgs {
    /// The image that it starts as
    #[arg(long, value_name = "NAME")]
    from: String,
    /// What the new image is called
    #[arg(long, value_name = "NEW")]
    name: String,
    /// Code in the image's language that runs once, such as imports
    #[arg(long, value_name = "CODE", conflicts_with = "setup_file")]
    setup: Option<String>,
    /// A file with that code
    #[arg(long, value_name = "FILE")]
    setup_file: Option<PathBuf>,
    /// Copy a file of the host to this path of the guest; may be repeated
    #[arg(long = "file", value_name = "HOST:GUEST", value_parser = parse::guest_file)]
    files: Vec<(PathBuf, String)>,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    /// Print the image as one JSON object, and no progress
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn execute(engine: &Engine, args: &DeriveArgs) -> Result<u8, Failure> {
    if args.from == args.name {
        return Err(Failure::Usage(format!(
            "the new image cannot have the name of `{}`, which it is made from",
            args.from
        )));
    }
    let derivation = derivation(args)?;
    let base = Image::load(engine, &args.from)?;
    let mut display = Display::new(args.quiet || args.json);
    let image = base.derive(&args.name, &derivation, &mut |progress| display.update(progress));
    display.finish();
    let image = image?;
    if args.json {
        report::print_json(image.info())?;
    } else if !args.quiet {
        report::print_text(&format!("{} (derived from {})\n", row(image.info()), args.from))?;
    }
    Ok(0)
}

fn derivation(args: &DeriveArgs) -> Result<Derivation, Failure> {
    let mut derivation = Derivation::new();
    if let Some(code) = &args.setup {
        derivation = derivation.setup(code);
    }
    if let Some(path) = &args.setup_file {
        let code = std::fs::read_to_string(path).map_err(Failure::io(format!("reading {}", path.display())))?;
        derivation = derivation.setup(code);
    }
    for (host, guest) in &args.files {
        let content = std::fs::read(host).map_err(Failure::io(format!("reading {}", host.display())))?;
        derivation = derivation.file(guest, content)?;
    }
    Ok(derivation)
}

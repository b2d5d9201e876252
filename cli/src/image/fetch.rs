//! `sandcell image fetch`.

use super::build::recipe;
use crate::failure::Failure;
use crate::fetch;
use crate::progress::Display;
use clap::Args;
use sandcell::CacheDir;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Example:
  sandcell image fetch javascript ./javascript-source
  sandcell image build javascript --source ./javascript-source

The folder holds what building reads: the module, which is compiled first where the source is C, files of
the guest's tree, and licences. With it an image is built without network and compiler.";

/// Fetch what an image is built from into a folder
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct FetchArgs {
    /// Which image
    name: String,
    /// The folder to fill
    folder: PathBuf,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn execute(cache: &CacheDir, args: &FetchArgs) -> Result<u8, Failure> {
    let recipe = recipe(&args.name)?;
    let display = Display::new(args.quiet);
    let source = fetch::source(cache, &recipe, false, &mut |text| display.say(text))?;
    fetch::copy_needed(&recipe, &source, &args.folder)?;
    display.finish();
    Ok(0)
}

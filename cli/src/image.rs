//! `sandcell image`: everything that is done with images besides running them.

mod archive;
mod build;
mod derive;
mod fetch;
mod manage;

use crate::failure::Failure;
use crate::report;
use archive::{ExportArgs, ImportArgs};
use build::BuildArgs;
use clap::{Args, Subcommand};
use derive::DeriveArgs;
use fetch::FetchArgs;
use manage::{GcArgs, ListArgs, RemoveArgs, ShowArgs};
use sandcell::{CacheDir, Engine, ImageInfo};

const EXAMPLES: &str = "\
Examples:
  sandcell image build python
  sandcell image derive --from python --name science --setup 'import numpy, pandas'
  sandcell image export science science.sandcell
  sandcell image list";

/// Build and manage the images that programs run on
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct ImageArgs {
    #[command(subcommand)]
    command: ImageCommand,
}

#[derive(Debug, Subcommand)]
enum ImageCommand {
    Build(BuildArgs),
    Fetch(FetchArgs),
    Derive(DeriveArgs),
    List(ListArgs),
    Show(ShowArgs),
    Export(ExportArgs),
    Import(ImportArgs),
    Remove(RemoveArgs),
    Gc(GcArgs),
}

impl ImageArgs {
    pub(crate) fn json(&self) -> bool {
        match &self.command {
            ImageCommand::Build(args) => args.json,
            ImageCommand::Derive(args) => args.json,
            ImageCommand::List(args) => args.json,
            ImageCommand::Show(args) => args.json,
            ImageCommand::Export(args) => args.json,
            ImageCommand::Import(args) => args.json,
            ImageCommand::Gc(args) => args.json,
            ImageCommand::Fetch(_) | ImageCommand::Remove(_) => false,
        }
    }
}

pub(crate) fn execute(args: ImageArgs) -> Result<u8, Failure> {
    let cache = CacheDir::user()?;
    let engine = Engine::builder().cache(cache.clone()).build()?;
    match args.command {
        ImageCommand::Build(args) => build::execute(&cache, &args),
        ImageCommand::Fetch(args) => fetch::execute(&cache, &args),
        ImageCommand::Derive(args) => derive::execute(&engine, &args),
        ImageCommand::List(args) => manage::list(&engine, &args),
        ImageCommand::Show(args) => manage::show(&engine, &args),
        ImageCommand::Export(args) => archive::export(&engine, &args),
        ImageCommand::Import(args) => archive::import(&engine, &args),
        ImageCommand::Remove(args) => manage::remove(&engine, &args),
        ImageCommand::Gc(args) => manage::gc(&engine, &cache, &args),
    }
}

/// One line about an image.
fn row(image: &ImageInfo) -> String {
    let digest = image.digest.get(..12).unwrap_or(&image.digest);
    format!("{:<12} {:<10} {:>9}  {digest}", image.name, image.language, report::size(image.bytes))
}

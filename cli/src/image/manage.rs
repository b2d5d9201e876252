//! `sandcell image list`, `show`, `remove` and `gc`.

use super::row;
use crate::failure::Failure;
use crate::{fetch, report};
use clap::Args;
use sandcell::{CacheDir, Engine, Image, ImageInfo, Recipe};
use std::path::Path;

const LIST_EXAMPLES: &str = "Example:\n  sandcell image list --json";
const SHOW_EXAMPLES: &str = "Example:\n  sandcell image show python";
const REMOVE_EXAMPLES: &str = "Example:\n  sandcell image remove python";
const GC_EXAMPLES: &str = "\
Example:
  sandcell image gc

The compiled code of images and modules is kept under a size cap by itself. This removes the fetched
sources, which are needed again only to build an image anew, and images that have lost their name to
another one, as far as they were not used in the last ten minutes.";

/// List the images on this machine
#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub(super) struct ListArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// Show one image
#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub(super) struct ShowArgs {
    /// Which image
    name: String,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// Remove images from this machine
#[derive(Debug, Args)]
#[command(after_help = REMOVE_EXAMPLES)]
pub(super) struct RemoveArgs {
    /// Which images
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// Remove what can be fetched again
#[derive(Debug, Args)]
#[command(after_help = GC_EXAMPLES)]
pub(super) struct GcArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn list(engine: &Engine, args: &ListArgs) -> Result<u8, Failure> {
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

pub(super) fn show(engine: &Engine, args: &ShowArgs) -> Result<u8, Failure> {
    let image = Image::load(engine, &args.name)?;
    if args.json {
        report::print_json(image.info())?;
        return Ok(0);
    }
    let ImageInfo { name, digest, bytes, path, language, baseline } = image.info();
    let mut text = format!("name      {name}\nlanguage  {language}\ndigest    {digest}\n");
    text.push_str(&format!("processor {}\n", baseline.as_deref().unwrap_or("this very one")));
    text.push_str(&format!("size      {} ({} bytes)\npath      {}\n", report::size(*bytes), bytes, path.display()));
    if let Some(recipe) = Recipe::builtin(name) {
        let source = recipe.source();
        text.push_str(&format!("source    {} {} ({})\n", source.package, source.version, source.registry));
    }
    report::print_text(&text)?;
    Ok(0)
}

pub(super) fn remove(engine: &Engine, args: &RemoveArgs) -> Result<u8, Failure> {
    for name in &args.names {
        Image::remove(engine, name)?;
    }
    Ok(0)
}

pub(super) fn gc(engine: &Engine, cache: &CacheDir, args: &GcArgs) -> Result<u8, Failure> {
    let sources = fetch::sources_dir(cache);
    let freed = folder_bytes(&sources) + Image::sweep(engine)?;
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

//! A reactor of one megabyte that does next to nothing: what a fork costs by itself.

use super::Effort;
use super::guests::Derived;
use super::results::Results;
use super::timing::{in_turns, timed};
use crate::failure::Failure;
use sandcell::{Engine, Image, Program, Recipe, Sandbox};

/// ```wat
/// (module
///   (memory (export "memory") 16)
///   (func (export "host_alloc") (param i32) (result i32) (i32.const 4096))
///   (func (export "turn") (param i32 i32) (result i32)
///     (i32.store (i32.const 0) (local.get 1))
///     (i32.const 0)))
/// ```
const MODULE: &[u8] = include_bytes!("reactor.wasm");

const RECIPE: &str = r#"
name = "bench-reactor"
language = "wasm"
[module]
from = "reactor.wasm"
sha256 = "ac1563c4f8915a7efa9dfc8caefd5c110ee42cab560912f6e49edc6c3ba4e957"
[source]
registry = "none"
package = "bench-reactor"
version = "1"
file = "reactor.wasm"
sha256 = "ac1563c4f8915a7efa9dfc8caefd5c110ee42cab560912f6e49edc6c3ba4e957"
[program]
argv0 = "reactor"
"#;

pub(super) fn measure(engine: &Engine, effort: Effort, results: &mut Results) -> Result<(), Failure> {
    let image = build(engine)?;
    let _derived = Derived::of(engine, &image);
    let [reactor] = in_turns(effort.rounds(1), [&mut || once(&image)])?;
    results.time("reactor", "1 MB reactor: fork, call, drop", &reactor, Some(30.0));
    Ok(())
}

fn build(engine: &Engine) -> Result<Image, Failure> {
    let folder = tempfile::tempdir().map_err(Failure::io("making a folder"))?;
    std::fs::write(folder.path().join("reactor.wasm"), MODULE).map_err(Failure::io("writing a module"))?;
    Ok(Image::build(engine, &Recipe::parse(RECIPE)?, folder.path(), &mut |_| {})?)
}

fn once(image: &Image) -> Result<f64, Failure> {
    let (_, took) = timed(|| {
        let mut sandbox = Sandbox::builder(image).build()?;
        Ok(sandbox.run(Program::code("x"))?)
    })?;
    Ok(took)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use sandcell::CacheDir;

    #[test]
    fn the_reactor_is_built_and_answers() {
        let cache = tempfile::tempdir().unwrap();
        let engine = Engine::builder().cache(CacheDir::at(cache.path().join("cache"))).build().unwrap();
        let image = build(&engine).unwrap();
        let outcome = Sandbox::builder(&image).build().unwrap().run(Program::code("x")).unwrap();
        assert!(outcome.is_success(), "{:?}", outcome.status);
    }
}

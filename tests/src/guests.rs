//! Guests: the `.wat` files of `guests/wat`, modules written in a test, and the built images.

use crate::places;
use sandcell::{CacheDir, Engine, Image, Limits, Outcome, Policy, Program, Sandbox};
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

/// An engine for small modules: compiling them is faster than a cache.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::builder().build().unwrap())
}

/// An engine that keeps compiled code, for modules that take long to compile.
pub fn caching_engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::builder().cache(CacheDir::at(places::scratch("cache"))).build().unwrap())
}

macro_rules! images {
    ($($name:ident),+) => { $(
        #[doc = concat!("The image `", stringify!($name), "`, loaded once.\n\n# Panics\nIf it has not been built.")]
        pub fn $name() -> &'static Image {
            static IMAGE: OnceLock<Image> = OnceLock::new();
            IMAGE.get_or_init(|| built(stringify!($name)))
        }
    )+ };
}

images!(python, javascript, typescript, c, cpp, lua);

fn built(name: &str) -> Image {
    Image::load(&Engine::new().unwrap(), name).unwrap_or_else(|error| panic!("{error}: run `cargo xtask images`"))
}

/// The guest `guests/wat/NAME.wat`, compiled once.
pub fn wat(name: &str) -> Image {
    static IMAGES: Mutex<Option<HashMap<String, Image>>> = Mutex::new(None);
    let mut images = IMAGES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let images = images.get_or_insert_default();
    if !images.contains_key(name) {
        images.insert(name.to_owned(), compile(name, &wat_source(name)));
    }
    images[name].clone()
}

/// The text of `guests/wat/NAME.wat`.
pub fn wat_source(name: &str) -> Vec<u8> {
    let path = places::workspace().join("guests/wat").join(format!("{name}.wat"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A module given as binary or text.
pub fn compile(name: &str, module: &[u8]) -> Image {
    let limits = Limits::new();
    Image::command(engine(), name, module, &limits).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A module of one `_start` with `body`, two pages of memory and what stands in `items`.
pub fn start(items: &str, body: &str) -> Image {
    let text = format!("(module {items} (memory (export \"memory\") 2) (func (export \"_start\") {body}))");
    compile("start", text.as_bytes())
}

/// A sandbox; whatever is wrong with its policy is the test's mistake.
pub fn sandbox(image: &Image, policy: Policy, limits: Limits) -> Sandbox {
    Sandbox::builder(image).policy(policy).limits(limits).build().unwrap()
}

/// Runs a command with all limits at their defaults and nothing granted.
pub fn run(image: &Image) -> Outcome {
    run_in(image, Policy::new(), &[], Program::command())
}

/// Runs one program in a fresh sandbox, to its very end.
pub fn run_in(image: &Image, policy: Policy, limits: &[(&str, u64)], program: Program) -> Outcome {
    sandbox(image, policy, self::limits(limits)).run_to_end(program).unwrap()
}

/// Runs a script of preview 1 calls (see `guests/wat/calls.wat`) and gives its output lines.
///
/// # Panics
/// If the script did not come to its end.
pub fn calls(policy: Policy, limits: &[(&str, u64)], script: &str) -> Vec<String> {
    let outcome = run_in(&wat("calls"), policy, limits, Program::command().arg(script));
    assert!(outcome.is_success(), "{:?}\n{}", outcome.status, outcome.stdout_text());
    outcome.stdout_text().lines().map(str::to_owned).collect()
}

/// Limits by name.
pub fn limits(given: &[(&str, u64)]) -> Limits {
    let mut limits = Limits::new();
    for (name, value) in given {
        limits.set(name, *value).unwrap();
    }
    limits
}

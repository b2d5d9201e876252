//! The images that are measured, and programs in them.

use super::timing::timed;
use crate::failure::Failure;
use sandcell::{Derivation, Engine, Error, Image, Outcome, Program, Sandbox};

/// What both images of the comparison of sizes have: the pages that a run writes, not one of them
/// zeros, so that both files hold them.
const BUFFERS: &str = "hundred = bytearray(b'\\x01') * (100 * 4096)\nmega = bytearray(b'\\x01') * (1 << 20)\n";
/// What makes the large one large.
const BALLAST: &str = "ballast = bytearray(b'\\x01') * (360 << 20)\n";

/// The images.
pub(super) struct Guests {
    pub(super) engine: Engine,
    pub(super) python: Image,
    pub(super) javascript: Image,
    pub(super) pandas: Image,
    pub(super) small: Image,
    pub(super) large: Image,
    _derived: [Derived; 3],
}

/// An image of the bench's own, which is gone from the cache when this is dropped.
pub(super) struct Derived {
    engine: Engine,
    name: String,
}

impl Derived {
    pub(super) fn of(engine: &Engine, image: &Image) -> Derived {
        Derived { engine: engine.clone(), name: image.info().name.clone() }
    }
}

impl Drop for Derived {
    fn drop(&mut self) {
        // That somebody else has removed it is fine.
        let _ = Image::remove(&self.engine, &self.name);
    }
}

impl Guests {
    /// Derives them.
    pub(super) fn prepare(engine: &Engine) -> Result<Guests, Failure> {
        let python = super::python(engine)?;
        let derive = |name: &str, setup: &str| {
            let image = python.derive(name, &Derivation::new().setup(setup), &mut |_| {})?;
            Ok::<_, Failure>((Derived::of(engine, &image), image))
        };
        let (first, pandas) = derive("bench-pandas", "import numpy, pandas as pd")?;
        let (second, small) = derive("bench-small", BUFFERS)?;
        let (third, large) = derive("bench-large", &format!("{BUFFERS}{BALLAST}"))?;
        let javascript = Image::load(engine, "javascript")?;
        Ok(Guests {
            engine: engine.clone(),
            pandas,
            small,
            large,
            python,
            javascript,
            _derived: [first, second, third],
        })
    }
}

/// A program and what it prints.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) source: &'static str,
    pub(super) prints: &'static str,
}

pub(super) const PRINT: Known = Known { source: "x=41; print(x+1)", prints: "42\n" };
pub(super) const PANDAS: Known =
    Known { source: "df = pd.DataFrame({'a': range(100), 'b': range(100)}); print(df.a.sum())", prints: "4950\n" };
/// The least that JavaScript can be asked for.
pub(super) const ADD: Known = Known { source: "1 + 1", prints: "" };
/// Writes a hundred pages and prints nothing.
pub(super) const WRITE_PAGES: Known =
    Known { source: "for at in range(0, 100 * 4096, 4096): hundred[at] = 2", prints: "" };

/// A live session in which `known` has run, so that its next turn is like all others. With
/// `guest_turns`, it answers by the guest's own `turn`.
pub(super) fn live(image: &Image, guest_turns: bool, known: Known) -> Result<Sandbox, Failure> {
    let mut sandbox = Sandbox::builder(image).guest_turns(guest_turns).build()?;
    turn(&mut sandbox, known)?;
    Ok(sandbox)
}

/// One turn of a live session.
pub(super) fn turn(sandbox: &mut Sandbox, known: Known) -> Result<(Outcome, f64), Failure> {
    let (outcome, took) = timed(|| Ok(sandbox.run(Program::code(known.source))?))?;
    Ok((expect(outcome, known)?, took))
}

/// A fork, its first turn, taking the output, and its end.
pub(super) struct Fresh {
    /// Microseconds of the fork, the turn and the end.
    pub(super) phases: [f64; 3],
    pub(super) fuel: u64,
}

impl Fresh {
    pub(super) fn measure(image: &Image, known: Known) -> Result<Fresh, Failure> {
        let (mut sandbox, fork) = timed(|| Ok(Sandbox::builder(image).build()?))?;
        let (outcome, turn) = timed(|| Ok(sandbox.run(Program::code(known.source))?))?;
        let ((), reset) = timed(|| {
            drop(sandbox);
            Ok(())
        })?;
        let outcome = expect(outcome, known)?;
        Ok(Fresh { phases: [fork, turn, reset], fuel: outcome.usage.fuel })
    }

    pub(super) fn total(&self) -> f64 {
        self.phases.iter().sum()
    }

    /// The microseconds of all of it.
    pub(super) fn time(image: &Image, known: Known) -> Result<f64, Failure> {
        Ok(Fresh::measure(image, known)?.total())
    }
}

/// A program that has to run before something is measured.
pub(super) fn run(sandbox: &mut Sandbox, source: &str) -> Result<Outcome, Failure> {
    let outcome = sandbox.run(Program::code(source))?;
    if outcome.is_success() { Ok(outcome) } else { Err(went_wrong(&outcome)) }
}

/// A figure of a program that failed would be of no use.
fn expect(outcome: Outcome, known: Known) -> Result<Outcome, Failure> {
    let right = outcome.is_success() && outcome.stdout == known.prints.as_bytes();
    if right { Ok(outcome) } else { Err(went_wrong(&outcome)) }
}

fn went_wrong(outcome: &Outcome) -> Failure {
    let reason = format!(
        "a program of the bench ended as {:?} and printed `{}`",
        outcome.status,
        String::from_utf8_lossy(&outcome.stdout)
    );
    Failure::Library(Error::Internal { reason })
}

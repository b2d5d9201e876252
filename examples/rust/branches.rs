//! Trying several continuations of one session: the data is loaded once, each attempt runs in a fork
//! of its own, and the best one goes on.
//!
//! Needs the Python image: `sandcell image build python`, or `cargo xtask demo` for everything.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use sandcell::{Engine, Image, Program, Sandbox};
use std::error::Error;

/// What all attempts share.
const LOAD: &str = "
import numpy as np
rng = np.random.default_rng(1)
x = np.linspace(0, 10, 200)
y = 3 * x ** 2 - 2 * x + 1 + rng.normal(0, 2, x.size)
";

/// "The model's" three ideas. Each leaves its error as the value of its last line.
const IDEAS: [(&str, &str); 3] = [
    ("a line", "fit = np.polyfit(x, y, 1)\nfloat(np.mean((np.polyval(fit, x) - y) ** 2))"),
    ("a parabola", "fit = np.polyfit(x, y, 2)\nfloat(np.mean((np.polyval(fit, x) - y) ** 2))"),
    ("a mistake", "fit = np.polyfit(x, z, 2)\nfloat(np.mean((np.polyval(fit, x) - y) ** 2))"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::new()?;
    let image = Image::load(&engine, "python")?;
    let mut session = Sandbox::builder(&image).build()?;
    session.run(Program::code(LOAD))?;

    let snapshot = session.snapshot()?;
    let mut best: Option<(f64, Sandbox)> = None;
    for (name, idea) in IDEAS {
        let mut attempt = snapshot.fork()?;
        let outcome = attempt.run(Program::code(idea))?;
        match outcome.result.as_ref().and_then(serde_json::Value::as_f64) {
            Some(error) => {
                println!("{name}: mean squared error {error:.1}");
                if best.as_ref().is_none_or(|(least, _)| error < *least) {
                    best = Some((error, attempt));
                }
            }
            None => println!("{name}: {:?}", outcome.status),
        }
    }

    // The best attempt is a session like any other: it knows its own fit, and nobody else's.
    let (_, mut best) = best.ok_or("no idea worked")?;
    let outcome = best.run(Program::code("[round(float(c)) for c in fit]"))?;
    println!("coefficients: {}", outcome.result.unwrap_or_default());
    println!("saved session: {} bytes", best.snapshot()?.to_bytes(None)?.len());
    Ok(())
}

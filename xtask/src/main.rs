//! `cargo xtask …`: everything that sets up, generates, builds images, tests and benches.
//!
//! Depends on clap only, so that it is built in seconds on a clean clone; whatever needs the
//! library is done by the `sandcell` command that it builds.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a build tool talks to the terminal")]

mod cargo;
mod dist;
mod docs;
mod graph;
mod guarantees;
mod parity;
mod python;
mod servers;
mod source;
mod steps;
mod unsafety;

use cargo::{cargo, examples, run, sandcell};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use steps::Steps;

/// Sets up, generates, builds, tests and benches sandcell.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build everything and run an agent's program on the Python image
    Demo,
    /// Fetch what is pinned and build every image that the tests need
    Images,
    /// Install the MCP servers that the tests talk to
    Servers,
    /// Check and test everything
    Test {
        /// Leave out clippy and the documentation, which need a second pass over all dependencies
        #[arg(long)]
        fast: bool,
    },
    /// Build the Python wheel, and test it in a fresh environment
    Python,
    /// Make the wheels that are published, in target/dist
    Dist {
        /// The processors that the image is compiled for, as for `sandcell image build`
        #[arg(long, default_value = "x86-64-v2")]
        baseline: String,
    },
    /// Write the generated pages of docs/
    Docs {
        /// Compare instead of writing
        #[arg(long)]
        check: bool,
    },
    /// Print the ratios of benches/
    Bench {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Compare the Python package with Rust and with its nearest peers, which are fetched for this
    Compare {
        /// The interpreter; the peers have wheels for 3.12 and later only
        #[arg(long, default_value = "python3")]
        python: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Demo => demo(),
        Task::Images => images(),
        Task::Servers => servers::install(),
        Task::Test { fast } => test(fast),
        Task::Python => images().and_then(|()| python()),
        Task::Dist { baseline } => build_command().and_then(|()| dist::dist(&baseline)),
        Task::Docs { check } => build_command().and_then(|()| docs::docs(check)),
        Task::Bench { json } => bench(json),
        Task::Compare { python, json } => compare(&python, json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Result<(), String> {
    images()?;
    run(&mut cargo(&["build", "--release", "-p", "sandcell-examples"]))?;
    println!("\nexamples/rust/agent.rs:\n");
    run(&mut examples("example-agent"))
}

fn images() -> Result<(), String> {
    build_command()?;
    let all = ["python", "javascript", "typescript", "clang", "lua"];
    all.iter().try_for_each(|name| run(&mut sandcell(&["image", "build", name])))
}

fn test(fast: bool) -> Result<(), String> {
    let mut steps = Steps::default();
    steps.step("format", || run(&mut cargo(&["fmt", "--all", "--check"])));
    if !fast {
        // Clippy and rustdoc need the metadata of all dependencies: one `check` pass over
        // wasmtime, one to two minutes the first time, shared by both.
        let clippy = ["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"];
        steps.step("clippy", || run(&mut cargo(&clippy)));
        steps.step("documentation", || {
            run(cargo(&["doc", "--release", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings"))
        });
    }
    steps.step("one build of wasmtime", graph::check);
    steps.step("unsafe in its rooms", unsafety::check);
    steps.step("tests of guarantees", guarantees::check);
    steps.step("driver of Python", driver);
    // The Python module is built by maturin, which sets another environment.
    let build = ["build", "--release", "--workspace", "--exclude", "sandcell-python"];
    steps.step("build", || run(&mut cargo(&build)));
    steps.step("generated pages", || docs::docs(true));
    steps.step("images", images);
    steps.step("MCP servers", servers::install);
    steps.step("tests", || {
        parity::forget()?;
        let mut tests = cargo(&["test", "--release", "--workspace", "--no-fail-fast"]);
        match source::shared() {
            Some(shared) => tests.env("SANDCELL_SHARED", shared),
            None => {
                println!("no shared test data: set SANDCELL_SHARED, or put it beside the checkout as `shared`");
                &mut tests
            }
        };
        run(&mut tests)
    });
    steps.step("Python", python);
    steps.step("parity", parity::check);
    steps.summary()
}

fn python() -> Result<(), String> {
    let wheel = python::wheel()?;
    dist::check_installed(&wheel)?;
    python::test(&wheel)
}

fn compare(python: &Path, json: bool) -> Result<(), String> {
    build_command()?;
    run(&mut sandcell(&["image", "build", "python"]))?;
    python::compare(&python::wheel()?, python, json)
}

/// The unit tests of the code that serves Python guests, on the Python of this machine.
fn driver() -> Result<(), String> {
    let tests = ["-m", "unittest", "discover", "-s", "guests/python/driver/tests"];
    run(Command::new("python3").args(tests).current_dir(source::root()).env("PYTHONDONTWRITEBYTECODE", "1"))
}

/// Builds the `sandcell` command, with cargo's own progress.
fn build_command() -> Result<(), String> {
    run(&mut cargo(&["build", "--release", "-p", "sandcell-cli"]))
}

/// The benches are a workspace of their own: `wasmtime-wasi`, which they compare with, asks
/// wasmtime for features that nothing else wants.
fn bench(json: bool) -> Result<(), String> {
    let manifest = source::root().join("benches/Cargo.toml");
    if !manifest.is_file() {
        return Err("there is no benches/Cargo.toml".into());
    }
    images()?;
    // A target folder of its own: with one for both, each build would undo the other's features.
    let mut bench = cargo(&["run", "--release", "--quiet", "--manifest-path"]);
    bench
        .arg(manifest)
        .env_remove("CARGO_TARGET_DIR")
        .env("SANDCELL_BIN", source::root().join("target/release/sandcell"));
    run(bench.args(json.then_some(["--", "--json"]).into_iter().flatten()))
}

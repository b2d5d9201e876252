//! `sandcell run`: one program, one fresh sandbox, one outcome.

use crate::failure::{Failure, INTERRUPTED};
use crate::grants::{self, Grants};
use crate::report;
use clap::{ArgGroup, Args};
use sandcell::{
    CancelHandle, Engine, Error, Event, Image, Language, LimitKey, Limits, Outcome, Program, Sandbox, Status, Stdin,
};
use std::fs::File;
use std::io::{IsTerminal as _, Read as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};

/// The image of code that no file holds.
const DEFAULT_IMAGE: &str = "python";

const EXAMPLES: &str = "\
Examples:
  sandcell run -c 'import pandas; print(pandas.__version__)'
  sandcell run --mount ./sales:/data --memory-mount /out report.py -- --year 2024
  sandcell run --mount ./repo:/work:overlay --env LANG=C.UTF-8 edit.py
  sandcell run --limit memory_bytes=64m --timeout 2 --json untrusted.py
  sandcell run --seed 7 --clock frozen -c 'import random; print(random.random())'
  echo 'print(input())' > ask.py; echo hello | sandcell run --stdin - ask.py
  sandcell run --mcp files='mcp-server-filesystem /srv/data' -c 'from host import tools; help(tools)'
  sandcell run --image cpp --flag=-O3 --flag=-std=c++23 solve.cpp -- 5
  sandcell run app.ts
  sandcell run --project ./app main.py -- --verbose
  sandcell run --wasm tool.wasm --mount .:/src -- --check /src";

/// Run one program in a fresh sandbox
///
/// The guest sees the files of its image, what is mounted and the variables given with `--env`:
/// nothing else of this machine. What it prints is written as it comes, up to half of `output_bytes` of
/// each stream; of the rest the last half follows at the end.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = grants::long_help(EXAMPLES))]
#[command(group = ArgGroup::new("program").required(true).args(["file", "code", "wasm"]))]
pub(crate) struct RunArgs {
    /// File with the program's source; `-` reads the source from standard input. With `--project` the
    /// name of the file in that folder
    file: Option<PathBuf>,

    /// Folder whose files the program consists of: FILE is run, and finds the others beside it. Names that
    /// begin with a dot are left out; symlinks are refused
    #[arg(long, value_name = "DIR", requires = "file", conflicts_with_all = ["code", "wasm"])]
    project: Option<PathBuf>,

    /// The program's source itself
    #[arg(short = 'c', value_name = "CODE", allow_hyphen_values = true)]
    code: Option<String>,

    /// A WASI preview 1 command instead of source code: `.wasm`, or `.wat` text
    #[arg(long, value_name = "FILE")]
    wasm: Option<PathBuf>,

    /// The image that runs the source [default: that of the file's language, and for others python]
    #[arg(long, value_name = "NAME", conflicts_with = "wasm")]
    image: Option<String>,

    /// A flag for the compiler of a language that is compiled, such as `--flag=-O3`; can be repeated
    #[arg(long = "flag", value_name = "FLAG", allow_hyphen_values = true, conflicts_with = "wasm")]
    flags: Vec<String>,

    /// A limit of that compiler, such as `deadline_ms=10000`; the program itself has those of `--limit`
    #[arg(long, value_name = "KEY=VALUE", value_parser = crate::parse::limit, conflicts_with = "wasm")]
    compile_limit: Vec<(sandcell::LimitKey, u64)>,

    #[command(flatten)]
    grants: Grants,

    /// What the guest reads from standard input; `-` hands over our own [default: nothing]
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,

    /// Print the outcome as one JSON object instead of the guest's output
    #[arg(long)]
    pub(crate) json: bool,

    /// Print what the run cost and what was refused to standard error
    #[arg(long)]
    usage: bool,

    /// Arguments of the program
    #[arg(last = true, value_name = "ARG")]
    args: Vec<String>,
}

pub(crate) fn execute(args: RunArgs) -> Result<u8, Failure> {
    if is_dash(args.file.as_deref()) && is_dash(args.stdin.as_deref()) {
        return Err(Failure::Usage("program and input cannot both come from standard input".into()));
    }
    let limits = args.grants.limits()?;
    let policy = args.grants.policy()?;
    let servers = args.grants.servers()?;
    let engine = Engine::new()?;
    let (image, program) = program(&engine, &args, &limits)?;
    let program = program.args(args.args).flags(args.flags).stdin(stdin(args.stdin.as_deref())?);
    let mut compile_limits = Limits::for_compiling();
    for (limit, value) in args.compile_limit {
        compile_limits = compile_limits.with(limit, value)?;
    }

    let tools = servers.iter().flat_map(|servers| servers.tools()).cloned();
    let sandbox = Sandbox::builder(&image).policy(policy).limits(limits.clone()).compile_limits(compile_limits);
    let mut sandbox = sandbox.tools(tools).build()?;
    let outcome = run_until_interrupted(&mut sandbox, program, !args.json)?;
    if args.json {
        report::print_json(&outcome)?;
    } else {
        report::print_warnings(&outcome);
        report::print_ending(&outcome, &limits);
    }
    // Who interrupts a run wants to know what it was doing so far.
    if args.usage || (!args.json && outcome.status == Status::Cancelled) {
        report::print_usage(&outcome);
    }
    Ok(report::exit_status(&outcome.status))
}

/// The image to run and the program for it.
fn program(engine: &Engine, args: &RunArgs, limits: &Limits) -> Result<(Image, Program), Failure> {
    if let Some(path) = &args.wasm {
        let module = read_module(path, limits.value(LimitKey::ModuleBytes))?;
        return Ok((Image::command(engine, &file_name(path), &module, limits)?, Program::command()));
    }
    // Source first: a misspelt file name is answered before an image is mapped.
    let program = match (&args.code, &args.file) {
        (Some(code), _) => Program::code(code.as_str()),
        (None, Some(path)) => in_file(path, args.project.as_deref())?,
        (None, None) => return Err(Failure::Usage("no program was given".into())),
    };
    let image = match &args.image {
        Some(image) => image,
        None => image_of(args.file.as_deref())?,
    };
    Ok((Image::load(engine, image)?, program))
}

/// A program in a file, alone or in a folder of files.
fn in_file(path: &Path, project: Option<&Path>) -> Result<Program, Failure> {
    if let Some(folder) = project {
        let entry = path.to_str().ok_or_else(|| Failure::Usage(format!("{} is not UTF-8", path.display())))?;
        return Ok(Program::project_folder(folder, entry)?);
    }
    if is_dash(Some(path)) {
        return Ok(Program::code(read_source(std::io::stdin(), path)?).named("<stdin>"));
    }
    let file = File::open(path).map_err(Failure::io(format!("opening {}", path.display())))?;
    Ok(Program::code(read_source(file, path)?).named(file_name(path)))
}

/// The image of a file's language. What has no extension, and what is no file, is Python.
fn image_of(file: Option<&Path>) -> Result<&'static str, Failure> {
    let Some(path) = file.filter(|path| path.extension().is_some()) else { return Ok(DEFAULT_IMAGE) };
    let name = file_name(path);
    let unknown = || {
        let known = Language::ALL.iter().flat_map(|language| language.extensions()).map(|known| format!(".{known}"));
        let known = known.collect::<Vec<_>>().join(", ");
        Failure::Usage(format!("the language of {name} is not known ({known} are): choose with --image"))
    };
    Language::of_file(&name).map(Language::as_str).ok_or_else(unknown)
}

/// Reads a module, but not much more of it than the limit allows: core refuses what is longer.
fn read_module(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut module = Vec::new();
    let file = File::open(path).map_err(Failure::io(format!("opening {}", path.display())))?;
    file.take(limit + 1).read_to_end(&mut module).map_err(Failure::io(format!("reading {}", path.display())))?;
    Ok(module)
}

fn read_source(mut from: impl std::io::Read, path: &Path) -> Result<String, Failure> {
    let mut source = String::new();
    from.read_to_string(&mut source).map_err(Failure::io(format!("reading {}", path.display())))?;
    Ok(source)
}

/// The name without its folders: where the file lies on the host is not the guest's business.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn stdin(path: Option<&Path>) -> Result<Stdin, Failure> {
    match path {
        None => Ok(Stdin::empty()),
        Some(path) if is_dash(Some(path)) => {
            let descriptor = std::io::stdin().as_fd().try_clone_to_owned();
            Ok(Stdin::descriptor(descriptor.map_err(Failure::io("duplicating standard input"))?))
        }
        Some(path) => {
            let file = File::open(path).map_err(Failure::io(format!("opening {}", path.display())))?;
            Ok(Stdin::descriptor(file.into()))
        }
    }
}

fn is_dash(path: Option<&Path>) -> bool {
    path == Some(Path::new("-"))
}

/// The guest that a signal of the user cancels. Taken by the first signal, so that the second
/// one, and any that comes while no guest runs, ends the process.
static RUNNING: Mutex<Option<CancelHandle>> = Mutex::new(None);

/// Runs the program, and prints what it prints if it is `shown`; the first Ctrl-C cancels it, a second
/// one ends the process at once.
fn run_until_interrupted(sandbox: &mut Sandbox, program: Program, shown: bool) -> Result<Outcome, Failure> {
    static HANDLER: Once = Once::new();
    set_running(Some(sandbox.cancel_handle()));
    HANDLER.call_once(|| {
        // Without a handler Ctrl-C still ends the process, only without output and usage.
        let installed = ctrlc::set_handler(|| {
            if !set_running(None).is_some_and(|guest| guest.cancel()) {
                std::process::exit(INTERRUPTED.into());
            }
        });
        if let Err(error) = installed {
            tracing::warn!("Ctrl-C will end the process without usage: {error}");
        }
    });
    let outcome = if shown { show(sandbox, program) } else { Ok(sandbox.run_to_end(program)?) };
    set_running(None);
    outcome
}

/// Prints output as it comes: line by line on a terminal, in larger pieces elsewhere.
fn show(sandbox: &mut Sandbox, program: Program) -> Result<Outcome, Failure> {
    let program = program.line_buffered(std::io::stdout().is_terminal());
    for event in sandbox.follow_to_end(program)? {
        match event? {
            Event::Output { stream, bytes } => report::print_output(stream, &bytes)?,
            Event::Ended(outcome) => return Ok(*outcome),
            _ => {}
        }
    }
    Err(Failure::Library(Error::Internal { reason: "a run did not end".into() }))
}

fn set_running(guest: Option<CancelHandle>) -> Option<CancelHandle> {
    std::mem::replace(&mut *RUNNING.lock().unwrap_or_else(PoisonError::into_inner), guest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_of_a_file_chooses_its_image() {
        for (file, image) in [
            ("a.py", "python"),
            ("b.mjs", "javascript"),
            ("src/c.ts", "typescript"),
            ("d.c", "c"),
            ("e.cpp", "cpp"),
            ("f.lua", "lua"),
            ("script", "python"),
            ("-", "python"),
            (".hidden", "python"),
        ] {
            assert_eq!(image_of(Some(Path::new(file))).unwrap(), image, "{file}");
        }
        assert_eq!(image_of(None).unwrap(), "python");
    }

    #[test]
    fn a_language_that_is_not_known_is_refused_with_those_that_are() {
        let Err(Failure::Usage(text)) = image_of(Some(Path::new("x/main.rb"))) else { panic!("it is not refused") };
        assert!(text.contains("main.rb") && text.contains(".mjs") && text.contains("--image"), "{text}");
        assert!(!text.contains("x/"), "{text}");
    }
}

//! `sandcell doctor`: finds out whether guests can run on this machine, and what is missing.

mod host;

use crate::failure::Failure;
use crate::report;
use clap::Args;
use sandcell::{CacheDir, Code, Engine, Error, Image, Limits, Outcome, Program, Recipe, Sandbox, Status, TrapReason};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  sandcell doctor
  sandcell doctor --verify
  sandcell doctor --json

Exit status: 0 when guests can run, also with warnings; 1 when something has to be mended.";

/// Check that guests can run on this machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Hash every file of every image
    #[arg(long)]
    verify: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Ok,
    /// Guests run, but something is slower, older or smaller than it should be.
    Warn,
    /// Guests cannot run, or not safely.
    Fail,
}

/// What one check found.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    found: String,
    /// What to do about it; empty when there is nothing to do.
    #[serde(skip_serializing_if = "str::is_empty")]
    remedy: &'static str,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Finding {
        Finding { check, level: Level::Ok, found: found.into(), remedy: "" }
    }

    fn warn(check: &'static str, found: impl Into<String>, remedy: &'static str) -> Finding {
        Finding { check, level: Level::Warn, found: found.into(), remedy }
    }

    fn fail(check: &'static str, found: impl Into<String>, remedy: &'static str) -> Finding {
        Finding { check, level: Level::Fail, found: found.into(), remedy }
    }

    fn error(check: &'static str, error: &Error) -> Finding {
        Finding::fail(check, error.to_string(), error.hint())
    }
}

pub(crate) fn execute(args: &DoctorArgs) -> Result<u8, Failure> {
    let findings = examine(args.verify);
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    if args.json {
        report::print_json(&serde_json::json!({ "status": worst, "checks": findings }))?;
    } else {
        report::print_text(&text(&findings))?;
    }
    Ok(if worst == Level::Fail { 1 } else { 0 })
}

fn examine(verify: bool) -> Vec<Finding> {
    let mut findings =
        vec![host::kernel(), host::processor(), host::mappings(), host::address_space(), host::open_files()];
    let cache = match CacheDir::user() {
        Ok(cache) => cache,
        Err(error) => {
            findings.push(Finding::error("cache folder", &error));
            return findings;
        }
    };
    let engine = match Engine::builder().cache(cache.clone()).build() {
        Ok(engine) => engine,
        Err(error) => {
            findings.push(Finding::error("engine", &error));
            return findings;
        }
    };
    // Running a guest first makes the cache folder, if that is possible.
    findings.extend([host::signal_handlers(), runs(&engine), catches_traps(&engine)]);
    findings.extend([host::cache_folder(cache.path()), host::free_space(cache.path())]);
    findings.extend(images(&engine, verify));
    findings
}

/// One finding for each image that is or could be there.
fn images(engine: &Engine, verify: bool) -> Vec<Finding> {
    let listed = match Image::list(engine) {
        Ok(images) => images,
        Err(error) => return vec![Finding::error("images", &error)],
    };
    // A damaged image is not listed, but its name is known.
    let others = listed.into_iter().map(|image| image.name);
    let others = others.filter(|name| !Recipe::builtin_names().any(|builtin| builtin == name));
    let names = Recipe::builtin_names().map(str::to_owned).chain(others);
    names.map(|name| image(engine, &name, verify)).collect()
}

fn image(engine: &Engine, name: &str, verify: bool) -> Finding {
    let checked = Image::load(engine, name).and_then(|image| {
        let verified = if verify { Image::verify(engine, name) } else { Ok(()) };
        verified.map(|()| report::size(image.info().bytes))
    });
    match checked {
        Ok(size) => {
            let how = if verify { "every file hashed" } else { "usable" };
            Finding::ok("images", format!("{name}, {size}, {how}"))
        }
        Err(error) if error.code() == Code::ImageMissing => {
            Finding::warn("images", format!("{name} is not built"), error.hint())
        }
        Err(error) => Finding::error("images", &error),
    }
}

/// A guest that prints; proves that compiling, instantiating and preview 1 work.
const HELLO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\02\00\00\00ok")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#;

/// A guest that reads beyond its memory, where only a signal handler can stop it.
const OUT_OF_BOUNDS: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "_start") (drop (i32.load (i32.const 0x7fff0000)))))"#;

fn runs(engine: &Engine) -> Finding {
    match run(engine, HELLO) {
        Ok(outcome) if outcome.is_success() && outcome.stdout == b"ok" => {
            Finding::ok("guest", format!("ran in {:.2} ms", outcome.usage.wall_ms))
        }
        Ok(outcome) => Finding::fail("guest", format!("ended as {:?}", outcome.status), "Please report this."),
        Err(error) => Finding::error("guest", &error),
    }
}

fn catches_traps(engine: &Engine) -> Finding {
    match run(engine, OUT_OF_BOUNDS).map(|outcome| outcome.status) {
        Ok(Status::Trapped { reason: TrapReason::MemoryOutOfBounds }) => {
            Finding::ok("traps", "an access out of bounds is caught")
        }
        Ok(status) => {
            Finding::fail("traps", format!("an access out of bounds ended as {status:?}"), "Please report this.")
        }
        Err(error) => Finding::error("traps", &error),
    }
}

fn run(engine: &Engine, module: &str) -> Result<Outcome, Error> {
    let image = Image::command(engine, "doctor", module.as_bytes(), &Limits::new())?;
    Sandbox::builder(&image).build()?.run(Program::command())
}

fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { check, level, found, remedy } in findings {
        let word = match level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        text.push_str(&format!("{word}  {check:<15} {found}\n"));
        if !remedy.is_empty() {
            text.push_str(&format!("      {:<15} {remedy}\n", ""));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides() {
        assert!(Level::Fail > Level::Warn && Level::Warn > Level::Ok);
        let json = serde_json::to_value(Finding::ok("guest", "ran")).unwrap();
        assert_eq!(json, serde_json::json!({"check": "guest", "level": "ok", "found": "ran"}));
    }
}

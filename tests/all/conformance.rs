//! The public preview 1 programs, over every kind of mount and through the command line.

use sandcell::{Access, Image, Limits, Mount, Outcome, Policy, Program, Status};
use sandcell_tests::{cli, folders, guests, places};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const SUITES: [&str; 3] = ["c", "rust", "assemblyscript"];

/// One program with what its `.json` says.
struct Test {
    /// `suite/name`.
    name: String,
    module: PathBuf,
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Spec {
    args: Vec<String>,
    env: BTreeMap<String, String>,
    root: Option<String>,
    exit_code: u32,
    stdout: Option<String>,
    stderr: Option<String>,
}

/// A program that does not pass yet, with the reason in one line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Skip {
    /// `suite/name`.
    program: String,
    /// `host`, `memory`, `overlay` or `command_line`.
    over: String,
    reason: String,
}

fn all() -> Vec<Test> {
    let suites = places::shared("conformance/wasi-preview1");
    let modules = SUITES.iter().flat_map(|suite| {
        let suite = suites.join(suite);
        folders::listed(&suite, "wasm")
    });
    let tests: Vec<Test> = modules
        .map(|module| {
            let spec = match fs::read_to_string(module.with_extension("json")) {
                Ok(text) => serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", module.display())),
                Err(_) => Spec::default(),
            };
            let suite = module.parent().unwrap().file_name().unwrap().to_str().unwrap();
            let name = format!("{suite}/{}", module.file_stem().unwrap().to_str().unwrap());
            Test { name, module, spec }
        })
        .collect();
    assert!(tests.len() >= 49, "only {} programs were found", tests.len());
    tests
}

impl Test {
    fn root(&self) -> Option<PathBuf> {
        self.spec.root.as_ref().map(|root| self.module.parent().unwrap().join(root))
    }

    fn run(&self, mount: Option<Mount>) -> Outcome {
        let module = fs::read(&self.module).unwrap();
        let image = Image::command(guests::caching_engine(), &self.name, &module, &Limits::new()).unwrap();
        let mut policy = Policy::new();
        policy.mounts.extend(mount);
        policy.env = self.spec.env.clone();
        guests::run_in(&image, policy, &[], Program::command().args(self.spec.args.clone()))
    }

    /// What differs from the program's own expectation.
    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let expected = Status::Exited { code: self.spec.exit_code };
        let (stdout, stderr) = (outcome.stdout_text(), outcome.stderr_text());
        if outcome.status != expected {
            return Err(format!("{:?} instead of {expected:?}: {stdout} {stderr}", outcome.status));
        }
        let same = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        if same(&self.spec.stdout, &stdout) && same(&self.spec.stderr, &stderr) {
            return Ok(());
        }
        Err(format!("printed {stdout:?} and {stderr:?}"))
    }
}

/// Runs every program with `run`, and holds the result against the skip list.
fn judge(over: &str, run: impl Fn(&Test) -> Result<(), String>) {
    let skips: Vec<Skip> = skip_list().into_iter().filter(|skip| skip.over == over).collect();
    let mut problems = Vec::new();
    for test in all() {
        match (run(&test), skips.iter().find(|skip| skip.program == test.name)) {
            (Ok(()), None) | (Err(_), Some(_)) => {}
            (Err(why), None) => problems.push(format!("{}: {why}", test.name)),
            (Ok(()), Some(_)) => problems.push(format!("{} passes: take it off the skip list", test.name)),
        }
    }
    assert!(problems.is_empty(), "over {over}:\n{}", problems.join("\n"));
}

fn skip_list() -> Vec<Skip> {
    let path = places::workspace().join("tests/conformance/skips/preview1.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_program_passes_over_a_host_folder() {
    judge("host", |test| {
        let copy = private_copy(test);
        let mount = copy.as_ref().map(|copy| Mount::host(copy.path(), "/", Access::ReadWrite).unwrap());
        test.check(&test.run(mount))
    });
}

#[test]
fn every_program_passes_over_a_memory_mount() {
    judge("memory", |test| {
        let files = test.root().map(|root| folders::Snapshot::of(&root).files());
        let mount = files.map(|files| Mount::memory_with("/", files, Access::ReadWrite).unwrap());
        test.check(&test.run(mount))
    });
}

#[test]
fn every_program_passes_over_an_overlay_and_its_folder_stays_as_it_is() {
    judge("overlay", |test| {
        let copy = private_copy(test);
        let before = copy.as_ref().map(|copy| folders::Snapshot::of(copy.path()));
        let mount = copy.as_ref().map(|copy| Mount::overlay(copy.path(), "/").unwrap());
        test.check(&test.run(mount))?;
        match before == copy.as_ref().map(|copy| folders::Snapshot::of(copy.path())) {
            true => Ok(()),
            false => Err("the folder below the overlay changed".to_owned()),
        }
    });
}

#[test]
fn every_program_passes_through_the_command_line() {
    judge("command_line", |test| {
        let copy = private_copy(test);
        let mut command = cli::sandcell_for_modules();
        command.args(["run", "--wasm"]).arg(&test.module);
        for (name, value) in &test.spec.env {
            command.arg("--env").arg(format!("{name}={value}"));
        }
        if let Some(copy) = &copy {
            command.arg("--mount").arg(format!("{}:/:rw", copy.path().display()));
        }
        let ran = cli::run(command.arg("--").args(&test.spec.args));
        let printed = test.spec.stdout.as_ref().is_none_or(|wanted| *wanted == ran.stdout);
        match ran.code == Some(test.spec.exit_code as i32) && printed {
            true => Ok(()),
            false => Err(format!("{ran:?}")),
        }
    });
}

#[test]
fn every_skipped_program_exists_and_has_a_reason() {
    let names: Vec<String> = all().into_iter().map(|test| test.name).collect();
    for skip in skip_list() {
        assert!(names.contains(&skip.program), "there is no program {}", skip.program);
        assert!(["host", "memory", "overlay", "command_line"].contains(&skip.over.as_str()), "{}", skip.over);
        assert!(!skip.reason.is_empty() && !skip.reason.contains('\n'), "{} needs one line of reason", skip.program);
    }
}

fn private_copy(test: &Test) -> Option<tempfile::TempDir> {
    test.root().map(|root: PathBuf| {
        let copy = tempfile::tempdir().unwrap();
        folders::copy(&root, Path::new(copy.path()));
        copy
    })
}

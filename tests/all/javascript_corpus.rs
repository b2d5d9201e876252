//! The language core row by row: the guest passes what QuickJS-ng itself passes. Both run the same corpus, and every
//! difference stands in a list with its reason.

use sandcell::{CacheDir, Image, LimitKey, Limits, Policy, Program, Status, Stdin};
use sandcell_tests::{guests, places};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const AREAS: [&str; 4] = ["syntax", "builtins", "async", "errors"];

/// A program on one line, and what comes of it by the standard.
struct Row {
    source: String,
    expected: String,
}

/// A row that QuickJS-ng itself fails.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    row: String,
    gives: String,
    reason: String,
}

/// A row in which the guest is not as QuickJS-ng; without `bare`, that cannot run it at all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    row: String,
    guest: String,
    bare: Option<String>,
    reason: String,
}

fn folder() -> PathBuf {
    places::workspace().join("tests/javascript")
}

fn rows(area: &str) -> Vec<Row> {
    let text = fs::read_to_string(folder().join(format!("corpus/{area}.txt"))).unwrap();
    let rows: Vec<Row> = text
        .lines()
        .map(|line| {
            let (source, expected) = line.split_once(" //=> ").unwrap_or_else(|| panic!("{area}: {line}"));
            Row { source: source.to_owned(), expected: expected.to_owned() }
        })
        .collect();
    assert!(rows.len() >= 60, "{area}: {}", rows.len());
    rows
}

fn list<T: serde::de::DeserializeOwned>(name: &str) -> Vec<T> {
    serde_json::from_str(&fs::read_to_string(folder().join("corpus").join(name)).unwrap()).unwrap()
}

/// A program that gives the outcomes to `last`.
fn program(rows: &[&Row], last: &str) -> String {
    let sources: Vec<&str> = rows.iter().map(|row| row.source.as_str()).collect();
    let harness = fs::read_to_string(folder().join("corpus/rows.js")).unwrap();
    format!("{harness}\n{}", last.replace("SOURCES", &serde_json::to_string(&sources).unwrap()))
}

fn in_guest(rows: &[&Row]) -> Vec<String> {
    let limits = Limits::new().with(LimitKey::Fuel, 20_000_000_000).unwrap();
    let mut sandbox = guests::sandbox(guests::javascript(), Policy::new(), limits);
    let outcome = sandbox.run(Program::code(program(rows, "await outcomesOf(SOURCES)"))).unwrap();
    assert_eq!(outcome.status, Status::Exited { code: 0 }, "{}", outcome.stderr_text());
    serde_json::from_value(outcome.result.unwrap()).unwrap()
}

fn in_bare(bare: &Image, rows: &[&Row]) -> Vec<String> {
    let last = "outcomesOf(SOURCES).then(all => print(JSON.stringify(all)))";
    let program = Program::command().stdin(Stdin::bytes(program(rows, last)));
    let outcome = guests::run_in(bare, Policy::new(), &[("fuel", 20_000_000_000)], program);
    assert_eq!(outcome.status, Status::Exited { code: 0 }, "{}", outcome.stderr_text());
    serde_json::from_slice(&outcome.stdout).unwrap()
}

/// QuickJS-ng as a command, from the sources that the image was built of, unchanged.
fn bare() -> Image {
    let sources = CacheDir::user().unwrap().path().join("sources");
    let found = |prefix: &str, inner: &str| {
        let folders = fs::read_dir(&sources).unwrap_or_else(|_| panic!("build the image `javascript` first"));
        let mut paths = folders.map(|entry| entry.unwrap().path());
        let fits = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(prefix);
        paths.find(fits).unwrap_or_else(|| panic!("no {prefix}: build the image `javascript` first")).join(inner)
    };
    let (zig, quickjs) = (found("ziglang-", "ziglang/zig"), found("rquickjs-sys-", "quickjs"));
    let module = places::scratch("bare-quickjs").join("bare.wasm");
    let main = folder().join("bare.c");
    let newer = |than: &Path| {
        module.metadata().is_ok_and(|built| built.modified().unwrap() > than.metadata().unwrap().modified().unwrap())
    };
    if !newer(&main) {
        let unfinished = module.with_extension(format!("{}.wasm", std::process::id()));
        let mut compile = Command::new(zig);
        compile.args([
            "cc",
            "--target=wasm32-wasi",
            "-std=c23",
            "-O1",
            "-DNDEBUG",
            "-D_GNU_SOURCE",
            "-w",
            "-Wl,-z,stack-size=4194304",
        ]);
        compile.arg("-I").arg(&quickjs).arg("-o").arg(&unfinished).arg(main);
        compile.args(["quickjs.c", "dtoa.c", "libregexp.c", "libunicode.c"].map(|file| quickjs.join(file)));
        compile.env("ZIG_GLOBAL_CACHE_DIR", places::scratch("zig"));
        assert!(compile.status().unwrap().success(), "QuickJS-ng does not compile");
        fs::rename(unfinished, &module).unwrap();
    }
    Image::command(guests::caching_engine(), "bare-quickjs", &fs::read(module).unwrap(), &Limits::new()).unwrap()
}

#[test]
fn the_guest_passes_what_quickjs_itself_passes() {
    let known: BTreeMap<String, Known> =
        list::<Known>("known.json").into_iter().map(|one| (one.row.clone(), one)).collect();
    let differences: BTreeMap<String, Difference> =
        list::<Difference>("differences.json").into_iter().map(|one| (one.row.clone(), one)).collect();
    assert!(known.values().all(|one| !one.reason.is_empty()) && differences.values().all(|one| !one.reason.is_empty()));
    let (bare, mut problems, mut count, mut listed) = (bare(), Vec::new(), 0, 0);
    for area in AREAS {
        let all = rows(area);
        let every: Vec<&Row> = all.iter().collect();
        let runs = |row: &&Row| differences.get(&row.source).is_none_or(|one| one.bare.is_some());
        let runnable: Vec<&Row> = every.iter().copied().filter(runs).collect();
        let ours = in_guest(&every);
        let mut theirs = in_bare(&bare, &runnable).into_iter();
        for (row, ours) in every.iter().zip(ours) {
            count += 1;
            let theirs = if runs(row) { theirs.next() } else { None };
            let (fails, differs) = (known.get(&row.source), differences.get(&row.source));
            listed += usize::from(fails.is_some()) + usize::from(differs.is_some());
            let expected = fails.map_or(&row.expected, |known| &known.gives);
            if fails.is_some_and(|known| known.gives == row.expected) {
                problems.push(format!("{area}: {}: it passes: take it off known.json", row.source));
            }
            match differs {
                Some(one) if ours != one.guest || theirs != one.bare || Some(&one.guest) == one.bare.as_ref() => {
                    problems
                        .push(format!("{area}: {}: differences.json says otherwise: {ours}, {theirs:?}", row.source));
                }
                Some(_) => {}
                None if Some(&ours) != theirs.as_ref() => {
                    problems.push(format!("{area}: {}\n    guest {ours}\n    bare  {theirs:?}", row.source));
                }
                None if ours != *expected => {
                    problems.push(format!("{area}: {}\n    expected {expected}\n    both     {ours}", row.source));
                }
                None => {}
            }
        }
    }
    assert_eq!(listed, known.len() + differences.len(), "a list names a row that is not there");
    assert!(problems.is_empty(), "{} of {count} rows:\n{}", problems.len(), problems.join("\n"));
    assert!(count >= 650, "{count}");
}

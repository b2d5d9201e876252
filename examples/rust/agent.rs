//! What an agent does with sandcell: hand data to a program that a model wrote, get its output,
//! its files and its bill, and lose nothing when the program is a bad one.
//!
//! Needs the Python image: `sandcell image build python`, or `cargo xtask demo` for everything.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use sandcell::{Access, Engine, Image, LimitKey, Limits, Mount, Outcome, Policy, Program, Sandbox, Status};
use std::error::Error;
use std::fs;

/// The user's file.
const SALES_CSV: &str = "\
day,region,product,units,price
2024-03-01,north,lamp,12,39.90
2024-03-01,south,lamp,7,39.90
2024-03-01,south,desk,2,249.00
2024-03-02,north,desk,1,249.00
2024-03-02,north,lamp,9,35.90
2024-03-02,west,chair,14,89.50
2024-03-03,west,lamp,3,39.90
2024-03-03,south,chair,5,92.00
";

/// "The model's" answer to: which region earns most, and with what?
const ANALYSIS: &str = r#"
import pandas as pd

sales = pd.read_csv("/data/sales.csv", parse_dates=["day"])
sales["revenue"] = sales["units"] * sales["price"]

summary = (
    sales.groupby("region")
    .agg(units=("units", "sum"), revenue=("revenue", "sum"))
    .sort_values("revenue", ascending=False)
    .round(2)
)
summary.to_csv("/out/summary.csv")
best = sales.groupby(["region", "product"])["revenue"].sum().idxmax()
print(summary.to_string())
print(f"best: {best[1]} in {best[0]}")
"#;

/// A worse answer: it looks around first.
const SNOOPING: &str = r#"
import os
for path in ("/etc/passwd", "/proc/self/environ", os.path.expanduser("~/.ssh/id_rsa")):
    try:
        print(path, "->", open(path).read()[:20])
    except OSError as error:
        print(path, "->", type(error).__name__)
try:
    open("/data/sales.csv", "a").write("2024-03-04,moon,lamp,1,1\n")
except OSError as error:
    print("/data/sales.csv ->", os.strerror(error.errno))
print("environment:", sorted(set(os.environ) - {"HOME", "MPLBACKEND", "PYTHONTZPATH", "TMPDIR"}))
"#;

/// And one that never ends.
const ENDLESS: &str = "print('thinking…', flush=True)\nwhile True: pass";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("sales.csv"), SALES_CSV)?;

    // One engine and one image serve all sandboxes of a process.
    let engine = Engine::new()?;
    let image = Image::load(&engine, "python")?;

    // A sandbox sees what it is given: here one folder to read and one in memory to write.
    let policy =
        Policy::new().mount(Mount::host(folder.path(), "/data", Access::ReadOnly)?).mount(Mount::memory("/out")?);
    let mut sandbox = Sandbox::builder(&image).policy(policy.clone()).build()?;
    let outcome = sandbox.run(Program::code(ANALYSIS).named("analysis.py"))?;
    show("a pandas program on the user's file", &outcome)?;
    let summary = String::from_utf8(sandbox.read_file("/out/summary.csv")?)?;
    println!("/out/summary.csv:\n{summary}");
    expect(outcome.is_success(), "the analysis runs to its end")?;
    expect(summary.starts_with("region,units,revenue\nwest,"), "the summary names west first")?;
    expect(outcome.files.added == ["/out/summary.csv"], "the outcome lists the file that was written")?;

    let mut sandbox = Sandbox::builder(&image).policy(policy).build()?;
    let outcome = sandbox.run(Program::code(SNOOPING).named("snooping.py"))?;
    show("a program that looks around", &outcome)?;
    expect(outcome.is_success(), "a refusal is an ordinary error that the program can handle")?;
    expect(!outcome.stdout_text().contains("root:"), "nothing of the host is readable")?;
    expect(outcome.stdout_text().contains("environment: []"), "nothing of the host's environment is visible")?;
    expect(fs::read_to_string(folder.path().join("sales.csv"))? == SALES_CSV, "the user's file is unchanged")?;

    let limits = Limits::new().with(LimitKey::Fuel, 2_000_000_000)?;
    let mut sandbox = Sandbox::builder(&image).limits(limits).build()?;
    let outcome = sandbox.run(Program::code(ENDLESS).named("endless.py"))?;
    show("a program that never ends", &outcome)?;
    expect(outcome.status == Status::Exceeded { limit: LimitKey::Fuel }, "fuel ends the endless program")?;
    expect(outcome.stdout_text().starts_with("thinking"), "what it printed until then is kept")?;
    Ok(())
}

/// Prints an outcome as an agent's log would.
fn show(title: &str, outcome: &Outcome) -> Result<(), Box<dyn Error>> {
    println!("--- {title}");
    println!("status: {}", serde_json::to_string(&outcome.status)?);
    print!("{}", indented("stdout", &outcome.stdout_text()));
    print!("{}", indented("stderr", &outcome.stderr_text()));
    for (what, paths) in
        [("added", &outcome.files.added), ("changed", &outcome.files.changed), ("removed", &outcome.files.removed)]
    {
        if !paths.is_empty() {
            println!("{what}: {}", paths.join(", "));
        }
    }
    for denial in &outcome.denials {
        println!("denied: {} of {} {}", denial.operation, denial.what, denial.name);
    }
    if !outcome.hint.is_empty() {
        println!("hint: {}", outcome.hint);
    }
    if let serde_json::Value::Object(usage) = serde_json::to_value(&outcome.usage)? {
        println!("usage:");
        for (name, value) in usage {
            let value = value
                .as_u64()
                .map_or_else(|| format!("{:.1}", value.as_f64().unwrap_or(0.0)), |whole| whole.to_string());
            println!("  {name:<18} {value:>16}");
        }
    }
    println!();
    Ok(())
}

fn indented(stream: &str, text: &str) -> String {
    text.lines().map(|line| format!("{stream} | {line}\n")).collect()
}

/// Fails the example, so that a test that runs it notices.
fn expect(holds: bool, promise: &str) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err(format!("broken promise: {promise}").into()) }
}

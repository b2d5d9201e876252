//! Compares sandcell with what it could be compared with, both sides in one run, as ratios of
//! medians. `--json` prints one object; figures are milliseconds or ratios.

mod javascript;
mod metering;
mod preview1;
mod process;
mod timing;

use serde_json::{Map, Value};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let json = std::env::args().any(|arg| arg == "--json");
    let mut figures = Map::new();
    figures.insert("kernel".into(), kernel().into());
    preview1::measure(&mut figures)?;
    metering::measure(&mut figures)?;
    javascript::measure(&mut figures)?;
    process::measure(&mut figures)?;
    if json {
        println!("{}", Value::Object(figures));
    } else {
        for (name, value) in &figures {
            match value.as_f64() {
                Some(number) => println!("{name:40} {number:10.3}"),
                None => println!("{name:40} {value}"),
            }
        }
    }
    Ok(())
}

fn kernel() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").map_or_else(|_| "unknown".into(), |text| text.trim().into())
}

//! What was measured, as a table and as JSON.

use super::timing::Samples;
use crate::report::{grouped, size};
use serde_json::{Map, Value, json};

/// What a figure may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Bound::AtMost(most) => value <= most,
            Bound::AtLeast(least) => value >= least,
        }
    }

    fn value(self) -> f64 {
        let (Bound::AtMost(value) | Bound::AtLeast(value)) = self;
        value
    }

    fn words(self) -> &'static str {
        match self {
            Bound::AtMost(_) => "at most",
            Bound::AtLeast(_) => "at least",
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    Ratio,
    Bytes,
}

/// A figure that has a bound.
#[derive(Debug)]
struct Figure {
    key: &'static str,
    what: &'static str,
    /// The value and its bound, or why there is none.
    found: Result<(f64, Bound), String>,
    unit: Unit,
}

/// A time, in microseconds.
#[derive(Debug)]
struct Time {
    key: &'static str,
    what: &'static str,
    p50: f64,
    p95: f64,
    /// What the median should be about on a machine of today.
    guide: Option<f64>,
}

/// Everything that was measured.
#[derive(Debug)]
pub(super) struct Results {
    reset_path: &'static str,
    kernel: String,
    figures: Vec<Figure>,
    times: Vec<Time>,
    facts: Vec<(&'static str, Value)>,
}

impl Results {
    pub(super) fn new(reset_path: &'static str, kernel: &str) -> Results {
        Results { reset_path, kernel: kernel.to_owned(), figures: Vec::new(), times: Vec::new(), facts: Vec::new() }
    }

    pub(super) fn ratio(&mut self, key: &'static str, what: &'static str, value: f64, bound: Bound) {
        self.figures.push(Figure { key, what, found: Ok((value, bound)), unit: Unit::Ratio });
    }

    pub(super) fn bytes(&mut self, key: &'static str, what: &'static str, value: f64, bound: Bound) {
        self.figures.push(Figure { key, what, found: Ok((value.round(), bound)), unit: Unit::Bytes });
    }

    /// A figure that cannot be had here.
    pub(super) fn unknown(&mut self, key: &'static str, what: &'static str, reason: &str) {
        self.figures.push(Figure { key, what, found: Err(reason.to_owned()), unit: Unit::Ratio });
    }

    pub(super) fn time(&mut self, key: &'static str, what: &'static str, samples: &Samples, guide: Option<f64>) {
        self.times.push(Time { key, what, p50: samples.median(), p95: samples.quantile(0.95), guide });
    }

    /// Something worth knowing beside the figures.
    pub(super) fn fact(&mut self, key: &'static str, value: u64) {
        self.facts.push((key, value.into()));
    }

    /// A ratio without a bound, to read another one by.
    pub(super) fn reference(&mut self, key: &'static str, value: f64) {
        self.facts.push((key, rounded(value, 4)));
    }

    pub(super) fn text_fact(&mut self, key: &'static str, value: &str) {
        self.facts.push((key, value.into()));
    }

    /// One object: each figure under its name; `bounds` and `notes` by the same names.
    pub(super) fn to_json(&self) -> Value {
        let (mut all, mut bounds, mut notes) = (Map::new(), Map::new(), Map::new());
        for Figure { key, found, unit, .. } in &self.figures {
            match found {
                Ok((value, bound)) => {
                    let shown = match unit {
                        Unit::Ratio => rounded(*value, 4),
                        Unit::Bytes => json!(*value as u64),
                    };
                    all.insert((*key).to_owned(), shown);
                    let bound = json!({ bound.words().replace(' ', "_"): bound.value(), "holds": bound.holds(*value) });
                    bounds.insert((*key).to_owned(), bound);
                }
                Err(reason) => {
                    all.insert((*key).to_owned(), Value::Null);
                    notes.insert((*key).to_owned(), reason.as_str().into());
                }
            }
        }
        for Time { key, p50, p95, .. } in &self.times {
            all.insert(format!("{key}_us_p50"), rounded(*p50, 2));
            all.insert(format!("{key}_us_p95"), rounded(*p95, 2));
        }
        all.extend(self.facts.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        all.insert("reset_path".into(), self.reset_path.into());
        all.insert("kernel".into(), self.kernel.as_str().into());
        all.insert("bounds".into(), bounds.into());
        all.insert("notes".into(), notes.into());
        Value::Object(all)
    }

    /// Tables for people.
    pub(super) fn text(&self) -> String {
        let mut text = format!("kernel {}, reset path {}\n\n", self.kernel, self.reset_path);
        text.push_str(&format!("{:<42} {:>11} {:>18}\n", "ratio", "found", "allowed"));
        for Figure { what, found, unit, .. } in &self.figures {
            let line = match found {
                Ok((value, bound)) => {
                    let allowed = format!("{} {}", bound.words(), shown(bound.value(), *unit));
                    let verdict = if bound.holds(*value) { "holds" } else { "MISSED" };
                    format!("{what:<42} {:>11} {allowed:>18}  {verdict}\n", shown(*value, *unit))
                }
                Err(reason) => format!("{what:<42} {:>11}  {reason}\n", "unknown"),
            };
            text.push_str(&line);
        }
        text.push_str(&format!("\n{:<42} {:>11} {:>18}  {:>11}\n", "time in µs", "p50", "p95", "guide"));
        for Time { what, p50, p95, guide, .. } in &self.times {
            let guide = guide.map(|guide| grouped(guide as u64)).unwrap_or_default();
            let line = format!("{what:<42} {:>11} {:>18}  {guide:>11}", microseconds(*p50), microseconds(*p95));
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text.push('\n');
        for (key, value) in &self.facts {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.push_str(&format!("{key:<42} {value}\n"));
        }
        text
    }
}

fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Ratio => format!("{value:.2}"),
        Unit::Bytes => size(value as u64),
    }
}

fn microseconds(value: f64) -> String {
    if value < 1_000.0 { format!("{value:.1}") } else { grouped(value.round() as u64) }
}

/// A number without digits that mean nothing; null for what is no number.
fn rounded(value: f64, digits: i32) -> Value {
    let scale = 10f64.powi(digits);
    json!((value * scale).round() / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_says_whether_it_holds_and_one_that_is_missing_says_why() {
        let mut results = Results::new("pagemap_scan", "linux 7");
        results.ratio("print_overhead", "overhead", 0.5, Bound::AtMost(0.8));
        results.ratio("two_thread_scaling", "threads", 1.5, Bound::AtLeast(1.8));
        results.unknown("process_start_ratio", "process", "there is no python3");
        let json = results.to_json();
        assert_eq!(json["print_overhead"], json!(0.5));
        assert_eq!(json["bounds"]["print_overhead"], json!({"at_most": 0.8, "holds": true}));
        assert_eq!(json["bounds"]["two_thread_scaling"], json!({"at_least": 1.8, "holds": false}));
        assert_eq!(
            (&json["process_start_ratio"], &json["notes"]["process_start_ratio"]),
            (&Value::Null, &json!("there is no python3"))
        );
        let text = results.text();
        assert!(text.contains("MISSED") && text.contains("there is no python3"), "{text}");
    }
}

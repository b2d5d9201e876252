//! CPU baselines: named sets of instructions that every processor of a family has from some
//! generation on (x86-64 psABI, section 3.1.1).

use serde::{Deserialize, Serialize};
use std::fmt;

/// The processors that compiled code runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Baseline {
    #[serde(rename = "x86-64")]
    X86_64,
    #[serde(rename = "x86-64-v2")]
    X86_64V2,
    #[serde(rename = "x86-64-v3")]
    X86_64V3,
    #[serde(rename = "x86-64-v4")]
    X86_64V4,
    #[serde(rename = "aarch64")]
    Aarch64,
}

impl Baseline {
    /// All of them.
    pub(crate) const ALL: [Baseline; 5] =
        [Baseline::X86_64, Baseline::X86_64V2, Baseline::X86_64V3, Baseline::X86_64V4, Baseline::Aarch64];

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Baseline> {
        Baseline::ALL.into_iter().find(|baseline| baseline.as_str() == name)
    }

    /// The highest baseline that this machine has. `None` on a processor without a named one.
    pub(crate) fn of_this_machine() -> Option<Baseline> {
        detect()
    }

    /// Cranelift's names for what the compiler may use of it. Its presets of these levels leave out what
    /// goes without saying, such as AVX where there is AVX2, and would then use neither.
    pub(crate) fn compiler_flags(self) -> &'static [&'static str] {
        match self {
            Baseline::X86_64 | Baseline::Aarch64 => &[],
            Baseline::X86_64V2 => &["x86-64-v2"],
            Baseline::X86_64V3 => &["x86-64-v3", "has_avx"],
            Baseline::X86_64V4 => &["x86-64-v4", "has_avx", "has_avx512f"],
        }
    }

    /// The name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Baseline::X86_64 => "x86-64",
            Baseline::X86_64V2 => "x86-64-v2",
            Baseline::X86_64V3 => "x86-64-v3",
            Baseline::X86_64V4 => "x86-64-v4",
            Baseline::Aarch64 => "aarch64",
        }
    }

    /// True if code for this baseline runs on a machine that has `machine`.
    pub(crate) fn runs_on(self, machine: Baseline) -> bool {
        (self == Baseline::Aarch64) == (machine == Baseline::Aarch64) && self <= machine
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Option<Baseline> {
    macro_rules! has {
        ($($feature:tt)+) => { $(std::is_x86_feature_detected!($feature))&&+ };
    }
    let v2 = has!("cmpxchg16b" "popcnt" "sse3" "ssse3" "sse4.1" "sse4.2");
    let v3 = v2 && has!("avx" "avx2" "bmi1" "bmi2" "f16c" "fma" "lzcnt" "movbe");
    let v4 = v3 && has!("avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl");
    Some(match (v2, v3, v4) {
        (_, _, true) => Baseline::X86_64V4,
        (_, true, _) => Baseline::X86_64V3,
        (true, ..) => Baseline::X86_64V2,
        _ => Baseline::X86_64,
    })
}

#[cfg(target_arch = "aarch64")]
fn detect() -> Option<Baseline> {
    Some(Baseline::Aarch64)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detect() -> Option<Baseline> {
    None
}

#[cfg(test)]
mod tests {
    use super::Baseline::{self, Aarch64};

    #[test]
    fn code_runs_on_its_own_generation_and_later_ones_of_the_same_family() {
        let all = &Baseline::ALL[..4];
        for (code, a) in all.iter().enumerate() {
            for (machine, b) in all.iter().enumerate() {
                assert_eq!(a.runs_on(*b), code <= machine, "{a} on {b}");
            }
            assert!(!a.runs_on(Aarch64) && !Aarch64.runs_on(*a));
        }
        assert!(Aarch64.runs_on(Aarch64));
    }

    #[test]
    fn every_baseline_is_found_by_its_name_and_nothing_else_is() {
        assert!(Baseline::ALL.into_iter().all(|baseline| Baseline::named(baseline.as_str()) == Some(baseline)));
        assert!(["", "x86-64-v5", "X86-64-V3", "native"].iter().all(|name| Baseline::named(name).is_none()));
    }

    #[test]
    fn this_machine_has_a_baseline_with_the_name_that_json_gives_it() {
        let found = Baseline::of_this_machine().unwrap();
        assert_eq!(serde_json::to_value(found).unwrap(), found.as_str());
    }
}

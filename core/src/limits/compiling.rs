//! What a compiler may use, apart from what the program may that it compiles.

use super::{LimitKey, Limits};

const MIB: u64 = 1 << 20;

/// A program that includes much of the C++ library takes ten billion units of fuel, two seconds and
/// 100 MiB.
const DEFAULTS: [(LimitKey, u64); 8] = [
    (LimitKey::MemoryBytes, 1024 * MIB),
    (LimitKey::DeadlineMs, 30_000),
    (LimitKey::Fuel, 150_000_000_000),
    // Objects have all static data of a program in them, also where it is zero.
    (LimitKey::FsBytes, 256 * MIB),
    (LimitKey::FileBytes, 256 * MIB),
    (LimitKey::HostBytes, 384 * MIB),
    // Compiling a longer module for this machine takes seconds, which nothing can interrupt.
    (LimitKey::ModuleBytes, 8 * MIB),
    (LimitKey::OutputBytes, 256 << 10),
];

impl Limits {
    /// The limits of a compiler that is given no others: of clang, not of the program that it compiles.
    ///
    /// ```
    /// use sandcell::{LimitKey, Limits};
    /// let limits = Limits::for_compiling().with(LimitKey::DeadlineMs, 10_000)?;
    /// assert!(limits.value(LimitKey::ModuleBytes) < Limits::new().value(LimitKey::ModuleBytes));
    /// # Ok::<(), sandcell::Error>(())
    /// ```
    pub fn for_compiling() -> Limits {
        // Every default lies in its limit's range; the test says so.
        DEFAULTS
            .into_iter()
            .fold(Limits::new(), |limits, (key, value)| limits.clone().with(key, value).unwrap_or(limits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_of_a_compiler_lies_in_its_range() {
        let limits = Limits::for_compiling();
        for (key, value) in DEFAULTS {
            assert_eq!(limits.value(key), value, "{key}");
        }
    }
}

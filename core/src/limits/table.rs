//! The rows: name, key, unit, default, range and meaning of every limit.

use std::fmt;
use std::ops::RangeInclusive;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Milliseconds of wall-clock time.
    Milliseconds,
    /// WebAssembly instructions; bulk operations count their bytes.
    Fuel,
    /// Things: files, nodes, table elements.
    Count,
}

impl Unit {
    /// The word used in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Unit::Bytes => "bytes",
            Unit::Milliseconds => "ms",
            Unit::Fuel => "fuel",
            Unit::Count => "items",
        }
    }
}

macro_rules! limits {
    ($( $(#[doc = $doc:literal])+ $name:ident, $key:ident, $unit:ident, $default:expr, $range:expr; )+) => {
        /// The name of a limit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum LimitKey {
            $( $(#[doc = $doc])+ $key, )+
        }

        impl LimitKey {
            /// How many limits there are.
            pub(super) const COUNT: usize = [$(LimitKey::$key,)+].len();
            /// Every limit, in the order of the table.
            pub const ALL: [LimitKey; LimitKey::COUNT] = [$(LimitKey::$key,)+];

            /// The limit's name in every language.
            pub fn as_str(self) -> &'static str {
                match self { $(LimitKey::$key => stringify!($name),)+ }
            }

            /// What it counts.
            pub fn unit(self) -> Unit {
                match self { $(LimitKey::$key => Unit::$unit,)+ }
            }

            /// The value in force when it is not set.
            pub fn default_value(self) -> u64 {
                match self { $(LimitKey::$key => $default,)+ }
            }

            /// The values it may take.
            pub fn range(self) -> RangeInclusive<u64> {
                match self { $(LimitKey::$key => $range,)+ }
            }

            /// What it bounds, and what happens when it is reached.
            pub fn doc(self) -> &'static str {
                match self { $(LimitKey::$key => concat!($($doc,)+),)+ }
            }
        }
    };
}

limits! {
    /// Sum of all linear memories of the guest and of the heap of its exceptions. A refused
    /// `memory.grow` is an ordinary failure that the guest can handle (`MemoryError`).
    memory_bytes, MemoryBytes, Bytes, 512 * MIB, 64 * KIB ..= 1 << 40;
    /// Sum of the elements of all tables. A refused `table.grow` is an ordinary failure.
    table_elements, TableElements, Count, 200_000, 0 ..= 100_000_000;
    /// WebAssembly instructions of one run; bulk operations count their bytes, so that filling
    /// one GiB costs a billion. Ends the run as `exceeded`.
    fuel, Fuel, Fuel, 200_000_000_000, 1 ..= 1 << 62;
    /// Wall-clock time of one run, sleeping and waiting for input included, waiting for tools not.
    /// Ends the run as `exceeded`.
    deadline_ms, DeadlineMs, Milliseconds, 30_000, 1 ..= 7 * 24 * 3_600_000;
    /// Bytes kept of standard output, and as many of standard error: the first and the last half.
    /// What lies between is dropped and the stream is marked as truncated.
    output_bytes, OutputBytes, Bytes, MIB, 0 ..= GIB;
    /// Files and directories open at once, preopened ones and the three standard streams
    /// included. Past it opening fails with `EMFILE`.
    open_files, OpenFiles, Count, 256, 8 ..= 65_536;
    /// Bytes that the files of all writable mounts may grow by, in memory and on the host
    /// together; files in memory count in blocks of 256 bytes and more. Past it writing
    /// fails with `ENOSPC`.
    fs_bytes, FsBytes, Bytes, 128 * MIB, 0 ..= 1 << 40;
    /// Files, directories and links that a guest may create on all writable mounts. Past it
    /// creating fails with `ENOSPC`.
    fs_nodes, FsNodes, Count, 16_384, 0 ..= 10_000_000;
    /// Length of one file that is written. Past it writing fails with `EFBIG`.
    file_bytes, FileBytes, Bytes, 128 * MIB, 0 ..= 1 << 40;
    /// Everything that the host allocates for one guest outside its linear memory: files in
    /// memory, directory listings, captured output, descriptors. Past it the call fails with
    /// `ENOMEM` or `ENOSPC`.
    host_bytes, HostBytes, Bytes, 256 * MIB, 64 * KIB ..= 1 << 40;
    /// Bytes of the result and the artifacts of one run. What is longer is cut or left out, and the
    /// outcome says so.
    result_bytes, ResultBytes, Bytes, MIB, 0 ..= GIB;
    /// Calls of host tools in one run, those that are refused included. Past it a call fails with an
    /// error of kind `budget_exceeded`.
    host_calls, HostCalls, Count, 10_000, 0 ..= 1 << 40;
    /// Length of one request to the host's tools. A longer one is not read and fails as `too_large`.
    host_call_bytes, HostCallBytes, Bytes, MIB, 256 ..= GIB;
    /// Length of one answer of the host's tools. A longer one fails as `too_large`.
    host_result_bytes, HostResultBytes, Bytes, 16 * MIB, 256 ..= GIB;
    /// Wall-clock time that one run may wait for the host's tools in sum; `deadline_ms` stands still
    /// meanwhile. Ends the run as `exceeded`.
    host_wait_ms, HostWaitMs, Milliseconds, 300_000, 1 ..= 7 * 24 * 3_600_000;
    /// How long a run may be suspended until it is resumed. A later attempt finds it ended as
    /// `exceeded`.
    suspended_ms, SuspendedMs, Milliseconds, 3_600_000, 1 ..= 30 * 24 * 3_600_000;
    /// How long a session may be left unused. A later use finds it ended.
    idle_ms, IdleMs, Milliseconds, 3_600_000, 1 ..= 30 * 24 * 3_600_000;
    /// How old a session may become. A later use finds it ended; a run under way goes on.
    lifetime_ms, LifetimeMs, Milliseconds, 24 * 3_600_000, 1 ..= 365 * 24 * 3_600_000;
    /// Size of a module that is given as bytes. A larger one is refused before it is parsed.
    module_bytes, ModuleBytes, Bytes, 64 * MIB, 8 ..= 4 * GIB;
    /// Size of an image archive, and of everything that it unpacks to. A larger one is refused before
    /// it is unpacked.
    image_bytes, ImageBytes, Bytes, 4 * GIB, 64 * KIB ..= 1 << 40;
    /// Size of a snapshot's byte form, and of the files in memory that it brings along. A larger one
    /// is neither written nor read; its linear memory counts against `memory_bytes`.
    snapshot_bytes, SnapshotBytes, Bytes, GIB, 4 * KIB ..= 1 << 40;
}

impl LimitKey {
    /// Finds a limit by its name.
    pub fn parse(name: &str) -> Option<LimitKey> {
        LimitKey::ALL.into_iter().find(|limit| limit.as_str() == name)
    }

    /// The names of all limits, for messages.
    pub(crate) fn names() -> String {
        LimitKey::ALL.map(LimitKey::as_str).join(", ")
    }
}

impl fmt::Display for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

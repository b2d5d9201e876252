//! What the machine offers: kernel, processor, ulimits, folders. Read only, and only here.

use super::Finding;
use crate::report::{grouped, size};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

/// A Python image with its source, and the memory of a build that is swapped out.
const WANTED_FREE_BYTES: u64 = 2_000_000_000;
/// Each live guest takes a handful of mappings; the kernel's default serves thousands.
const WANTED_MAPPINGS: u64 = 65_530;
/// Host mounts and images take descriptors, about a dozen for each guest.
const WANTED_OPEN_FILES: u64 = 1024;

pub(super) fn kernel() -> Finding {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let found = format!("{} {}", std::env::consts::OS, release.trim());
    if cfg!(target_os = "linux") {
        Finding::ok("kernel", found)
    } else {
        Finding::warn("kernel", found, "Guests run, but images are copied instead of shared: sandboxes start slower.")
    }
}

pub(super) fn processor() -> Finding {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let found = format!("{}, {threads} threads usable", std::env::consts::ARCH);
    match std::env::consts::ARCH {
        "x86_64" | "aarch64" | "riscv64" | "s390x" => Finding::ok("processor", found),
        _ => Finding::fail("processor", found, "Use a 64-bit machine that Cranelift compiles for."),
    }
}

/// `vm.max_map_count`: how many mappings one process may have.
pub(super) fn mappings() -> Finding {
    const CHECK: &str = "mappings";
    match read_number("/proc/sys/vm/max_map_count") {
        Some(allowed) if allowed < WANTED_MAPPINGS => Finding::warn(
            CHECK,
            format!("vm.max_map_count is {}", grouped(allowed)),
            "Raise it for many live sandboxes: `sysctl -w vm.max_map_count=262144`.",
        ),
        Some(allowed) => Finding::ok(CHECK, format!("vm.max_map_count is {}", grouped(allowed))),
        None => Finding::ok(CHECK, "this system names no limit"),
    }
}

/// `ulimit -v`: each guest reserves address space far beyond the memory it uses.
pub(super) fn address_space() -> Finding {
    use rustix::process::{Resource, getrlimit};
    match getrlimit(Resource::As).current {
        None => Finding::ok("address space", "unlimited"),
        Some(bytes) => Finding::warn(
            "address space",
            format!("limited to {}", size(bytes)),
            "Lift the limit (`ulimit -v unlimited`): guests reserve address space, not memory.",
        ),
    }
}

/// `ulimit -n`.
pub(super) fn open_files() -> Finding {
    use rustix::process::{Resource, getrlimit};
    match getrlimit(Resource::Nofile).current {
        Some(allowed) if allowed < WANTED_OPEN_FILES => Finding::warn(
            "open files",
            format!("limited to {}", grouped(allowed)),
            "Raise it for many live sandboxes: `ulimit -n 4096`.",
        ),
        Some(allowed) => Finding::ok("open files", format!("limited to {}", grouped(allowed))),
        None => Finding::ok("open files", "unlimited"),
    }
}

/// The folder must be ours alone: whoever can write it chooses the code that guests' memory
/// accesses are compiled to.
pub(super) fn cache_folder(folder: &Path) -> Finding {
    const CHECK: &str = "cache folder";
    let shown = folder.display().to_string();
    let meta = match fs::metadata(folder) {
        Ok(meta) => meta,
        Err(error) => {
            return Finding::fail(CHECK, format!("{shown}: {error}"), "Set SANDCELL_CACHE to a folder that you own.");
        }
    };
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Finding::fail(
            CHECK,
            format!("{shown} belongs to somebody else"),
            "Set SANDCELL_CACHE to a folder that you own.",
        );
    }
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Finding::fail(
            CHECK,
            format!("{shown} has mode {mode:03o}"),
            "Make it private: `chmod 700` on that folder.",
        );
    }
    match tempfile::tempfile_in(folder) {
        Ok(_) => Finding::ok(CHECK, format!("{shown}, private and writable")),
        Err(error) => {
            let found = format!("{shown} cannot be written: {error}");
            Finding::warn(CHECK, found, "Images that are built can be used; nothing new can be built or kept.")
        }
    }
}

pub(super) fn free_space(folder: &Path) -> Finding {
    match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let found = format!("{} free for images", size(free));
            if free < WANTED_FREE_BYTES {
                Finding::warn("disk", found, "Building the Python image needs about 1 GB; free some space.")
            } else {
                Finding::ok("disk", found)
            }
        }
        Err(error) => Finding::warn("disk", format!("free space is unknown: {error}"), "Check the cache folder."),
    }
}

/// Whether this process catches the signals of a trapping guest. The engine has been made.
pub(super) fn signal_handlers() -> Finding {
    const CHECK: &str = "signals";
    // Bit n-1 of SigCgt stands for signal n (proc(5)).
    const SIGNALS: [(&str, u32); 3] = [("SIGILL", 4), ("SIGFPE", 8), ("SIGSEGV", 11)];
    let Some(caught) = caught_signals() else {
        return Finding::ok(CHECK, "this system does not tell; the trap below shows it");
    };
    let missing: Vec<&str> =
        SIGNALS.iter().filter(|(_, number)| caught & (1 << (number - 1)) == 0).map(|(name, _)| *name).collect();
    if missing.is_empty() {
        Finding::ok(CHECK, "handlers for traps are installed")
    } else {
        let found = format!("no handler for {}", missing.join(", "));
        Finding::fail(
            CHECK,
            found,
            "Another library replaced the handlers: remove it, or use an engine with explicit traps.",
        )
    }
}

fn caught_signals() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

fn read_number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

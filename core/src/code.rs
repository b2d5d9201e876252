//! The one table of error codes: number, string, class and remedy of each.
//!
//! Numbers and strings are stable: a code is never reused and never renamed. Bindings match on
//! [`Class`], users on the string, C on the number. `docs/errors.md` is generated from here.

use std::fmt;

/// Who can mend an error of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The caller passed something that cannot be used: change the call.
    Usage,
    /// The guest module cannot be run here: change the module.
    Module,
    /// The machine or its files failed: change the environment.
    Host,
    /// A defect in sandcell: report it.
    Internal,
}

macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $name:ident = $number:literal, $variant:ident, $class:ident, $hint:literal; )+) => {
        /// The stable code of an error.
        ///
        /// ```
        /// let code = sandcell::Code::parse("image_missing").unwrap();
        /// assert_eq!(code.as_str(), "image_missing");
        /// assert_eq!(code.class(), sandcell::Class::Host);
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $( $(#[doc = $doc])+ $variant, )+
        }

        impl Code {
            /// Every code, in the order of their numbers.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)+];

            /// The code's stable name, as it appears in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => stringify!($name),)+ }
            }

            /// The code's stable number, as C sees it.
            pub fn number(self) -> u32 {
                match self { $(Code::$variant => $number,)+ }
            }

            /// Who can mend an error with this code.
            pub fn class(self) -> Class {
                match self { $(Code::$variant => Class::$class,)+ }
            }

            /// One sentence that names the remedy.
            pub fn hint(self) -> &'static str {
                match self { $(Code::$variant => $hint,)+ }
            }

            /// What the code means, from the table.
            pub fn doc(self) -> &'static str {
                match self { $(Code::$variant => concat!($($doc,)+),)+ }
            }
        }
    };
}

codes! {
    /// A limit was named that does not exist.
    limit_unknown = 100, LimitUnknown, Usage, "Use one of the limits that the message lists.";
    /// A limit was set outside its range.
    limit_range = 101, LimitRange, Usage, "Choose a value inside the range; unlimited cannot be expressed.";
    /// A guest path is not absolute, or holds `..`, NUL or a name that is too long.
    guest_path_invalid = 102, GuestPathInvalid, Usage, "Give an absolute path without `..`, such as /data.";
    /// A mount cannot be used: its folder is missing, or two mounts share one path.
    mount_invalid = 103, MountInvalid, Usage, "Check that the folder exists, is a directory, and that every guest path is used once.";
    /// An environment variable or argument holds NUL, or a name holds `=`.
    environment_invalid = 104, EnvironmentInvalid, Usage, "Remove NUL bytes, and `=` from names.";
    /// A file was asked for that the sandbox does not hold, or that may not be read this way.
    file_unavailable = 105, FileUnavailable, Usage, "Check the path against the files that the Outcome lists.";
    /// A program does not fit the image, for instance source code for a command module.
    program_invalid = 106, ProgramInvalid, Usage, "Use Program::code for interpreters and Program::command for modules.";
    /// A policy, recipe or limit file has a syntax error or an unknown field.
    document_invalid = 107, DocumentInvalid, Usage, "Correct the field that the message names.";
    /// A tool cannot be used: its name, its schema or its timeout.
    tool_invalid = 108, ToolInvalid, Usage, "Correct what the message names; a tool's name is a letter, then letters, digits and `_`, at most 64.";
    /// The policy for tools names a tool that was not handed over, or a rule that cannot hold.
    tool_policy_invalid = 109, ToolPolicyInvalid, Usage, "Correct every rule that the message names.";
    /// The name of a file of a program is absolute, holds `..`, control characters or empty parts, or is too long.
    file_name_invalid = 110, FileNameInvalid, Usage, "Give a relative name without `..`, such as lib/x.py.";
    /// A project lacks the file that it starts with, has one twice, or has more or larger files than it may.
    project_invalid = 111, ProjectInvalid, Usage, "Correct what the message names; a project's folder holds regular files and folders only.";
    /// A flag for a compiler is not one of those that are allowed.
    flag_invalid = 112, FlagInvalid, Usage, "Leave the flag out; docs/c.md lists those that are allowed.";

    /// The bytes are not a WebAssembly module, or one that uses a proposal that is off.
    module_invalid = 200, ModuleInvalid, Module, "Compile the program for wasm32-wasip1.";
    /// The module imports something that the sandbox does not provide.
    import_unknown = 201, ImportUnknown, Module, "Build for wasm32-wasip1 (wasi_snapshot_preview1) without other imports.";
    /// The module lacks an export that its kind needs, or exports it with another type.
    export_missing = 202, ExportMissing, Module, "A command exports `_start`; a reactor exports `memory`, `host_alloc`, `turn` and `run`.";
    /// The module is larger than `module_bytes`, or asks at start for more than a limit allows.
    module_exceeds = 203, ModuleExceeds, Module, "Raise the limit that the message names, or use a smaller module.";
    /// The module's state cannot be saved and given to another instance, so no image can be made of it.
    module_not_imageable = 204, ModuleNotImageable, Module, "Change what the message names, or run the module as a command.";

    /// No image of this name has been built on this machine.
    image_missing = 300, ImageMissing, Host, "Build it once with `sandcell image build NAME`.";
    /// A file of an image is missing, truncated, altered or was built by somebody else.
    image_damaged = 301, ImageDamaged, Host, "Build the image again with `sandcell image build NAME --force`.";
    /// The cache folder cannot be created, written or made private.
    cache_unwritable = 302, CacheUnwritable, Host, "Set SANDCELL_CACHE to a folder that you own and can write.";
    /// A file or system call of the host failed.
    host_io = 303, HostIo, Host, "See the operating system's message; a name that is not there, a missing permission or a full disk is the usual cause.";
    /// Another library replaced the process's trap handlers after the engine was made.
    signal_handlers_replaced = 304, SignalHandlersReplaced, Host, "Enable faulthandler and crash reporters before making the Engine, or make it with `explicit_traps`.";
    /// The machine cannot give what the engine needs: address space, memory or a stack.
    host_exhausted = 305, HostExhausted, Host, "Close sandboxes, or raise the process's limits on memory and mappings.";
    /// An image archive was made for another engine, processor or version of the format.
    image_mismatch = 306, ImageMismatch, Host, "Export the image again on a machine and with a version like this one, or build it here.";
    /// The setup code of an image raised, exited or took too long.
    image_setup_failed = 307, ImageSetupFailed, Usage, "Correct the setup code; the message ends with its traceback.";
    /// An image archive does not have the digest or the key that the importer trusts.
    image_untrusted = 308, ImageUntrusted, Usage, "Compare the archive's SHA-256 with its publisher's, or give the key that it was exported with.";
    /// An image is larger than `image_bytes` allows.
    image_exceeds = 309, ImageExceeds, Usage, "Raise the limit that the message names, or import a smaller image.";

    /// The sandbox cannot run: an earlier run of it is still under way, or ended abnormally.
    sandbox_unusable = 400, SandboxUnusable, Usage, "Wait for the run to end, or make a new sandbox.";
    /// The session has ended: a limit, a trap, a cancellation or its age ended its guest.
    session_ended = 401, SessionEnded, Usage, "Make a new sandbox, or restore a snapshot; files of this one can still be read.";
    /// A pool holds as many sandboxes as it may, and none came back in the time to wait.
    pool_busy = 402, PoolBusy, Usage, "Wait longer with `acquire_within`, or raise the cap that the message names.";
    /// A run of the sandbox is suspended, and only resuming or dropping it is possible.
    run_suspended = 403, RunSuspended, Usage, "Call `resume` with the token and the results of the outcome's calls, or make a new sandbox.";
    /// A suspended run cannot be resumed with this token or these results.
    resume_invalid = 404, ResumeInvalid, Usage, "Give the token of the last outcome, and one result for each of its calls at most.";
    /// A sandbox of the workspace has its files: one of its runs is under way or suspended.
    workspace_busy = 405, WorkspaceBusy, Usage, "Let the other run end, or discard it; the sandboxes of a workspace run in turn.";

    /// The bytes are not a snapshot, or one that was truncated, damaged or contradicts itself.
    snapshot_invalid = 500, SnapshotInvalid, Usage, "Restore another copy of the snapshot; this one cannot be repaired.";
    /// A snapshot of another image, engine, processor or version of the format.
    snapshot_mismatch = 501, SnapshotMismatch, Usage, "Restore it with the image, version and kind of machine that it was taken on.";
    /// A snapshot was not sealed with the key that was given, or needs one.
    snapshot_forged = 502, SnapshotForged, Usage, "Give the key that the snapshot was taken with, and no key for one without.";
    /// A snapshot, or the memory in it, is larger than a limit allows.
    snapshot_exceeds = 503, SnapshotExceeds, Usage, "Raise the limit that the message names.";

    /// A defect of sandcell.
    internal = 900, Internal, Internal, "Please report this with the message and the program.";
}

impl Code {
    /// Finds a code by its stable name.
    pub fn parse(name: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Class {
    /// The class's stable name, as it appears in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Usage => "usage",
            Class::Module => "module",
            Class::Host => "host",
            Class::Internal => "internal",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_ascending() {
        let numbers: Vec<u32> = Code::ALL.iter().map(|code| code.number()).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
            assert!(!code.hint().is_empty() && !code.doc().is_empty());
        }
    }
}

//! Errors of the library itself, as facts.
//!
//! An [`Error`] never means that guest code misbehaved: what a guest does ends in an
//! [`Outcome`](crate::Outcome). The sentence is made from the facts, once, by `Display`; the
//! stable code, its class and its remedy come from the table in `code.rs`.

use crate::code::{Class, Code};
use crate::limits::LimitKey;
use std::path::PathBuf;

/// What every fallible call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the library could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A limit was named that does not exist.
    #[error("there is no limit `{name}`; the limits are {}", LimitKey::names())]
    LimitUnknown {
        /// The name as given.
        name: String,
    },
    /// A limit was set outside its range.
    #[error("limit `{limit}` cannot be {value}: it must lie in {minimum}..={maximum} {unit}", unit = .limit.unit().as_str(), minimum = .limit.range().start(), maximum = .limit.range().end())]
    LimitRange {
        /// Which limit.
        limit: LimitKey,
        /// The value as given.
        value: u64,
    },
    /// A guest path was refused.
    #[error("guest path `{path}` is invalid: {reason}")]
    GuestPathInvalid {
        /// The path as given.
        path: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// A mount cannot be used.
    #[error("mount at `{guest}` is invalid: {reason}")]
    MountInvalid {
        /// Where it was to be seen by the guest.
        guest: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An environment variable or argument cannot be passed.
    #[error("{what} is invalid: {reason}")]
    EnvironmentInvalid {
        /// Which variable or argument.
        what: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// A file of the sandbox cannot be read or written from outside.
    #[error("file `{path}` of the sandbox: {reason}")]
    FileUnavailable {
        /// The guest path.
        path: String,
        /// Why.
        reason: String,
    },
    /// The name of a file of a program was refused.
    #[error("file name `{name}` is invalid: {reason}", name = .name.escape_debug())]
    FileNameInvalid {
        /// The name as given, cut to 120 characters.
        name: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// The files of a program cannot be one.
    #[error("file `{file}` of the project: {reason}", file = .file.escape_debug())]
    ProjectInvalid {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The program does not fit the image.
    #[error("this program cannot run on image `{image}`: {reason}")]
    ProgramInvalid {
        /// The image's name.
        image: String,
        /// Why.
        reason: &'static str,
    },
    /// A document has a syntax error or an unknown field.
    #[error("{what}: {reason}")]
    DocumentInvalid {
        /// Which document.
        what: String,
        /// The parser's finding.
        reason: String,
    },
    /// A tool cannot be used.
    #[error("tool `{tool}` is invalid: {reason}")]
    ToolInvalid {
        /// The tool's name, cut to 64 characters; the first, if several are invalid.
        tool: String,
        /// Every rule that it, and other tools, break.
        reason: String,
    },
    /// The policy for tools cannot be used.
    #[error("the policy for tools is invalid: {reason}")]
    ToolPolicyInvalid {
        /// Everything that is wrong with it.
        reason: String,
    },
    /// The bytes are not a usable module.
    #[error("not a WebAssembly module that can run here: {reason}")]
    ModuleInvalid {
        /// The validator's finding.
        reason: String,
    },
    /// The module imports something that is not provided.
    #[error("the module imports `{module}::{name}`, which the sandbox does not provide")]
    ImportUnknown {
        /// The import's module name.
        module: String,
        /// The import's field name.
        name: String,
    },
    /// The module lacks an export.
    #[error("the module does not export `{name}` as {expected}")]
    ExportMissing {
        /// The export.
        name: &'static str,
        /// The type it must have.
        expected: &'static str,
    },
    /// The module is larger, or asks for more at start, than a limit allows.
    #[error("the module needs {needed} {unit} where `{limit}` allows {allowed}", unit = .limit.unit().as_str())]
    ModuleExceeds {
        /// Which limit.
        limit: LimitKey,
        /// What the module needs, at least.
        needed: u64,
        /// What the limit allows.
        allowed: u64,
    },
    /// No image can be made of the module.
    #[error("no image can be made of the module: {reason}")]
    ModuleNotImageable {
        /// What its state consists of besides memory and globals.
        reason: String,
    },
    /// The setup code of an image did not come to its end.
    #[error("setting up image `{name}` failed: {reason}")]
    ImageSetupFailed {
        /// The image's name.
        name: String,
        /// The traceback, or what else happened.
        reason: String,
    },
    /// The session has ended.
    #[error("the session has ended: {reason}")]
    SessionEnded {
        /// What ended it.
        reason: String,
    },
    /// No image of this name has been built.
    #[error("image `{name}` has not been built")]
    ImageMissing {
        /// The image's name.
        name: String,
    },
    /// An image's files cannot be trusted.
    #[error("image `{name}` is damaged: {reason}")]
    ImageDamaged {
        /// The image's name.
        name: String,
        /// Which file, and what is wrong with it.
        reason: String,
    },
    /// The cache folder cannot be used.
    #[error("the cache folder {} cannot be used: {reason}", .path.display())]
    CacheUnwritable {
        /// The folder.
        path: PathBuf,
        /// What failed.
        reason: String,
    },
    /// A file or system call of the host failed.
    #[error("{operation}: {source}")]
    HostIo {
        /// What was being done.
        operation: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The process's trap handlers are no longer wasmtime's.
    #[error("another library replaced the handler of {signal}: a trap in a guest would end this process")]
    SignalHandlersReplaced {
        /// The signal's name.
        signal: &'static str,
    },
    /// The machine ran out of something the engine needs.
    #[error("the host ran out of {resource}: {reason}")]
    HostExhausted {
        /// What is missing.
        resource: &'static str,
        /// The operating system's or wasmtime's finding.
        reason: String,
    },
    /// The sandbox cannot run now or any more.
    #[error("the sandbox cannot run: {reason}")]
    SandboxUnusable {
        /// Why.
        reason: &'static str,
    },
    /// A run of the sandbox waits to be resumed.
    #[error("a run of the sandbox is suspended: resume it first")]
    RunSuspended,
    /// A run cannot be resumed with this.
    #[error("the run cannot be resumed: {reason}")]
    ResumeInvalid {
        /// What does not fit.
        reason: String,
    },
    /// A pool holds as many sandboxes as it may.
    #[error("the pool is busy: `{cap}` ({allowed}) admits no further sandbox; waited {waited_ms} ms")]
    PoolBusy {
        /// Which cap is reached.
        cap: PoolCap,
        /// What the cap allows.
        allowed: u64,
        /// How long was waited.
        waited_ms: u64,
    },
    /// An image archive does not fit here.
    #[error("the archive of image `{name}` is of another {what}: {found}, where {expected} is needed")]
    ImageMismatch {
        /// The image's name.
        name: String,
        /// What differs: format version, engine, CPU baseline.
        what: &'static str,
        /// What is needed here.
        expected: String,
        /// What the archive has.
        found: String,
    },
    /// An image archive is not the one that the importer trusts.
    #[error("the image archive is not trusted: {reason}")]
    ImageUntrusted {
        /// What does not agree.
        reason: &'static str,
    },
    /// An image is larger than a limit allows.
    #[error("the image needs {needed} {unit} where `{limit}` allows {allowed}", unit = .limit.unit().as_str())]
    ImageExceeds {
        /// Which limit.
        limit: LimitKey,
        /// What the image needs.
        needed: u64,
        /// What the limit allows.
        allowed: u64,
    },
    /// The bytes are not a usable snapshot.
    #[error("the snapshot is invalid: {reason}")]
    SnapshotInvalid {
        /// What is wrong with it.
        reason: String,
    },
    /// The snapshot was taken of something else.
    #[error("the snapshot is of another {what}: {found}, where {expected} is needed")]
    SnapshotMismatch {
        /// What differs: format version, image, engine, architecture.
        what: &'static str,
        /// What is needed here.
        expected: String,
        /// What the snapshot has.
        found: String,
    },
    /// The snapshot was not sealed with this key.
    #[error("the snapshot is not trusted: {reason}")]
    SnapshotForged {
        /// What does not agree.
        reason: &'static str,
    },
    /// The snapshot is larger than a limit allows.
    #[error("the snapshot needs {needed} {unit} where `{limit}` allows {allowed}", unit = .limit.unit().as_str())]
    SnapshotExceeds {
        /// Which limit.
        limit: LimitKey,
        /// What the snapshot needs.
        needed: u64,
        /// What the limit allows.
        allowed: u64,
    },
    /// A defect of sandcell.
    #[error("internal error: {reason}")]
    Internal {
        /// What was found.
        reason: String,
    },
}

/// What bounds the number of sandboxes of a [`Pool`](crate::Pool).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolCap {
    /// The cap on their number.
    MaxSandboxes,
    /// The cap on what they may take in sum.
    MaxHostBytes,
}

impl PoolCap {
    /// The cap's name in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            PoolCap::MaxSandboxes => "max_sandboxes",
            PoolCap::MaxHostBytes => "max_host_bytes",
        }
    }
}

impl std::fmt::Display for PoolCap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Error::LimitUnknown { .. } => Code::LimitUnknown,
            Error::LimitRange { .. } => Code::LimitRange,
            Error::GuestPathInvalid { .. } => Code::GuestPathInvalid,
            Error::MountInvalid { .. } => Code::MountInvalid,
            Error::EnvironmentInvalid { .. } => Code::EnvironmentInvalid,
            Error::FileUnavailable { .. } => Code::FileUnavailable,
            Error::FileNameInvalid { .. } => Code::FileNameInvalid,
            Error::ProjectInvalid { .. } => Code::ProjectInvalid,
            Error::ProgramInvalid { .. } => Code::ProgramInvalid,
            Error::DocumentInvalid { .. } => Code::DocumentInvalid,
            Error::ToolInvalid { .. } => Code::ToolInvalid,
            Error::ToolPolicyInvalid { .. } => Code::ToolPolicyInvalid,
            Error::ModuleInvalid { .. } => Code::ModuleInvalid,
            Error::ImportUnknown { .. } => Code::ImportUnknown,
            Error::ExportMissing { .. } => Code::ExportMissing,
            Error::ModuleExceeds { .. } => Code::ModuleExceeds,
            Error::ModuleNotImageable { .. } => Code::ModuleNotImageable,
            Error::ImageSetupFailed { .. } => Code::ImageSetupFailed,
            Error::SessionEnded { .. } => Code::SessionEnded,
            Error::ImageMissing { .. } => Code::ImageMissing,
            Error::ImageDamaged { .. } => Code::ImageDamaged,
            Error::CacheUnwritable { .. } => Code::CacheUnwritable,
            Error::HostIo { .. } => Code::HostIo,
            Error::SignalHandlersReplaced { .. } => Code::SignalHandlersReplaced,
            Error::HostExhausted { .. } => Code::HostExhausted,
            Error::SandboxUnusable { .. } => Code::SandboxUnusable,
            Error::RunSuspended => Code::RunSuspended,
            Error::ResumeInvalid { .. } => Code::ResumeInvalid,
            Error::PoolBusy { .. } => Code::PoolBusy,
            Error::ImageMismatch { .. } => Code::ImageMismatch,
            Error::ImageUntrusted { .. } => Code::ImageUntrusted,
            Error::ImageExceeds { .. } => Code::ImageExceeds,
            Error::SnapshotInvalid { .. } => Code::SnapshotInvalid,
            Error::SnapshotMismatch { .. } => Code::SnapshotMismatch,
            Error::SnapshotForged { .. } => Code::SnapshotForged,
            Error::SnapshotExceeds { .. } => Code::SnapshotExceeds,
            Error::Internal { .. } => Code::Internal,
        }
    }

    /// Who can mend it.
    pub fn class(&self) -> Class {
        self.code().class()
    }

    /// One sentence that names the remedy.
    pub fn hint(&self) -> &'static str {
        self.code().hint()
    }

    /// The JSON form, the same from every language:
    /// `{"error": {"code", "class", "message", "hint"}}`.
    ///
    /// ```
    /// let error = sandcell::Limits::new().set("fule", 1).unwrap_err();
    /// assert_eq!(error.to_json()["error"]["code"], "limit_unknown");
    /// ```
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({"error": {
            "code": self.code().as_str(),
            "class": self.class().as_str(),
            "message": self.to_string(),
            "hint": self.hint(),
        }})
    }

    /// An I/O failure of the host with the operation that met it.
    pub(crate) fn host_io(operation: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
        let operation = operation.into();
        move |source| Error::HostIo { operation, source }
    }
}

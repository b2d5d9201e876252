//! What to run.

use crate::error::{Error, Result};
use crate::guest::Driver;
use crate::image::Image;
use crate::limits::{LimitKey, Limits};
use crate::policy::{GuestPath, Policy};
use crate::wasi::Stdin;
use serde::Serialize;
use std::collections::BTreeMap;

/// One program for one run: source code for an interpreter, or a command module's arguments.
///
/// ```
/// use sandcell::{Program, Stdin};
/// let script = Program::code("import sys; print(sys.argv[1])").named("hello.py").arg("world");
/// let command = Program::command().args(["-v", "file"]).stdin(Stdin::bytes("input"));
/// # let _ = (script, command);
/// ```
#[derive(Debug)]
pub struct Program {
    source: Option<String>,
    name: Option<String>,
    args: Vec<String>,
    pub(super) stdin: Stdin,
    line_buffered: Option<bool>,
}

/// What a program becomes for a session.
pub(super) struct Turn {
    /// What the guest is given.
    pub(super) request: Vec<u8>,
    /// A script to put into the file tree first.
    pub(super) script: Option<(GuestPath, String)>,
    pub(super) stdin: Stdin,
}

/// What the next turn does about the guest's random state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seeding {
    /// What the image is known to hold.
    Image,
    /// Whatever there may be: code of the user has run.
    Everything,
}

/// What goes before the source in a request, where it is needed.
#[derive(Serialize)]
struct Head<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path0: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    argv: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_bytes: Option<u64>,
    /// The tools are others than the guest knows of.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tools: bool,
    /// They are plain globals too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    globals: bool,
    /// Standard output is written line by line.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    lines: bool,
}

/// What a request depends on besides its program.
pub(super) struct About<'a> {
    pub(super) image: &'a Image,
    pub(super) policy: &'a Policy,
    pub(super) limits: &'a Limits,
    pub(super) driver: Driver,
    pub(super) seeding: Option<Seeding>,
    /// What the guest is told of its tools.
    pub(super) tools: News,
    /// Somebody follows the run.
    pub(super) followed: bool,
}

/// What a guest is told of its tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// What it knows is right.
    Known,
    /// It must ask anew; `globals`: and bind them.
    Changed { globals: bool },
}

impl Program {
    /// Source code in the image's language.
    pub fn code(source: impl Into<String>) -> Program {
        Program {
            source: Some(source.into()),
            name: None,
            args: Vec::new(),
            stdin: Stdin::empty(),
            line_buffered: None,
        }
    }

    /// The image's own command, with arguments to come.
    pub fn command() -> Program {
        Program { source: None, name: None, args: Vec::new(), stdin: Stdin::empty(), line_buffered: None }
    }

    /// The script's file name, as its tracebacks show it.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Program {
        self.name = Some(name.into());
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Program {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Program {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// What the guest reads from standard input; nothing unless set.
    #[must_use]
    pub fn stdin(mut self, stdin: Stdin) -> Program {
        self.stdin = stdin;
        self
    }

    /// Whether an interpreter writes its standard output line by line, as on a terminal, or in larger
    /// pieces. Unless set it does the former when somebody follows the run.
    #[must_use]
    pub fn line_buffered(mut self, line_buffered: bool) -> Program {
        self.line_buffered = Some(line_buffered);
        self
    }

    /// The arguments for a command module.
    pub(super) fn into_arguments(self, image: &Image) -> Result<(Vec<String>, Stdin)> {
        if self.source.is_some() {
            return Err(invalid(image, "it takes no source code: use Program::command"));
        }
        self.check_arguments()?;
        let mut args = vec![image.invocation().argv0.clone()];
        args.extend(self.args);
        Ok((args, self.stdin))
    }

    /// The request for a session. The first one after a fork says so, and carries the policy's
    /// environment.
    pub(super) fn into_turn(self, about: &About<'_>) -> Result<Turn> {
        let About { image, policy, limits, driver, seeding, tools, followed } = *about;
        let fresh = seeding.is_some();
        self.check_arguments()?;
        let source = self.source.ok_or_else(|| invalid(image, "it takes source code: use Program::code"))?;
        if source.contains('\0') {
            return Err(invalid(image, "source code cannot contain NUL"));
        }
        let folder = image.invocation().scripts.as_ref();
        let path = match (&self.name, folder) {
            (Some(name), _) if name.contains('/') => return Err(invalid(image, "a script's name cannot contain /")),
            (Some(name), Some(folder)) => Some(GuestPath::parse(&format!("{folder}/{name}"))?),
            _ => None,
        };
        let request = if driver == Driver::Own {
            source.clone().into_bytes()
        } else {
            let name = path.as_ref().map(GuestPath::as_str);
            let args = self.args.iter().map(String::as_str);
            let has_argv = name.is_some() || !self.args.is_empty();
            let result_bytes = limits.value(LimitKey::ResultBytes);
            let head = Head {
                name,
                path0: name.and(folder).map(GuestPath::as_str),
                argv: has_argv.then(|| std::iter::once(name.unwrap_or("-c")).chain(args).collect()),
                env: Some(&policy.env).filter(|env| fresh && !env.is_empty()),
                // A guest that was restored may know of another limit.
                result_bytes: Some(result_bytes)
                    .filter(|bytes| tools != News::Known || (fresh && *bytes != LimitKey::ResultBytes.default_value())),
                tools: tools != News::Known,
                globals: tools == News::Changed { globals: true },
                lines: self.line_buffered.unwrap_or(followed),
            };
            head.request(seeding, &source)?
        };
        Ok(Turn { request, script: path.map(|path| (path, source)), stdin: self.stdin })
    }

    fn check_arguments(&self) -> Result<()> {
        match self.args.iter().position(|arg| arg.contains('\0')) {
            None => Ok(()),
            Some(index) => {
                let what = format!("argument {}", index + 1);
                Err(Error::EnvironmentInvalid { what, reason: "it contains NUL" })
            }
        }
    }
}

impl Head<'_> {
    /// `[f|F][JSON] LF source`; both parts before the line feed are left out where they say nothing.
    fn request(&self, seeding: Option<Seeding>, source: &str) -> Result<Vec<u8>> {
        let mut request = Vec::with_capacity(source.len() + 2);
        match seeding {
            None => {}
            Some(Seeding::Image) => request.push(b'f'),
            Some(Seeding::Everything) => request.push(b'F'),
        }
        let Head { name, path0: _, argv, env, result_bytes, tools, globals: _, lines } = self;
        let says_something =
            name.is_some() || argv.is_some() || env.is_some() || result_bytes.is_some() || *tools || *lines;
        if says_something {
            let written = serde_json::to_writer(&mut request, self);
            written.map_err(|error| Error::Internal { reason: error.to_string() })?;
        }
        request.push(b'\n');
        request.extend_from_slice(source.as_bytes());
        Ok(request)
    }
}

fn invalid(image: &Image, reason: &'static str) -> Error {
    Error::ProgramInvalid { image: image.info().name.clone(), reason }
}

//! What to run.

use crate::error::{Error, Result};
use crate::image::Image;
use crate::policy::GuestPath;
use crate::wasi::Stdin;

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
}

/// What a program becomes for one image.
pub(super) struct Prepared {
    pub(super) args: Vec<String>,
    /// A script to put into the file tree first.
    pub(super) script: Option<(GuestPath, String)>,
    pub(super) stdin: Stdin,
}

impl Program {
    /// Source code in the image's language.
    pub fn code(source: impl Into<String>) -> Program {
        Program { source: Some(source.into()), name: None, args: Vec::new(), stdin: Stdin::empty() }
    }

    /// The image's own command, with arguments to come.
    pub fn command() -> Program {
        Program { source: None, name: None, args: Vec::new(), stdin: Stdin::empty() }
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

    /// Checks the program against the image it is to run on.
    pub(super) fn prepare(self, image: &Image) -> Result<Prepared> {
        let invocation = image.invocation();
        let invalid = |reason| Error::ProgramInvalid { image: image.info().name.clone(), reason };
        let mut args = vec![invocation.argv0.clone()];
        let mut script = None;
        match (self.source, &invocation.code) {
            (None, None) => {}
            (None, Some(_)) => return Err(invalid("it takes source code: use Program::code")),
            (Some(_), None) => return Err(invalid("it takes no source code: use Program::command")),
            (Some(source), Some(_)) if source.contains('\0') => return Err(invalid("source code cannot contain NUL")),
            (Some(source), Some(code)) => match (self.name, &invocation.scripts) {
                (Some(name), Some(folder)) => {
                    if name.contains('/') {
                        return Err(invalid("a script's name cannot contain /"));
                    }
                    let path = GuestPath::parse(&format!("{folder}/{name}"))?;
                    args.push(path.to_string());
                    script = Some((path, source));
                }
                _ => {
                    args.extend(code.iter().cloned());
                    args.push(source);
                }
            },
        }
        if let Some(index) = self.args.iter().position(|arg| arg.contains('\0')) {
            let what = format!("argument {}", index + 1);
            return Err(Error::EnvironmentInvalid { what, reason: "it contains NUL" });
        }
        args.extend(self.args);
        Ok(Prepared { args, script, stdin: self.stdin })
    }
}

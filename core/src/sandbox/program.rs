//! What to run.

use super::project::{Files, Project};
use crate::error::{Error, Result};
use crate::guest::Driver;
use crate::image::Image;
use crate::limits::{LimitKey, Limits};
use crate::policy::{FileName, GuestPath, Policy};
use crate::wasi::Stdin;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

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
    pub(super) source: Option<String>,
    pub(super) name: Option<String>,
    /// All files, where there are more than the source.
    pub(super) project: Option<Project>,
    pub(super) args: Vec<String>,
    pub(super) stdin: Stdin,
    line_buffered: Option<bool>,
}

/// What a program becomes for a session.
pub(super) struct Turn {
    /// What the guest is given.
    pub(super) request: Vec<u8>,
    /// What the guest is given before it, of which nobody gets the answer.
    pub(super) before: Option<Vec<u8>>,
    /// What is put into the file tree first.
    pub(super) files: OwnFiles,
    pub(super) stdin: Stdin,
}

/// The files of a program, and where they go.
pub(super) enum OwnFiles {
    None,
    Script(GuestPath, String),
    /// They take the place of everything that is in the folder.
    Project(GuestPath, Files),
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
    /// The files are others than those that were imported.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    project: bool,
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
        Program { source: Some(source.into()), ..Program::command() }
    }

    /// Several files, by their names relative to the program's folder, of which `entry` is run. It takes
    /// the name of the entry.
    ///
    /// For a session its files take the place of everything that was in the image's folder for programs
    /// (`/program`), also of what an earlier project or guest left there; they count against `fs_bytes` and
    /// `fs_nodes`. Programs import each other by these names: the folder is where Python looks first. Files
    /// of the project that the program changed or removed are in the outcome's files, the others are not.
    ///
    /// # Errors
    /// `file_name_invalid`; `project_invalid` when the entry is not among the files or not UTF-8, when a name
    /// is both file and folder, and beyond 10,000 files or 128 MiB.
    ///
    /// ```
    /// use sandcell::Program;
    /// let files = [("main.py", "from lib.x import f\nf()"), ("lib/x.py", "def f(): print('hi')")];
    /// let program = Program::project(files, "main.py")?;
    /// assert!(Program::project([("../x.py", "")], "../x.py").is_err());
    /// # Ok::<(), sandcell::Error>(())
    /// ```
    pub fn project<N, C>(files: impl IntoIterator<Item = (N, C)>, entry: &str) -> Result<Program>
    where
        N: AsRef<str>,
        C: Into<Vec<u8>>,
    {
        Program::of(Project::new(files, entry)?)
    }

    /// The files below a folder of the host as a [`project`](Program::project), as they are now. Names that
    /// begin with a dot are left out.
    ///
    /// # Errors
    /// As for [`project`](Program::project); `project_invalid` also where there is a symlink or anything else
    /// that is neither file nor folder; `host_io`.
    pub fn project_folder(folder: impl AsRef<Path>, entry: &str) -> Result<Program> {
        Program::of(Project::of_folder(folder.as_ref(), entry)?)
    }

    fn of(project: Project) -> Result<Program> {
        let source = project.source()?;
        Ok(Program { project: Some(project), ..Program::code(source) })
    }

    /// The image's own command, with arguments to come.
    pub fn command() -> Program {
        Program {
            source: None,
            name: None,
            project: None,
            args: Vec::new(),
            stdin: Stdin::empty(),
            line_buffered: None,
        }
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
        let name = match (&self.name, &self.project) {
            (Some(_), Some(_)) => return Err(invalid(image, "a project has the name of its entry, and no other")),
            (Some(name), None) => Some(FileName::parse(name)?),
            (None, project) => project.as_ref().map(|project| project.entry.clone()),
        };
        let path = match (&name, folder) {
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
                project: self.project.is_some() && driver == Driver::Exported,
                tools: tools != News::Known,
                globals: tools == News::Changed { globals: true },
                lines: self.line_buffered.unwrap_or(followed),
            };
            head.request(seeding, &source)?
        };
        // What was imported before was of other files.
        let knows_others = self.project.is_some() && seeding != Some(Seeding::Image);
        let before = folder.filter(|_| knows_others).and_then(|folder| driver.forgets_modules(folder));
        let files = match (self.project, path, folder) {
            (Some(project), _, Some(folder)) => OwnFiles::Project(folder.clone(), project.files),
            (Some(_), ..) => return Err(invalid(image, "its image has no folder for the files of a program")),
            (None, Some(path), _) => OwnFiles::Script(path, source),
            (None, None, _) => OwnFiles::None,
        };
        Ok(Turn { request, before, files, stdin: self.stdin })
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
        let Head { name, path0: _, argv, env, result_bytes, project: _, tools, globals: _, lines } = self;
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

//! What to run.

use super::project::{Files, Project};
use crate::error::{Error, Result};
use crate::guest::Driver;
use crate::image::Image;
use crate::limits::{LimitKey, Limits};
use crate::policy::{FileName, GuestPath, Policy};
use crate::toolchain::Sources;
use crate::vfs::Bytes;
use crate::wasi::Stdin;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

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
    flags: Vec<String>,
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
            flags: Vec::new(),
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

    /// Flags for the compiler, such as `-O3`, `-std=c++23` or `-Wall`, for a language that is compiled. Which
    /// are allowed docs/c.md lists.
    #[must_use]
    pub fn flags<F: Into<String>>(mut self, flags: impl IntoIterator<Item = F>) -> Program {
        self.flags.extend(flags.into_iter().map(Into::into));
        self
    }

    /// What it is called.
    pub(super) fn into_name(self) -> Option<String> {
        self.name
    }

    /// What is compiled, the flags for it, and what is left for the command that comes of it.
    pub(super) fn into_sources(mut self, image: &Image) -> Result<(Sources, Vec<String>, Program)> {
        let source = self.source.take().ok_or_else(|| invalid(image, "it takes source code: use Program::code"))?;
        let (entry, files) = match (self.name.take(), &self.project) {
            (Some(_), Some(_)) => return Err(invalid(image, "a project has the name of its entry, and no other")),
            (None, Some(project)) => {
                let file = |(name, content): (&FileName, &Arc<[u8]>)| {
                    (name.as_str().to_owned(), Arc::new(Arc::clone(content)) as Bytes)
                };
                (project.entry.as_str().to_owned(), project.files.iter().map(file).collect())
            }
            (name, None) => {
                let extension = image.language().map_or("c", |language| language.extensions()[0]);
                let entry = FileName::parse(&name.unwrap_or_else(|| format!("main.{extension}")))?;
                let entry = entry.as_str().to_owned();
                (entry.clone(), vec![(entry, Arc::new(source.into_bytes()) as Bytes)])
            }
        };
        // What the program is called when it runs: `main` for `src/main.c`.
        let file = entry.rsplit('/').next().unwrap_or(&entry);
        self.name = Some(file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned());
        Ok((Sources { files, entry }, std::mem::take(&mut self.flags), self))
    }

    /// The arguments for a command module.
    pub(super) fn into_arguments(self, image: &Image) -> Result<(Vec<String>, Stdin)> {
        if self.source.is_some() {
            return Err(invalid(image, "it takes no source code: use Program::command"));
        }
        self.check_flags(image)?;
        self.check_arguments()?;
        let mut args = vec![self.name.unwrap_or_else(|| image.invocation().argv0.clone())];
        args.extend(self.args);
        Ok((args, self.stdin))
    }

    /// The request for a session. The first one after a fork says so, and carries the policy's
    /// environment.
    pub(super) fn into_turn(self, about: &About<'_>) -> Result<Turn> {
        let About { image, policy, limits, driver, seeding, tools, followed } = *about;
        let fresh = seeding.is_some();
        self.check_flags(image)?;
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

    fn check_flags(&self, image: &Image) -> Result<()> {
        match self.flags.is_empty() {
            true => Ok(()),
            false => Err(invalid(image, "its programs are not compiled, so that flags mean nothing")),
        }
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

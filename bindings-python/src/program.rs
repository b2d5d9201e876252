//! What a run is given: source code or arguments, a name, standard input.

use crate::fault::{Fault, Result};
use crate::json::type_name;
use crate::policy::content_bytes;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMapping, PyString};
use sandcell::{Program, Stdin};
use std::io::{self, Read};
use std::path::PathBuf;

/// What `run` and its siblings were given to run: code, files, or neither for a command.
pub(crate) struct Source<'a, 'py> {
    pub(crate) code: Option<&'a Bound<'py, PyAny>>,
    pub(crate) files: Option<&'a Bound<'py, PyAny>>,
    pub(crate) entry: Option<&'a str>,
    pub(crate) name: Option<String>,
}

impl Source<'_, '_> {
    /// The program, with its arguments and its input.
    pub(crate) fn program(self, args: Option<&Bound<'_, PyAny>>, stdin: Option<&Bound<'_, PyAny>>) -> Result<Program> {
        let mut program = match (self.code, self.files, self.entry) {
            (Some(code), None, None) => match code.cast::<PyString>() {
                Ok(text) => Program::code(text.to_str()?),
                Err(_) => return Err(Fault::argument("code", format!("expected str, not {}", type_name(code)))),
            },
            (None, Some(files), Some(entry)) => project(files, entry)?,
            (None, None, None) => Program::command(),
            (Some(_), ..) => return Err(Fault::value("files", "give either `code`, or `files` and `entry`")),
            (None, ..) => return Err(Fault::value("entry", "give both `files` and `entry`: the file to run")),
        };
        if let Some(name) = self.name {
            program = program.named(name);
        }
        if let Some(args) = args {
            program = program.args(arguments(args)?);
        }
        if let Some(stdin) = stdin {
            program = program.stdin(input(stdin)?);
        }
        Ok(program)
    }
}

/// A project: a mapping from names to contents, or a folder.
fn project(files: &Bound<'_, PyAny>, entry: &str) -> Result<Program> {
    if let Ok(folder) = files.extract::<PathBuf>() {
        return Ok(Program::project_folder(folder, entry)?);
    }
    let shape = || Fault::argument("files", format!("expected a dict or a folder's path, not {}", type_name(files)));
    let items = files.cast::<PyMapping>().map_err(|_| shape())?.items()?;
    let mut named = Vec::with_capacity(items.len());
    for item in items {
        let (name, content): (String, Bound<'_, PyAny>) =
            item.extract().map_err(|_| Fault::argument("files", "a name is no string"))?;
        named.push((name, content_bytes("files", &content)?));
    }
    Ok(Program::project(named, entry)?)
}

fn arguments(args: &Bound<'_, PyAny>) -> Result<Vec<String>> {
    const SHAPE: &str = "expected a list of strings";
    if args.is_instance_of::<PyString>() {
        return Err(Fault::argument("args", "expected a list of strings, not one string"));
    }
    let items = args.try_iter().map_err(|_| Fault::argument("args", SHAPE))?;
    items.map(|item| item?.extract::<String>().map_err(|_| Fault::argument("args", SHAPE))).collect()
}

fn input(stdin: &Bound<'_, PyAny>) -> Result<Stdin> {
    if !stdin.is_instance_of::<PyBytes>() && !stdin.is_instance_of::<PyString>() && stdin.hasattr("read")? {
        return Ok(Stdin::reader(Reader { file: stdin.clone().unbind(), rest: Vec::new() }));
    }
    Ok(Stdin::bytes(content_bytes("stdin", stdin)?))
}

/// A file object of Python, read by core's own thread.
struct Reader {
    file: Py<PyAny>,
    /// What `read` gave beyond what was asked for: text may be longer as UTF-8.
    rest: Vec<u8>,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            let read = Python::try_attach(|py| {
                let given = self.file.bind(py).call_method1("read", (buffer.len(),))?;
                content_bytes("stdin", &given).map_err(PyErr::from)
            });
            self.rest = match read {
                Some(Ok(bytes)) => bytes,
                Some(Err(error)) => return Err(io::Error::other(error.to_string())),
                None => return Err(io::Error::other("the interpreter is shutting down")),
            };
        }
        let count = self.rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}

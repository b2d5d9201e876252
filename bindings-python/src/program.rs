//! What a run is given: source code or arguments, a name, standard input.

use crate::fault::{Fault, Result};
use crate::json::type_name;
use crate::policy::content_bytes;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use sandcell::{Program, Stdin};
use std::io::{self, Read};

/// Puts together what `run` and its siblings were given.
pub(crate) fn program(
    code: Option<&Bound<'_, PyAny>>,
    args: Option<&Bound<'_, PyAny>>,
    name: Option<String>,
    stdin: Option<&Bound<'_, PyAny>>,
) -> Result<Program> {
    let mut program = match code {
        Some(code) => match code.cast::<PyString>() {
            Ok(text) => Program::code(text.to_str()?),
            Err(_) => return Err(Fault::argument("code", format!("expected str, not {}", type_name(code)))),
        },
        None => Program::command(),
    };
    if let Some(name) = name {
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

//! What is done with a program before its guest gets it, by how its language is run.

use super::Program;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::language::How;
use crate::outcome::{Diagnostic, Status};

/// What came of preparing a program.
pub(super) enum Prepared {
    /// It can be run.
    Ready(Program),
    /// It is no program of its language: nothing of it runs.
    #[allow(dead_code, reason = "what strips types and what compiles make it")]
    Refused(Box<Refused>),
}

/// Why a program is none of its language. The guest's fault, so it becomes an outcome.
pub(super) struct Refused {
    /// `SyntaxError` where it was parsed, `CompileError` where it was compiled.
    pub(super) r#type: &'static str,
    /// The first error, in one sentence.
    pub(super) message: String,
    /// Everything that was found, as a person reads it: the traceback, and what is on standard error.
    pub(super) text: String,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Refused {
    pub(super) fn status(&self) -> Status {
        let Refused { r#type, message, text, .. } = self;
        Status::Raised { r#type: (*r#type).to_owned(), message: message.clone(), traceback: text.clone() }
    }
}

/// Makes of a program what its image's guest takes.
pub(super) fn prepare(program: Program, image: &Image) -> Result<Prepared> {
    match image.language().map(|language| language.how()) {
        None | Some(How::Turn) => Ok(Prepared::Ready(program)),
        Some(How::Strip) => Err(not_yet(image, "taking types out of source code is not built yet")),
        Some(How::Compile) => Err(not_yet(image, "compiling source code is not built yet")),
    }
}

fn not_yet(image: &Image, reason: &'static str) -> Error {
    Error::ProgramInvalid { image: image.info().name.clone(), reason }
}

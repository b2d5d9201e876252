//! What is done with a program before its guest gets it, by how its language is run.

use super::Program;
use crate::error::Result;
use crate::image::Image;
use crate::language::How;
use crate::limits::Limits;
use crate::toolchain::Job;

/// What came of preparing a program.
pub(super) enum Prepared {
    /// It can be run.
    Ready(Program),
    /// It is compiled first; what is left of the program is for the command that comes of it.
    Compile(Box<Job>, Program),
}

/// Makes of a program what its image's guest takes.
pub(super) fn prepare(program: Program, image: &Image, compile_limits: &Limits) -> Result<Prepared> {
    match image.language().map(|language| language.how()) {
        None | Some(How::Turn) => Ok(Prepared::Ready(program)),
        Some(How::Compile) => {
            let (sources, flags, program) = program.into_sources(image)?;
            Ok(Prepared::Compile(Box::new(Job::new(image, sources, &flags, compile_limits)?), program))
        }
    }
}

//! Compiling without running.

use super::Program;
use super::prepare::{Prepared, prepare};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::limits::{LimitKey, Limits};
use crate::outcome::{Diagnostic, Status};
use crate::toolchain::{Compiled, Verdict};
use crate::wasi::Interrupt;
use std::sync::Arc;
use std::time::Duration;

/// What came of compiling a program.
#[derive(Debug)]
#[non_exhaustive]
pub struct Compilation {
    /// The command that was made; none where `status` says why.
    pub image: Option<Image>,
    /// `exited` with code 0; `raised` as `CompileError`; `exceeded` for a limit of the compiler.
    pub status: Status,
    /// What the compiler found, warnings too.
    pub diagnostics: Vec<Diagnostic>,
    /// The same as a person reads it.
    pub text: String,
    /// One sentence that a model can act on; empty when there is nothing to say.
    pub hint: String,
    /// What it took, in milliseconds; 0 where the same was compiled before.
    pub compile_ms: f64,
    /// What the compiler used; 0 where the same was compiled before.
    pub compile_fuel: u64,
}

impl Image {
    /// Compiles a program and does not run it: what comes of it is a command, of which many sandboxes can
    /// be made. For images whose programs are compiled, `c` and `cpp`. Blocks.
    ///
    /// What a program makes of the compiler, an endless template say, ends in the
    /// [`Compilation`] and is no error.
    ///
    /// # Errors
    /// `flag_invalid`, `program_invalid`, `signal_handlers_replaced`, `host_io`, `host_exhausted`.
    ///
    /// ```no_run
    /// # fn main() -> sandcell::Result<()> {
    /// use sandcell::{Engine, Image, Limits, Program, Sandbox};
    /// let c = Image::load(&Engine::new()?, "c")?;
    /// let made = c.cc(Program::code("int main(void) { return 7; }").flags(["-O3"]), &Limits::for_compiling())?;
    /// let outcome = Sandbox::builder(&made.image.unwrap()).build()?.run(Program::command())?;
    /// # Ok(()) }
    /// ```
    pub fn cc(&self, program: Program, limits: &Limits) -> Result<Compilation> {
        self.engine().check_handlers()?;
        let Prepared::Compile(job, rest) = prepare(program, self, limits)? else {
            return Err(Error::ProgramInvalid { image: self.info().name.clone(), reason: "it compiles nothing" });
        };
        let time = Duration::from_millis(limits.value(LimitKey::DeadlineMs));
        let Compiled { verdict, findings, cost } = job.make(&Arc::new(Interrupt::start(time)))?;
        let (image, status, hint) = match verdict {
            Verdict::Ready(ready) => {
                let name = rest.into_name().unwrap_or_default();
                let image = self.of_compiled(&name, job.key(), ready.guest, ready.bytes);
                (Some(image), Status::Exited { code: 0 }, String::new())
            }
            Verdict::Refused(refusal) => (None, refusal.status, refusal.hint),
        };
        Ok(Compilation {
            image,
            status,
            diagnostics: findings.diagnostics,
            text: findings.text,
            hint,
            compile_ms: cost.time.as_secs_f64() * 1_000.0,
            compile_fuel: cost.fuel,
        })
    }
}

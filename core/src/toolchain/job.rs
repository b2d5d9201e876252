//! One program to be compiled, and how that is done: once for all who ask for the same.

use super::flags::Flags;
use super::kept;
use super::step::{HEADERS, Steps};
use super::{Compiled, Cost, Findings, Ready, Refusal, Verdict, commands};
use crate::engine::{Code, Digest, Engine, Hasher, Start};
use crate::error::{Error, Result};
use crate::guest::{Abi, Guest};
use crate::image::{Image, needs};
use crate::language::{How, Language};
use crate::limits::{LimitKey, Limits};
use crate::outcome::Status;
use crate::vfs::Bytes;
use crate::wasi::Interrupt;
use std::sync::Arc;
use std::time::Instant;

/// The files of a program, by name.
pub(crate) struct Sources {
    pub(crate) files: Vec<(String, Bytes)>,
    /// Which of them was named as the program.
    pub(crate) entry: String,
}

/// One program to be compiled.
pub(crate) struct Job {
    image: Image,
    sources: Sources,
    /// The files that are compiled by themselves, each in its language, sorted by name.
    units: Vec<(String, Language)>,
    flags: Flags,
    limits: Limits,
}

impl Job {
    /// # Errors
    /// `flag_invalid`; `program_invalid` for files in another language than the image's.
    pub(crate) fn new(image: &Image, sources: Sources, flags: &[String], limits: &Limits) -> Result<Job> {
        let flags = Flags::parse(flags)?;
        let invalid = |reason| Error::ProgramInvalid { image: image.info().name.clone(), reason };
        let language = image.language().filter(|language| language.how() == How::Compile);
        let language = language.ok_or_else(|| invalid("it compiles nothing"))?;
        let mut units = Vec::new();
        for (name, _) in &sources.files {
            let found = Language::of_file(name).filter(|found| found.how() == How::Compile);
            match found.or((*name == sources.entry).then_some(language)) {
                Some(Language::Cpp) if language == Language::C => return Err(invalid("C++ is for the image `cpp`")),
                Some(found) => units.push((name.clone(), found)),
                None => {}
            }
        }
        units.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        if !units.iter().any(|(name, _)| *name == sources.entry) {
            return Err(invalid("its entry is a header or no source at all"));
        }
        Ok(Job { image: image.clone(), sources, units, flags, limits: limits.clone() })
    }

    /// Compiles it, unless that was done before: then what came of it is taken from the cache.
    /// Who asks for the same at the same time waits for the one who does it.
    ///
    /// Blocks; `interrupt` ends what runs in the compiler's sandbox.
    ///
    /// # Errors
    /// `host_io`, `host_exhausted`, `internal`.
    pub(crate) fn make(&self, interrupt: &Arc<Interrupt>) -> Result<Compiled> {
        let key = self.key();
        let mut compiled = match kept::find(self.engine(), key) {
            Some(kept) => kept,
            None => kept::make_once(self.engine(), key, || self.compile(interrupt))?,
        };
        // Another caller may have made it, with other limits.
        if let Verdict::Ready(Ready { bytes, .. }) = compiled.verdict
            && let Some(refusal) = self.too_long(bytes)
        {
            compiled.verdict = Verdict::Refused(refusal);
        }
        Ok(compiled)
    }

    /// The address of all that goes into the module.
    pub(crate) fn key(&self) -> Digest {
        let hasher = Hasher::new("compiled program").field(kept::FORMAT).field(self.image.info().digest.as_bytes());
        let ours = HEADERS.iter();
        let hasher = ours.fold(hasher, |hasher, (name, text)| hasher.field(name.as_bytes()).field(text.as_bytes()));
        let hasher = self.commands().iter().flatten().fold(hasher, |hasher, word| hasher.field(word.as_bytes()));
        let files = self.sources.files.iter();
        files.fold(hasher, |hasher, (name, content)| hasher.field(name.as_bytes()).field((**content).as_ref())).finish()
    }

    fn commands(&self) -> Vec<Vec<String>> {
        commands::commands(&self.units, &self.flags)
    }

    fn engine(&self) -> &Engine {
        self.image.engine()
    }

    fn compile(&self, interrupt: &Arc<Interrupt>) -> Result<(Compiled, Option<Arc<Code>>)> {
        let began = Instant::now();
        let mut findings = Findings::default();
        let names: Vec<String> = self.units.iter().map(|(name, _)| name.clone()).collect();
        let mut steps = Steps::new(&self.image, self.sources.files.clone(), &self.limits, interrupt)?;
        let mut made = Err(nothing());
        for command in self.commands() {
            let step = steps.run(command)?;
            findings.add(&step.printed, &names);
            made = match step.refusal(&findings, &self.limits) {
                Some(refusal) => Err(refusal),
                None => Ok(()),
            };
            if made.is_err() {
                break;
            }
        }
        let (verdict, code) = match made.and_then(|()| steps.module().map_err(|_| nothing())) {
            Ok(wasm) => {
                findings.without_errors();
                self.finish(&wasm)?
            }
            Err(refusal) => (Verdict::Refused(refusal), None),
        };
        let cost = Cost { fuel: steps.fuel(), time: began.elapsed() };
        Ok((Compiled { verdict, findings, cost }, code))
    }

    fn too_long(&self, bytes: u64) -> Option<Refusal> {
        let allowed = self.limits.value(LimitKey::ModuleBytes);
        let hint = format!(
            "The compiled program is {bytes} bytes long, and `module_bytes` of the compiler allows {allowed}: make it smaller, above all its static data."
        );
        (bytes > allowed).then_some(Refusal { status: Status::Exceeded { limit: LimitKey::ModuleBytes }, hint })
    }

    /// From the module to code of this machine.
    fn finish(&self, wasm: &[u8]) -> Result<(Verdict, Option<Arc<Code>>)> {
        let bytes = wasm.len() as u64;
        if let Some(refusal) = self.too_long(bytes) {
            return Ok((Verdict::Refused(refusal), None));
        }
        let made = needs(wasm).and_then(|needs| {
            let code = self.engine().compile(Start::Module, wasm)?;
            let guest = Guest::link(Arc::clone(&code), Abi::Command)?;
            Ok((Verdict::Ready(Ready { guest, needs, bytes }), Some(code)))
        });
        match made {
            // Its own `__attribute__((import_name))`, `export_name` or `asm` made it what cannot run here.
            Err(error @ (Error::ImportUnknown { .. } | Error::ExportMissing { .. } | Error::ModuleInvalid { .. })) => {
                Ok((Verdict::Refused(Refusal::error(&error.to_string(), "")), None))
            }
            made => made,
        }
    }
}

/// The tools said that all was well and left nothing.
fn nothing() -> Refusal {
    Refusal::error("the compiler made nothing of it", "")
}

impl Refusal {
    /// The program is none of its language; `text` is what the compiler said.
    pub(super) fn error(message: &str, text: &str) -> Refusal {
        let (r#type, message) = ("CompileError".to_owned(), message.to_owned());
        let traceback = if text.is_empty() { message.clone() } else { text.to_owned() };
        Refusal { status: Status::Raised { r#type, message, traceback }, hint: String::new() }
    }
}

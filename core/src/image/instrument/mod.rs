//! Making a module's start state replaceable: its memory comes from a file, its globals are set
//! from outside.
//!
//! The module loses its data segments, exports its mutable globals, and exports its start function
//! instead of having it run (core specification, section 5.5); everything else is copied as it is.
//! What was in the active segments is returned as the memory that the module starts with before
//! anything has run. Nothing else could refer to a segment: modules that do are refused, and
//! wasmtime would set up thousands of empty ones for each instance.
//!
//! A module whose state lies anywhere else than in its memory and its globals cannot be saved,
//! and is refused by name: [`NotImageable`].

mod inspect;

use inspect::Facts;
use wasm_encoder::{ExportKind, ExportSection, RawSection, SectionId};
use wasmparser::{ConstExpr, Data, DataKind, Operator, Parser, Payload};

/// Prefix of the exports made for globals; the global's index follows.
const GLOBAL: &str = "sandcell:global:";
/// The export made for the start function, if there is one.
pub(super) const START: &str = "sandcell:start";

/// A module that starts from an image.
#[derive(Debug)]
pub(crate) struct Instrumented {
    pub(crate) wasm: Vec<u8>,
    /// What the module's memory holds before anything has run: whole WebAssembly pages.
    pub(crate) memory: Vec<u8>,
    /// Names under which the mutable globals are exported.
    pub(crate) globals: Vec<String>,
}

/// Why a module's state cannot be saved and given to another instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotImageable {
    #[error("it is not well formed: {0}")]
    Malformed(String),
    #[error("it has {0} memories of its own, not one")]
    Memories(usize),
    #[error("its memory is 64-bit or shared")]
    MemoryKind,
    #[error("it imports a mutable global, a memory or a table")]
    ImportedState,
    #[error("its mutable global {0} holds a reference")]
    ReferenceGlobal(u32),
    #[error("its table {0} is exported, so that the host could change it")]
    ExportedTable(u32),
    #[error("its code uses {0}, whose effect is not part of memory and globals")]
    HiddenState(&'static str),
    #[error("a data segment's place is not a constant, or lies outside the memory")]
    SegmentPlace,
    #[error("it has no function of the name {0}")]
    NoFunction(String),
}

impl From<wasmparser::BinaryReaderError> for NotImageable {
    fn from(error: wasmparser::BinaryReaderError) -> NotImageable {
        NotImageable::Malformed(error.to_string())
    }
}

/// Takes the start state out of `wasm` and exports the functions named `also` (by the module's
/// name section) besides its own exports.
pub(crate) fn instrument(wasm: &[u8], also: &[&str]) -> Result<Instrumented, NotImageable> {
    let facts = Facts::of(wasm, also)?;
    let mut memory = vec![0; facts.memory_bytes];
    let mut module = wasm_encoder::Module::new();
    let mut has_exports = false;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        match &payload {
            Payload::ExportSection(_) => {
                has_exports = true;
                module.section(&exports(&facts));
            }
            Payload::StartSection { .. } | Payload::DataCountSection { .. } => {}
            Payload::DataSection(segments) => {
                for segment in segments.clone() {
                    take_segment(&segment?, &mut memory)?;
                }
            }
            // Names and debug information of a guest are of no use at run time.
            Payload::CustomSection(_) => {}
            other => {
                let section = other.as_section();
                // The export section comes before these; a module without one gets it here.
                let is_after = section.as_ref().is_some_and(|(id, _)| *id > SectionId::Export as u8);
                if is_after && !has_exports && is_known(section.as_ref().map(|(id, _)| *id)) {
                    has_exports = true;
                    module.section(&exports(&facts));
                }
                if let Some((id, range)) = section {
                    let range = range.start as usize..range.end as usize;
                    let data = wasm.get(range).ok_or(NotImageable::Malformed("a section is cut off".into()))?;
                    module.section(&RawSection { id, data });
                }
            }
        }
    }
    let globals = facts.mutable_globals.iter().map(|index| format!("{GLOBAL}{index}")).collect();
    Ok(Instrumented { wasm: module.finish(), memory, globals })
}

/// The module's own exports, the globals, and the functions asked for.
fn exports(facts: &Facts<'_>) -> ExportSection {
    let mut section = ExportSection::new();
    for export in &facts.exports {
        section.export(export.name, kind(export.kind), export.index);
    }
    for index in &facts.mutable_globals {
        section.export(&format!("{GLOBAL}{index}"), ExportKind::Global, *index);
    }
    if let Some(start) = facts.start {
        section.export(START, ExportKind::Func, start);
    }
    for (name, index) in &facts.also {
        section.export(name, ExportKind::Func, *index);
    }
    section
}

fn kind(kind: wasmparser::ExternalKind) -> ExportKind {
    match kind {
        wasmparser::ExternalKind::Func | wasmparser::ExternalKind::FuncExact => ExportKind::Func,
        wasmparser::ExternalKind::Table => ExportKind::Table,
        wasmparser::ExternalKind::Memory => ExportKind::Memory,
        wasmparser::ExternalKind::Global => ExportKind::Global,
        wasmparser::ExternalKind::Tag => ExportKind::Tag,
    }
}

/// Code, data and the data count follow the exports; the tag section's number is higher than its
/// place.
fn is_known(id: Option<u8>) -> bool {
    const TAG: u8 = SectionId::Tag as u8;
    id.is_some_and(|id| id != TAG)
}

/// Moves what an active segment holds into `memory`.
fn take_segment(segment: &Data<'_>, memory: &mut [u8]) -> Result<(), NotImageable> {
    if let DataKind::Active { offset_expr, .. } = &segment.kind {
        let start = constant(offset_expr).ok_or(NotImageable::SegmentPlace)? as usize;
        let place = start.checked_add(segment.data.len()).and_then(|end| memory.get_mut(start..end));
        place.ok_or(NotImageable::SegmentPlace)?.copy_from_slice(segment.data);
    }
    Ok(())
}

/// The value of `i32.const N`.
fn constant(expression: &ConstExpr<'_>) -> Option<u32> {
    let mut operators = expression.get_operators_reader();
    let Ok(Operator::I32Const { value }) = operators.read() else { return None };
    matches!(operators.read(), Ok(Operator::End)).then_some(value.cast_unsigned())
}

#[cfg(test)]
mod tests;

//! What has to be known of a module before it can start from an image.

use super::NotImageable;
use std::collections::HashMap;
use wasmparser::{Export, ExternalKind, Name, NameSectionReader, Operator, Parser, Payload, TypeRef, ValType};

/// Bytes of a WebAssembly page.
const WASM_PAGE: u64 = 64 << 10;

pub(super) struct Facts<'a> {
    /// The memory's minimum.
    pub(super) memory_bytes: usize,
    pub(super) mutable_globals: Vec<u32>,
    pub(super) exports: Vec<Export<'a>>,
    pub(super) start: Option<u32>,
    /// Functions to export under their own names, unless they are exported already.
    pub(super) also: Vec<(&'a str, u32)>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(wasm: &'a [u8], also: &[&str]) -> Result<Facts<'a>, NotImageable> {
        let mut memories = Vec::new();
        let mut globals = 0;
        let mut facts =
            Facts { memory_bytes: 0, mutable_globals: Vec::new(), exports: Vec::new(), start: None, also: Vec::new() };
        let mut names = HashMap::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        match import?.ty {
                            TypeRef::Global(global) if !global.mutable => globals += 1,
                            TypeRef::Global(_) | TypeRef::Memory(_) | TypeRef::Table(_) => {
                                return Err(NotImageable::ImportedState);
                            }
                            TypeRef::Func(_) | TypeRef::FuncExact(_) | TypeRef::Tag(_) => {}
                        }
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        memories.push(memory?);
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        let ty = global?.ty;
                        if ty.mutable {
                            if matches!(ty.content_type, ValType::Ref(_)) {
                                return Err(NotImageable::ReferenceGlobal(globals));
                            }
                            facts.mutable_globals.push(globals);
                        }
                        globals += 1;
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Table {
                            return Err(NotImageable::ExportedTable(export.index));
                        }
                        facts.exports.push(export);
                    }
                }
                Payload::StartSection { func, .. } => facts.start = Some(func),
                Payload::CodeSectionEntry(body) => {
                    let mut operators = body.get_operators_reader()?;
                    while !operators.eof() {
                        if let Some(name) = hidden(&operators.read()?) {
                            return Err(NotImageable::HiddenState(name));
                        }
                    }
                }
                Payload::CustomSection(section) if section.name() == "name" && !also.is_empty() => {
                    let reader = wasmparser::BinaryReader::new(section.data(), section.data_offset());
                    collect_names(NameSectionReader::new(reader), also, &mut names);
                }
                _ => {}
            }
        }
        let [memory] = memories.as_slice() else { return Err(NotImageable::Memories(memories.len())) };
        if memory.memory64 || memory.shared || memory.page_size_log2.is_some() {
            return Err(NotImageable::MemoryKind);
        }
        let bytes = memory.initial.checked_mul(WASM_PAGE).and_then(|bytes| usize::try_from(bytes).ok());
        facts.memory_bytes = bytes.filter(|bytes| *bytes <= 4 << 30).ok_or(NotImageable::MemoryKind)?;
        facts.resolve(also, &names)?;
        Ok(facts)
    }

    /// Finds the functions to export; those that already are need nothing.
    fn resolve(&mut self, also: &[&str], names: &HashMap<&'a str, u32>) -> Result<(), NotImageable> {
        for wanted in also {
            if self.exports.iter().any(|export| export.name == *wanted && export.kind == ExternalKind::Func) {
                continue;
            }
            let found = names.iter().find(|(name, _)| *name == wanted);
            let (name, index) = found.ok_or_else(|| NotImageable::NoFunction((*wanted).to_owned()))?;
            self.also.push((*name, *index));
        }
        Ok(())
    }
}

/// Operators that change or depend on tables and segments, which are not saved.
fn hidden(operator: &Operator<'_>) -> Option<&'static str> {
    Some(match operator {
        Operator::TableSet { .. } => "table.set",
        Operator::TableGrow { .. } => "table.grow",
        Operator::TableFill { .. } => "table.fill",
        Operator::TableCopy { .. } => "table.copy",
        Operator::TableInit { .. } => "table.init",
        Operator::ElemDrop { .. } => "elem.drop",
        Operator::MemoryInit { .. } => "memory.init",
        Operator::DataDrop { .. } => "data.drop",
        _ => return None,
    })
}

/// Names are for people and may be damaged: what cannot be read is not found.
fn collect_names<'a>(section: NameSectionReader<'a>, wanted: &[&str], names: &mut HashMap<&'a str, u32>) {
    for part in section.into_iter().flatten() {
        if let Name::Function(map) = part {
            for naming in map.into_iter().flatten().filter(|naming| wanted.contains(&naming.name)) {
                names.insert(naming.name, naming.index);
            }
        }
    }
}

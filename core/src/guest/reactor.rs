//! A reactor's module: what is needed of its exports, found once.

use super::cpython::Functions;
use super::{Abi, Guest, exported};
use crate::engine::Code;
use crate::error::{Error, Result};
use std::sync::Arc;
use wasmtime::ModuleExport;

/// A module with the reactor ABI whose memory starts as an image. A clone is a reference.
#[derive(Clone)]
pub(crate) struct Reactor {
    inner: Arc<Inner>,
}

struct Inner {
    guest: Guest,
    memory: ModuleExport,
    host_alloc: ModuleExport,
    turn: ModuleExport,
    globals: Vec<ModuleExport>,
    cpython: Option<Functions>,
    exported: Option<ModuleExport>,
}

impl Reactor {
    /// Links an instrumented module, whose mutable globals are exported as `globals`.
    ///
    /// # Errors
    /// `import_unknown`, `export_missing`.
    pub(crate) fn link(code: Arc<Code>, globals: &[String]) -> Result<Reactor> {
        let guest = Guest::link(code, Abi::Reactor)?;
        let find = |name: &'static str, expected| {
            guest.module().get_export_index(name).ok_or(Error::ExportMissing { name, expected })
        };
        let (memory, host_alloc) = (find("memory", "a memory")?, find("host_alloc", "a function")?);
        let turn = find("turn", "a function")?;
        let globals = globals.iter().map(|name| guest.module().get_export_index(name));
        let globals = globals
            .collect::<Option<Vec<_>>>()
            .ok_or(Error::ExportMissing { name: "sandcell:global", expected: "a mutable global" })?;
        let cpython = Functions::of(guest.module());
        let [exported] = exported::EXPORTS.map(|name| guest.module().get_export_index(name));
        Ok(Reactor { inner: Arc::new(Inner { guest, memory, host_alloc, turn, globals, cpython, exported }) })
    }

    pub(super) fn guest(&self) -> &Guest {
        &self.inner.guest
    }

    pub(super) fn memory(&self) -> &ModuleExport {
        &self.inner.memory
    }

    pub(super) fn host_alloc(&self) -> &ModuleExport {
        &self.inner.host_alloc
    }

    pub(super) fn turn(&self) -> &ModuleExport {
        &self.inner.turn
    }

    pub(super) fn globals(&self) -> &[ModuleExport] {
        &self.inner.globals
    }

    /// The functions of CPython's C API, if the module exports them.
    pub(super) fn cpython(&self) -> Option<&Functions> {
        self.inner.cpython.as_ref()
    }

    /// `sandcell_turn`, if the module exports it.
    pub(super) fn exported(&self) -> Option<&ModuleExport> {
        self.inner.exported.as_ref()
    }
}

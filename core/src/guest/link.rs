//! Checking a module against the imports and exports of its ABI, once, before any run.

use super::{Abi, host_call};
use crate::engine::Code;
use crate::error::{Error, Result};
use crate::store::State;
use crate::wasi;
use std::sync::Arc;
use wasmtime::{ExternType, InstancePre, Linker, Module, UnknownImportError, ValType};

/// A module whose imports are resolved and whose exports fit its ABI.
#[derive(Clone)]
pub(crate) struct Guest {
    /// Also keeps the code in the engine's table of loaded modules.
    code: Arc<Code>,
    pre: InstancePre<State>,
}

impl Guest {
    /// Links `code` against everything a sandbox provides.
    ///
    /// # Errors
    /// `import_unknown`, `export_missing`.
    pub(crate) fn link(code: Arc<Code>, abi: Abi) -> Result<Guest> {
        check_exports(&code.module, abi)?;
        let mut linker = Linker::new(code.module.engine());
        wasi::add_to_linker(&mut linker)?;
        host_call::add_to_linker(&mut linker).map_err(|error| Error::Internal { reason: error.to_string() })?;
        match linker.instantiate_pre(&code.module) {
            Ok(pre) => Ok(Guest { code, pre }),
            Err(error) => Err(import_error(&error)),
        }
    }

    pub(super) fn instance_pre(&self) -> &InstancePre<State> {
        &self.pre
    }

    pub(crate) fn module(&self) -> &Module {
        &self.code.module
    }
}

fn check_exports(module: &Module, abi: Abi) -> Result<()> {
    let nothing: &[ValType] = &[];
    let function = |name: &'static str, expected: &'static str, params: &[ValType], results: &[ValType]| {
        let fits = |list: &mut dyn Iterator<Item = ValType>, wanted: &[ValType]| {
            let list: Vec<_> = list.collect();
            list.len() == wanted.len() && list.iter().zip(wanted).all(|(a, b)| ValType::eq(a, b))
        };
        match module.get_export(name) {
            Some(ExternType::Func(ty)) if fits(&mut ty.params(), params) && fits(&mut ty.results(), results) => Ok(()),
            _ => Err(Error::ExportMissing { name, expected }),
        }
    };
    match abi {
        Abi::Command => function("_start", "a function without parameters and results", nothing, nothing),
        Abi::Reactor => {
            let i32 = ValType::I32;
            let pair = [ValType::I32, ValType::I32];
            function("turn", "a function (i32, i32) -> i32", &pair, std::slice::from_ref(&i32))?;
            function("host_alloc", "a function (i32) -> i32", std::slice::from_ref(&i32), std::slice::from_ref(&i32))?;
            match module.get_export("memory") {
                Some(ExternType::Memory(_)) => Ok(()),
                _ => Err(Error::ExportMissing { name: "memory", expected: "a memory" }),
            }
        }
    }
}

/// Names the import that could not be resolved. One that exists with another type is named by the
/// linker's own finding.
fn import_error(error: &wasmtime::Error) -> Error {
    match error.downcast_ref::<UnknownImportError>() {
        Some(unknown) => Error::ImportUnknown { module: unknown.module().into(), name: unknown.name().into() },
        None => Error::ModuleInvalid { reason: format!("{error:#}") },
    }
}

//! Compiled modules on disk. The only place that turns bytes of a file into code.
#![allow(unsafe_code)]

use super::{Baseline, Cache, Code, Digest, Machine, write_private};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fs::File;

pub(super) const CODE: &str = "code.cwasm";
pub(super) const KIND: &str = "artifacts";

/// Loads the code of `wasm` from the cache; compiles and stores it if it is not there or cannot
/// be trusted. Without a writable cache the code is kept in this process only.
pub(super) fn compile_or_load(machine: &Machine, cache: Option<&Cache>, key: Digest, wasm: &[u8]) -> Result<Code> {
    let Some(cache) = cache else {
        return Ok(Code { module: fresh(machine, precompile(machine, wasm)?)?, key });
    };
    if let Some(code) = load(machine, Some(cache), key)? {
        return Ok(code);
    }
    let mut compiled = None;
    let stored = cache.build(KIND, key, |folder| {
        let bytes = precompile(machine, wasm)?;
        let written = write_private(&folder.join(CODE), &bytes);
        compiled = Some(bytes);
        let digest = written.map_err(Error::host_io("writing compiled code to the cache"))?;
        Ok(BTreeMap::from([(CODE.to_owned(), digest)]))
    });
    match stored {
        Ok(sealed) => {
            drop(compiled);
            let reason = match sealed.file(CODE) {
                Ok(file) => return map(machine, key, file),
                Err(reason) => reason,
            };
            Err(Error::CacheUnwritable { path: cache.root().to_owned(), reason })
        }
        Err(error @ (Error::CacheUnwritable { .. } | Error::HostIo { .. })) => {
            tracing::warn!(%error, "compiled code is not cached; the next process compiles again");
            let bytes = match compiled {
                Some(bytes) => bytes,
                None => precompile(machine, wasm)?,
            };
            Ok(Code { module: fresh(machine, bytes)?, key })
        }
        Err(error) => Err(error),
    }
}

/// Loads code from the cache. `None`: it is not there, or cannot be trusted (with a warning).
pub(super) fn load(machine: &Machine, cache: Option<&Cache>, key: Digest) -> Result<Option<Code>> {
    let Some(cache) = cache else { return Ok(None) };
    let opened = cache.open_entry(KIND, key).and_then(|sealed| {
        let Some(sealed) = sealed else { return Ok(None) };
        let file = sealed.file(CODE)?;
        sealed.touch();
        Ok(Some(file))
    });
    match opened {
        Ok(Some(file)) => match map(machine, key, file) {
            Ok(code) => Ok(Some(code)),
            Err(error) => {
                tracing::warn!(%error, %key, "cached code is not usable and will be rebuilt");
                cache.discard(KIND, key);
                Ok(None)
            }
        },
        Ok(None) => Ok(None),
        Err(reason) => {
            tracing::warn!(reason, %key, "cached code is damaged and will be rebuilt");
            cache.discard_damaged(KIND, key);
            Ok(None)
        }
    }
}

/// Lets what `config` compiles run on every processor of this baseline. By itself wasmtime uses all
/// that the processor at hand has.
pub(super) fn compile_for(config: &mut wasmtime::Config, baseline: Baseline) -> Result<()> {
    // A target that is named is one without features, also when it is that of this machine.
    let named = config.target(&target_lexicon::Triple::host().to_string());
    named.map_err(|error| Error::Internal { reason: error.to_string() })?;
    for flag in baseline.compiler_flags() {
        // SAFETY: a wrong flag could make code that breaks wasmtime's assumptions. Each of these, all from
        // one table, turns on instruction sets of x86-64 and nothing else; wasmtime compares them with
        // the processor before it loads code made with them.
        unsafe { config.cranelift_flag_enable(flag) };
    }
    Ok(())
}

fn map(machine: &Machine, key: Digest, file: File) -> Result<Code> {
    // SAFETY: the file must have been written by `precompile_module` and must not change while
    // it is mapped. It lies in our private folder (0700, this user), its digest was recorded when
    // we wrote it and its facts still match that record on this very descriptor (`sealed.rs`);
    // files of the cache are replaced by renaming only. wasmtime itself refuses code of another
    // version, settings or CPU by its header.
    let module = unsafe { wasmtime::Module::deserialize_open_file(&machine.wasmtime, file) };
    let module = module.map_err(|error| Error::ImageDamaged { name: key.to_string(), reason: error.to_string() })?;
    Ok(Code { module, key })
}

/// Compiles. A panic of the compiler is a finding about the module, not the end of the caller.
fn precompile(machine: &Machine, wasm: &[u8]) -> Result<Vec<u8>> {
    let compile = || machine.wasmtime.precompile_module(wasm).map_err(invalid);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(compile))
        .unwrap_or_else(|_| Err(Error::ModuleInvalid { reason: "the compiler failed on it".into() }))
}

/// Code that was compiled a moment ago.
fn fresh(machine: &Machine, bytes: Vec<u8>) -> Result<wasmtime::Module> {
    // SAFETY: the only callers pass what `precompile` of this engine returned; it never left
    // this process's memory.
    let module = unsafe { wasmtime::Module::deserialize(&machine.wasmtime, bytes) };
    module.map_err(|error| Error::Internal { reason: error.to_string() })
}

/// The validator's finding without the host's own details.
fn invalid(error: wasmtime::Error) -> Error {
    let reason = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    Error::ModuleInvalid { reason: reason.chars().take(500).collect() }
}

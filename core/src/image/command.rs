//! Command modules: one `.wasm` or `.wat` as an image.

use super::claims;
use super::{Image, ImageFiles, ImageInfo, Inner, Invocation, Kind};
use crate::engine::{Engine, Start};
use crate::error::{Error, Result};
use crate::guest::{Abi, Guest};
use crate::limits::{LimitKey, Limits};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

/// How every WebAssembly binary begins (core specification, section 5.5.16).
const MAGIC: &[u8] = b"\0asm";

pub(super) fn command(engine: &Engine, name: &str, module: &[u8], limits: &Limits) -> Result<Image> {
    let allowed = limits.value(LimitKey::ModuleBytes);
    if module.len() as u64 > allowed {
        return Err(Error::ModuleExceeds { limit: LimitKey::ModuleBytes, needed: module.len() as u64, allowed });
    }
    let binary = binary(module)?;
    claims::check(&binary, limits)?;
    let code = engine.compile(Start::Module, &binary)?;
    let info = ImageInfo {
        name: name.to_owned(),
        digest: code.key.to_string(),
        language: "wasm".into(),
        baseline: engine.baseline().map(|baseline| baseline.to_string()),
        bytes: binary.len() as u64,
        path: PathBuf::new(),
    };
    let guest = Guest::link(code, Abi::Command)?;
    let invocation = Invocation { argv0: name.to_owned(), ..Invocation::default() };
    let inner =
        Inner { engine: engine.clone(), info, kind: Kind::Command(guest), invocation, files: ImageFiles::default() };
    Ok(Image { inner: Arc::new(inner) })
}

/// The module as binary, from either form.
fn binary(module: &[u8]) -> Result<Cow<'_, [u8]>> {
    if module.starts_with(MAGIC) {
        return Ok(Cow::Borrowed(module));
    }
    let invalid = |reason: String| Error::ModuleInvalid { reason };
    let text = std::str::from_utf8(module)
        .map_err(|_| invalid("it starts neither as WebAssembly binary nor is it UTF-8 text".into()))?;
    let parsed = wat::parse_str(text).map_err(|error| invalid(error.to_string().chars().take(500).collect()))?;
    Ok(Cow::Owned(parsed))
}

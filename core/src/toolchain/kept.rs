//! What was compiled before: a record under the address of all that went into a program, beside the
//! code that it names. Both are artifacts of the cache, within its cap; what is used least goes first.

use super::{Compiled, Cost, Findings, Ready, Verdict};
use crate::engine::{Code, Digest, Engine, Sealed, Start, write_private};
use crate::error::{Error, Result};
use crate::guest::{Abi, Guest};
use crate::limits::LimitKey;
use crate::outcome::Diagnostic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Changes whenever the same program is made into something else.
pub(super) const FORMAT: &[u8] = b"1";
const RECORD: &str = "program.json";
/// Findings are bounded; this is several times as much.
const MAX_RECORD_BYTES: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    code: Digest,
    needs: Vec<(LimitKey, u64)>,
    bytes: u64,
    diagnostics: Vec<Diagnostic>,
    text: String,
}

/// What is known of a program that was compiled before. A record that cannot be trusted, or whose code is
/// gone, is none.
pub(super) fn find(engine: &Engine, key: Digest) -> Option<Compiled> {
    let cache = engine.cache()?;
    let kept = match cache.open_entry(Engine::CODE.0, key) {
        Ok(None) => return None,
        Ok(Some(sealed)) => read(engine, &sealed),
        Err(reason) => Err(reason),
    };
    kept.inspect_err(|reason| {
        tracing::debug!(reason, %key, "a compiled program is not usable and will be compiled again");
        cache.discard(Engine::CODE.0, key);
    })
    .ok()
}

/// Has `make` done by one caller at a time; the others find what it left. Without a cache that can be
/// written, everybody does it.
pub(super) fn make_once(
    engine: &Engine,
    key: Digest,
    make: impl Fn() -> Result<(Compiled, Option<Arc<Code>>)>,
) -> Result<Compiled> {
    let Some(cache) = engine.cache() else { return make().map(|(compiled, _)| compiled) };
    let mut own = None;
    let built = cache.build(Engine::CODE.0, key, |folder| {
        let (compiled, code) = own.insert(make()?);
        let Some(record) = record(compiled, code.as_deref()) else {
            // Only what can be run is kept.
            return Err(Error::Internal { reason: "there is no module".into() });
        };
        let text = serde_json::to_vec(&record).map_err(|error| Error::Internal { reason: error.to_string() })?;
        let written = write_private(&folder.join(RECORD), &text);
        Ok(BTreeMap::from([(RECORD.to_owned(), written.map_err(Error::host_io("writing to the cache"))?)]))
    });
    match (own, built) {
        (Some((compiled, _)), Ok(_)) => Ok(compiled),
        (Some((compiled, code)), Err(error)) => {
            if code.is_some() {
                tracing::warn!(%error, "a compiled program is not kept");
            }
            Ok(compiled)
        }
        (None, Err(error @ (Error::CacheUnwritable { .. } | Error::HostIo { .. }))) => {
            tracing::warn!(%error, "a compiled program is not kept");
            make().map(|(compiled, _)| compiled)
        }
        (None, Err(error)) => Err(error),
        // Somebody else has done it meanwhile.
        (None, Ok(_)) => match find(engine, key) {
            Some(kept) => Ok(kept),
            None => make().map(|(compiled, _)| compiled),
        },
    }
}

fn record(compiled: &Compiled, code: Option<&Code>) -> Option<Record> {
    let Verdict::Ready(ready) = &compiled.verdict else { return None };
    let Findings { diagnostics, text } = compiled.findings.clone();
    Some(Record { code: code?.key, needs: ready.needs.clone(), bytes: ready.bytes, diagnostics, text })
}

fn read(engine: &Engine, sealed: &Sealed) -> Result<Compiled, String> {
    let file = sealed.file(RECORD)?;
    if file.metadata().map_err(|error| error.to_string())?.len() > MAX_RECORD_BYTES {
        return Err(format!("{RECORD} is too large"));
    }
    let record: Record =
        serde_json::from_reader(std::io::BufReader::new(file)).map_err(|error| format!("{RECORD}: {error}"))?;
    let code = engine.load(Start::Module, record.code).map_err(|error| error.to_string())?;
    let code = code.ok_or("its code is gone")?;
    let guest = Guest::link(code, Abi::Command).map_err(|error| error.to_string())?;
    sealed.touch();
    let Record { needs, bytes, diagnostics, text, .. } = record;
    let verdict = Verdict::Ready(Ready { guest, needs, bytes });
    Ok(Compiled { verdict, findings: Findings { diagnostics, text }, cost: Cost::default() })
}

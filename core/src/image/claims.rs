//! What a module claims to need, looked at before a minute is spent on compiling it.

use crate::error::{Error, Result};
use crate::limits::{LimitKey, Limits};
use wasmparser::{Parser, Payload, TypeRef};

/// The most memories of one module. Each takes over 4 GiB of address space, of which a process
/// has 128 TiB; no toolchain makes a program with more than two.
const MAX_MEMORIES: u64 = 4;
/// Bytes of a WebAssembly page.
const WASM_PAGE: u64 = 64 << 10;

/// Refuses a module that could not be instantiated under `limits`. What is malformed is left to
/// the compiler's validator, which names it better.
///
/// # Errors
/// `module_exceeds`, `module_invalid`.
pub(super) fn check(wasm: &[u8], limits: &Limits) -> Result<()> {
    let needs = needs(wasm)?;
    for (limit, needed) in needs {
        let allowed = limits.value(limit);
        if needed > allowed {
            return Err(Error::ModuleExceeds { limit, needed, allowed });
        }
    }
    Ok(())
}

/// How much of each limit a module takes before it does anything.
///
/// # Errors
/// `module_invalid`.
pub(crate) fn needs(wasm: &[u8]) -> Result<Vec<(LimitKey, u64)>> {
    let claims = Claims::of(wasm);
    if claims.memories > MAX_MEMORIES {
        let reason = format!("it has {} memories, and at most {MAX_MEMORIES} are supported", claims.memories);
        return Err(Error::ModuleInvalid { reason });
    }
    let memory = claims.pages.saturating_mul(WASM_PAGE);
    Ok(vec![(LimitKey::MemoryBytes, memory), (LimitKey::TableElements, claims.elements)])
}

/// Sums of what is declared.
#[derive(Default)]
struct Claims {
    memories: u64,
    pages: u64,
    elements: u64,
}

impl Claims {
    fn of(wasm: &[u8]) -> Claims {
        let mut claims = Claims::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload {
                Ok(Payload::ImportSection(imports)) => {
                    for import in imports.into_imports().flatten() {
                        if let TypeRef::Memory(memory) = import.ty {
                            claims.add_memory(memory.initial);
                        }
                    }
                }
                Ok(Payload::MemorySection(memories)) => {
                    memories.into_iter().flatten().for_each(|memory| claims.add_memory(memory.initial));
                }
                Ok(Payload::TableSection(tables)) => {
                    for table in tables.into_iter().flatten() {
                        claims.elements = claims.elements.saturating_add(table.ty.initial);
                    }
                }
                // Code is the bulk of a module and says nothing here.
                Ok(Payload::CodeSectionStart { .. }) | Err(_) => break,
                Ok(_) => {}
            }
        }
        claims
    }

    fn add_memory(&mut self, pages: u64) {
        self.memories += 1;
        self.pages = self.pages.saturating_add(pages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<()> {
        check(&wat::parse_str(text).unwrap(), &Limits::new())
    }

    #[test]
    fn a_module_that_asks_for_too_much_is_refused_by_the_limits_name_before_it_is_compiled() {
        assert!(checked("(module (memory 100) (memory 1) (table 10 funcref))").is_ok());
        let memory = checked("(module (memory 5000) (memory 5000))");
        assert!(matches!(memory, Err(Error::ModuleExceeds { limit: LimitKey::MemoryBytes, needed: 655_360_000, .. })));
        let table = checked("(module (table 150000 funcref) (table 150000 funcref))");
        assert!(matches!(table, Err(Error::ModuleExceeds { limit: LimitKey::TableElements, needed: 300_000, .. })));
    }

    #[test]
    fn a_module_with_many_memories_is_refused() {
        let many = format!("(module {})", "(memory 0)".repeat(90));
        assert!(matches!(checked(&many), Err(Error::ModuleInvalid { reason }) if reason.contains("90 memories")));
    }
}

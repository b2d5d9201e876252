//! The one `wasmtime::Config`, with a reason beside each line.

use crate::memory::{SlotPool, StackPool};
use std::sync::Arc;
use wasmtime::{Config, OptLevel};

/// Enough for the recursion limits of CPython to bite before the stack does; freeing what is nested
/// fifty thousand deep has no such limit and still fits.
pub(super) const DEFAULT_STACK_BYTES: usize = 32 << 20;
/// What a host function may use above the guest's stack.
const HOST_STACK_BYTES: usize = 1 << 20;
/// Stacks kept for reuse; each holds at most 128 KiB resident.
pub(super) const MAX_IDLE_STACKS: usize = 64;

/// The settings that both machines of an engine share, and how memories of one start: from the
/// module's data segments, or from the images that `slots` maps.
pub(super) fn config(
    stack_bytes: usize,
    explicit_traps: bool,
    stacks: Arc<StackPool>,
    slots: Option<SlotPool>,
) -> Config {
    let mut config = Config::new();

    // Cost. Fuel also serves deadline and cancellation, through its yields: epochs on top would
    // cost another 15 % of CPU-bound Python (docs/decisions/001).
    config.consume_fuel(true);
    config.epoch_interruption(false);

    // Stacks. Guests run on fibers from a pool, never on the caller's stack.
    config.max_wasm_stack(stack_bytes);
    config.async_stack_size(stack_bytes + HOST_STACK_BYTES);
    config.with_host_stack(stacks);
    // Guests cannot read native stacks; zeroing each would cost more than a short run.
    config.async_stack_zeroing(false);

    // Proposals. Exceptions: CPython and C++ guests need them. Everything that widens the attack
    // surface without a guest that asks for it stays off.
    config.wasm_exceptions(true);
    config.wasm_simd(true);
    config.wasm_relaxed_simd(true);
    // The same results on every CPU, so that fuel and output of a seeded run repeat.
    config.relaxed_simd_deterministic(true);
    config.wasm_multi_memory(true);
    config.wasm_tail_call(true);
    config.wasm_memory64(false);
    config.wasm_function_references(false);
    config.wasm_gc(false);
    config.wasm_custom_page_sizes(false);
    config.wasm_wide_arithmetic(false);

    // The heap for exception objects: tiny, growing on demand, charged to memory_bytes. The
    // default would reserve 4 GiB of address space for each guest.
    config.gc_heap_reservation(1 << 20);
    config.gc_heap_guard_size(64 << 10);
    config.gc_heap_reservation_for_growth(1 << 20);

    // Code. Traps are classified by code, not by address: no address map, no backtraces, no
    // native unwind tables; the artifact of CPython is a third smaller and loads faster.
    config.cranelift_opt_level(OptLevel::Speed);
    config.parallel_compilation(true);
    config.generate_address_map(false);
    config.wasm_backtrace_max_frames(None);
    config.native_unwind_info(false);

    // Data segments are mapped copy-on-write instead of being copied for each instance. CPython's
    // are dense, and any dense image is mapped whatever its size; a sparse one of a hostile
    // module is laid out at compile time only up to this size.
    config.memory_init_cow(slots.is_none());
    config.memory_guaranteed_dense_image_size(1 << 20);
    // Memories that start as an image come from our slots. wasmtime's own copy-on-write would
    // panic beside them (`memory_image is Some only for mmap-based memories`), hence two machines.
    if let Some(slots) = slots {
        config.with_host_memory(Arc::new(slots));
    }

    // Bounds checks by guard pages, unless the process cannot have our signal handlers.
    config.signals_based_traps(!explicit_traps);
    // Handlers are compared before each run; mach ports would bypass that.
    config.macos_use_mach_ports(false);
    // Concurrency inside one store is for components, which are not part of this engine.
    config.concurrency_support(false);

    config
}

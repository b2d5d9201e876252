//! What ended a guest, told by the type of the error and never by its text.

use crate::error::Error;
use crate::limits::LimitKey;
use crate::outcome::{Status, TrapReason};
use crate::store::Meter;
use crate::wasi::{Exit, Stop};
use wasmtime::Trap;

/// How a run ended whose guest did not return.
///
/// # Errors
/// `internal` for an error of a kind that no guest can cause.
pub(crate) fn classify(error: &wasmtime::Error) -> Result<Status, Error> {
    if let Some(Exit(code)) = error.downcast_ref::<Exit>() {
        return Ok(Status::Exited { code: *code });
    }
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return Ok(status_of(*stop));
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return Ok(match trap {
            Trap::OutOfFuel => Status::Exceeded { limit: LimitKey::Fuel },
            Trap::AllocationTooLarge => Status::Exceeded { limit: LimitKey::MemoryBytes },
            trap => Status::Trapped { reason: reason_of(*trap) },
        });
    }
    if error.is::<wasmtime::GcHeapOutOfMemory<()>>() {
        return Ok(Status::Exceeded { limit: LimitKey::MemoryBytes });
    }
    if error.is::<wasmtime::ThrownException>() {
        return Ok(Status::Trapped { reason: TrapReason::UncaughtException });
    }
    Err(Error::Internal { reason: format!("{error:#}") })
}

/// The status of a run that was stopped from outside.
pub(crate) fn status_of(stop: Stop) -> Status {
    match stop {
        Stop::Deadline => Status::Exceeded { limit: LimitKey::DeadlineMs },
        Stop::HostWait => Status::Exceeded { limit: LimitKey::HostWaitMs },
        Stop::Cancelled => Status::Cancelled,
    }
}

/// The error for a module that could not even be instantiated, if a limit or the host's means
/// are the reason. `None`: the guest's own start function ended it.
pub(crate) fn refused_at_start(error: &wasmtime::Error, meter: &Meter) -> Option<Error> {
    if classify(error).is_ok() {
        return None;
    }
    Some(match meter.refusal() {
        Some((limit, needed, allowed)) => Error::ModuleExceeds { limit, needed, allowed },
        None => Error::HostExhausted { resource: "memory for a guest", reason: format!("{error:#}") },
    })
}

fn reason_of(trap: Trap) -> TrapReason {
    match trap {
        Trap::StackOverflow => TrapReason::StackOverflow,
        Trap::MemoryOutOfBounds | Trap::HeapMisaligned | Trap::ArrayOutOfBounds => TrapReason::MemoryOutOfBounds,
        Trap::TableOutOfBounds => TrapReason::TableOutOfBounds,
        Trap::IndirectCallToNull | Trap::BadSignature => TrapReason::BadIndirectCall,
        Trap::IntegerOverflow => TrapReason::IntegerOverflow,
        Trap::IntegerDivisionByZero => TrapReason::IntegerDivisionByZero,
        Trap::BadConversionToInteger => TrapReason::BadConversionToInteger,
        Trap::UnreachableCodeReached => TrapReason::Unreachable,
        Trap::NullReference | Trap::CastFailure => TrapReason::NullReference,
        _ => TrapReason::Other,
    }
}

//! The start state of a reactor: what an image or a snapshot gives to each guest made from it.

use super::Driver;
use crate::memory::MemoryImage;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wasmtime::Val;

/// A reactor between two turns, when its wasm stack is empty: everything it consists of besides
/// its code and its file tree.
#[derive(Clone)]
pub(crate) struct Warm {
    pub(crate) memory: Arc<MemoryImage>,
    /// The mutable globals, in the order of [`Reactor::link`](super::Reactor::link).
    pub(crate) globals: Vec<GlobalValue>,
    /// What answers turns.
    pub(crate) driver: Driver,
}

/// The value of a mutable global; floats as their bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GlobalValue {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(u128),
}

impl GlobalValue {
    /// `None` for a reference, which no imaged module has in a mutable global.
    pub(crate) fn of(value: &Val) -> Option<GlobalValue> {
        Some(match value {
            Val::I32(value) => GlobalValue::I32(*value),
            Val::I64(value) => GlobalValue::I64(*value),
            Val::F32(bits) => GlobalValue::F32(*bits),
            Val::F64(bits) => GlobalValue::F64(*bits),
            Val::V128(value) => GlobalValue::V128(value.as_u128()),
            _ => return None,
        })
    }

    pub(crate) fn to_val(self) -> Val {
        match self {
            GlobalValue::I32(value) => Val::I32(value),
            GlobalValue::I64(value) => Val::I64(value),
            GlobalValue::F32(bits) => Val::F32(bits),
            GlobalValue::F64(bits) => Val::F64(bits),
            GlobalValue::V128(value) => Val::V128(value.into()),
        }
    }
}

//! Turns of CPython, called through its C API instead of the guest's own `turn`: our driver, a
//! Python function that the warm-up left in the image, gets a request and answers with bytes.
//!
//! The functions are not exports of the package; building the image makes them so, by the names
//! in the module's name section.

use super::live::{Broken, Exports, call};
use crate::policy::GuestPath;
use crate::store::State;
use wasmtime::{Memory, Module, ModuleExport, Store};

/// What the instrumented module must export besides its own.
pub(crate) const EXPORTS: [&str; 7] = [
    "PyBytes_FromStringAndSize",
    "PyBytes_AsString",
    "PyBytes_Size",
    "PyObject_CallOneArg",
    "_Py_DecRef",
    "PyErr_Clear",
    RESEED,
];

/// The request to the driver to end the program: exit handlers, then open files.
pub(super) const FINISH: &[u8] = b"q";

/// `sqlite3_randomness(0, NULL)` makes SQLite seed itself anew when it next needs to.
pub(super) const RESEED: &str = "sqlite3_randomness";

/// A program that forgets what was imported from files below `folder`, and where files were seen there. It
/// leaves no names behind.
pub(super) fn forgets_modules(folder: &GuestPath) -> Vec<u8> {
    const FORGET: &str = r"
import importlib, sys
for name, module in list(sys.modules.items()):
    try:
        places = [getattr(module, '__file__', None) or '', *getattr(module, '__path__', ())]
        if any(str(place).startswith(folder) for place in places):
            sys.modules.pop(name, None)
    except Exception:
        pass
importlib.invalidate_caches()
";
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let folder = text(&format!("{folder}/"));
    format!("{{\"name\":\"<project>\"}}\nexec({}, {{'folder': {folder}}})", text(FORGET)).into_bytes()
}

/// The functions, found once for a module.
#[derive(Clone)]
pub(super) struct Functions {
    new_bytes: ModuleExport,
    bytes_at: ModuleExport,
    bytes_len: ModuleExport,
    call: ModuleExport,
    release: ModuleExport,
    clear_error: ModuleExport,
}

impl Functions {
    /// `None` if one is missing.
    pub(super) fn of(module: &Module) -> Option<Functions> {
        let [new_bytes, bytes_at, bytes_len, call, release, clear_error, _] =
            EXPORTS.map(|name| module.get_export_index(name));
        Some(Functions {
            new_bytes: new_bytes?,
            bytes_at: bytes_at?,
            bytes_len: bytes_len?,
            call: call?,
            release: release?,
            clear_error: clear_error?,
        })
    }
}

/// Calls `callable(request)`; `None` if it raised, which the driver never does by itself. An
/// answer longer than `most` bytes is not read.
pub(super) async fn call_driver(
    store: &mut Store<State>,
    exports: &Exports<'_>,
    functions: &Functions,
    memory: Memory,
    callable: u32,
    request: &[u8],
    most: usize,
) -> Result<Option<Vec<u8>>, Broken> {
    let len = u32::try_from(request.len()).map_err(|_| Broken::Answer("the program is longer than 4 GiB"))?;
    let argument: u32 = call(store, exports, &functions.new_bytes, (0u32, len)).await?;
    if argument == 0 {
        let () = call(store, exports, &functions.clear_error, ()).await?;
        return Ok(None);
    }
    let at: u32 = call(store, exports, &functions.bytes_at, argument).await?;
    memory.write(&mut *store, at as usize, request).map_err(|_| Broken::Answer("an object lies outside memory"))?;
    let answer: u32 = call(store, exports, &functions.call, (callable, argument)).await?;
    let () = call(store, exports, &functions.release, argument).await?;
    if answer == 0 {
        let () = call(store, exports, &functions.clear_error, ()).await?;
        return Ok(None);
    }
    let len: u32 = call(store, exports, &functions.bytes_len, answer).await?;
    let mut bytes = Vec::new();
    if len > 0 {
        if len as usize > most {
            return Err(Broken::Answer("the answer is larger than it may be"));
        }
        let at: u32 = call(store, exports, &functions.bytes_at, answer).await?;
        let data = memory.data(&*store).get(at as usize..).and_then(|rest| rest.get(..len as usize));
        bytes.extend_from_slice(data.ok_or(Broken::Answer("an object lies outside memory"))?);
    }
    let () = call(store, exports, &functions.release, answer).await?;
    Ok(Some(bytes))
}

//! The functions as a compiled guest meets them.

use super::*;
use crate::wasi::{Exit, Host, Stop, add_to_linker};
use wasmtime::{Config, Engine, Linker, Memory, Module, Store};

/// Name and parameters of every function, `i` for i32 and `I` for i64, from
/// `wasi_snapshot_preview1.witx`. All return an i32 but `proc_exit`.
const SIGNATURES: [(&str, &str); 46] = [
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "iIi"),
    ("fd_advise", "iIIi"),
    ("fd_allocate", "iII"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "iII"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "iI"),
    ("fd_filestat_set_times", "iIIi"),
    ("fd_pread", "iiiIi"),
    ("fd_prestat_get", "ii"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_pwrite", "iiiIi"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiiIi"),
    ("fd_renumber", "ii"),
    ("fd_seek", "iIii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiiIIi"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiiIIii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_exit", "i"),
    ("proc_raise", "i"),
    ("sched_yield", ""),
    ("random_get", "ii"),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

struct Data {
    ctx: WasiCtx,
    memory: Option<Memory>,
}

impl Host for Data {
    fn wasi(&mut self) -> &mut WasiCtx {
        &mut self.ctx
    }

    fn memory(&self) -> Option<Memory> {
        self.memory
    }

    fn set_memory(&mut self, memory: Memory) {
        self.memory = Some(memory);
    }
}

/// A module that imports everything, as `$name`, with `body` after the imports.
fn importing_all(body: &str) -> String {
    let imports = SIGNATURES.map(|(name, parameters)| {
        let parameters: String = parameters.chars().map(|kind| if kind == 'i' { " i32" } else { " i64" }).collect();
        let result = if name == "proc_exit" { "" } else { "(result i32)" };
        format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} (param{parameters}) {result}))\n")
    });
    format!("(module {} {body})", imports.concat())
}

/// Runs the export `go` and returns its result beside the store's data.
fn run(body: &str, change: impl FnOnce(&mut Setup)) -> (wasmtime::Result<i32>, Data) {
    let setup = setup(change);
    let interrupt = setup.interrupt.clone();
    let engine = Engine::new(Config::new().consume_fuel(true)).unwrap();
    let module = Module::new(&engine, wat::parse_str(importing_all(body)).unwrap()).unwrap();
    let mut linker = Linker::new(&engine);
    add_to_linker::<Data>(&mut linker).unwrap();
    let mut store = Store::new(&engine, Data { ctx: WasiCtx::new(setup).unwrap(), memory: None });
    store.set_fuel(1 << 40).unwrap();
    store.fuel_async_yield_interval(Some(10_000)).unwrap();
    let result = block_on(&interrupt, async {
        let instance = linker.instantiate_async(&mut store, &module).await?;
        instance.get_typed_func::<(), i32>(&mut store, "go")?.call_async(&mut store, ()).await
    });
    (result, store.into_data())
}

fn deadline(setup: &mut Setup) {
    setup.interrupt = Arc::new(Interrupt::start(Duration::from_millis(30)));
}

#[test]
fn a_guest_prints_and_exits() {
    let (result, mut data) = run(
        r#"(memory (export "memory") 1)
           (data (i32.const 0) "\10\00\00\00\05\00\00\00")
           (data (i32.const 16) "hello")
           (func (export "go") (result i32)
             (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
             (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
             (call $proc_exit (i32.load (i32.const 8)))
             unreachable)"#,
        |_| {},
    );
    assert_eq!(result.unwrap_err().downcast_ref::<Exit>(), Some(&Exit(5)));
    assert!(data.memory.is_some());
    assert_eq!(data.ctx.end_run().stdout.bytes, b"hellohello");
}

#[test]
fn without_an_exported_memory_only_calls_that_need_one_fault() {
    let body = r#"(memory 1)
        (func (export "go") (result i32)
          (i32.add
            (i32.mul (i32.const 1000) (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
            (i32.add (call $sched_yield) (call $fd_close (i32.const 1)))))"#;
    assert_eq!(run(body, |_| {}).0.unwrap(), 1000 * Errno::Fault as i32);
}

#[cfg(unix)]
#[test]
fn a_guest_waits_for_input_and_goes_on() {
    let (ours, mut theirs) = std::io::pipe().unwrap();
    let writer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        std::io::Write::write_all(&mut theirs, b"*").unwrap();
    });
    let (result, data) = run(
        r#"(memory (export "memory") 1)
           (data (i32.const 0) "\10\00\00\00\08\00\00\00")
           (func (export "go") (result i32)
             (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
             (i32.load (i32.const 16)))"#,
        |setup| setup.stdin = Stdin::descriptor(ours.into()),
    );
    assert_eq!(result.unwrap(), i32::from(b'*'));
    assert!(data.ctx.interrupt.waited() >= Duration::from_millis(10));
    writer.join().unwrap();
}

#[test]
fn a_guest_that_sleeps_for_ever_is_stopped() {
    // A relative monotonic timeout of all ones.
    let body = r#"(memory (export "memory") 1)
        (data (i32.const 16) "\01\00\00\00\00\00\00\00\ff\ff\ff\ff\ff\ff\ff\ff")
        (func (export "go") (result i32)
          (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))"#;
    let (result, _) = run(body, deadline);
    assert_eq!(result.unwrap_err().downcast_ref::<Stop>(), Some(&Stop::Deadline));
}

#[test]
fn a_guest_that_waits_for_ever_is_stopped() {
    let (ours, theirs) = std::io::pipe().unwrap();
    let body = r#"(memory (export "memory") 1)
        (data (i32.const 0) "\10\00\00\00\08\00\00\00")
        (func (export "go") (result i32)
          (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))"#;
    let (result, _) = run(body, |setup| {
        deadline(setup);
        setup.stdin = Stdin::reader(ours);
    });
    assert_eq!(result.unwrap_err().downcast_ref::<Stop>(), Some(&Stop::Deadline));
    drop(theirs);
}

#[test]
fn a_guest_that_only_calls_is_stopped_too() {
    let body = r#"(func (export "go") (result i32) (loop (drop (call $fd_close (i32.const 9))) (br 0)) unreachable)"#;
    let (result, _) = run(body, deadline);
    assert_eq!(result.unwrap_err().downcast_ref::<Stop>(), Some(&Stop::Deadline));
}

#[test]
fn a_path_walk_that_is_interrupted_ends_the_run() {
    // The call asks for more steps than the credit before it, so the tree is who looks.
    let body = r#"(memory (export "memory") 1)
        (func (export "go") (result i32) (local $at i32)
          (loop $fill
            (i32.store16 (local.get $at) (i32.const 0x2f2e))
            (br_if $fill (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 2))) (i32.const 4096))))
          (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4096) (i32.const 8192)))"#;
    let (result, _) = run(body, |_| {});
    assert_eq!(result.unwrap(), 0);
    let (result, mut data) = run(body, |setup| setup.interrupt = Arc::new(Interrupt::start(Duration::ZERO)));
    assert_eq!(result.unwrap_err().downcast_ref::<Stop>(), Some(&Stop::Deadline));
    assert!(data.ctx.end_run().denials.is_empty());
}

#[test]
fn linking_twice_is_an_error() {
    let engine = Engine::default();
    let mut linker = Linker::<Data>::new(&engine);
    add_to_linker(&mut linker).unwrap();
    assert_eq!(add_to_linker(&mut linker).unwrap_err().code(), crate::Code::Internal);
}

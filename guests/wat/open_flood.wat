;; Opens and closes `file` below the first mount for ever. Exits with the errno if it cannot.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "file")
  (func (export "_start") (local $errno i32)
    (loop $again
      (local.set $errno (call $path_open (i32.const 3) (i32.const 1) (i32.const 16) (i32.const 4) (i32.const 0)
        (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0)))
      (if (local.get $errno) (then (call $proc_exit (local.get $errno))))
      (drop (call $fd_close (i32.load (i32.const 0))))
      (br $again))))

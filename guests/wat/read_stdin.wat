;; Reads standard input to its end and exits with the low byte of the number of bytes, or with
;; 100 + errno.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  (func (export "_start") (local $total i32) (local $errno i32)
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 65536))
    (loop $again
      (local.set $errno (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (if (local.get $errno) (then (call $proc_exit (i32.add (i32.const 100) (local.get $errno)))))
      (local.set $total (i32.add (local.get $total) (i32.load (i32.const 8))))
      (br_if $again (i32.load (i32.const 8))))
    (call $proc_exit (i32.and (local.get $total) (i32.const 255)))))

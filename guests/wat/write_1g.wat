;; Writes one GiB to standard output: the numbers from 0 to 2^27 - 1 as 8 bytes each, little
;; endian. Exits with the errno if a write fails, with 200 if one is short.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  (func (export "_start") (local $at i32) (local $number i64) (local $errno i32)
    (i32.store (i32.const 0) (i32.const 65536))
    (i32.store (i32.const 4) (i32.const 65536))
    (loop $block
      (local.set $at (i32.const 65536))
      (loop $cell
        (i64.store (local.get $at) (local.get $number))
        (local.set $number (i64.add (local.get $number) (i64.const 1)))
        (br_if $cell (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 131072))))
      (local.set $errno (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (if (local.get $errno) (then (call $proc_exit (local.get $errno))))
      (if (i32.ne (i32.load (i32.const 8)) (i32.const 65536)) (then (call $proc_exit (i32.const 200))))
      (br_if $block (i64.lt_u (local.get $number) (i64.const 134217728))))))

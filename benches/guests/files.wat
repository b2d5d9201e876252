;; Opens (the first time creating it), stats and closes each of 10,000 files, five times over.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_get" (func $fd_filestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "f0000")
  (func $must (param $errno i32)
    (if (local.get $errno) (then (call $proc_exit (local.get $errno)))))
  ;; Four decimal digits of $n at 1..5.
  (func $name (param $n i32)
    (local $at i32)
    (local.set $at (i32.const 4))
    (loop $digit
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
      (local.set $n (i32.div_u (local.get $n) (i32.const 10)))
      (br_if $digit (local.tee $at (i32.sub (local.get $at) (i32.const 1))))))
  (func $pass
    (local $n i32)
    (loop $again
      (call $name (local.get $n))
      (call $must (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 1)
        (i64.const 0x200062) (i64.const 0) (i32.const 0) (i32.const 16)))
      (call $must (call $fd_filestat_get (i32.load (i32.const 16)) (i32.const 64)))
      (call $must (call $fd_close (i32.load (i32.const 16))))
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 10000)))))
  (func (export "_start")
    (call $pass) (call $pass) (call $pass) (call $pass) (call $pass)))

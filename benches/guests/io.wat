;; Writes one file of 1 MiB in calls of 4 KiB, reads it back likewise, forty times over.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "file")
  ;; 16: the descriptor. 24: one iovec. 32: bytes done. 40: new offset. 4096: the buffer.
  (func $must (param $errno i32)
    (if (local.get $errno) (then (call $proc_exit (local.get $errno)))))
  (func $all_of_it (param $write i32)
    (local $left i32)
    (local.set $left (i32.const 256))
    (loop $again
      (if (local.get $write)
        (then (call $must (call $fd_write (i32.load (i32.const 16)) (i32.const 24) (i32.const 1) (i32.const 32))))
        (else (call $must (call $fd_read (i32.load (i32.const 16)) (i32.const 24) (i32.const 1) (i32.const 32)))))
      (if (i32.ne (i32.load (i32.const 32)) (i32.const 4096)) (then (call $proc_exit (i32.const 100))))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
  (func $rewind
    (call $must (call $fd_seek (i32.load (i32.const 16)) (i64.const 0) (i32.const 0) (i32.const 40))))
  (func (export "_start")
    (local $rounds i32)
    (i32.store (i32.const 24) (i32.const 4096))
    (i32.store (i32.const 28) (i32.const 4096))
    ;; creat | trunc; read, write, seek, tell
    (call $must (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 9)
      (i64.const 0x66) (i64.const 0) (i32.const 0) (i32.const 16)))
    (local.set $rounds (i32.const 40))
    (loop $again
      (call $all_of_it (i32.const 1))
      (call $rewind)
      (call $all_of_it (i32.const 0))
      (call $rewind)
      (br_if $again (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (call $must (call $fd_close (i32.load (i32.const 16))))))

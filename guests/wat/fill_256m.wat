;; Fills 256 MiB for ever: one instruction that takes long. Exits with 1 if it gets no memory.
;; The first round also meets the host's 65,536 page faults.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (if (i32.eq (memory.grow (i32.const 4096)) (i32.const -1)) (then (call $proc_exit (i32.const 1))))
    (loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 268435456)) (br $again))))

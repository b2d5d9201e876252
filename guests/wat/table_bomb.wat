;; Two tables grow until none can. Exits with the elements of both.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (table $a 0 funcref)
  (table $b 0 externref)
  (memory (export "memory") 1)
  (func (export "_start") (local $grown i32)
    (loop $again
      (local.set $grown (i32.const 0))
      (if (i32.ne (table.grow $a (ref.null func) (i32.const 1)) (i32.const -1)) (then (local.set $grown (i32.const 1))))
      (if (i32.ne (table.grow $b (ref.null extern) (i32.const 1)) (i32.const -1)) (then (local.set $grown (i32.const 1))))
      (br_if $again (local.get $grown)))
    (call $proc_exit (i32.add (table.size $a) (table.size $b)))))

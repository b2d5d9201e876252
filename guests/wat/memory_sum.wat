;; Three memories of its own grow in turn until none can. Exits with the number of pages of all.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory $a (export "memory") 1)
  (memory $b 1)
  (memory $c 1)
  (func (export "_start") (local $grown i32)
    (loop $again
      (local.set $grown (i32.const 0))
      (if (i32.ne (memory.grow $a (i32.const 1)) (i32.const -1)) (then (local.set $grown (i32.const 1))))
      (if (i32.ne (memory.grow $b (i32.const 1)) (i32.const -1)) (then (local.set $grown (i32.const 1))))
      (if (i32.ne (memory.grow $c (i32.const 1)) (i32.const -1)) (then (local.set $grown (i32.const 1))))
      (br_if $again (local.get $grown)))
    (call $proc_exit (i32.add (memory.size $a) (i32.add (memory.size $b) (memory.size $c))))))

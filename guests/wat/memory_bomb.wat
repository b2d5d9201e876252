;; Grows its memory page by page and writes to each, until growing fails with -1; then exits
;; with 0.
(module
  (memory (export "memory") 1)
  (func (export "_start") (local $old i32)
    (loop $again
      (local.set $old (memory.grow (i32.const 1)))
      (if (i32.eq (local.get $old) (i32.const -1)) (then (return)))
      (memory.fill (i32.shl (local.get $old) (i32.const 16)) (i32.const 1) (i32.const 65536))
      (br $again))))

;; Throws and drops 100,000 exceptions: their heap is collected, not only grown.
(module
  (tag $e (param i64 i64))
  (memory (export "memory") 1)
  (func (export "_start") (local $left i32)
    (local.set $left (i32.const 100000))
    (loop $again
      (block $caught
        (try_table (catch_all $caught) (throw $e (i64.const 1) (i64.const 2))))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))

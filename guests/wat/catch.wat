;; Throws and catches, through a call, and exits with what was thrown: 42.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (tag $other)
  (tag $e (param i32))
  (memory (export "memory") 1)
  (func $thrower (throw $e (i32.const 42)))
  (func (export "_start")
    (call $proc_exit
      (block $caught (result i32)
        (try_table (catch $e $caught) (call $thrower))
        (unreachable)))))

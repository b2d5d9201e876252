;; The start function traps, before `_start` is called.
(module (func $boom (unreachable)) (start $boom) (func (export "_start")))

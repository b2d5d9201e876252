;; Calls a function of another type through a table.
(module
  (table 1 funcref)
  (elem (i32.const 0) $takes_one)
  (func $takes_one (param i32))
  (func (export "_start") (call_indirect (i32.const 0))))

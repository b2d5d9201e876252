;; Calls a slot past the end of a table.
(module (table 2 funcref) (func (export "_start") (call_indirect (i32.const 2))))

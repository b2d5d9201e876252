;; Calls an empty slot of a table.
(module (table 2 funcref) (func (export "_start") (call_indirect (i32.const 1))))

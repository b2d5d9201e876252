;; Reads a slot past the end of a table.
(module (table 2 funcref) (func (export "_start") (drop (table.get (i32.const 2)))))

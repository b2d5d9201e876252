;; A table of a million elements before the first instruction.
(module (table 1000000 funcref) (func (export "_start")))

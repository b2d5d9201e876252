;; Computes for ever without calling anybody.
(module (func (export "_start") (loop $again (br $again))))

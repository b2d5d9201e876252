;; Throws what nobody catches.
(module (tag $e (param i32)) (func (export "_start") (throw $e (i32.const 7))))

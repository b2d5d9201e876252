;; Throws a null reference.
(module (func (export "_start") (throw_ref (ref.null exn))))

;; A data segment that does not fit into the memory.
(module (memory (export "memory") 1) (data (i32.const 65535) "ab") (func (export "_start")))

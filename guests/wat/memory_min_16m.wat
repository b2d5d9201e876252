;; Two memories that need 16 MiB together before the first instruction.
(module
  (memory (export "memory") 128)
  (memory 128)
  (func (export "_start")))

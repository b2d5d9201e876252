;; Calls itself for ever.
(module (func $again (export "_start") (call $again) (call $again)))

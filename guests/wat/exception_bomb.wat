;; Throws and keeps every exception alive in a list, for as long as there is room.
(module
  (tag $e (param exnref))
  (global $list (mut exnref) (ref.null exn))
  (func (export "_start")
    (loop $again
      (global.set $list
        (block $caught (result exnref)
          (try_table (catch_all_ref $caught) (throw $e (global.get $list)))
          (unreachable)))
      (br $again))))

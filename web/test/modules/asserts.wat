;; asserts(which: i32)
;; sites: [{"kind": "assert", "text": "x must be positive", "file": "k.py", "line": 12}]
;; Program `which` fails.
(module
  (import "nereid" "memory" (memory 1 65536))
  (import "nereid" "assert" (func $assert (param i32 i32 i32 i32)))
  (func (export "run") (param $args i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (local $p i32)
    (local.set $p (local.get $begin))
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (if (i32.eq (local.get $p) (i32.load offset=16 (local.get $args)))
            (then (call $assert (i32.const 0) (local.get $p) (i32.const 0) (i32.const 7))))
          (local.set $p (i32.add (local.get $p) (i32.const 1)))
          (br $next))))))

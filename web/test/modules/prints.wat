;; prints(values: *i64)
;; sites: [{"kind": "print", "text": "x:", "values": ["i64", "u64", "hex", "f64", "ptr"]}]
;; Each program prints the five values.
(module
  (import "nereid" "memory" (memory 1 65536))
  (import "nereid" "print" (func $print (param i32 i32 i32 i32 i32)))
  (func (export "run") (param $args i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (local $p i32)
    (local.set $p (local.get $begin))
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (call $print (i32.const 0) (local.get $p) (i32.const 0) (i32.const 0) (i32.load offset=16 (local.get $args)))
          (local.set $p (i32.add (local.get $p) (i32.const 1)))
          (br $next))))))

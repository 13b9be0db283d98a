;; prints(values: *i64)
;; sites: [{"kind": "print", "text": " i: ", "value": "i64", "shape": [2, 16]}, {"kind": "print", "text": " u: ", "value": "u64", "shape": []}, {"kind": "print", "text": " h: ", "value": "hex64", "shape": []}, {"kind": "print", "text": " f: ", "value": "f64", "shape": []}, {"kind": "print", "text": " p: ", "value": "ptr", "shape": []}, {"kind": "print", "text": " done"}]
;; Each program prints the five values, the first at the element that the second says, and a text.
(module
  (import "nereid" "memory" (memory 1 65536))
  (import "nereid" "print" (func $print (param i32 i32 i32 i32 i32)))
  (func (export "run") (param $args i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (local $p i32) (local $site i32)
    (local.set $p (local.get $begin))
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (local.set $site (i32.const 0))
          (loop $sites
            (call $print (local.get $site) (local.get $p) (i32.const 0) (i32.const 0)
              (i32.add (i32.load offset=16 (local.get $args)) (i32.shl (local.get $site) (i32.const 3))))
            (local.set $site (i32.add (local.get $site) (i32.const 1)))
            (br_if $sites (i32.lt_u (local.get $site) (i32.const 6))))
          (local.set $p (i32.add (local.get $p) (i32.const 1)))
          (br $next))))))

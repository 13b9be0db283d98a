;; outside(out: *i32, which: i32)
;; Program `which` stores beyond all memory, the others to out[program].
(module
  (import "nereid" "memory" (memory 1 65536))
  (func (export "run") (param $args i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (local $p i32)
    (local.set $p (local.get $begin))
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (if (i32.eq (local.get $p) (i32.load offset=24 (local.get $args))) (then (i32.store (i32.const -4) (i32.const 0))))
          (i32.store (i32.add (i32.load offset=16 (local.get $args)) (i32.shl (local.get $p) (i32.const 2))) (i32.const 1))
          (local.set $p (i32.add (local.get $p) (i32.const 1)))
          (br $next))))))

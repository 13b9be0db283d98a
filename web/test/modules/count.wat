;; count(out: *i32, rounds: i32)
;; out[program] += 1, after so many rounds of doing nothing; out[programs] counts all with an atomic.
(module
  (import "nereid" "memory" (memory 1 65536))
  (func (export "run") (param $args i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (local $p i32) (local $at i32) (local $k i32) (local $all i32)
    (local.set $p (local.get $begin))
    (local.set $all
      (i32.mul (i32.mul (i32.load (local.get $args)) (i32.load offset=4 (local.get $args))) (i32.load offset=8 (local.get $args))))
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (local.set $k (i32.load offset=24 (local.get $args)))
          (loop $wait
            (if (i32.gt_s (local.get $k) (i32.const 0))
              (then (local.set $k (i32.sub (local.get $k) (i32.const 1))) (br $wait))))
          (local.set $at (i32.add (i32.load offset=16 (local.get $args)) (i32.shl (local.get $p) (i32.const 2))))
          (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (i32.const 1)))
          (drop (i32.atomic.rmw.add
            (i32.add (i32.load offset=16 (local.get $args)) (i32.shl (local.get $all) (i32.const 2))) (i32.const 1)))
          (local.set $p (i32.add (local.get $p) (i32.const 1)))
          (br $next))))))

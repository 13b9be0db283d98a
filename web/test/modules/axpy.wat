;; axpy(x: *fp32, y: *fp32, n: i32, a: fp32)
;; y += a x, 256 elements a program.
(module
  (import "nereid" "memory" (memory 1 65536))
  (func (export "run") (param $args i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (local $i i32) (local $stop i32) (local $y i32)
    (local.set $i (i32.mul (local.get $begin) (i32.const 256)))
    (local.set $stop (i32.mul (local.get $end) (i32.const 256)))
    (if (i32.gt_s (local.get $stop) (i32.load offset=32 (local.get $args)))
      (then (local.set $stop (i32.load offset=32 (local.get $args)))))
    (loop $next
      (if (i32.lt_s (local.get $i) (local.get $stop))
        (then
          (local.set $y (i32.add (i32.load offset=24 (local.get $args)) (i32.shl (local.get $i) (i32.const 2))))
          (f32.store (local.get $y)
            (f32.add
              (f32.load (local.get $y))
              (f32.mul
                (f32.load offset=40 (local.get $args))
                (f32.load (i32.add (i32.load offset=16 (local.get $args)) (i32.shl (local.get $i) (i32.const 2)))))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next))))))

;; variant(out: *fp32)
;; out[0] = (1 + 2^-23)² - (1 + 2^-22): 0 when the product is rounded.
(module
  (import "nereid" "memory" (memory 1 65536))
  (func (export "run") (param $args i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (f32.store (i32.load offset=16 (local.get $args))
      (f32.sub (f32.mul (f32.const 0x1.000002p0) (f32.const 0x1.000002p0)) (f32.const 0x1.000004p0)))))

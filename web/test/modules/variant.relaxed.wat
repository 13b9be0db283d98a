;; The other variant of variant.wat.
(module
  (import "nereid" "memory" (memory 1 65536))
  (func (export "run") (param $args i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (f32.store (i32.load offset=16 (local.get $args))
      (f32x4.extract_lane 0
        (f32x4.relaxed_madd
          (f32x4.splat (f32.const 0x1.000002p0)) (f32x4.splat (f32.const 0x1.000002p0)) (f32x4.splat (f32.const -0x1.000004p0)))))))

;; slots(out: *i64, b: i1, c: i8, s: i16, i: i32, l: i64, u: u32, h: fp16, g: bf16, e: fp8e4nv, f: fp32, d: fp64)
;; Copies the slots of its arguments, then the grid.
(module
  (import "nereid" "memory" (memory 1 65536))
  (func (export "run") (param $args i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (memory.copy (i32.load offset=16 (local.get $args)) (i32.add (local.get $args) (i32.const 24)) (i32.const 88))
    (memory.copy (i32.add (i32.load offset=16 (local.get $args)) (i32.const 88)) (local.get $args) (i32.const 16))))

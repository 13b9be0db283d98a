;; scratch(out: *i32) scratch=256
;; out[program] = the address of scratch memory, or -1 where another thread wrote to it at the same time.
(module
  (import "nereid" "memory" (memory 1 65536))
  (func (export "run") (param $args i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (local $p i32) (local $k i32) (local $good i32)
    (local.set $p (local.get $begin))
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (local.set $good (local.get $scratch))
          (memory.fill (local.get $scratch) (local.get $p) (i32.const 256))
          (local.set $k (i32.const 10000))
          (loop $again
            (if (i32.ne (i32.load8_u (i32.add (local.get $scratch) (i32.and (local.get $k) (i32.const 255)))) (i32.and (local.get $p) (i32.const 255)))
              (then (local.set $good (i32.const -1))))
            (br_if $again (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))
          (i32.store (i32.add (i32.load offset=16 (local.get $args)) (i32.shl (local.get $p) (i32.const 2))) (local.get $good))
          (local.set $p (i32.add (local.get $p) (i32.const 1)))
          (br $next))))))

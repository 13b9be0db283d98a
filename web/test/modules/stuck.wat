;; stuck(state: *i32, base: i32)
;; The first worker (its scratch memory is not at `base`) never comes back; the others wait until it is there.
(module
  (import "nereid" "memory" (memory 1 65536))
  (func (export "run") (param $args i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (local $state i32)
    (local.set $state (i32.load offset=16 (local.get $args)))
    (if (i32.ne (local.get $scratch) (i32.load offset=24 (local.get $args)))
      (then
        (if (i32.eqz (i32.atomic.rmw.add (local.get $state) (i32.const 1)))
          (then
            (i32.atomic.store offset=4 (local.get $state) (i32.const 1))
            (loop $ever (drop (i32.atomic.load (local.get $state))) (br $ever))))))
    (loop $wait (br_if $wait (i32.eqz (i32.atomic.load offset=4 (local.get $state)))))))

// Written by nereid compile.
import type { Arg, Kernel } from "nereid-lang";

export interface Kernels {
  asserts: Kernel<{
    which: Arg<"i32">;
  }>;
  axpy: Kernel<{
    x: Arg<"*fp32">;
    y: Arg<"*fp32">;
    n: Arg<"i32">;
    a: Arg<"fp32">;
  }>;
  count: Kernel<{
    out: Arg<"*i32">;
    rounds: Arg<"i32">;
  }>;
  empty: Kernel<{}>;
  maths: Kernel<{
    out: Arg<"*fp64">;
  }>;
  outside: Kernel<{
    out: Arg<"*i32">;
    which: Arg<"i32">;
  }>;
  prints: Kernel<{
    values: Arg<"*i64">;
  }>;
  scratch: Kernel<{
    out: Arg<"*i32">;
  }>;
  slots: Kernel<{
    out: Arg<"*i64">;
    b: Arg<"i1">;
    c: Arg<"i8">;
    s: Arg<"i16">;
    i: Arg<"i32">;
    l: Arg<"i64">;
    u: Arg<"u32">;
    h: Arg<"fp16">;
    g: Arg<"bf16">;
    e: Arg<"fp8e4nv">;
    f: Arg<"fp32">;
    d: Arg<"fp64">;
  }>;
  stuck: Kernel<{
    state: Arg<"*i32">;
    base: Arg<"i32">;
  }>;
  variant: Kernel<{
    out: Arg<"*fp32">;
  }>;
}

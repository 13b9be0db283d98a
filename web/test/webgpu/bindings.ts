// SPDX-License-Identifier: MIT
// Arrays that share a buffer or a binding, and more arrays than bindings.
import type { GpuBuffer } from "../../src/index.ts";
import { shareBindings } from "../../src/webgpu-bindings.ts";
import { equal, fails, ok, test } from "../harness.ts";
import { load, onGpu, range } from "./device.ts";

onGpu("arguments in one buffer", ["sum3"], async (device, { sum3 }) => {
  const n = 100;
  const numbers = Int32Array.from(range(n));
  const sum = (...args: GpuBuffer<"i32">[]) => sum3!.launch(2, { x: args[0]!, y: args[1]!, out: args[2]!, n });
  const [a, b] = [device.buffer("i32", numbers), device.buffer("i32", numbers)];
  await sum(a, a, b); // 2 i
  equal((await b.read())[99], 198);
  await sum(b, a, b); // 3 i
  await sum(a, b, b); // 4 i
  await sum(b, b, b); // 8 i
  equal(
    await b.read(),
    numbers.map((i) => 8 * i),
  );
  const whole = device.buffer("i32", 300, [...numbers, ...numbers.map((i) => 10 * i), ...range(n, () => 0)]);
  const [x, y, out] = [whole.subarray(0, 100), whole.subarray(100, 200), whole.subarray(200)];
  await sum(x, y, out);
  equal(
    await out.read(),
    numbers.map((i) => 11 * i),
  );
  await sum(out, a, y);
  equal(
    await y.read(),
    numbers.map((i) => 12 * i),
  );
  // Without waiting: the shader for another sharing is compiled in the meantime.
  const again = await load(device, ["sum3"]);
  const c = device.buffer("i32", numbers);
  for (let k = 0; k < 3; ++k) void again.sum3!.launch(2, { x: c, y: c, out: c, n });
  const d = c.read();
  void again.sum3!.launch(2, { x: c, y: a, out: c, n });
  equal((await d)[99], 8 * 99);
  equal((await c.read())[99], 9 * 99);
});

test("WebGPU: bindings that are shared", async () => {
  const declare = (binding: number, name: string, kind: string) =>
    `@group(0) @binding(${binding}) var<storage, read_write> ${name}: array<${kind}>;`;
  const text = [
    declare(1, "x", "vec4u"),
    "fn x_get4(i: u32) -> vec4u { return x[i >> 2u]; }",
    declare(2, "x_y", "u32"),
    "fn x_y_put(i: u32, v: u32) { x_y[i] = v; }",
    declare(3, "z", "atomic<u32>"),
    "fn z_maxs(i: u32, v: i32) { let x = arrayLength(&z); atomicMax(&z[i], u32(v) + x); }",
    "fn main() { x_y_put(1u, x_get4(0u).x); }",
  ].join("\n");
  const share = (...shares: number[]) => shareBindings(text, ["x", "x_y", "z"], shares, "k", "k.wgsl").split("\n");
  equal(share(0, 1, 2), text.split("\n"));
  equal(share(0, 0, 2), [
    declare(1, "x", "u32"),
    "fn x_get4(i: u32) -> vec4u { return vec4u(x[i], x[i + 1u], x[i + 2u], x[i + 3u]); }",
    "",
    "fn x_y_put(i: u32, v: u32) { x[i] = v; }",
    ...text.split("\n").slice(4),
  ]);
  equal(share(0, 1, 1).slice(2), [
    declare(2, "x_y", "atomic<u32>"),
    "fn x_y_put(i: u32, v: u32) { atomicStore(&x_y[i], v); }",
    "",
    "fn z_maxs(i: u32, v: i32) { let x = arrayLength(&x_y); atomicMax(&x_y[i], u32(v) + x); }",
    "fn main() { x_y_put(1u, x_get4(0u).x); }",
  ]);
  const pairs = [
    declare(1, "x", "vec2u"),
    "fn x_put2(i: u32, v: vec2u) { x[i >> 1u] = v; }",
    declare(2, "y", "vec2u"),
    "fn y_get2(i: u32) -> vec2u { return y[i >> 1u]; }",
    declare(3, "z", "u32"),
    "fn z_get(i: u32) -> u32 { return z[i]; }",
  ].join("\n");
  const sharePairs = (...shares: number[]) => shareBindings(pairs, ["x", "y", "z"], shares, "k", "k.wgsl").split("\n");
  equal(sharePairs(0, 0, 2).slice(0, 4), [
    declare(1, "x", "vec2u"),
    "fn x_put2(i: u32, v: vec2u) { x[i >> 1u] = v; }",
    "",
    "fn y_get2(i: u32) -> vec2u { return x[i >> 1u]; }",
  ]);
  equal(sharePairs(0, 0, 0), [
    declare(1, "x", "u32"),
    "fn x_put2(i: u32, v: vec2u) { x[i] = v.x; x[i + 1u] = v.y; }",
    "",
    "fn y_get2(i: u32) -> vec2u { return vec2u(x[i], x[i + 1u]); }",
    "",
    "fn z_get(i: u32) -> u32 { return x[i]; }",
  ]);
  await fails(() => shareBindings("", ["x", "y"], [0, 0], "k", "k.wgsl"), "bad-manifest", { kernel: "k", message: "`x` is not declared" });
  const odd = text.replace("x_y_put(i: u32, v: u32)", "x_y_swap(i: u32, v: u32)");
  await fails(() => shareBindings(odd, ["x", "x_y", "z"], [0, 0, 0], "k", "k.wgsl"), "bad-manifest", { message: "x_y_swap" });
});

onGpu(
  "more arrays than bindings",
  ["many", "sum3"],
  async (device, { many, sum3 }) => {
    const n = 100;
    const arrays = range(12).map((k) =>
      device.buffer(
        "i32",
        n,
        range(n, (i) => i + k),
      ),
    );
    const args = { ...Object.fromEntries(arrays.map((a, k) => [`a${k}`, a])), n };
    const step = (i: number, last: number) => last + range(11).reduce((sum, k) => sum + (k + 1) * (i + k), 0);
    await many!.launch(2, args);
    let last = range(n, (i) => step(i, i + 11));
    equal(await arrays[11]!.read(), Int32Array.from(last));
    // They were moved together, each to its own place.
    const homes = () => arrays.map((a) => a.gpu.buffer);
    const before = homes();
    equal(new Set(before).size, 8);
    for (const [k, a] of arrays.entries()) if (k < 11) equal(await a.read(), Int32Array.from(range(n, (i) => i + k)));
    for (let k = 0; k < 3; ++k) void many!.launch(2, args);
    for (let k = 0; k < 3; ++k) last = last.map((l, i) => step(i, l));
    equal(await arrays[11]!.read(), Int32Array.from(last));
    ok(
      homes().every((b, k) => b === before[k]),
      "for good",
    );
    // Moved arrays keep working, also in other kernels.
    await sum3!.launch(2, { x: arrays[10]!, y: arrays[9]!, out: arrays[8]!, n });
    equal((await arrays[8]!.read())[0], 19);
    arrays[10]!.dispose();
    equal((await arrays[9]!.read())[0], 9);
    // The same array in several arguments takes one binding.
    const one = device.buffer("i32", n, range(n));
    const out = device.buffer("i32", n);
    await many!.launch(2, { ...Object.fromEntries(range(11).map((k) => [`a${k}`, one])), a11: out, n });
    equal((await out.read())[1], 66);
  },
  {},
  { maxStorageBuffersPerShaderStage: 8 },
);

onGpu(
  "arrays larger than a binding",
  ["sum3", "axpy"],
  async (device, { sum3, axpy }) => {
    const n = 2 ** 18; // bytes of a binding
    const big = device.buffer("i32", n / 2);
    const small = device.buffer("i32", 100, range(100));
    await big.subarray(70000, 70100).write(range(100, (i) => 5 * i));
    await sum3!.launch(2, { x: big.subarray(70000, 70100), y: small, out: small, n: 100 });
    equal((await small.read())[99], 6 * 99);
    await sum3!.launch(2, { x: big.subarray(70001, 70101), y: small, out: big.subarray(69999, 70099), n: 99 });
    equal((await big.subarray(69999, 70001).read())[1], 2 * 5 + 6);
    await fails(() => sum3!.launch(2, { x: small, y: small, out: big, n: 100 }), "out-of-memory", {
      kernel: "sum3",
      argument: "out",
      message: "262144 bytes",
    });
    await fails(() => sum3!.launch(2, { x: small, y: big.subarray(0, 100), out: big.subarray(80000, 80100), n: 100 }), "out-of-memory", {
      argument: "out",
    });
    await fails(() => device.buffer("f32", 2 ** 20), "out-of-memory", { message: "4194304 bytes" });
    const y = device.buffer("f32", 4);
    await axpy!.launch(1, { x: y, y, n: 4, a: 1 });
  },
  {},
  { maxStorageBufferBindingSize: 2 ** 18, maxBufferSize: 2 ** 20 },
);

// SPDX-License-Identifier: MIT
// The tests of WebAssembly devices, for Node, pages and workers. The modules are test/modules/*.wat.
import {
  type Arg,
  decode,
  encode,
  features,
  type Kernel,
  type Manifest,
  NereidError,
  type OpenOptions,
  open as openAny,
  type WasmDevice as Device,
} from "../src/index.ts";
import { math } from "../src/math.ts";
import { equal, fails, near, ok, test, within } from "./harness.ts";
import type { Kernels } from "./kernels.js";

const where = globalThis as { nereidModules?: string };
const manifestUrl = new URL(where.nereidModules ?? "modules/manifest.json", import.meta.url);
const isNode = typeof process === "object";
const isPage = typeof document === "object";
const shared = features().threads;
const open = (options: OpenOptions = {}) => openAny({ device: "wasm", ...options } as OpenOptions & { device: "wasm" });

async function using_<T>(options: OpenOptions, body: (device: Device, kernels: Kernels) => Promise<T>): Promise<T> {
  const device = await open(options);
  try {
    return await body(device, await device.load<Kernels>(manifestUrl));
  } finally {
    device.dispose();
  }
}

// Runs every test of launches on one thread and, if threads are available, on several.
function onThreads(name: string, body: (device: Device, kernels: Kernels) => Promise<unknown>, options: OpenOptions = {}): void {
  test(`${name}, one thread`, () => within(20, using_({ ...options, threads: 1 }, body)));
  if (shared) test(`${name}, three threads`, () => within(20, using_({ ...options, threads: 3 }, body)));
}

onThreads("axpy on views, results and later launches", async (device, { axpy }) => {
  const n = 1000;
  const x = device.buffer(
    "f32",
    Float32Array.from({ length: n }, (_, i) => i),
  );
  const y = device.buffer("f32", n);
  equal(x.address % 64, 0, "alignment");
  await axpy.launch(4, { x, y, n, a: 2 });
  equal(y.view[999], 1998);
  y.view.fill(1);
  void axpy.launch([4], { x, y, n, a: 1 });
  void axpy.launch([4, 1], { x, y, n, a: 1 });
  void axpy.launch([4, 1, 1], { x, y, n: 999, a: 1 });
  const got = await y.read();
  equal([got[0], got[1], got[998], got[999]], [1, 4, 2995, 1999]);
  ok(got.buffer !== device.memory.buffer, "read() copies");
});

onThreads("launches keep their order, writes and reads among them", async (device, { axpy, count }) => {
  const n = 256;
  const [x, y] = [device.buffer("f32", n), device.buffer("f32", n)];
  const busy = device.buffer("i32", 65);
  const all: Promise<unknown>[] = [];
  for (let i = 0; i < 50; ++i) {
    all.push(x.write(new Float32Array(n).fill(i)));
    all.push(count.launch(64, { out: busy, rounds: 1000 }));
    all.push(axpy.launch(1, { x, y, n, a: 1 }));
  }
  equal((await y.read())[255], 49 * 25);
  equal((await busy.read())[64], 50 * 64);
  await Promise.all(all);
  await device.idle();
});

onThreads("every program runs once, whatever the grid", async (device, { count }) => {
  for (const grid of [[1], [2], [7], [64], [1000], [3, 5], [2, 3, 7], [1, 1, 100]] as const) {
    const programs = grid.reduce((a: number, b: number) => a * b, 1);
    const out = device.buffer("i32", programs + 1);
    for (const rounds of [0, 0, 3000, 0]) await count.launch(grid, { out, rounds });
    equal(out.view, new Int32Array(programs + 1).fill(4, 0, programs).fill(4 * programs, programs));
    out.dispose();
  }
});

onThreads("scratch memory is aligned and each thread's own", async (device, { scratch, empty }) => {
  const out = device.buffer("i32", 200);
  await empty.launch(1, {});
  for (let i = 0; i < 5; ++i) await scratch.launch(200, { out });
  ok(
    out.view.every((at) => at > 0 && at % 64 === 0),
    "addresses",
  );
});

test("scalars of every type", () =>
  using_({ threads: 1 }, async (device, { slots }) => {
    const out = device.buffer("i64", 13);
    await slots.launch([1, 2, 3], {
      out,
      b: true,
      c: -1,
      s: -2,
      i: 3000000000,
      l: -(2n ** 63n),
      u: 4294967295,
      h: 1.5,
      g: -2,
      e: 448,
      f: -0,
      d: Math.PI,
    });
    const view = out.view;
    const low = (i: number, bits: number) => BigInt.asUintN(bits, view[i]!);
    equal([low(0, 8), low(1, 8), low(2, 16), low(3, 32), view[4], low(5, 32)], [1n, 255n, 65534n, 3000000000n, -(2n ** 63n), 4294967295n]);
    equal([low(6, 16), low(7, 16), low(8, 8), low(9, 32), low(10, 64)], [0x3e00n, 0xc000n, 0x7en, 0x80000000n, 0x400921fb54442d18n]);
    equal([view[11], view[12]], [1n + (2n << 32n), 3n + (1n << 32n)]); // the grid, and whether no other thread runs
    await slots.launch([1, 1, 1], { out, b: 0, c: 127, s: 0, i: -1, l: 2 ** 53 - 1, u: 0, h: NaN, g: 1e39, e: 1e9, f: NaN, d: -Infinity });
    equal([low(0, 8), view[4], low(7, 16), low(8, 8)], [0n, BigInt(2 ** 53 - 1), 0x7f80n, 0x7fn]);
    equal(new Float64Array(device.memory.buffer, out.address + 80, 1)[0], -Infinity);
  }));

test("invalid arguments are named in the error", () =>
  using_({ threads: 1 }, async (device, kernels) => {
    const axpy = kernels.axpy as unknown as Kernel;
    const x = device.buffer("f32", 8);
    const good = { x, y: x, n: 8, a: 1 };
    const kernel = "axpy";
    const d = device.buffer("f64", 8);
    await fails(() => axpy.launch(1, { ...good, y: d }), "wrong-dtype", {
      kernel,
      argument: "y",
      message: "is *fp32, but the buffer has elements of f64",
    });
    await fails(() => axpy.launch(1, { x, y: x, n: 8 }), "missing-argument", { kernel, argument: "a" });
    await fails(() => axpy.launch(1, { ...good, z: 1 }), "surplus-argument", { kernel, argument: "z", message: "x, y, n, a" });
    await fails(() => axpy.launch(1, { ...good, x: 5 }), "wrong-argument", { kernel, argument: "x", message: "must be a buffer" });
    await fails(() => axpy.launch(1, { ...good, x: new Float32Array(8) as never }), "wrong-argument", {
      argument: "x",
      message: "device.buffer",
    });
    await fails(() => axpy.launch(1, { ...good, n: x }), "wrong-argument", { kernel, argument: "n", message: "must be a number" });
    await fails(() => axpy.launch(1, { ...good, n: 1.5 }), "wrong-argument", {
      kernel,
      argument: "n",
      message: "1.5 does not fit into i32",
    });
    await fails(() => axpy.launch(1, { ...good, n: 2 ** 32 }), "wrong-argument", { kernel, argument: "n" });
    await fails(() => axpy.launch(1, { ...good, n: NaN }), "wrong-argument", { kernel, argument: "n" });
    await fails(() => axpy.launch(1, null as never), "wrong-argument", { kernel });
    const slots = kernels.slots as unknown as Kernel;
    const out = device.buffer("i64", 13);
    const all = { out, b: 1, c: 1, s: 1, i: 1, l: 1, u: 1, h: 1, g: 1, e: 1, f: 1, d: 1 };
    await fails(() => slots.launch(1, { ...all, c: 256 }), "wrong-argument", { argument: "c" });
    await fails(() => slots.launch(1, { ...all, l: 2 ** 53 }), "wrong-argument", { argument: "l", message: "bigint" });
    await fails(() => slots.launch(1, { ...all, l: 2n ** 64n }), "wrong-argument", { argument: "l" });
    await fails(() => slots.launch(1, { ...all, u: -1 }), "wrong-argument", { argument: "u" });
    await slots.launch(1, { ...all, out: device.buffer("u64", 13) }); // integers have no sign
    for (const grid of [-1, 1.5, NaN, 2 ** 32, [65536, 65536], [2, 2 ** 31, 1], [], [1, 1, 1, 1], [-1, -1], [undefined, 3], "4", undefined])
      await fails(() => axpy.launch(grid as never, good), "bad-grid", { kernel });
    await axpy.launch(0, good);
    await axpy.launch([4, 0], good);
    await axpy.launch(1, good); // and it still works
  }));

test("options that are none", async () => {
  for (const options of [
    { variant: "strct" },
    { memory: { initial: "abc" } },
    { memory: { maximum: NaN } },
    { memory: { initial: -1 } },
    { memory: { initial: 2 ** 24, maximum: 2 ** 20 } },
    { memory: { maximum: 2 ** 40 } },
  ])
    await fails(() => open({ threads: 1, ...options } as never), "wrong-argument");
  await using_({ threads: 1 }, async (device) => {
    for (const shape of [undefined, null, {}]) await fails(() => device.buffer("f32", shape as never), "wrong-size");
  });
});

test("buffers: types, shapes, data", () =>
  using_({ threads: 1 }, async (device) => {
    const names = [
      "f32",
      "f64",
      "f16",
      "bf16",
      "fp8e5",
      "fp8e4nv",
      "fp8e4b8",
      "fp8e5b16",
      "i8",
      "i16",
      "i32",
      "i64",
      "u8",
      "u16",
      "u32",
      "u64",
      "bool",
    ] as const;
    const bytes = [4, 8, 2, 2, 1, 1, 1, 1, 1, 2, 4, 8, 1, 2, 4, 8, 1];
    for (const [i, name] of names.entries()) {
      using b = device.buffer(name, [2, 3]);
      equal([b.dtype, b.size, b.view.byteLength, b.address % 64], [name, 6, 6 * bytes[i]!, 0], name);
      equal([...b.shape], [2, 3]);
      using again = device.buffer(name, b.view);
      equal(again.size, 6);
      const one = /64/.test(name) && name[0] !== "f" ? [1n] : [1];
      using numbers = device.buffer(name, 1, one as number[]);
      const [first] = numbers.view as unknown as [number | bigint];
      const bits = name === "f16" && !features().float16 ? 0x3c00 : name === "bf16" || name.startsWith("fp8") ? encode(name, 1) : 1;
      equal(Number(first), bits, name);
    }
    equal(device.buffer("fp32", 2).dtype, "f32");
    equal(device.buffer("i1", 3, [2, 0, -1]).view, new Uint8Array([1, 0, 1]));
    equal(device.buffer("i32", new Uint32Array([4294967295])).view[0], -1);
    equal(device.buffer("f32", 0).size, 0);
    const b = device.buffer("f32", 4, [1, 2, 3, 4]);
    await fails(() => b.write([1, 2, 3]), "wrong-size", { message: "4 elements" });
    await fails(() => b.write(new Float64Array(4)), "wrong-dtype", { message: "Float32Array" });
    await fails(() => b.write(new Uint8ClampedArray(4)), "wrong-dtype");
    await fails(() => b.write("1234" as never), "wrong-dtype");
    await fails(() => device.buffer("i64", 1, [1.5]), "wrong-dtype");
    await fails(() => device.buffer("f31" as never, 1), "wrong-dtype", { message: "f31" });
    for (const shape of [-1, 1.5, NaN, [2, -2], [2 ** 30, 2 ** 30]]) await fails(() => device.buffer("f32", shape), "wrong-size");
    const at = device.heap.used;
    await fails(() => device.buffer("f32", 3, [1]), "wrong-size");
    equal(device.heap.used, at, "nothing is lost");
    equal([...b.view], [1, 2, 3, 4]);
  }));

test("parts of buffers are on the same memory", () =>
  using_({ threads: 1 }, async (device, { axpy }) => {
    const b = device.buffer("f32", [2, 4], [1, 2, 3, 4, 5, 6, 7, 8]);
    const row = b.subarray(4);
    equal([row.size, row.address - b.address, row.view], [4, 16, Float32Array.of(5, 6, 7, 8)]);
    await axpy.launch(1, { x: row, y: b.subarray(0, 4), n: 4, a: 1 });
    equal(await b.subarray(1, 5).read(), Float32Array.of(8, 10, 12, 5));
    equal(b.subarray(8).size, 0);
    for (const [begin, end] of [
      [-1, 2],
      [3, 2],
      [0, 9],
      [0.5, 2],
    ] as const)
      await fails(() => b.subarray(begin, end), "wrong-size");
    row.dispose();
    await fails(() => row.view, "disposed");
    const other = b.subarray(0, 1);
    equal(b.view[0], 6);
    b.dispose();
    await fails(() => other.view, "disposed");
    await fails(() => axpy.launch(1, { x: other, y: other, n: 1, a: 1 }), "disposed", { argument: "x" });
  }));

test("views survive growth; what is given back is used again, and is zero", () =>
  using_({ threads: 1, memory: { initial: 65536 } }, async (device, { axpy }) => {
    const x = device.buffer(
      "f32",
      100,
      Array.from({ length: 100 }, () => 1),
    );
    const before = x.view;
    equal(x.view === before, true, "the same view while nothing grows");
    const big = device.buffer("f32", 1 << 20);
    ok(x.view !== before && x.view[99] === 1, "a new view after growth");
    await axpy.launch(1, { x, y: big, n: 100, a: 3 });
    equal([big.view[0], big.view[99], big.view[100]], [3, 3, 0]);
    const { address } = big;
    big.view.fill(7);
    big.dispose();
    const size = device.memory.buffer.byteLength;
    const again = device.buffer("f32", 1 << 20);
    equal(again.address, address);
    ok(
      again.view.every((v) => v === 0),
      "zero",
    );
    equal(device.memory.buffer.byteLength, size);
  }));

test("the allocator gives every byte once and joins what comes back", () =>
  using_({ threads: 1 }, async (device) => {
    let seed = 1;
    const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
    const start = device.heap.used;
    const live: { b: ReturnType<Device["buffer"]>; mark: number }[] = [];
    for (let i = 0; i < 3000; ++i) {
      if (random(5) < 2 || live.length > 200) {
        const [{ b, mark }] = live
          .splice(random(live.length || 1), 1)
          .concat(live.length ? [] : [{ b: device.buffer("u8", 1, [0]), mark: 0 }]) as [(typeof live)[0]];
        ok(
          (b.view as Uint8Array).every((v) => v === mark),
          "nobody else wrote there",
        );
        b.dispose();
      } else {
        const b = device.buffer("u8", 1 + random(3000)) as ReturnType<Device["buffer"]>;
        const mark = 1 + random(255);
        ok(
          (b.view as Uint8Array).every((v) => v === 0),
          "zero",
        );
        (b.view as Uint8Array).fill(mark);
        live.push({ b, mark });
      }
    }
    for (const { b } of live) b.dispose();
    equal(device.heap.used, start);
  }));

test("out of memory is an error that leaves the device working", () =>
  using_({ threads: 1, memory: { initial: 65536, maximum: 1 << 21 } }, async (device, { axpy }) => {
    await fails(() => device.buffer("f32", 1 << 20), "out-of-memory", { message: "4194304 bytes" });
    const x = device.buffer("f32", 1 << 16);
    await axpy.launch(1, { x, y: x, n: 1, a: 1 });
    const more: { dispose(): void }[] = [];
    await fails(() => {
      for (;;) more.push(device.buffer("f32", 1000));
    }, "out-of-memory");
    for (const b of more) b.dispose();
    device.buffer("f32", 1 << 17);
  }));

onThreads("use after disposal", async (device, { axpy, count }) => {
  const x = device.buffer("f32", 8);
  const out = device.buffer("i32", 65);
  const running = count.launch(64, { out, rounds: 100000 });
  const last = axpy.launch(1, { x, y: x, n: 8, a: 1 });
  x.dispose(); // after pending launches
  await Promise.all([running, last]);
  x.dispose();
  await fails(() => x.view, "disposed");
  await fails(() => x.read(), "disposed");
  await fails(() => x.write([1]), "disposed");
  const y = device.buffer("f32", 8);
  await fails(() => axpy.launch(1, { x, y, n: 8, a: 1 }), "disposed", { kernel: "axpy", argument: "x" });
  const other = await open({ threads: 1 });
  await fails(() => axpy.launch(1, { x: other.buffer("f32", 8), y, n: 8, a: 1 }), "wrong-argument", {
    kernel: "axpy",
    argument: "x",
    message: "another device",
  });
  other.dispose();
  axpy.dispose();
  await fails(() => axpy.launch(1, { x: y, y, n: 8, a: 1 }), "disposed", { kernel: "axpy" });
  const pending = count.launch(64, { out, rounds: 10000000 });
  const queued = count.launch(64, { out, rounds: 1 });
  const idle = pending.then(
    () => true,
    (error: NereidError) => error.code === "disposed",
  );
  const last2 = queued.then(
    () => true,
    (error: NereidError) => error.code === "disposed",
  );
  device.dispose();
  ok(await idle, "a launch under way ends");
  ok(await last2, "and so does what waits");
  await fails(() => count.launch(1, { out, rounds: 1 }), "disposed", { kernel: "count", message: "device" });
  await fails(() => device.buffer("f32", 1), "disposed");
  await fails(() => device.load(manifestUrl), "disposed");
  await fails(() => y.view, "disposed");
  device.dispose();
});

onThreads("traps are errors, and the device works on", async (device, { outside }) => {
  const out = device.buffer("i32", 100);
  for (const which of [0, 50, 99]) {
    await fails(() => outside.launch(100, { out, which }), "trap", { kernel: "outside", message: "out of bounds" });
    await outside.launch(100, { out, which: -1 });
    equal(out.view, new Int32Array(100).fill(1));
  }
  // A failed task does not stop later ones.
  const results = await Promise.allSettled([-1, 3, -1, 4, -1].map((which) => outside.launch(100, { out, which })));
  equal(
    results.map((r) => r.status),
    ["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"],
  );
});

onThreads("assertions say text, line and program", async (device, { asserts }) => {
  for (const which of [0, 70]) {
    await fails(() => asserts.launch(100, { which }), "assertion", {
      kernel: "asserts",
      message: `k.py:12: assertion failed in program (${which}, 0, 7): x must be positive`,
    });
    await asserts.launch(100, { which: 100 });
  }
});

const lines: string[] = [];
onThreads(
  "prints come in order, as C prints them",
  async (device, { prints }) => {
    lines.length = 0;
    const values = device.buffer("i64", 5);
    const set = (i: bigint, f: number) => {
      values.view.fill(i);
      new Float64Array(device.memory.buffer, values.address + 24, 1)[0] = f;
    };
    set(-1n, 0.1);
    await prints.launch(2, { values });
    const all = (p: number, index: string, values: string[]) => [
      ...["i", "u", "h", "f", "p"].map((name, k) => `pid (${p}, 0, 0) idx (${k ? "" : index}) ${name}: ${values[k]}`),
      `pid (${p}, 0, 0) done`,
    ];
    const ones = ["-1", "18446744073709551615", "0xffffffffffffffff", "0.100000", "0xffffffffffffffff"];
    equal(
      lines,
      [0, 1].flatMap((p) => all(p, "1, 15", ones)),
    );
    const texts: [number, string][] = [
      [0, "0.000000"],
      [-0, "-0.000000"],
      [1 / 128, "0.007812"],
      [3 / 128, "0.023438"],
      [-5 / 128, "-0.039062"],
      [1e21, "1000000000000000000000.000000"],
      [123456789.0078125, "123456789.007812"],
      [-1.5e300, `-${BigInt(1.5e300)}.000000`],
      [Infinity, "inf"],
      [-Infinity, "-inf"],
      [NaN, "nan"],
      [2.5e-7, "0.000000"],
      [0.9999999, "1.000000"],
    ];
    for (const [value, text] of texts) {
      lines.length = 0;
      set(0n, value);
      await prints.launch(1, { values });
      equal(lines, all(0, "0,  0", ["0", "0", "0x0000000000000000", text, "(nil)"]));
    }
  },
  { print: (line) => lines.push(line) },
);

test("what a print's receiver launches comes afterwards", async () => {
  const seen: string[] = [];
  let later: Promise<void> | undefined;
  const device: Device = await open({
    threads: 1,
    print: () => {
      seen.push("print");
      later ??= kernels.prints.launch(1, { values }).then(() => void seen.push("later"));
    },
  });
  const kernels = await device.load<Kernels>(manifestUrl);
  const values = device.buffer("i64", 5);
  await kernels.prints.launch(2, { values });
  await later;
  equal(seen, [...Array(18).fill("print"), "later"]);
  device.dispose();
});

onThreads("imported functions", async (device, { maths }) => {
  const out = device.buffer("f64", 2);
  await maths.launch(1, { out });
  await maths.launch(64, { out });
  near(out.view[0]!, 0.5204998778130465, 1, "erf");
  equal(out.view[1], 1);
});

test("functions have C's values", () => {
  // Values from mpmath.
  const wanted: [keyof typeof math, number[], number][] = [
    ["erf", [0.1], 0.1124629160182849],
    ["erf", [0.84], 0.7651427114549946],
    ["erf", [1], 0.8427007929497149],
    ["erf", [1.3], 0.9340079449406524],
    ["erf", [2.5], 0.999593047982555],
    ["erf", [-3], -0.9999779095030014],
    ["erf", [5.9], 1],
    ["erf", [7], 1],
    ["erf", [-Infinity], -1],
    ["erf", [-0], -0],
    ["erf", [NaN], NaN],
    ["erf", [1e-300], 1.1283791670955126e-300],
    ["erfc", [0.1], 0.8875370839817152],
    ["erfc", [0.5], 0.4795001221869535],
    ["erfc", [1], 0.15729920705028513],
    ["erfc", [2], 0.004677734981047266],
    ["erfc", [3], 2.2090496998585441e-5],
    ["erfc", [10], 2.088487583762545e-45],
    ["erfc", [26], 5.663192408856143e-296],
    ["erfc", [-1], 1.8427007929497148],
    ["erfc", [-7], 2],
    ["erfc", [30], 0],
    ["erfc", [-Infinity], 2],
    ["erfc", [NaN], NaN],
    ["pow", [1, NaN], 1],
    ["pow", [-1, -Infinity], 1],
    ["pow", [NaN, 0], 1],
    ["pow", [-8, 3], -512],
    ["pow", [-8, 0.5], NaN],
    ["pow", [-0, -1], -Infinity],
    ["pow", [2, 1024], Infinity],
    ["fmod", [-5.5, 2], -1.5],
    ["fmod", [5, Infinity], 5],
    ["fmod", [5, 0], NaN],
    ["fmod", [-4, 2], -0],
    ["fmod", [Infinity, 2], NaN],
    ["fma", [1 + 2 ** -52, 1 + 2 ** -52, -1 - 2 ** -51], 2 ** -104],
    ["fma", [1e308, 10, -1e308], Infinity],
    ["fma", [1e308, 10, -Infinity], -Infinity],
    ["fma", [Infinity, 0, 1], NaN],
    ["fma", [2 ** -600, 2 ** -500, 2 ** -1074], 2 ** -1074],
    ["fma", [2 ** -1074, 0.75, 0], 2 ** -1074],
    ["fma", [3, -2, 6], 0],
    ["fma", [-0, 1, -0], -0],
    ["fma", [2, 3, NaN], NaN],
    ["fma", [2 ** 53 - 1, 2 ** 53 - 1, 1], 2 ** 106 - 2 ** 54],
    ["fma", [-0.1, 10, 1], -5.551115123125783e-17],
    ["exp2", [10], 1024],
    ["exp2", [-1074], 5e-324],
    ["exp2", [0.5], Math.SQRT2],
    ["cbrt", [-27], -3],
    ["atan2", [-0, -1], -Math.PI],
    ["log1p", [-1], -Infinity],
    ["expm1", [-0], -0],
    ["exp", [-Infinity], 0],
    ["log", [-1], NaN],
    ["log2", [8], 3],
    ["log10", [1000], 3],
    ["acosh", [0.5], NaN],
    ["atanh", [1], Infinity],
    ["tanh", [-Infinity], -1],
  ];
  for (const [name, args, value] of wanted) near((math[name] as (...a: number[]) => number)(...args), value, 1, `${name}(${args})`);
});

test("bits of small floats", () => {
  for (const name of ["f16", "bf16", "fp8e5", "fp8e4nv", "fp8e4b8", "fp8e5b16"] as const) {
    const all = name === "f16" || name === "bf16" ? 65536 : 256;
    for (let bits = 0; bits < all; ++bits) {
      const value = decode(name, bits);
      if (!Number.isNaN(value)) equal(encode(name, value), bits, `${name} ${value}`);
    }
  }
  equal(
    [encode("f16", 65519), encode("f16", 65520), encode("f16", 2 ** -25), encode("f16", 2 ** -25 * 1.01), encode("f16", NaN)],
    [0x7bff, 0x7c00, 0, 1, 0x7e00],
  );
  equal([encode("fp8e4nv", 464), encode("fp8e4nv", 465), encode("fp8e4b8", -0), encode("fp8e4b8", Infinity)], [0x7e, 0x7f, 0, 0x80]);
  equal(encode("bf16", 1 + 2 ** -8), 0x3f80);
});

test("the variant that was asked for", async () => {
  const variants = features().relaxed ? (["strict", "relaxed", undefined] as const) : (["strict", undefined] as const);
  for (const variant of variants)
    await using_({ threads: 1, ...(variant && { variant }) }, async (device, kernels) => {
      equal(device.variant, variant ?? (features().relaxed ? "relaxed" : "strict"));
      const out = device.buffer("f32", 1);
      await kernels.variant.launch(1, { out });
      equal(out.view[0], device.variant === "relaxed" ? 2 ** -46 : 0);
    });
  if (!features().relaxed) await fails(() => open({ variant: "relaxed" }), "unsupported");
});

test("open refuses what it does not know", async () => {
  await fails(() => open({ device: "tpu" as never }), "unsupported");
  for (const threads of [0, -1, 1.5, NaN]) await fails(() => open({ threads }), "wrong-argument");
  for (const memory of [{ initial: -1 }, { initial: 65536, maximum: 1 }, { maximum: 2 ** 33 }, { initial: NaN }])
    await fails(() => open({ threads: 1, memory }), "wrong-argument");
});

test("invalid manifests are refused", () =>
  using_({ threads: 1 }, async (device) => {
    const manifest = (await (isNode
      ? import("node:fs").then((fs) => JSON.parse(fs.readFileSync(manifestUrl, "utf8")))
      : fetch(manifestUrl).then((a) => a.json()))) as Manifest;
    const kernels = await device.load(manifest, { base: manifestUrl });
    await kernels.empty!.launch(1, {});
    const named: string[] = [];
    await fails(() => device.load(manifest, { base: (file) => (named.push(file), new Uint8Array(100)) }), "bad-manifest", {
      message: "no memory at",
    });
    ok(named.includes(device.variant === "relaxed" ? "variant.relaxed.wasm" : "variant.wasm"), "files are asked for by name");
    await fails(() => device.load(manifest), "load-failed", { message: "base" });
    await fails(() => device.load(new URL("none.json", manifestUrl)), "load-failed", { message: "none.json" });
    await fails(() => device.load(new URL("empty.wasm", manifestUrl)), "bad-manifest");
    await fails(() => device.load("http://"), "load-failed");
    await fails(() => device.load({} as never), "bad-manifest");
    await fails(() => device.load({ nereid: "0", artefacts: [] }), "bad-manifest", { message: "target wasm" });
    const first = manifest.artefacts[0]!;
    const change = (wasm: object) =>
      device.load({ nereid: "0", artefacts: [{ ...first, wasm: { ...first.wasm!, ...wasm } }] }, { base: manifestUrl });
    await fails(() => change({ memoryFlagAt: 20 }), "bad-manifest", { kernel: first.kernel.name });
    await fails(() => change({ strict: undefined }), "bad-manifest", { message: "strict" });
    await fails(() => change({ scratch: -1 }), "bad-manifest", { message: "scratch" });
    await fails(() => device.load({ nereid: "0", artefacts: [first, first] }, { base: manifestUrl }), "bad-manifest", {
      message: "two kernels",
    });
    const used = device.heap.used;
    await fails(
      () =>
        device.load(
          { nereid: "0", artefacts: [first, { ...manifest.artefacts[1]!, wasm: { ...first.wasm!, strict: "none.wasm" } }] },
          { base: manifestUrl },
        ),
      "load-failed",
    );
    // A garbage collection may have freed more.
    equal(device.heap.used <= used, true, "a failed load frees its memory");
    await kernels.empty!.launch(1, {}); // objects in use were not collected in the meantime
    const odd = { ...first, kernel: { name: "odd", parameters: [{ name: "x", type: "**fp32" }] } };
    await fails(() => device.load({ nereid: "0", artefacts: [odd] }, { base: manifestUrl }), "unsupported", {
      kernel: "odd",
      argument: "x",
    });
    const broken = new Uint8Array(64);
    broken[first.wasm!.memoryFlagAt] = 1;
    await fails(() => device.load({ nereid: "0", artefacts: [first] }, { base: () => broken }), "load-failed", {
      kernel: first.kernel.name,
    });
  }));

test("an empty kernel is launched in microseconds", () =>
  using_({}, async (device, { empty }) => {
    const best = async () => {
      let least = Infinity;
      for (let i = 0; i < 30; ++i) {
        const start = performance.now();
        for (let k = 0; k < 1000; ++k) void empty.launch(1, {});
        least = Math.min(least, performance.now() - start);
        await device.idle();
      }
      return least;
    };
    await empty.launch(1, {});
    const time = await best();
    ok(time < 10, `${time} µs each`);
  }));

// Launches until this many threads took part.
async function threadsSeen(device: Device, scratch: Kernels["scratch"], wanted: number): Promise<number> {
  using out = device.buffer("i32", 200);
  const seen = new Set<number>();
  while (seen.size < wanted) {
    await scratch.launch(200, { out });
    for (const at of out.view) seen.add(at);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return seen.size;
}

if (shared) {
  test("a worker that dies is an error and is replaced", async () => {
    // Records the workers that are created.
    const made: { terminate(): unknown }[] = [];
    const original = globalThis.Worker;
    let restore: () => void;
    if (isNode) {
      const { default: threads } = await import("node:worker_threads");
      const { syncBuiltinESMExports } = await import("node:module");
      const Original = threads.Worker;
      threads.Worker = class extends Original {
        constructor(...args: ConstructorParameters<typeof Original>) {
          super(...args);
          made.push(this);
        }
      };
      syncBuiltinESMExports();
      restore = () => ((threads.Worker = Original), syncBuiltinESMExports());
    } else {
      globalThis.Worker = class extends original {
        constructor(...args: ConstructorParameters<typeof original>) {
          super(...args);
          made.push(this);
        }
      };
      restore = () => void (globalThis.Worker = original);
    }
    try {
      await using_({ threads: 2 }, async (device, { stuck, count, scratch }) => {
        equal(made.length, isPage ? 2 : 1);
        const address = device.buffer("i32", 200);
        await scratch.launch(1, { out: address });
        // In a page the launching thread takes no part: thread 0 has the first scratch memory.
        const base = isPage ? 0 : address.view[0]!;
        const state = device.buffer("i32", 2);
        for (let round = 0; round < 3; ++round) {
          state.view.fill(0);
          const before = made.length;
          const lost = fails(() => stuck.launch(2, { state, base }), "lost-worker", { kernel: "stuck" });
          const queued = count.launch(64, { out: address, rounds: 1 });
          while (Atomics.load(state.view, 1) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
          // It is not visible which thread is stuck; the launch is lost when that thread dies.
          for (const worker of made.slice(-(isPage ? 2 : 1))) await worker.terminate();
          await within(10, lost);
          await within(10, queued);
          while (made.length === before) await new Promise((resolve) => setTimeout(resolve, 1));
          address.view.fill(0);
          await within(10, count.launch(64, { out: address, rounds: 100000 }));
          equal(address.view[64], 64);
          equal(await within(10, threadsSeen(device, scratch, 2)), 2, "threads after the loss");
        }
      });
    } finally {
      restore();
    }
  });

  test("threads share the work", () =>
    using_({ threads: 2 }, async (device, { scratch }) => equal(await within(10, threadsSeen(device, scratch, 2)), 2)));
} else {
  test("without shared memory there is one thread, and this is said once", async () => {
    const said: unknown[] = [];
    const { warn } = console;
    console.warn = (text: unknown) => said.push(text);
    try {
      for (let i = 0; i < 2; ++i) {
        const device = await open({ threads: 2 });
        equal(device.threads, 1);
        device.dispose();
      }
    } finally {
      console.warn = warn;
    }
    ok(said.length <= 1, "said at most once");
  });
}

if (isPage) {
  // How often the page gets control, and the longest time without control as a fraction of the whole.
  const alive = async (work: () => Promise<unknown>) => {
    let [turns, worst, last] = [0, 0, performance.now()];
    const timer = setInterval(() => {
      ++turns;
      worst = Math.max(worst, performance.now() - last);
      last = performance.now();
    }, 1);
    const start = performance.now();
    await work();
    clearInterval(timer);
    return [turns, worst / (performance.now() - start)] as const;
  };
  onThreads("a long launch leaves the page alive", async (device, { count }) => {
    const out = device.buffer("i32", 65);
    const [turns, worst] = await alive(() => count.launch(64, { out, rounds: 10000000 }));
    equal(out.view[64], 64);
    ok(turns > 2 && worst < 0.5, `${turns} turns, at most ${worst} of the time apart`);
  });
  onThreads("and so does one that comes after short ones", async (device, { count }) => {
    const out = device.buffer("i32", 65);
    for (let i = 0; i < 1000; ++i) void count.launch(64, { out, rounds: 1 });
    await device.idle();
    const [turns, worst] = await alive(() => count.launch(64, { out, rounds: 10000000 }));
    equal(out.view[64], 1001 * 64);
    ok(turns > 2 && worst < 0.5, `${turns} turns, at most ${worst} of the time apart`);
    // The same numbers, but many more programs.
    const many = device.buffer("i32", 300001);
    for (let i = 0; i < 100; ++i) await count.launch(1, { out: many, rounds: 3000 });
    const [more, longest] = await alive(() => count.launch(300000, { out: many, rounds: 3000 }));
    ok(more > 2 && longest < 0.5, `${more} turns, at most ${longest} of the time apart`);
  });
}

test("undisposed memory is freed on garbage collection", async () => {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (!collect) return;
  await using_({ threads: 1 }, async (device) => {
    const start = device.heap.used;
    const forget = () => {
      for (let i = 0; i < 10; ++i) device.buffer("f32", 1000);
    };
    forget();
    ok(device.heap.used > start, "in use");
    for (let i = 0; i < 50 && device.heap.used > start; ++i) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    equal(device.heap.used, start);
  });
});

// Types: lines that must not compile.
export function types(kernels: Kernels, device: Device): void {
  const f = device.buffer("f32", 1);
  // @ts-expect-error: a buffer of another type
  void kernels.axpy.launch(1, { x: f, y: device.buffer("f64", 1), n: 1, a: 1 });
  // @ts-expect-error: an argument is missing
  void kernels.axpy.launch(1, { x: f, y: f, n: 1 });
  // @ts-expect-error: an argument too many
  void kernels.axpy.launch(1, { x: f, y: f, n: 1, a: 1, b: 1 });
  // @ts-expect-error: no number
  void kernels.axpy.launch(1, { x: f, y: f, n: "1", a: 1 });
  const u: Arg<"*i32"> = device.buffer("u32", 1);
  const g: Arg<"i64"> = 1n;
  void [u, g];
}

// SPDX-License-Identifier: MIT
// The tests of WebGPU devices, for Node, pages and workers. The shaders are test/shaders/*.wgsl.
import { autotune, cdiv, jit, MemoryStore } from "../src/compile/index.ts";
import { type GpuBuffer, type GpuDevice, type Kernel, type Manifest, NereidError, open, type OpenOptions } from "../src/index.ts";
import { shareBindings } from "../src/webgpu-bindings.ts";
import { kBlank, readReport } from "../src/webgpu-report.ts";
import { hasSpecials, hasSubgroupsInOrder } from "../src/webgpu.ts";
import { equal, fails, ok, test, within } from "./harness.ts";

const isNode = typeof process === "object";
const manifestUrl = new URL("shaders/manifest.json", import.meta.url);
const gpu: GPU | undefined = isNode
  ? await (globalThis as { nereidGpu?: () => Promise<GPU | undefined> }).nereidGpu!()
  : globalThis.navigator?.gpu;
export const adapter = await gpu?.requestAdapter();

type Kernels = Record<string, Kernel>;
const openGpu = (options: OpenOptions = {}): Promise<GpuDevice> => open({ gpu: gpu!, ...options, device: "webgpu" });

// Loads only the kernels that a test needs: compiling all of the manifest takes time.
async function load(device: GpuDevice, names: string[]): Promise<Kernels> {
  if (names.length === 0) return {};
  const manifest = await readManifest();
  return device.load({ ...manifest, artefacts: manifest.artefacts.filter((a) => names.includes(a.kernel.name)) }, { base: manifestUrl });
}
let manifestText: string | undefined;
async function readManifest(): Promise<Manifest> {
  const read = () =>
    isNode ? import("node:fs").then((fs) => fs.readFileSync(manifestUrl, "utf8")) : fetch(manifestUrl).then((a) => a.text());
  return JSON.parse((manifestText ??= await read())) as Manifest;
}

function onGpu(
  name: string,
  kernels: string[],
  body: (device: GpuDevice, kernels: Kernels) => unknown,
  options: OpenOptions = {},
  limits: Record<string, number> = {},
): void {
  if (!adapter) return;
  test(`WebGPU: ${name}`, async () => {
    const device = await openGpu(options);
    // Like a GPU with lower limits.
    Object.assign(device.limits, limits);
    try {
      await within(30, (async () => body(device, await load(device, kernels)))());
    } finally {
      device.dispose();
    }
  });
}

const range = (n: number, f: (i: number) => number = (i) => i) => Array.from({ length: n }, (_, i) => f(i));

onGpu("axpy, results and later launches", ["axpy"], async (device, { axpy }) => {
  equal(device.kind, "webgpu");
  const n = 1000;
  const x = device.buffer("f32", Float32Array.from(range(n)));
  const y = device.buffer("f32", n);
  await axpy!.launch(4, { x, y, n, a: 2 });
  equal((await y.read())[999], 1998);
  await y.write(new Float32Array(n).fill(1));
  void axpy!.launch([4], { x, y, n, a: 1 });
  void axpy!.launch([4, 1], { x, y, n, a: 1 });
  void axpy!.launch([4, 1, 1], { x, y, n: 999, a: 1 });
  const got = await y.read();
  equal([got.length, got[0], got[1], got[998], got[999]], [1000, 1, 4, 2995, 1999]);
});

const kFill = `import triton
import triton.language as tl


@triton.jit
def fill(x, n, WORK: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n)
    for _ in range(WORK):
        v = tl.sqrt(v * v + 1e-9)
    tl.store(x + i, v + 1, mask=i < n)
`;
const fillGrid = ({ n, BLOCK }: { n: number; BLOCK: number }) => cdiv(n, BLOCK);

onGpu("jit: one compile for each combination, in the order of the calls", [], async (device) => {
  const fill = jit(kFill, { device, constants: { WORK: 1 }, cache: false });
  const x = device.buffer("f32", 1000);
  void fill.launch(fillGrid, { x, n: 1000, BLOCK: 256 });
  void fill.launch(fillGrid, { x, n: 992, BLOCK: 256 });
  void fill.launch(fillGrid, { x, n: 992, BLOCK: 64 });
  const got = await x.read();
  equal(
    [got[0], got[991], got[992], got[999], fill.compiled].map((v) => Math.round(v!)),
    [3, 3, 1, 1, 3],
  );
  // Half of the array, which may start anywhere.
  await fill.launch(fillGrid, { x: x.subarray(501), n: 499, BLOCK: 64 });
  equal(Math.round((await x.read())[501]!), 4);
  await fails(() => fill.launch(1, { x, n: 5, BLOCK: 3 }), "compile-failed");
});

onGpu("autotune: the fastest configuration by the GPU's clock, kept for this device", [], async (device) => {
  const cache = new MemoryStore();
  const make = () =>
    autotune(jit(kFill, { device, cache }), { configs: [4000, 1, 2000].map((WORK) => ({ WORK, BLOCK: 256 })), key: ["n"], time: 3, cache });
  const fill = make();
  const x = device.buffer("f32", 2048);
  void fill.launch(fillGrid, { x, n: 2048 });
  equal(Math.round((await x.read())[7]!), 1);
  equal([fill.best({ x, n: 2048 })?.WORK, fill.measured({ x, n: 2048 })[0]!.config.WORK], [1, 1]);
  const other = make();
  await other.launch(fillGrid, { x, n: 2048 });
  equal([other.best({ x, n: 2048 })?.WORK, other.measured({ x, n: 2048 }).length], [1, 0]);
});

onGpu("promises of divisibility are kept", [], async (device) => {
  const manifest = await readManifest();
  const artefact = manifest.artefacts.find((a) => a.kernel.name === "axpy")!;
  const divisors = artefact.kernel.parameters.map((p) => (p.name === "a" ? 1 : 16));
  const { axpy } = await device.load<Kernels>(
    { ...manifest, artefacts: [{ ...artefact, webgpu: { ...artefact.webgpu!, divisors } }] },
    { base: manifestUrl },
  );
  const [x, y] = [device.buffer("f32", new Float32Array(1024).fill(1)), device.buffer("f32", 1024)];
  await axpy!.launch(4, { x: x.subarray(4, 1024), y, n: 1008, a: 2 });
  equal([(await y.read())[0], (await y.read())[1007], (await y.read())[1008]], [2, 2, 0]);
  await fails(() => axpy!.launch(4, { x: x.subarray(1, 1024), y, n: 1008, a: 2 }), "wrong-argument", { kernel: "axpy", argument: "x" });
  await fails(() => axpy!.launch(4, { x, y, n: 1000, a: 2 }), "wrong-argument", { kernel: "axpy", argument: "n" });
});

onGpu("launches keep their order, writes and reads among them", ["axpy", "count"], async (device, { axpy, count }) => {
  const n = 256;
  const [x, y] = [device.buffer("f32", n), device.buffer("f32", n)];
  const busy = device.buffer("i32", 65);
  const all: Promise<unknown>[] = [];
  for (let i = 0; i < 50; ++i) {
    all.push(x.write(new Float32Array(n).fill(i)));
    all.push(count!.launch(64, { out: busy, rounds: 100 }));
    all.push(axpy!.launch(1, { x, y, n, a: 1 }));
  }
  const reads = [y.read(), busy.read()] as const;
  all.push(axpy!.launch(1, { x, y, n, a: 1 }));
  equal((await reads[0])[255], 49 * 25);
  equal((await reads[1])[64], 50 * 64);
  await Promise.all(all);
  await device.idle();
});

onGpu("every program runs once, also more than 65535 and thousands of launches", ["count"], async (device, { count }) => {
  for (const grid of [[1], [7], [3, 5], [2, 3, 7], [1, 1, 100], [300, 300]] as const) {
    const programs = grid.reduce((a: number, b: number) => a * b, 1);
    const out = device.buffer("i32", programs + 1);
    for (const rounds of [0, 30]) await count!.launch(grid, { out, rounds });
    equal(await out.read(), new Int32Array(programs + 1).fill(2, 0, programs).fill(2 * programs, programs), String(grid));
    out.dispose();
  }
  const out = device.buffer("i32", 2);
  for (let i = 0; i < 3000; ++i) void count!.launch(1, { out, rounds: 0 });
  equal(await out.read(), Int32Array.of(3000, 3000));
});

onGpu("numbers of every type, as words", ["slots", "words"], async (device, { slots, words }) => {
  const out = device.buffer("u32", 26);
  await slots!.launch(1, {
    out,
    b: true,
    c: -1,
    s: -2,
    i: 3000000000,
    l: -(2n ** 63n),
    v: 255,
    w: 65535,
    u: 4294967295,
    h: 1.5,
    g: -2,
    e: 448,
    f: -0,
    z: 2n ** 64n - 1n,
  });
  const f = 0xffffffff;
  equal(
    [...(await out.read())],
    [1, 0, f, f, f - 1, f, 3000000000, f, 0, 2 ** 31, 255, 0, 65535, 0, f, 0, 0x3e00, 0, 0xc000, 0, 0x7e, 0, 2 ** 31, 0, f, f],
  );
  await slots!.launch(1, {
    out,
    b: 0,
    c: 255,
    s: 32767,
    i: -1,
    l: 2 ** 53 - 1,
    v: 0,
    w: 0,
    u: 0,
    h: NaN,
    g: 1e39,
    e: 1e9,
    f: Infinity,
    z: 5,
  });
  equal(
    [...(await out.read())],
    [0, 0, f, f, 32767, 0, f, f, f, 2 ** 21 - 1, 0, 0, 0, 0, 0, 0, 0x7e00, 0, 0x7f80, 0, 0x7f, 0, 0x7f800000, 0, 5, 0],
  );
  // Grid, zero, then offset and name of each array.
  const [x, y] = [device.buffer("i32", 100), device.buffer("i32", 10)];
  const of = async (x: GpuBuffer<"i32">, y: GpuBuffer<"i32">) => {
    await words!.launch([2, 3, 4], { x, y, out, n: 7 });
    return [...(await out.read())].slice(0, 12);
  };
  const first = await of(x, y);
  equal([...first.slice(0, 5), ...first.slice(6, 7), ...first.slice(8, 9), ...first.slice(10)], [2, 3, 4, 0, 0, 0, 0, 7, 0]);
  ok(new Set([first[5], first[7], first[9]]).size === 3, "three buffers");
  const second = await of(x.subarray(3), x.subarray(70));
  equal([second[4], second[6], second[5], second[7]], [12, 280, first[5], first[5]]);
});

onGpu("bytes: neighbours stay, offsets and sizes of any kind", ["bytes"], async (device, { bytes }) => {
  const x = device.buffer("u8", Uint8Array.from(range(131)));
  const out = device.buffer(
    "u8",
    200,
    range(200, () => 7),
  );
  await bytes!.launch(3, { x: x.subarray(1), out: out.subarray(3, 133), n: 130 });
  const wanted = range(200, (i) => (i >= 3 && i < 133 ? i - 1 : 7));
  equal(await out.read(), Uint8Array.from(wanted));
  equal(await out.subarray(3, 8).read(), Uint8Array.of(2, 3, 4, 5, 6));
  await out.subarray(5, 6).write([99]);
  await out.subarray(9, 15).write([1, 2, 3, 4, 5, 6]);
  wanted.splice(5, 1, 99);
  wanted.splice(9, 6, 1, 2, 3, 4, 5, 6);
  equal(await out.read(), Uint8Array.from(wanted));
  for (let n = 0; n < 20; ++n) {
    const some = device.buffer("u8", n, range(n));
    equal(await some.read(), Uint8Array.from(range(n)));
    await some.write(range(n, (i) => i * 2));
    equal(await some.read(), Uint8Array.from(range(n, (i) => i * 2)));
    some.dispose();
  }
});

onGpu("buffers: types, shapes, data", [], async (device) => {
  const b = device.buffer("f32", [2, 3], [1, 2, 3, 4, 5, 6]);
  equal([b.dtype, b.size, ...b.shape], ["f32", 6, 2, 3]);
  equal(await b.subarray(2, 4).read(), Float32Array.of(3, 4));
  equal(await b.subarray(4).subarray(1).read(), Float32Array.of(6));
  equal(await device.buffer("i64", 2, [1n, -1n]).read(), BigInt64Array.of(1n, -1n));
  equal(await device.buffer("f64", Float64Array.of(1.5)).read(), Float64Array.of(1.5));
  equal(await device.buffer("bool", 3, [2, 0, -1]).read(), Uint8Array.of(1, 0, 1));
  equal(await device.buffer("bf16", 1, [1]).read(), Uint16Array.of(0x3f80));
  equal(await device.buffer("f32", 0).read(), new Float32Array(0));
  equal(await device.buffer("u32", new Int32Array([5, -1]).subarray(1)).read(), Uint32Array.of(4294967295));
  await fails(() => b.write([1, 2, 3]), "wrong-size", { message: "6 elements" });
  await fails(() => b.write(new Float64Array(6)), "wrong-dtype");
  await fails(() => device.buffer("f31" as never, 1), "wrong-dtype", { message: "f31" });
  await fails(() => device.buffer("f32", -1), "wrong-size");
  await fails(() => device.buffer("f32", 3, [1]), "wrong-size");
  for (const [begin, end] of [
    [-1, 2],
    [3, 2],
    [0, 9],
    [0.5, 2],
  ] as const)
    await fails(() => b.subarray(begin, end), "wrong-size");
  const { buffer, offset } = b.subarray(2).gpu;
  equal([offset, buffer.size], [8, 32]);
});

onGpu("invalid arguments are named in the error", ["axpy"], async (device, kernels) => {
  const axpy = kernels.axpy!;
  const x = device.buffer("f32", 8);
  const good = { x, y: device.buffer("f32", 8), n: 8, a: 1 };
  const kernel = "axpy";
  await fails(() => axpy.launch(1, { ...good, y: device.buffer("f64", 8) }), "wrong-dtype", {
    kernel,
    argument: "y",
    message: "is *fp32, but the buffer has elements of f64",
  });
  await fails(() => axpy.launch(1, { x, y: x, n: 8 }), "missing-argument", { kernel, argument: "a" });
  await fails(() => axpy.launch(1, { ...good, z: 1 }), "surplus-argument", { kernel, argument: "z" });
  await fails(() => axpy.launch(1, { ...good, x: 5 }), "wrong-argument", { kernel, argument: "x" });
  await fails(() => axpy.launch(1, { ...good, n: 1.5 }), "wrong-argument", { kernel, argument: "n" });
  for (const grid of [-1, NaN, 2 ** 32, [65536, 65536], []]) await fails(() => axpy.launch(grid as never, good), "bad-grid", { kernel });
  const other = await openGpu();
  await fails(() => axpy.launch(1, { ...good, x: other.buffer("f32", 8) }), "wrong-argument", {
    kernel,
    argument: "x",
    message: "another device",
  });
  other.dispose();
  await axpy.launch(0, good);
  await axpy.launch(1, good); // and it still works
  equal(await good.y.read(), new Float32Array(8));
});

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

const kHalves = `import triton
import triton.language as tl


@triton.jit
def halves(x, y, z, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n).to(tl.float32) + tl.load(y + i, mask=i < n)
    tl.store(y + i, v, mask=i < n)
    tl.store(z + i, v.to(tl.float16), mask=i < n)
`;
for (const room of [8, 2])
  onGpu(
    `arrays of f16 and f32, of which ${room} have bindings, in place and apart`,
    [],
    async (device) => {
      const halves = jit(kHalves, { device, constants: { BLOCK: 256 }, cache: false });
      const n = 512;
      const [x, y, z] = [device.buffer("f16", n, range(n)), device.buffer("f32", n, range(n)), device.buffer("f16", n)];
      await halves.launch(2, { x, y, z, n });
      equal([(await y.read())[511], (await z.subarray(1, 2).read())[0]], [1022, (await device.buffer("f16", 1, [2]).read())[0]]);
      await halves.launch(2, { x, y, z: x, n }); // in place
      equal((await y.read())[511], 1022 + 511);
      equal(
        await x.read(),
        await device
          .buffer(
            "f16",
            n,
            range(n, (i) => 3 * i),
          )
          .read(),
      );
    },
    {},
    { maxStorageBuffersPerShaderStage: room },
  );

onGpu("a launch that waits for its pipeline keeps its arguments", ["axpy"], async (device, { axpy }) => {
  const inTurn = axpy as unknown as { launchInTurn(grid: number, args: object): Promise<{ done: Promise<void> }> };
  const [x, y] = [device.buffer("f32", 4, [1, 2, 3, 4]), device.buffer("f32", 4)];
  let later: Promise<void> | undefined;
  await device.queue.add(async () => {
    const started = inTurn.launchInTurn(1, { x, y: x, n: 4, a: 1 }); // x + x, which needs another pipeline
    later = axpy!.launch(1, { x, y, n: 3, a: 100 });
    await (
      await started
    ).done;
  });
  await later;
  equal([...(await x.read()), ...(await y.read())], [2, 4, 6, 8, 200, 400, 600, 0]);
});

onGpu("a variant for arrays that do not lie in one another", ["which"], async (device, { which }) => {
  const [a, b] = [device.buffer("i32", 10), device.buffer("i32", 300)];
  const ran = async (x: GpuBuffer<"i32">, y: GpuBuffer<"i32">, out: GpuBuffer<"i32">) => {
    await which!.launch(1, { x, y, out });
    return (await out.read())[0];
  };
  equal([await ran(a, a, b), await ran(a, b, b), await ran(b, a, b), await ran(b, b, b), await ran(b, b.subarray(70), a)], [1, 2, 2, 2, 1]);
  equal([await ran(a, b.subarray(0, 10), b.subarray(200)), await ran(a, a, b)], [2, 1]);
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

onGpu("scratch memory is each workgroup's own", ["scratch"], async (device, { scratch }) => {
  const programs = 20000; // more than fit into memory at once
  const out = device.buffer("i32", programs);
  await scratch!.launch(3, { out });
  for (let i = 0; i < 2; ++i) void scratch!.launch(programs, { out });
  const got = await out.read();
  equal([got[0], got[2], got[3]], [3, 3, 2]);
  ok(
    got.subarray(3).every((v) => v === 2),
    "all programs",
  );
});

const lines: string[] = [];
onGpu(
  "prints come in order, as C prints them",
  ["prints", "count"],
  async (device, { prints, count }) => {
    lines.length = 0;
    const bits = new BigInt64Array(5).fill(-1n);
    new Float64Array(bits.buffer)[3] = 0.1;
    const values = device.buffer("i64", bits);
    await prints!.launch(2, { values, each: 0 });
    const texts = ["(1, 15) i: -1", "() u: 18446744073709551615", "() h: 0xffffffffffffffff", "() f: 0.100000", "() p: 0xffffffffffffffff"];
    const first = (p: string) => [...texts.map((text) => `pid (${p}) idx ${text}`), `pid (${p}) done`];
    equal(lines, [...first("0, 0, 0"), ...first("1, 0, 0")]);
    lines.length = 0;
    // Several launches at once; the lines of a program are in the order of its statements and of elements.
    void prints!.launch([1, 2], { values, each: 2 });
    void prints!.launch(1, { values, each: 1 });
    const out = device.buffer("i32", 2);
    void count!.launch(1, { out, rounds: 0 });
    await out.read();
    const then = (p: string, each: number) =>
      range(each)
        .flatMap((k) => range(4, (t) => 10 * k + t))
        .map((v) => `pid (${p}) idx (${v % 10}) then: ${v}`);
    equal(lines, ["0, 0, 0", "0, 1, 0"].flatMap((p) => [...first(p), ...then(p, 2)]).concat(first("0, 0, 0"), then("0, 0, 0", 1)));
    // A report that does not fit is mentioned, and the next launch has room for it.
    const { warn } = console;
    const said: string[] = [];
    console.warn = (text: string) => said.push(text);
    try {
      lines.length = 0;
      await prints!.launch(1, { values, each: 5000 });
      ok(said.length === 1 && said[0]!.includes("`prints` reported 140035 words"), said.join());
      ok(lines.length > 9000 && lines.length < 10000, `${lines.length} lines`);
      lines.length = 0;
      await prints!.launch(1, { values, each: 5000 });
      equal([lines.length, said.length], [20006, 1]);
    } finally {
      console.warn = warn;
    }
  },
  { print: (line) => lines.push(line) },
);

onGpu("assertions say text, line and program", ["asserts", "count"], async (device, { asserts, count }) => {
  for (const which of [70, 5]) {
    const program = which === 70 ? "70, 0, 0" : "5, 0, 0";
    await fails(() => asserts!.launch(100, { which }), "assertion", {
      kernel: "asserts",
      message: `kernel \`asserts\`: k.py:12: assertion failed in program (${program}): x must be positive`,
    });
    await asserts!.launch(100, { which: 100 });
  }
  await fails(() => asserts!.launch([10, 5, 2], { which: 67 }), "assertion", { message: "program (7, 1, 1)" });
  const results = await Promise.allSettled([100, 3, 100, 4, 100].map((which) => asserts!.launch(100, { which })));
  equal(
    results.map((r) => r.status),
    ["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"],
  );
  const out = device.buffer("i32", 2);
  await count!.launch(1, { out, rounds: 0 });
  await device.idle();
});

test("WebGPU: reports as they come", () => {
  const sites = [
    { kind: "print", text: " a: ", value: "u64", shape: [] },
    { kind: "assert", text: "b", line: 3 },
  ] as const;
  const read = (words: number[], room = words.length + 1, count = words.length) =>
    readReport(Uint32Array.from([count, ...words, ...Array(Math.max(0, room - words.length - 1)).fill(kBlank)]), sites as never, [2, 2, 1]);
  const a = (p: number, epoch: number, element: number, v: number) => [0, p, epoch, element, v, 0];
  equal(read([...a(3, 0, 1, 8), ...a(3, 0, 0, 7), ...a(1, 1, 0, 6), ...a(1, 0, 9, 5)]).lines, [
    "pid (1, 0, 0) idx () a: 5",
    "pid (1, 0, 0) idx () a: 6",
    "pid (1, 1, 0) idx () a: 7",
    "pid (1, 1, 0) idx () a: 8",
  ]);
  const failed = read([...a(2, 0, 0, 1), 1, 1, 5, 5, ...a(1, 0, 0, 2), 1, 1, 5, 4]);
  equal([failed.lines, failed.failed], [["pid (1, 0, 0) idx () a: 2"], "assertion failed in program (1, 0, 0): b"]);
  equal([read([]).wanted, read(a(0, 0, 0, 1)).wanted, read(a(0, 0, 0, 1), 10, 12).wanted], [0, 0, 12]);
  equal(read(a(0, 0, 0, 1), 10, 12).lines, ["pid (0, 0, 0) idx () a: 1"]);
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

onGpu("the first variant that the GPU can run", ["variant"], async (device, { variant }) => {
  const out = device.buffer("i32", 1);
  await variant!.launch(1, { out });
  equal((await out.read())[0], device.features.has("subgroups") ? 2 : 1);
});

onGpu("what the GPU makes of NaN and infinities is looked at, and told to shaders", ["specials"], async (device, { specials }) => {
  const bits = device.buffer("i32", Int32Array.of(0x7fc00000, 0x40490fdb, 0)),
    ieee = device.features.has("ieee-specials");
  equal(await hasSpecials(device.gpu), ieee);
  await specials!.launch(1, { bits });
  equal(await bits.read(), Int32Array.of(ieee ? 1 : 0, 0x40490fdb, 0x40490fdb));
});

onGpu("subgroups' threads are numbered as the workgroup's, or no variant takes them", [], async (device) => {
  const { subgroupMinSize: least, subgroupMaxSize: most } = device.info;
  if (!device.features.has("subgroups") || least !== most) return;
  equal([await hasSubgroupsInOrder(device.gpu, least), await hasSubgroupsInOrder(device.gpu, 2 * least)], [true, false]);
  equal(device.features.has("subgroups-32"), least === 32);
  // A GPU that reports subgroups of 32, but has others.
  const from = {
    requestAdapter: async () => {
      const a = (await gpu!.requestAdapter())!;
      return {
        features: a.features,
        limits: a.limits,
        info: { subgroupMinSize: 32, subgroupMaxSize: 32 },
        requestDevice: (d: GPUDeviceDescriptor) => a.requestDevice(d),
      };
    },
  };
  const other = await openGpu({ gpu: from as unknown as GPU });
  equal(other.features.has("subgroups-32"), least === 32);
  equal(await other.buffer("f32", [1]).read(), new Float32Array(1));
  other.dispose();
});

onGpu("shaders and manifests that are none", [], async (device) => {
  const shader = (text: string, change: object = {}) =>
    device.load<Kernels>(
      {
        nereid: "0",
        artefacts: [
          {
            target: "webgpu",
            kernel: { name: "k", parameters: [{ name: "x", type: "*fp32" }] },
            files: ["k.wgsl"],
            webgpu: {
              sites: [],
              variants: [
                {
                  file: "k.wgsl",
                  features: [],
                  limits: {},
                  threads: 1,
                  scratch: 0,
                  report: false,
                  arrays: [{ parameter: 0, name: "x", writes: true }],
                  ...change,
                },
              ],
            },
          },
        ],
      },
      { base: () => new TextEncoder().encode(text) },
    );
  const good = "@group(0) @binding(1) var<storage, read_write> x: array<u32>;\n@compute @workgroup_size(1) fn main() {\n  x[0] = 1u;\n}\n";
  await shader(good);
  const error = await fails(() => shader(good.replace("1u", "1.5")), "load-failed", { kernel: "k", message: "k.wgsl:3:" });
  ok(error.message.includes("x[0] = 1.5;"), error.message);
  await fails(() => shader(good.replace("main", "other")), "load-failed", { kernel: "k" });
  await fails(() => shader(good.replace("binding(1)", "binding(2)")), "load-failed", { kernel: "k" });
  await fails(() => shader(good, { features: ["teleport"] }), "unsupported", { kernel: "k", message: "teleport" });
  await fails(() => shader(good, { limits: { maxComputeWorkgroupStorageSize: 2 ** 30 } }), "unsupported", {
    message: "maxComputeWorkgroupStorageSize 1073741824",
  });
  await fails(() => shader(good, { scratch: -1 }), "bad-manifest", { message: "scratch" });
  await fails(() => shader(good, { arrays: [{ parameter: 1, name: "x", writes: true }] }), "bad-manifest", { message: "arrays" });
  await fails(() => device.load({ nereid: "0", artefacts: [] }), "bad-manifest", { message: "target webgpu" });
  const none = { target: "webgpu", kernel: { name: "k", parameters: [] }, files: [] };
  await fails(() => device.load({ nereid: "0", artefacts: [none] } as Manifest), "bad-manifest", { message: "`webgpu`" });
  await fails(() => device.load(new URL("none.json", manifestUrl)), "load-failed", { message: "none.json" });
  await shader(good);
});

onGpu("what the GPU refuses is an error that leaves the device working", ["axpy"], async (device, { axpy }) => {
  const n = 8;
  const args = { x: device.buffer("f32", n), y: device.buffer("f32", n), n, a: 1 };
  await axpy!.launch(1, args);
  args.x.gpu.buffer.destroy(); // without the runtime's knowledge
  await fails(() => axpy!.launch(1, args), "trap", { kernel: "axpy" });
  await axpy!.launch(1, { ...args, x: device.buffer("f32", n) });
  // Out of memory: WebGPU reports it after the call.
  const { gpu } = device;
  const pop = gpu.popErrorScope.bind(gpu);
  gpu.popErrorScope = () => pop().then(() => new Error("no memory") as unknown as GPUError);
  const short = device.buffer("f32", n);
  gpu.popErrorScope = pop;
  await new Promise((resolve) => setTimeout(resolve, 50));
  await fails(() => short.read(), "out-of-memory", { message: "no memory" });
  await fails(() => short.write(new Float32Array(n)), "out-of-memory");
  await fails(() => axpy!.launch(1, { ...args, x: short }), "out-of-memory", { kernel: "axpy" });
  await axpy!.launch(1, { ...args, x: device.buffer("f32", n) });
});

onGpu("use after disposal", ["axpy", "count"], async (device, { axpy, count }) => {
  const x = device.buffer("f32", 8);
  const y = device.buffer("f32", 8);
  const running = axpy!.launch(1, { x, y, n: 8, a: 1 });
  x.dispose(); // after pending launches
  x.dispose();
  await running;
  await fails(() => x.read(), "disposed");
  await fails(() => x.write([1]), "disposed");
  await fails(() => axpy!.launch(1, { x, y, n: 8, a: 1 }), "disposed", { kernel: "axpy", argument: "x" });
  axpy!.dispose();
  await fails(() => axpy!.launch(1, { x: y, y, n: 8, a: 1 }), "disposed", { kernel: "axpy" });
  const out = device.buffer("i32", 65);
  const pending = count!.launch(64, { out, rounds: 100000 });
  const read = out.read();
  const ended = [pending, read].map((p) =>
    (p as Promise<unknown>).then(
      () => true,
      (error: NereidError) => error.code === "disposed" || String(error),
    ),
  );
  device.dispose();
  equal(await within(10, Promise.all(ended)), [true, true]);
  await fails(() => count!.launch(1, { out, rounds: 1 }), "disposed", { kernel: "count", message: "device" });
  await fails(() => device.buffer("f32", 1), "disposed");
  await fails(() => device.load(manifestUrl), "disposed");
  await fails(() => device.idle(), "disposed");
  await fails(() => y.read(), "disposed");
  device.dispose();
});

/** Another device works after one was lost. */
async function opensAgain(): Promise<void> {
  const other = await openGpu();
  const { count: again } = await load(other, ["count"]);
  const fresh = other.buffer("i32", 65);
  await again!.launch(64, { out: fresh, rounds: 1 });
  equal((await fresh.read())[64], 64);
  other.dispose();
}

onGpu("a GPU that is lost is an error, and another can be opened", ["count", "asserts"], async (device, { count, asserts }) => {
  const out = device.buffer("i32", 65);
  await count!.launch(64, { out, rounds: 1 });
  const all = [count!.launch(64, { out, rounds: 1000 }), out.read(), asserts!.launch(1, { which: 5 }), device.idle()];
  device.gpu.destroy();
  all.push(count!.launch(64, { out, rounds: 1 }));
  for (const [k, promise] of (await within(10, Promise.allSettled(all))).entries())
    ok(
      promise.status === "fulfilled" || (promise.reason instanceof NereidError && promise.reason.code === "lost-device"),
      `${k}: ${promise.status === "rejected" && promise.reason}`,
    );
  ok(device.lost, "lost");
  await fails(() => count!.launch(64, { out, rounds: 1 }), "lost-device", { kernel: "count", message: "open()" });
  await fails(() => out.read(), "lost-device");
  await fails(() => out.write(new Int32Array(65)), "lost-device");
  await fails(() => device.buffer("f32", 1), "lost-device");
  await fails(() => device.idle(), "lost-device");
  await fails(() => device.load(manifestUrl), "lost-device");
  await opensAgain();
});

onGpu("the same launch again, and others between", ["axpy", "count"], async (device, { axpy, count }) => {
  const [x, y, z] = [1, 0, 0].map((value) => device.buffer("f32", new Float32Array(64).fill(value)));
  const out = device.buffer("i32", 65);
  const all: Promise<unknown>[] = [];
  const add = (times: number, a: number, to = y!) => {
    for (let k = 0; k < times; ++k) all.push(axpy!.launch(1, { x: x!, y: to, n: 64, a }));
  };
  add(3, 1);
  add(2, 16);
  add(1, 1);
  add(2, 1, z!);
  add(1, 1);
  all.push(count!.launch(64, { out, rounds: 1 }));
  add(2, 1);
  const middle = y!.read();
  add(300, 256);
  add(1, 256, z!);
  equal([(await middle)[0], (await y!.read())[0], (await z!.read())[63]], [39, 39 + 300 * 256, 258]);
  await Promise.all(all);
});

// The program that drives the browser can end the process that owns the GPU.
const crash = (globalThis as { crashGpu?: () => Promise<void> }).crashGpu;
if (crash)
  onGpu("the GPU's process ends in the middle of launches", ["count"], async (device, { count }) => {
    const out = device.buffer("i32", 65);
    const launches = (async () => {
      for (;;) await count!.launch(64, { out, rounds: 1 });
    })();
    await Promise.all([crash(), fails(() => launches, "lost-device", { message: "open()" })]);
    ok(device.lost, "lost");
    await fails(() => out.read(), "lost-device");
    await fails(() => device.idle(), "lost-device");
    await opensAgain();
  });

onGpu("a thousand launches cost microseconds each", ["axpy"], async (device, { axpy }) => {
  const args = { x: device.buffer("f32", 256), y: device.buffer("f32", 256), n: 256, a: 1 };
  await axpy!.launch(1, args);
  let best = Infinity;
  for (let i = 0; i < 15; ++i) {
    const start = performance.now();
    for (let k = 0; k < 1000; ++k) void axpy!.launch(1, args);
    best = Math.min(best, performance.now() - start);
    await device.idle();
  }
  if (!isNode || process.env.VERBOSE) console.log(`a launch takes ${best.toFixed(2)} µs`);
  ok(best < 20, `${best} µs each`);
});

onGpu("long launches are sent a few at a time", ["count"], async (device, { count }) => {
  const out = device.buffer("i32", 65);
  const { queue } = device.gpu;
  let sent = 0;
  const submit = queue.submit.bind(queue);
  queue.submit = (list) => (++sent, submit(list));
  let rounds = 1000;
  for (let time = 0; time < 120; rounds *= 4) {
    const start = performance.now();
    await count!.launch(64, { out, rounds });
    time = performance.now() - start;
  }
  await out.write(new Int32Array(65));
  await count!.launch(64, { out, rounds });
  sent = 0;
  for (let i = 0; i < 4; ++i) void count!.launch(64, { out, rounds });
  await device.idle();
  ok(sent >= 2, `${sent} batches of long launches`);
  for (let i = 0; i < 10; ++i) await count!.launch(1, { out, rounds: 0 });
  sent = 0;
  for (let i = 0; i < 300; ++i) void count!.launch(1, { out, rounds: 0 });
  await device.idle();
  ok(sent <= 5, `${sent} batches of short ones`);
  const got = await out.read();
  equal([got[64], got[1]], [5 * 64, 5 + 310]);
});

onGpu("promises are kept as well where the engine must be nudged, as Firefox", ["count"], async (device, { count }) => {
  device.nudges = true;
  const { queue } = device.gpu;
  let empty = 0;
  const submit = queue.submit.bind(queue);
  queue.submit = (list) => ((empty += [...list].length === 0 ? 1 : 0), submit(list));
  const out = device.buffer("i32", 65);
  for (let rounds = 1000; empty < 3 && rounds < 1e9; rounds *= 4) await count!.launch(64, { out, rounds });
  ok(empty >= 3, `${empty} nudges`);
  await out.read();
  await device.idle();
  const before = empty;
  await new Promise((resolve) => setTimeout(resolve, 20));
  equal(empty, before, "none when nobody waits");
});

onGpu(
  "memory that is short leaves arrays where they are",
  ["many"],
  async (device, { many }) => {
    const n = 10;
    const arrays = range(12).map(() => device.buffer("i32", n, range(n)));
    const args = { ...Object.fromEntries(arrays.map((a, k) => [`a${k}`, a])), n };
    const { gpu } = device;
    const pop = gpu.popErrorScope.bind(gpu);
    gpu.popErrorScope = () => pop().then(() => new Error("no memory") as unknown as GPUError);
    const failing = fails(() => many!.launch(1, args), "out-of-memory", { message: "no memory" });
    gpu.popErrorScope = pop;
    await failing;
    equal((await arrays[11]!.read())[9], 9);
    await many!.launch(1, args);
    equal((await arrays[11]!.read())[1], 67);
  },
  {},
  { maxStorageBuffersPerShaderStage: 8 },
);

onGpu("memory for scratch that was short is asked for again", ["scratch"], async (device, { scratch }) => {
  const out = device.buffer("i32", 8);
  const { gpu } = device;
  const create = gpu.createBuffer.bind(gpu);
  // Like a failed allocation: it is reported later, and the buffer cannot be used.
  gpu.createBuffer = (d) => create(d.usage & 128 && !d.mappedAtCreation ? { ...d, size: 2 ** 50 } : d);
  const pop = gpu.popErrorScope.bind(gpu);
  let first = true;
  gpu.popErrorScope = () => (first ? ((first = false), pop().then(() => new Error("no memory") as unknown as GPUError)) : pop());
  const failing = fails(() => scratch!.launch(3, { out }), "out-of-memory", { message: "no memory" });
  gpu.createBuffer = create;
  await failing;
  gpu.popErrorScope = pop;
  await scratch!.launch(3, { out });
  equal([...(await out.read())].slice(0, 4), [1, 1, 1, 0]);
});

onGpu("the GPU's clock", ["count"], async (device, { count }) => {
  if (!device.hasClock) return;
  const out = device.buffer("i32", 65);
  const timed = count as unknown as { time(grid: number, args: object, runs: number): Promise<number[]> };
  const times = await timed.time(64, { out, rounds: 100 }, 5);
  equal(times.length, 5);
  ok(
    times.every((t) => t >= 0 && t < 1e6),
    times.join(),
  );
  equal((await out.read())[64], 5 * 64);
});

onGpu("what is forgotten is given back", ["axpy"], async (device, { axpy }) => {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (!collect) return;
  const gone = new Set<string>();
  const { gpu } = device;
  const create = gpu.createBuffer.bind(gpu);
  let made = 0;
  gpu.createBuffer = (d) => {
    const b = create(d);
    const name = String(made++);
    const destroy = b.destroy.bind(b);
    b.destroy = () => (gone.add(name), destroy());
    return b;
  };
  const use = async () => {
    const [x, y] = [device.buffer("f32", 1000), device.buffer("f32", 1000)];
    await axpy!.launch(4, { x, y, n: 1000, a: 1 });
  };
  await use();
  for (let i = 0; i < 50 && gone.size < 2; ++i) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  equal([...gone].sort(), ["0", "1"]);
});

if (adapter) {
  test("WebGPU: open() takes a GPU, but none that is emulated unless asked", async () => {
    const emulated = adapter.info.isFallbackAdapter;
    const any = await open({ gpu: gpu!, threads: 1 });
    equal(any.kind, emulated ? "wasm" : "webgpu");
    any.dispose();
    const fresh = {
      requestAdapter: async () => {
        const a = (await gpu!.requestAdapter())!;
        return {
          features: a.features,
          limits: a.limits,
          info: { isFallbackAdapter: false },
          requestDevice: (d: GPUDeviceDescriptor) => a.requestDevice(d),
        };
      },
    };
    const device = await open({ gpu: fresh as unknown as GPU });
    equal(device.kind, "webgpu");
    device.dispose();
  });
}

test("WebGPU: open() where there is none", async () => {
  const none = { requestAdapter: async () => null } as unknown as GPU;
  await fails(() => open({ device: "webgpu", gpu: none }), "unsupported", { message: "adapter" });
  const device = await open({ gpu: none, threads: 1 });
  equal(device.kind, "wasm");
  device.dispose();
  const broken = {
    requestAdapter: async () => ({
      features: new Set(),
      limits: {},
      info: {},
      requestDevice: async () => Promise.reject(new Error("out of order")),
    }),
  } as unknown as GPU;
  await fails(() => open({ device: "webgpu", gpu: broken }), "unsupported", { message: "out of order" });
  (await open({ gpu: broken, threads: 1 })).dispose();
  const unreleased = { requestAdapter: async () => Promise.reject(new Error("not in this release")) } as unknown as GPU;
  await fails(() => open({ device: "webgpu", gpu: unreleased }), "unsupported", { message: "not in this release" });
  (await open({ gpu: unreleased, threads: 1 })).dispose();
  if (!globalThis.navigator?.gpu) await fails(() => open({ device: "webgpu" }), "unsupported", { message: "navigator.gpu" });
  await fails(() => open({ device: "webgpu", gpu: {} as GPU }), "wrong-argument");
});

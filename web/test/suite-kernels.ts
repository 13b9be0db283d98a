// SPDX-License-Identifier: MIT
// The tests of the kernel library in Node, pages and workers: graphs, and errors of operands. kernels.mjs compares every operation with NumPy.
import { jit } from "../src/compile/index.ts";
import { type Device, type DeviceBuffer, features, open as openAny, type OpenOptions, type WasmDevice } from "../src/index.ts";
import { Graph, kernel, layerNorm, matmul, relu, selfAttention, topK, type Value } from "../src/kernels/index.ts";
import { shareBlocks } from "../src/kernels/plan.ts";
import { equal, fails, near, ok, test, within } from "./harness.ts";
import { gpu, onGpu } from "./webgpu/device.ts";

// The body on one thread, on several if there are, and on WebGPU.
function everywhere(name: string, body: (device: Device) => Promise<unknown>): void {
  const run = async (options: OpenOptions) => {
    const device = await openAny(options);
    try {
      await within(30, body(device));
    } finally {
      device.dispose();
    }
  };
  test(`kernels: ${name}, one thread`, () => run({ device: "wasm", threads: 1 }));
  if (features().threads) test(`kernels: ${name}, three threads`, () => run({ device: "wasm", threads: 3 }));
  if (gpu) onGpu(`kernels: ${name}`, [], body);
}

// Numbers from -0.5 to 0.5, always the same.
function numbers(count: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, i) => ((i * 7919 + seed * 104729) % 1000) / 1000 - 0.5);
}

function product(x: ArrayLike<number>, w: ArrayLike<number>, rows: number, depth: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; ++i)
    for (let k = 0; k < depth; ++k) for (let j = 0; j < columns; ++j) out[i * columns + j]! += x[i * depth + k]! * w[k * columns + j]!;
  return out;
}

const close = (got: ArrayLike<number>, wanted: ArrayLike<number>, what: string) => {
  equal(got.length, wanted.length, what);
  for (let i = 0; i < wanted.length; ++i) ok(Math.abs(got[i]! - wanted[i]!) < 1e-5, `${what}: ${got[i]} is ${wanted[i]} at ${i}`);
};

everywhere("a graph replays its launches with new inputs, in shared memory", async (device) => {
  const [rows, size, layers] = [20, 32, 5];
  const weights = Array.from({ length: layers }, (_, i) => numbers(size * size, i));
  const buffers = weights.map((w) => device.buffer("f32", [size, size], w));
  const graph = new Graph(device);
  let x: Value = graph.input("x", "f32", [rows, size]);
  for (const w of buffers) x = matmul(x, w, { activation: "relu" });
  const best = topK(x, 4);
  const plan = await graph.compile({ y: x, values: best.values, indices: best.indices });
  equal([plan.stats.launches, plan.stats.bytes, plan.stats.unsharedBytes], [layers + 1, 2 * rows * size * 4, 4 * rows * size * 4]);
  for (const seed of [1, 2, 3]) {
    const data = numbers(rows * size, 100 + seed);
    let wanted: ArrayLike<number> = data;
    for (const w of weights) wanted = product(wanted, w, rows, size, size).map((v) => Math.max(v, 0));
    const { y, values, indices } = await plan.run({ x: data });
    close(y as Float32Array, wanted, `run ${seed}`);
    for (let i = 0; i < rows; ++i)
      for (let k = 0; k < 4; ++k)
        equal((values as Float32Array)[i * 4 + k], (y as Float32Array)[i * size + (indices as Int32Array)[i * 4 + k]!]);
  }
  plan.dispose();
  await fails(() => plan.run(), "disposed");
});

everywhere("launches of a graph see each other's results, also if they have few programs or many", async (device) => {
  const source = `import triton
import triton.language as tl


@triton.jit
def reversed(x, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(x + n - 1 - i, mask=i < n) + 1, mask=i < n)
`;
  const reverse = jit(source, { device });
  const n = 1000;
  const graph = new Graph(device);
  const x = graph.input("x", "i32", [n]);
  let last: Value = x as unknown as Value;
  const blocks = [16, 1024, 64, 512, 32];
  for (let k = 0; k < 40; ++k) {
    const next = graph.empty("i32", [n]) as unknown as Value;
    const BLOCK = blocks[k % blocks.length]!;
    graph.launch(reverse, Math.ceil(n / BLOCK), { x: last, out: next, n, BLOCK });
    last = next;
  }
  const plan = await graph.compile({ last });
  for (let round = 0; round < 10; ++round) {
    const data = Int32Array.from({ length: n }, (_, i) => i * round);
    const found = (await plan.run({ x: data })).last as Int32Array;
    equal(
      found.findIndex((v, i) => v !== i * round + 40),
      -1,
      "the first wrong element",
    );
  }
});

everywhere("a short graph that runs often gives the same, in one thread or in all", async (device) => {
  const source = `import triton
import triton.language as tl


@triton.jit
def count(x, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.atomic_add(out + i % 4, tl.load(x + i, mask=i < n, other=0), mask=i < n)
`;
  const n = 64;
  const graph = new Graph(device);
  const [x, out] = [graph.input("x", "i32", [n]), graph.input("out", "i32", [4])];
  graph.launch(jit(source, { device }), n / 16, { x, out, n, BLOCK: 16 });
  const plan = await graph.compile({ y: out });
  for (let round = 0; round < (device.kind === "wasm" ? 200 : 5); ++round) {
    const { y } = await plan.run({ x: new Int32Array(n).fill(round), out: new Int32Array(4) });
    equal([...(y as Int32Array)].join(), [0, 0, 0, 0].map(() => round * 16).join(), `round ${round}`);
  }
});

everywhere("an operation on buffers runs at once", async (device) => {
  const x = device.buffer("f32", [3, 4], [1, -2, 3, -4, 0, 0, 0, 0, -1, 5, 2, 2]);
  equal(await (await relu(x)).read(), Float32Array.of(1, 0, 3, 0, 0, 0, 0, 0, 0, 5, 2, 2));
  const out = device.buffer("f32", [3, 4]);
  equal((await relu(x, { out })) === out, true);
  const { values, indices } = await topK(x, 2);
  equal(
    [values.shape, indices.shape],
    [
      [3, 2],
      [3, 2],
    ],
  );
  equal(await indices.read(), Int32Array.of(2, 0, 0, 1, 1, 2));
  const tall = await kernelOf(device, x);
  equal([...tall], [2, -4, 6, -8, 0, 0, 0, 0, -2, 10, 4, 4]);
});

// A kernel of the library with other blocks.
async function kernelOf(device: Device, x: DeviceBuffer): Promise<Float32Array> {
  const out = device.buffer("f32", 12);
  const w = device.buffer("f32", [4, 4], [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2]);
  await kernel(device, "matmul.py", "matmul").launch([1, 1], {
    x_ptr: x,
    w_ptr: w,
    bias_ptr: null,
    residual_ptr: null,
    out_ptr: out,
    rows: 3,
    columns: 4,
    depth: 4,
    x_stride: 4,
    w_stride: 4,
    w_column_stride: 1,
    ACTIVATION: "none",
    BM: 16,
    BN: 16,
    BK: 16,
  });
  return out.read();
}

everywhere("errors name the operation, the operand and the rule", async (device) => {
  const [x, w] = [device.buffer("f32", [2, 8]), device.buffer("f32", [6, 8])];
  await fails(() => matmul(x, w), "wrong-size", { message: "matmul: w must have the shape [8, 8], since x has rows of 8, but has [6, 8]" });
  await fails(() => matmul(device.buffer("f64", [2, 8]), w), "wrong-dtype", { message: "matmul: x must be f32 or f16, but is f64" });
  await fails(() => matmul(x, w, { transposed: true, activation: "swish" as "silu" }), "wrong-argument", {
    message: "matmul: activation must be one of none, relu, gelu, gelu_tanh, silu, sigmoid, tanh (got swish)",
  });
  await fails(() => selfAttention(device.buffer("f32", [1, 4, 60]), { heads: 2 }), "wrong-size", {
    message: "a head must have 16, 32, 64 or 128 numbers, but 20 columns in 2 heads are 10",
  });
  await fails(() => topK(x, 300), "wrong-argument", { message: "topK: k must be an integer from 1 to 256 (got 300)" });
  const [one, other] = [new Graph(device), new Graph(device)];
  const value = one.input("x", "f32", [2, 8]);
  await fails(() => layerNorm(value, other.input("w", "f32", [8]), value), "wrong-argument", {
    message: "layerNorm: its operands are values of different graphs",
  });
  await fails(() => one.input("x", "f32", [2]), "wrong-argument", { message: "the graph has an input `x` already" });
  await fails(() => other.compile({ y: value }), "wrong-argument", { message: "output `y` is not a value of this graph" });
  const plan = await one.compile({ y: relu(value) });
  await fails(() => plan.run({ z: [1] }), "surplus-argument", { message: "the graph has no input `z`; it has: x" });
  await fails(() => plan.run({ x: [1, 2] }), "wrong-size");
});

everywhere("a failed assertion in a graph is reported, and the graph can run again", async (device) => {
  const source = `import triton
import triton.language as tl


@triton.jit
def positive(x, out, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i)
    tl.device_assert(v > 0, "not positive")
    tl.store(out + i, v)
`;
  const positive = jit(source, { device, debug: true });
  const graph = new Graph(device);
  const x = graph.input("x", "f32", [64]);
  const [middle, out] = [graph.empty("f32", [64]), graph.empty("f32", [64])];
  graph.launch(kernel(device, "activations.py", "activation"), 1, {
    x_ptr: x,
    y_ptr: null,
    out_ptr: middle,
    size: 64,
    ACTIVATION: "none",
    BLOCK: 64,
  });
  graph.launch(positive, 4, { x: middle, out, BLOCK: 16 });
  const plan = await graph.compile({ out: relu(out) });
  for (let round = 0; round < 3; ++round) {
    await fails(() => plan.run({ x: new Float32Array(64) }), "assertion", { kernel: "positive", message: "not positive" });
    near((await plan.run({ x: new Float32Array(64).fill(2) })).out[63] as number, 2, 0, "the next run");
  }
});

test("kernels: a disposed plan frees its memory", async () => {
  const device = (await openAny({ device: "wasm", threads: 1 })) as WasmDevice;
  const w = device.buffer("f32", [64, 64]);
  const make = async () => {
    const graph = new Graph(device);
    const x = graph.input("x", "f32", [64, 64]);
    return graph.compile({ y: matmul(matmul(x, w), w) });
  };
  (await make()).dispose(); // compiles
  const before = device.heap.used;
  const plan = await make();
  ok(device.heap.used > before, "it uses memory");
  plan.dispose();
  equal(device.heap.used, before);
  device.dispose();
});

test("kernels: values share a block only if their lifetimes are disjoint", () => {
  let state = 1;
  const random = (n: number) => (state = (state * 48271) % 2147483647) % n;
  for (let round = 0; round < 200; ++round) {
    const values = Array.from({ length: 1 + random(12) }, () => {
      const first = random(10);
      return { bytes: 1 + random(100), first, last: first + random(5) };
    });
    const { bytes, blockOf } = shareBlocks(values);
    for (const [i, a] of values.entries()) {
      ok(a.bytes <= bytes[blockOf[i]!]!, "it fits");
      for (const [j, b] of values.slice(0, i).entries()) ok(blockOf[i] !== blockOf[j] || a.last < b.first || b.last < a.first, "disjoint");
    }
  }
});

if (gpu)
  onGpu("kernels: a replay is one command buffer", [], async (device) => {
    const graph = new Graph(device);
    let x: Value = graph.input("x", "f32", [32, 32]);
    const w = device.buffer("f32", [32, 32]);
    for (let i = 0; i < 4; ++i) x = relu(matmul(x, w));
    const plan = await graph.compile({ y: x });
    await plan.launch();
    const { queue } = device.gpu;
    const submit = queue.submit.bind(queue);
    let count = 0;
    queue.submit = (buffers: Iterable<GPUCommandBuffer>) => {
      count += [...buffers].length;
      return submit(buffers);
    };
    await plan.launch();
    equal(count, 1);
    equal(plan.stats.launches, 8);
  });

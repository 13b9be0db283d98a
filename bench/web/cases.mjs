// SPDX-License-Identifier: MIT
// The benchmarks, and their implementation in each library. A library's `prepare` returns { run, result }.
import { model } from "./onnx.mjs";

let seed = 1;
function random(size) {
  const out = new Float32Array(size);
  for (let i = 0; i < size; ++i) out[i] = ((seed = (seed * 48271) % 2147483647) / 2147483647) * 2 - 1;
  return out;
}

// inputs: name to shape; work: floating-point operations, or bytes that must move.
const matmul = (n) => ({
  op: "matmul",
  name: `matmul ${n}³`,
  inputs: { a: [n, n], b: [n, n] },
  output: [n, n],
  work: 2 * n ** 3,
  unit: "GFLOP/s",
});
const rows = (op, name, n, inputs = {}) => ({
  op,
  name: `${name} ${n}²`,
  inputs: { x: [n, n], ...inputs },
  output: [n, n],
  work: 8 * n * n,
  unit: "GB/s",
});
export const cases = [
  matmul(512),
  matmul(1024),
  rows("softmax", "softmax", 1024),
  rows("layer_norm", "layer norm", 1024, { weight: [1024], bias: [1024] }),
  { ...rows("add", "add", 4096, { y: [4096, 4096] }), work: 12 * 4096 * 4096 },
  { ...rows("row_sum", "row sum", 4096), output: [4096], work: 4 * 4096 * 4096 },
  rows("exp", "exp", 4096),
];

export const inputsOf = (c) =>
  Object.fromEntries(Object.entries(c.inputs).map(([name, shape]) => [name, random(shape.reduce((a, b) => a * b))]));

/** Kernels compiled from Triton source, in `base`/NAME/manifest.json. */
export async function nereid({ open }, base, options = {}) {
  const device = await open(options);
  const kernels = {};
  const load = async (name) => (kernels[name] ??= (await device.load(new URL(`${name}/manifest.json`, base)))[name]);
  return {
    name: "nereid",
    device,
    load,
    async prepare(c, data) {
      const buffers = Object.fromEntries(Object.entries(data).map(([name, values]) => [name, device.buffer("f32", values)]));
      const out = device.buffer("f32", c.output);
      const n = c.inputs.a?.[0] ?? c.inputs.x[0];
      const { a, b, x, y, weight, bias } = buffers;
      const kernel = await load(c.op === "add" ? "vector_add" : c.op);
      const [grid, args] = {
        matmul: () => [(n / 256) ** 2, { a_ptr: a, b_ptr: b, c_ptr: out, M: n, N: n, K: n, a_stride: n, b_stride: n, c_stride: n }],
        softmax: () => [n, { x_ptr: x, out_ptr: out, columns: n, x_stride: n, out_stride: n }],
        layer_norm: () => [n, { x_ptr: x, weight_ptr: weight, bias_ptr: bias, out_ptr: out, columns: n, stride: n, epsilon: 1e-5 }],
        add: () => [(n * n) / 4096, { x_ptr: x, y_ptr: y, out_ptr: out, n: n * n }],
        row_sum: () => [n, { x_ptr: x, out_ptr: out, columns: n, stride: n }],
        exp: () => [(n * n) / 4096, { x_ptr: x, out_ptr: out, n: n * n }],
      }[c.op]();
      return {
        run: () => kernel.launch(grid, args),
        result: async () => {
          await kernel.launch(grid, args);
          return out.read();
        },
        dispose: () => [...Object.values(buffers), out].forEach((buffer) => buffer.dispose()),
      };
    },
  };
}

export async function tfjs(tf, wasm, wasmFolder, threads) {
  wasm.setWasmPaths(wasmFolder);
  wasm.setThreadsCount?.(threads);
  await tf.setBackend("wasm");
  await tf.ready();
  return {
    name: "tfjs",
    async prepare(c, data) {
      const t = Object.fromEntries(Object.entries(c.inputs).map(([name, shape]) => [name, tf.tensor(data[name], shape)]));
      const compute = {
        matmul: () => tf.matMul(t.a, t.b),
        softmax: () => tf.softmax(t.x),
        layer_norm: () =>
          tf.tidy(() => {
            const { mean, variance } = tf.moments(t.x, 1, true);
            return tf.add(tf.mul(tf.div(tf.sub(t.x, mean), tf.sqrt(tf.add(variance, 1e-5))), t.weight), t.bias);
          }),
        add: () => tf.add(t.x, t.y),
        row_sum: () => tf.sum(t.x, 1),
        exp: () => tf.exp(t.x),
        column_sum: () => tf.sum(t.x, 0),
        transpose: () => tf.transpose(t.x),
        cumsum: () => tf.cumsum(t.x, 1),
        argmax: () => tf.argMax(t.x, 1),
      }[c.op];
      return {
        run: () => compute().dispose(),
        result: () => compute().data(),
        dispose: () => Object.values(t).forEach((x) => x.dispose()),
      };
    },
  };
}

export async function ort(ort, wasmFolder, threads) {
  if (wasmFolder) ort.env.wasm.wasmPaths = wasmFolder;
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  return {
    name: "ort-web",
    async prepare(c, data) {
      const [op, more] =
        {
          matmul: ["MatMul"],
          softmax: ["Softmax", { attributes: { axis: -1 } }],
          layer_norm: ["LayerNormalization", { attributes: { axis: -1, epsilon: 1e-5 } }],
          add: ["Add"],
          row_sum: ["ReduceSum", { axes: [1], attributes: { keepdims: 0 } }],
          exp: ["Exp"],
          column_sum: ["ReduceSum", { axes: [0], attributes: { keepdims: 0 } }],
          transpose: ["Transpose"],
        }[c.op] ?? [];
      if (!op) throw new Error(`not written for ${c.op}`);
      const session = await ort.InferenceSession.create(model(op, c.inputs, c.output, more), { executionProviders: ["wasm"] });
      const feeds = Object.fromEntries(
        Object.entries(c.inputs).map(([name, shape]) => [name, new ort.Tensor("float32", data[name], shape)]),
      );
      return {
        run: () => session.run(feeds),
        result: async () => (await session.run(feeds)).out.data,
        dispose: () => session.release(),
      };
    },
  };
}

export async function jax(jax) {
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  const { numpy: np, nn, jit } = jax;
  return {
    name: "jax-js",
    async prepare(c, data) {
      const t = Object.fromEntries(
        Object.entries(c.inputs).map(([name, shape]) => [name, np.array(data[name], { shape, dtype: np.float32 })]),
      );
      const f = {
        matmul: jit((a, b) => np.matmul(a, b)),
        softmax: jit((x) => nn.softmax(x, -1)),
        layer_norm: jit((x, weight, bias) => {
          const centred = x.ref.sub(np.mean(x, 1, { keepdims: true }));
          const variance = np.mean(np.square(centred.ref), 1, { keepdims: true });
          return centred
            .div(np.sqrt(variance.add(1e-5)))
            .mul(weight)
            .add(bias);
        }),
        add: jit((x, y) => x.add(y)),
        row_sum: jit((x) => np.sum(x, 1)),
        exp: jit((x) => np.exp(x)),
        column_sum: jit((x) => np.sum(x, 0)),
        transpose: jit((x) => np.transpose(x)),
        argmax: jit((x) => np.argmax(x, 1)),
      }[c.op];
      if (!f) throw new Error(`not written for ${c.op}`);
      const compute = async () => {
        const out = f(...Object.values(t).map((x) => x.ref));
        await out.blockUntilReady();
        return out;
      };
      return {
        run: async () => (await compute()).dispose(),
        result: async () => (await compute()).data(),
        dispose: () => Object.values(t).forEach((x) => x.dispose()),
      };
    },
  };
}

/** Medians in ms of functions that are called alternately, after a warm-up of each. */
async function interleave(functions, seconds) {
  for (const f of functions) {
    const end = performance.now() + 500;
    for (let i = 0; i < 3 || performance.now() < end; ++i) await f();
  }
  const times = functions.map(() => []);
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end || times[0].length < 7)
    for (const [i, f] of functions.entries()) {
      const start = performance.now();
      await f();
      times[i].push(performance.now() - start);
    }
  return times.map((t) => t.sort((a, b) => a - b)[t.length >> 1]);
}

const difference = (a, b) => {
  let worst = a.length === b.length ? 0 : Infinity;
  for (let i = 0; i < a.length; ++i) worst = Math.max(worst, Math.abs(a[i] - b[i]) / Math.max(1, Math.abs(b[i])));
  return worst;
};

/** Runs every case in every library; returns rows { name, unit, rates: { library: rate }, problems }. */
export async function measure(libraries, seconds, wanted = cases, say = () => {}) {
  const out = [];
  for (const c of wanted) {
    const data = inputsOf(c);
    const prepared = [];
    const problems = {};
    let reference;
    for (const library of libraries) {
      try {
        const p = await library.prepare(c, data);
        const result = await p.result();
        reference ??= result;
        const off = difference(result, reference);
        if (!(off < 1e-3)) throw new Error(`its result is off by ${off}`);
        prepared.push([library.name, p]);
      } catch (error) {
        problems[library.name] = String(error?.message ?? error).split("\n")[0];
      }
    }
    const times = await interleave(
      prepared.map(([, p]) => p.run),
      seconds,
    );
    const rates = Object.fromEntries(prepared.map(([name], i) => [name, c.work / times[i] / 1e6]));
    for (const [, p] of prepared) await p.dispose();
    const row = { name: c.name, unit: c.unit, rates, problems };
    out.push(row);
    say(row);
  }
  return out;
}

/** µs per launch of an empty kernel. */
export async function launchCost(library) {
  const kernel = await library.load("empty");
  let least = Infinity;
  for (let round = 0; round < 200; ++round) {
    const start = performance.now();
    for (let i = 0; i < 1000; ++i) void kernel.launch(1, {});
    least = Math.min(least, performance.now() - start);
    await library.device.idle();
  }
  return least;
}

// SPDX-License-Identifier: MIT
// The GPU benchmarks, and their implementation in each library. `work`: floating-point operations, or bytes that must move.

const matmul = (n, type) => ({
  name: `matmul ${n}³ ${type}`,
  op: "matmul",
  kernel: type === "f16" ? "matmul_f16" : "matmul",
  type,
  unit: "TFLOP/s",
  work: 2 * n ** 3,
  inputs: { a: [n, n], b: [n, n] },
  output: [n, n],
  grid: () => [(n / 128) ** 2],
  args: ({ a, b, out }) => ({ a_ptr: a, b_ptr: b, c_ptr: out, M: n, N: n, K: n, a_stride: n, b_stride: n, c_stride: n }),
});
const rows = (op, rows_, columns, more, args) => ({
  name: `${op} ${rows_} × ${columns}`,
  op,
  kernel: op,
  type: "f32",
  unit: "GB/s",
  work: 8 * rows_ * columns,
  inputs: { x: [rows_, columns], ...more },
  output: [rows_, columns],
  grid: () => [rows_],
  args,
});
const kHeads = 64,
  kLength = 2048,
  kDepth = 64;
export const cases = [
  {
    name: "vector add 2^26",
    op: "add",
    kernel: "vector_add",
    type: "f32",
    unit: "GB/s",
    work: 12 * 2 ** 26,
    inputs: { x: [2 ** 26], y: [2 ** 26] },
    output: [2 ** 26],
    grid: () => [2 ** 26 / 1024],
    args: ({ x, y, out }) => ({ x_ptr: x, y_ptr: y, out_ptr: out, n: 2 ** 26 }),
  },
  rows("softmax", 16384, 8192, {}, ({ x, out }) => ({ x_ptr: x, out_ptr: out, columns: 8192, x_stride: 8192, out_stride: 8192 })),
  rows("layer_norm", 16384, 8192, { weight: [8192], bias: [8192] }, ({ x, weight, bias, out }) => ({
    x_ptr: x,
    weight_ptr: weight,
    bias_ptr: bias,
    out_ptr: out,
    columns: 8192,
    stride: 8192,
    epsilon: 1e-5,
  })),
  matmul(4096, "f32"),
  matmul(4096, "f16"),
  {
    // Bytes represent multiples of 1/128, and the scales are 1/128.
    name: "int8 matmul 4096³",
    op: "int8",
    kernel: "int8_matmul",
    type: "i8",
    result: "f32",
    unit: "TFLOP/s",
    work: 2 * 4096 ** 3,
    inputs: { a: [4096, 4096], b: [4096, 4096] },
    output: [4096, 4096],
    grid: () => [4096 / 128, 4096 / 128],
    args: ({ a, b, scale, out }) => ({ a_ptr: a, b_ptr: b, a_scale_ptr: scale, b_scale_ptr: scale, c_ptr: out, M: 4096, N: 4096, K: 4096 }),
  },
  {
    // Causal: half of the scores.
    name: `flash attention ${kHeads} × ${kLength} × ${kDepth} f16`,
    op: "attention",
    kernel: "flash_attention",
    type: "f16",
    unit: "TFLOP/s",
    work: 2 * kHeads * kLength ** 2 * kDepth,
    inputs: { q: [kHeads, kLength, kDepth], k: [kHeads, kLength, kDepth], v: [kHeads, kLength, kDepth] },
    output: [kHeads, kLength, kDepth],
    grid: (block) => [kLength / block.BM, kHeads],
    args: ({ q, k, v, out }) => ({ q_ptr: q, k_ptr: k, v_ptr: v, out_ptr: out, length: kLength, scale: 0.125 }),
  },
];

// Kernels to compile: file, kernel, signature and names of the constants.
const kRow = ["i32:16", "i32:16", "i32:16", "8192"];
const product = (type, depth) => [
  "examples/matmul/matmul.py:matmul",
  [...Array(3).fill(`*${type}:16`), ...Array(6).fill("i32:16"), "128", "128", depth, "8"],
];
export const kernels = {
  vector_add: ["examples/vector_add/vector_add.py:vector_add", [...Array(3).fill("*fp32:16"), "i32:16", "1024"]],
  softmax: ["examples/softmax/softmax.py:softmax", ["*fp32:16", "*fp32:16", ...kRow]],
  layer_norm: ["examples/layer_norm/layer_norm.py:layer_norm", [...Array(4).fill("*fp32:16"), "i32:16", "i32:16", "fp32", "8192"]],
  matmul: product("fp32", "16"),
  matmul_f16: product("fp16", "64"),
  int8_matmul: [
    "examples/int8_matmul/int8_matmul.py:int8_matmul",
    ["*i8:16", "*i8:16", ...Array(3).fill("*fp32:16"), ...Array(3).fill("i32:16"), "128", "128", "64"],
  ],
  flash_attention: [
    "examples/flash_attention/flash_attention.py:flash_attention",
    [...Array(4).fill("*fp16:16"), "i32:16", "fp32", "128", "64", "64"],
  ],
};
const kBlock = { BM: 128 };

let seed = 1;
const next = () => ((seed = (seed * 48271) % 2147483647) / 2147483647) * 2 - 1;
/** The inputs of a case; f16 and bytes as the f32 values they represent. */
export const inputsOf = (c) =>
  Object.fromEntries(
    Object.entries(c.inputs).map(([name, shape]) => {
      const size = shape.reduce((a, b) => a * b),
        part = Float32Array.from({ length: Math.min(size, 2 ** 20 + 7) }, () =>
          c.type === "i8" ? Math.round(next() * 127) / 128 : Math.round(next() * 1024) / 1024,
        );
      const out = new Float32Array(size);
      for (let at = 0; at < size; at += part.length) out.set(part.subarray(0, size - at), at);
      return [name, out];
    }),
  );

/** Some of the first 4096 elements of a result, in double precision: [index, value]. */
export function samples(c, data) {
  const out = [],
    { a, b, q, k, v } = data,
    n = c.inputs.a?.[1];
  for (let i = 5; i < 4096 && (a || q); i += 401)
    if (a) {
      let sum = 0;
      for (let j = 0; j < n; ++j) sum += a[Math.floor(i / n) * n + j] * b[j * n + (i % n)];
      out.push([i, sum]);
    } else {
      const row = Math.floor(i / kDepth),
        scores = [];
      for (let j = 0; j <= row; ++j) {
        let dot = 0;
        for (let d = 0; d < kDepth; ++d) dot += q[row * kDepth + d] * k[j * kDepth + d];
        scores.push(Math.exp(dot * 0.125));
      }
      const total = scores.reduce((x, y) => x + y);
      out.push([i, scores.reduce((sum, s, j) => sum + (s / total) * v[j * kDepth + (i % kDepth)], 0)]);
    }
  return out;
}

export async function nereid({ open }, gpu, load) {
  const device = await open({ device: "webgpu", gpu });
  return {
    name: "Nereid",
    device,
    async prepare(c, data) {
      const kernel = (await load(device, c.kernel))[c.op === "attention" ? "flash_attention" : c.kernel.replace("_f16", "")];
      const array = (values) =>
        device.buffer(
          c.type,
          c.type === "f16" ? new Float16Array(values) : c.type === "i8" ? Int8Array.from(values, (x) => x * 128) : values,
        );
      const buffers = Object.fromEntries(Object.entries(data).map(([name, values]) => [name, array(values)]));
      if (c.type === "i8") buffers.scale = device.buffer("f32", new Float32Array(c.output[1]).fill(1 / 128));
      const out = device.buffer(
        c.result ?? c.type,
        c.output.reduce((a, b) => a * b),
      );
      const grid = c.grid(kBlock),
        args = c.args({ ...buffers, out });
      return {
        run: (times) => {
          for (let i = 0; i < times; ++i) void kernel.launch(grid, args);
          return device.idle();
        },
        result: async () => {
          await kernel.launch(grid, args);
          return out.subarray(0, 4096).read();
        },
        dispose: () => [...Object.values(buffers), out].forEach((b) => b.dispose()),
      };
    },
  };
}

export async function tfjs(tf) {
  await tf.setBackend("webgpu");
  await tf.ready();
  return {
    name: "TensorFlow.js",
    async prepare(c, data) {
      const compute = {
        matmul: (t) => tf.matMul(t.a, t.b),
        softmax: (t) => tf.softmax(t.x),
        layer_norm: (t) =>
          tf.tidy(() => {
            const { mean, variance } = tf.moments(t.x, 1, true);
            return tf.add(tf.mul(tf.div(tf.sub(t.x, mean), tf.sqrt(tf.add(variance, 1e-5))), t.weight), t.bias);
          }),
        add: (t) => tf.add(t.x, t.y),
      }[c.op];
      if (!compute || c.type !== "f32") return undefined;
      const t = Object.fromEntries(Object.entries(c.inputs).map(([name, shape]) => [name, tf.tensor(data[name], shape)]));
      return {
        run: async (times) => {
          for (let i = 1; i < times; ++i) compute(t).dispose();
          const last = compute(t),
            one = tf.slice(tf.reshape(last, [-1]), 0, 1);
          await one.data();
          last.dispose();
        },
        result: async () => {
          const out = compute(t),
            first = tf.slice(tf.reshape(out, [-1]), 0, 4096),
            values = await first.data();
          out.dispose();
          return values;
        },
        dispose: () => Object.values(t).forEach((x) => x.dispose()),
      };
    },
  };
}

export async function jax(jax) {
  await jax.init("webgpu");
  jax.defaultDevice("webgpu");
  const { numpy: np, nn, jit } = jax;
  return {
    name: "jax-js",
    async prepare(c, data) {
      const f = {
        matmul: () => jit((a, b) => np.matmul(a, b)),
        softmax: () => jit((x) => nn.softmax(x, -1)),
        layer_norm: () =>
          jit((x, weight, bias) => {
            const centred = x.ref.sub(np.mean(x, 1, { keepdims: true }));
            const variance = np.mean(np.square(centred.ref), 1, { keepdims: true });
            return centred
              .div(np.sqrt(variance.add(1e-5)))
              .mul(weight)
              .add(bias);
          }),
        add: () => jit((x, y) => x.add(y)),
      }[c.op]?.();
      if (!f || c.type !== "f32") return undefined;
      const t = Object.entries(c.inputs).map(([name, shape]) => np.array(data[name], { shape, dtype: np.float32 }));
      const compute = async () => {
        const out = f(...t.map((x) => x.ref));
        await out.blockUntilReady(); // work whose result is disposed is dropped
        return out;
      };
      return {
        run: async (times) => {
          for (let i = 0; i < times; ++i) (await compute()).dispose();
        },
        result: async () => (await (await compute()).data()).subarray(0, 4096),
        dispose: () => t.forEach((x) => x.dispose()),
      };
    },
  };
}

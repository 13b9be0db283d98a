// SPDX-License-Identifier: MIT
// The kernels of examples/ with inputs, and their results computed in plain JavaScript.
import cross_entropy from "../../examples/cross_entropy/cross_entropy.py";
import dropout from "../../examples/dropout/dropout.py";
import flash_attention from "../../examples/flash_attention/flash_attention.py";
import int8_matmul from "../../examples/int8_matmul/int8_matmul.py";
import layer_norm from "../../examples/layer_norm/layer_norm.py";
import matmul from "../../examples/matmul/matmul.py";
import rms_norm from "../../examples/rms_norm/rms_norm.py";
import softmax from "../../examples/softmax/softmax.py";
import top_k from "../../examples/top_k/top_k.py";
import vector_add from "../../examples/vector_add/vector_add.py";
import type { Settings } from "./settings.ts";

type Arrays = Record<string, ArrayLike<number>>;
type Numbers = Record<string, number>;

export interface Entry {
  title: string;
  source: string;
  settings: Settings;
  /** The arrays that the kernel writes, and the allowed error relative to the largest value. */
  reference?: (arrays: Arrays, n: Numbers) => Arrays;
  allowed?: number;
}

// Marks for the project's tests are removed from the shown source.
const shown = (text: string) => text.replace(/^# SPDX.*\n/, "").replace(/^# run:.*\n/gm, "");

const rowsOf = (
  x: ArrayLike<number>,
  columns: number,
  row: (x: (i: number) => number, out: Float64Array, r: number) => void,
): Float64Array => {
  const out = new Float64Array(x.length);
  for (let r = 0; r * columns < x.length; ++r) row((i) => x[r * columns + i]!, out.subarray(r * columns, (r + 1) * columns), r);
  return out;
};

function product(a: ArrayLike<number>, b: ArrayLike<number>, m: number, n: number, k: number): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; ++i)
    for (let p = 0; p < k; ++p) {
      const factor = a[i * k + p]!;
      for (let j = 0; j < n; ++j) c[i * n + j]! += factor * b[p * n + j]!;
    }
  return c;
}

export const gallery: Record<string, Entry> = {
  softmax: {
    title: "Softmax",
    source: shown(softmax),
    settings: {
      sizes: { rows: "128" },
      args: {
        x_ptr: "random f32[rows, columns]",
        out_ptr: "zeros f32[rows, columns]",
        columns: "250",
        x_stride: "columns",
        out_stride: "columns",
        BLOCK: "next_power_of_2(columns)",
      },
      grid: "rows",
      flops: "5 * rows * columns",
    },
    reference: ({ x_ptr }, { columns }) => ({
      out_ptr: rowsOf(x_ptr!, columns!, (x, out) => {
        let top = -Infinity;
        let total = 0;
        for (let i = 0; i < columns!; ++i) top = Math.max(top, x(i));
        for (let i = 0; i < columns!; ++i) total += out[i] = Math.exp(x(i) - top);
        for (let i = 0; i < columns!; ++i) out[i]! /= total;
      }),
    }),
    allowed: 1e-5,
  },
  vector_add: {
    title: "Vector addition",
    source: shown(vector_add),
    settings: {
      sizes: {},
      args: { x_ptr: "random f32[n]", y_ptr: "range f32[n]", out_ptr: "zeros f32[n]", n: "100000", BLOCK: "1024" },
      grid: "cdiv(n, BLOCK)",
      flops: "n",
    },
    reference: ({ x_ptr, y_ptr }) => ({ out_ptr: Float64Array.from(x_ptr!, (x, i) => x + y_ptr![i]!) }),
    allowed: 1e-6,
  },
  layer_norm: {
    title: "Layer norm",
    source: shown(layer_norm),
    settings: {
      sizes: { rows: "256" },
      args: {
        x_ptr: "random f32[rows, columns]",
        weight_ptr: "random f32[columns]",
        bias_ptr: "random f32[columns]",
        out_ptr: "zeros f32[rows, columns]",
        columns: "1000",
        stride: "columns",
        epsilon: "1e-5",
        BLOCK: "next_power_of_2(columns)",
      },
      grid: "rows",
      flops: "8 * rows * columns",
    },
    reference: ({ x_ptr, weight_ptr, bias_ptr }, { columns, epsilon }) => ({
      out_ptr: rowsOf(x_ptr!, columns!, (x, out) => {
        let mean = 0;
        let variance = 0;
        for (let i = 0; i < columns!; ++i) mean += x(i) / columns!;
        for (let i = 0; i < columns!; ++i) variance += (x(i) - mean) ** 2 / columns!;
        for (let i = 0; i < columns!; ++i) out[i] = ((x(i) - mean) / Math.sqrt(variance + epsilon!)) * weight_ptr![i]! + bias_ptr![i]!;
      }),
    }),
    allowed: 1e-5,
  },
  rms_norm: {
    title: "RMS norm, f16",
    source: shown(rms_norm),
    settings: {
      sizes: { rows: "256" },
      args: {
        x_ptr: "random f16[rows, columns]",
        weight_ptr: "random f16[columns]",
        out_ptr: "zeros f16[rows, columns]",
        columns: "1000",
        epsilon: "1e-6",
        BLOCK: "1024",
      },
      grid: "rows",
      flops: "4 * rows * columns",
    },
    reference: ({ x_ptr, weight_ptr }, { columns, epsilon }) => ({
      out_ptr: rowsOf(x_ptr!, columns!, (x, out) => {
        let squares = 0;
        for (let i = 0; i < columns!; ++i) squares += x(i) ** 2;
        for (let i = 0; i < columns!; ++i) out[i] = (x(i) / Math.sqrt(squares / columns! + epsilon!)) * weight_ptr![i]!;
      }),
    }),
    allowed: 2e-3,
  },
  cross_entropy: {
    title: "Cross entropy",
    source: shown(cross_entropy),
    settings: {
      sizes: { rows: "256" },
      args: {
        logits_ptr: "random(4) f32[rows, classes]",
        labels_ptr: "below(classes) i64[rows]",
        losses_ptr: "zeros f32[rows]",
        classes: "2000",
        IGNORE: "-100",
        BLOCK: "1024",
      },
      grid: "rows",
      flops: "4 * rows * classes",
    },
    reference: ({ logits_ptr, labels_ptr }, { classes, IGNORE }) => {
      const losses = Float64Array.from(labels_ptr!, (label, r) => {
        if (Number(label) === IGNORE) return 0;
        const row = Array.from({ length: classes! }, (_, i) => logits_ptr![r * classes! + i]!);
        const top = Math.max(...row);
        return top + Math.log(row.reduce((sum, x) => sum + Math.exp(x - top), 0)) - row[Number(label)]!;
      });
      return { losses_ptr: losses };
    },
    allowed: 1e-5,
  },
  dropout: {
    title: "Dropout",
    source: shown(dropout),
    settings: {
      sizes: {},
      args: { x_ptr: "random f32[256, n // 256]", out_ptr: "zeros f32[256, n // 256]", n: "65536", p: "0.25", seed: "1234", BLOCK: "1024" },
      grid: "cdiv(n, BLOCK)",
    },
    allowed: 1e-6,
  },
  top_k: {
    title: "Top k",
    source: shown(top_k),
    settings: {
      sizes: { rows: "256" },
      args: {
        x_ptr: "random f32[rows, columns]",
        values_ptr: "zeros f32[rows, K]",
        indices_ptr: "zeros i32[rows, K]",
        columns: "120",
        K: "8",
        BLOCK: "next_power_of_2(columns)",
      },
      grid: "rows",
    },
    reference: ({ x_ptr, values_ptr }, { columns, K }) => {
      const order = Array.from({ length: values_ptr!.length / K! }, (_, r) => {
        const x = (i: number) => x_ptr![r * columns! + i]!;
        return Array.from({ length: columns! }, (_, i) => i)
          .sort((a, b) => x(b) - x(a) || a - b)
          .slice(0, K!);
      });
      return { values_ptr: order.flatMap((row, r) => row.map((i) => x_ptr![r * columns! + i]!)), indices_ptr: order.flat() };
    },
    allowed: 0,
  },
  matmul: {
    title: "Matrix product",
    source: shown(matmul),
    settings: {
      sizes: {},
      args: {
        a_ptr: "random f32[M, K]",
        b_ptr: "random f32[K, N]",
        c_ptr: "zeros f32[M, N]",
        M: "256",
        N: "256",
        K: "256",
        a_stride: "K",
        b_stride: "N",
        c_stride: "N",
        BM: "64",
        BN: "64",
        BK: "64",
        GROUP: "4",
      },
      grid: "cdiv(M, BM) * cdiv(N, BN)",
      flops: "2 * M * N * K",
    },
    reference: ({ a_ptr, b_ptr }, { M, N, K }) => ({ c_ptr: product(a_ptr!, b_ptr!, M!, N!, K!) }),
    allowed: 1e-5,
  },
  int8_matmul: {
    title: "Matrix product, int8",
    source: shown(int8_matmul),
    settings: {
      sizes: {},
      args: {
        a_ptr: "random i8[M, K]",
        b_ptr: "random i8[K, N]",
        a_scale_ptr: "uniform f32[M]",
        b_scale_ptr: "uniform f32[N]",
        c_ptr: "zeros f32[M, N]",
        M: "256",
        N: "256",
        K: "256",
        BM: "64",
        BN: "64",
        BK: "64",
      },
      grid: "[cdiv(M, BM), cdiv(N, BN)]",
      flops: "2 * M * N * K",
    },
    reference: ({ a_ptr, b_ptr, a_scale_ptr, b_scale_ptr }, { M, N, K }) => ({
      c_ptr: product(a_ptr!, b_ptr!, M!, N!, K!).map((sum, i) => sum * a_scale_ptr![Math.floor(i / N!)]! * b_scale_ptr![i % N!]!),
    }),
    allowed: 1e-6,
  },
  flash_attention: {
    title: "Flash attention, causal",
    source: shown(flash_attention),
    settings: {
      sizes: { heads: "4" },
      args: {
        q_ptr: "random f32[heads, length, D]",
        k_ptr: "random f32[heads, length, D]",
        v_ptr: "random f32[heads, length, D]",
        out_ptr: "zeros f32[heads, length, D]",
        length: "256",
        scale: "1 / sqrt(D)",
        BM: "64",
        BN: "64",
        D: "64",
      },
      grid: "[cdiv(length, BM), heads]",
      flops: "2 * heads * D * length * (length + 1)",
    },
    reference: ({ q_ptr, k_ptr, v_ptr }, { length, scale, D, heads }) => {
      const out = new Float64Array(q_ptr!.length);
      for (let h = 0; h < heads!; ++h)
        for (let m = 0; m < length!; ++m) {
          const at = (n: number) => (h * length! + n) * D!;
          const p = Array.from({ length: m + 1 }, (_, n) => {
            let score = 0;
            for (let d = 0; d < D!; ++d) score += q_ptr![at(m) + d]! * k_ptr![at(n) + d]!;
            return score * scale!;
          });
          const top = Math.max(...p);
          let total = 0;
          for (let n = 0; n <= m; ++n) total += p[n] = Math.exp(p[n]! - top);
          for (let n = 0; n <= m; ++n) for (let d = 0; d < D!; ++d) out[at(m) + d]! += (p[n]! / total) * v_ptr![at(n) + d]!;
        }
      return { out_ptr: out };
    },
    allowed: 1e-5,
  },
};

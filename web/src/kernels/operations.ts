// SPDX-License-Identifier: MIT
// The operations: each checks its operands, and launches a kernel of ../../../python/nereid/kernels/source with blocks for their sizes.
//
// An operation on buffers runs at once; its result is a new buffer, unless `out` is given. An operation on values of a graph is recorded.
import { cdiv } from "../compile/jit.ts";
import type { DType } from "../dtypes.ts";
import { attentionBlocks, flatBlock, isVector, powerOf2, productBlocks, rowBlock, vectorBlocks } from "./blocks.ts";
import { apply, kernel, wrong } from "./scope.ts";
import type { Result, Results, Scope, Tensor } from "./tensor.ts";

/** Functions of one number: `gelu` is the exact one, `gelu_tanh` its approximation, and `silu` is also called swish. */
export type Activation = "none" | "relu" | "gelu" | "gelu_tanh" | "silu" | "sigmoid" | "tanh";

/** The array for the result, or its type. */
export interface Out {
  /** The array to fill, instead of a new one. */
  out?: Tensor | undefined;
  /** The type of a new array: `f32` or `f16`; by default that of the first operand, or `f32` for integers. */
  dtype?: "f32" | "f16" | undefined;
}

/** The epilogue of a product: activation(sum + bias) + residual. */
export interface Epilogue extends Out {
  /** One number for each column. */
  bias?: Tensor | undefined;
  activation?: Activation | undefined;
  /** An array like the result, which is added last. */
  residual?: Tensor | undefined;
}

const kFloats = ["f32", "f16"];
const text = (shape: readonly number[]) => `[${shape.join(", ")}]`;
const f32 = (value: number) => ({ type: "f32", value }) as const;

// ---- checks

function typed(operation: string, name: string, x: Tensor, types: readonly string[]): void {
  if (!types.includes(x.dtype)) throw wrong(operation, `${name} must be ${types.join(" or ")}, but is ${x.dtype}`, "wrong-dtype");
}

function shaped(operation: string, name: string, x: Tensor, shape: readonly number[], meaning = ""): void {
  if (text(x.shape) !== text(shape))
    throw wrong(operation, `${name} must have the shape ${text(shape)}${meaning}, but has ${text(x.shape)}`, "wrong-size");
}

// Rows of the last axis; all other axes are rows.
function rowsOf(operation: string, name: string, x: Tensor): { rows: number; columns: number } {
  if (x.shape.length === 0) throw wrong(operation, `${name} must have at least one axis`, "wrong-size");
  const columns = x.shape.at(-1)!;
  return { rows: columns ? x.size / columns : 0, columns };
}

function matrix(operation: string, name: string, x: Tensor): readonly [number, number] {
  if (x.shape.length !== 2) throw wrong(operation, `${name} must have two axes, but has the shape ${text(x.shape)}`, "wrong-size");
  return x.shape as [number, number];
}

function oneOf<T extends string>(operation: string, name: string, value: T, values: readonly T[]): T {
  if (!values.includes(value)) throw wrong(operation, `${name} must be one of ${values.join(", ")} (got ${String(value)})`);
  return value;
}

const kActivations = ["none", "relu", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh"] as const;

// `out` of the options, or a new array.
function output(scope: Scope, operation: string, { out, dtype }: Out, shape: readonly number[], usual: DType): Tensor {
  const type = dtype ?? (kFloats.includes(usual) ? usual : "f32");
  if (!out) return scope.empty(type, shape);
  typed(operation, "out", out, dtype ? [dtype] : kFloats);
  shaped(operation, "out", out, shape);
  return out;
}

function epilogue(
  scope: Scope,
  operation: string,
  options: Epilogue,
  shape: readonly number[],
  usual: DType,
): { out: Tensor; args: Record<string, Tensor | string | null> } {
  const { bias, residual, activation = "none" } = options;
  const out = output(scope, operation, options, shape, usual);
  if (bias) {
    typed(operation, "bias", bias, kFloats);
    shaped(operation, "bias", bias, [shape.at(-1)!], ", one number for each column");
  }
  if (residual) {
    typed(operation, "residual", residual, kFloats);
    shaped(operation, "residual", residual, shape);
  }
  const ACTIVATION = oneOf(operation, "activation", activation, kActivations);
  return { out, args: { bias_ptr: bias ?? null, residual_ptr: residual ?? null, out_ptr: out, ACTIVATION } };
}

const operandsOf = ({ out, bias, residual }: Epilogue) => [bias, residual, out];

// ---- products

/**
 * activation(x @ w + bias) + residual, in f32. x is [..., depth] of f32 or f16; w is [depth, columns], or [columns, depth] with `transposed`, of f32
 * or f16 (f16 weights are used as f32 if x is f32). The result is [..., columns].
 */
export function matmul<X extends Tensor, W extends Tensor>(
  x: X,
  w: W,
  options: Epilogue & { transposed?: boolean | undefined } = {},
): Result<X | W> {
  return apply("matmul", [x, w, ...operandsOf(options)], (scope) => {
    const { transposed = false } = options;
    typed("matmul", "x", x, kFloats);
    typed("matmul", "w", w, x.dtype === "f32" ? kFloats : ["f16"]);
    const { rows, columns: depth } = rowsOf("matmul", "x", x);
    const [first, second] = matrix("matmul", "w", w);
    const columns = transposed ? first : second;
    shaped("matmul", "w", w, transposed ? [columns, depth] : [depth, columns], `, since x has rows of ${depth}`);
    const { out, args } = epilogue(scope, "matmul", options, [...x.shape.slice(0, -1), columns], x.dtype);
    if (transposed && isVector(rows, depth)) {
      const { BN, D } = vectorBlocks(scope.device, depth);
      scope.launch(kernel(scope.device, "matvec.py", "matvec"), [rows, cdiv(columns, BN)], {
        x_ptr: x,
        w_ptr: w,
        ...args,
        columns,
        depth,
        BN,
        D,
      });
      return out;
    }
    const blocks = productBlocks(scope.device, rows, columns, depth);
    const strides = transposed ? { w_stride: 1, w_column_stride: depth } : { w_stride: columns, w_column_stride: 1 };
    scope.launch(kernel(scope.device, "matmul.py", "matmul"), [cdiv(rows, blocks.BM), cdiv(columns, blocks.BN)], {
      x_ptr: x,
      w_ptr: w,
      ...args,
      rows,
      columns,
      depth,
      x_stride: depth,
      ...strides,
      ...blocks,
    });
    return out;
  });
}

/**
 * activation(x @ w * scales + bias) + residual of int8, with exact sums. x is [..., depth] with a scale per row, as from `quantizeRows`; w is
 * [depth, columns], or [columns, depth] with `transposed`, with a scale per column of the result, as from `quantizeColumns`. The result is f32 or f16.
 */
export function matmulInt8<X extends Tensor, W extends Tensor>(
  x: X,
  xScales: Tensor,
  w: W,
  wScales: Tensor,
  options: Epilogue & { transposed?: boolean | undefined } = {},
): Result<X | W> {
  return apply("matmulInt8", [x, xScales, w, wScales, ...operandsOf(options)], (scope) => {
    const { rows, columns: depth } = rowsOf("matmulInt8", "x", x);
    const { transposed = false } = options;
    const columns = matrix("matmulInt8", "w", w)[transposed ? 0 : 1];
    for (const [name, operand] of [["x", x] as const, ["w", w] as const]) typed("matmulInt8", name, operand, ["i8"]);
    for (const [name, operand] of [["xScales", xScales] as const, ["wScales", wScales] as const])
      typed("matmulInt8", name, operand, ["f32"]);
    shaped("matmulInt8", "w", w, transposed ? [columns, depth] : [depth, columns], `, since x has rows of ${depth}`);
    shaped("matmulInt8", "xScales", xScales, x.shape.slice(0, -1), ", one number for each row of x");
    shaped("matmulInt8", "wScales", wScales, [columns], ", one number for each column of w");
    const { out, args } = epilogue(scope, "matmulInt8", options, [...x.shape.slice(0, -1), columns], "f32");
    const operands = { x_ptr: x, x_scale_ptr: xScales, w_ptr: w, w_scale_ptr: wScales, ...args, columns, depth };
    if (transposed && isVector(rows, depth) && depth % 2 === 0) {
      const { BN, D } = vectorBlocks(scope.device, depth);
      scope.launch(kernel(scope.device, "matvec.py", "matvec_int8"), [rows, cdiv(columns, BN)], { ...operands, BN, D });
      return out;
    }
    const blocks = productBlocks(scope.device, rows, columns, depth);
    scope.launch(kernel(scope.device, "matmul.py", "matmul_int8"), [cdiv(rows, blocks.BM), cdiv(columns, blocks.BN)], {
      ...operands,
      rows,
      ...(transposed ? { w_stride: 1, w_column_stride: depth } : { w_stride: columns, w_column_stride: 1 }),
      ...blocks,
    });
    return out;
  });
}

/**
 * activation(x @ w + bias) + residual with weights of 4 bits, as from `quantizeInt4`: w is [depth / 2, columns] of u8, scales are [depth / group,
 * columns] of f32 or f16. x is [..., depth] of f32 or f16.
 */
export function matmulInt4<X extends Tensor, W extends Tensor>(x: X, w: W, scales: Tensor, options: Epilogue = {}): Result<X | W> {
  return apply("matmulInt4", [x, w, scales, ...operandsOf(options)], (scope) => {
    typed("matmulInt4", "x", x, kFloats);
    typed("matmulInt4", "w", w, ["u8"]);
    typed("matmulInt4", "scales", scales, kFloats);
    const { rows, columns: depth } = rowsOf("matmulInt4", "x", x);
    const [, columns] = matrix("matmulInt4", "w", w);
    shaped("matmulInt4", "w", w, [depth / 2, columns], `, since x has rows of ${depth}`);
    const [groups] = matrix("matmulInt4", "scales", scales);
    const GROUP = depth / groups;
    if (!(GROUP >= 32 && GROUP <= 256 && powerOf2(GROUP) === GROUP))
      throw wrong(
        "matmulInt4",
        `scales must have a row for each 32, 64, 128 or 256 of the ${depth} rows of weights, but has ${groups} rows`,
        "wrong-size",
      );
    shaped("matmulInt4", "scales", scales, [groups, columns]);
    const { out, args } = epilogue(scope, "matmulInt4", options, [...x.shape.slice(0, -1), columns], x.dtype);
    const { BM, BN } = productBlocks(scope.device, rows, columns, depth);
    scope.launch(kernel(scope.device, "matmul.py", "matmul_int4"), [cdiv(rows, BM), cdiv(columns, BN)], {
      x_ptr: x,
      w_ptr: w,
      scale_ptr: scales,
      ...args,
      rows,
      columns,
      depth,
      GROUP,
      BM,
      BN,
    });
    return out;
  });
}

/** Numbers from -127 to 127 and one scale for each row of x: x * factors is about values * scale. There may be a factor for each column. */
export function quantizeRows<X extends Tensor>(x: X, options: { factors?: Tensor | undefined } = {}): Results<X, "values" | "scales"> {
  const { factors } = options;
  return apply("quantizeRows", [x, factors], (scope) => {
    typed("quantizeRows", "x", x, kFloats);
    const { rows, columns } = rowsOf("quantizeRows", "x", x);
    if (factors) {
      typed("quantizeRows", "factors", factors, kFloats);
      shaped("quantizeRows", "factors", factors, [columns], ", one number for each column");
    }
    const values = scope.empty("i8", x.shape);
    const scales = scope.empty("f32", x.shape.slice(0, -1));
    const BLOCK = rowBlock(columns);
    scope.launch(kernel(scope.device, "quantize.py", "quantize_rows"), rows, {
      x_ptr: x,
      factor_ptr: factors ?? null,
      out_ptr: values,
      scale_ptr: scales,
      columns,
      BLOCK,
    });
    return { values, scales };
  });
}

/** The same with a scale for each column of a matrix. */
export function quantizeColumns<X extends Tensor>(x: X): Results<X, "values" | "scales"> {
  return apply("quantizeColumns", [x], (scope) => {
    typed("quantizeColumns", "x", x, kFloats);
    const [rows, columns] = matrix("quantizeColumns", "x", x);
    const values = scope.empty("i8", x.shape);
    const scales = scope.empty("f32", [columns]);
    scope.launch(kernel(scope.device, "quantize.py", "quantize_columns"), cdiv(columns, 32), {
      x_ptr: x,
      out_ptr: values,
      scale_ptr: scales,
      rows,
      columns,
      BLOCK: 32,
      BN: 32,
    });
    return { values, scales };
  });
}

/** The weights of `matmulInt4`: w is [depth, columns], and `group` of its rows share the scales of their columns. */
export function quantizeInt4<W extends Tensor>(w: W, options: { group?: number | undefined } = {}): Results<W, "values" | "scales"> {
  return apply("quantizeInt4", [w], (scope) => {
    typed("quantizeInt4", "w", w, kFloats);
    const [depth, columns] = matrix("quantizeInt4", "w", w);
    const { group = 32 } = options;
    if (![32, 64, 128, 256].includes(group) || depth % group)
      throw wrong("quantizeInt4", `group must be 32, 64, 128 or 256, and divide the ${depth} rows of w (got ${group})`);
    const values = scope.empty("u8", [depth / 2, columns]);
    const scales = scope.empty("f32", [depth / group, columns]);
    scope.launch(kernel(scope.device, "quantize.py", "quantize_int4"), [depth / group, cdiv(columns, 32)], {
      w_ptr: w,
      out_ptr: values,
      scale_ptr: scales,
      columns,
      GROUP: group,
      BN: 32,
    });
    return { values, scales };
  });
}

/** The same numbers in another type: f32 or f16. */
export function cast<X extends Tensor>(x: X, dtype: "f32" | "f16"): Result<X> {
  return apply("cast", [x], (scope) => {
    typed("cast", "x", x, ["f32", "f16", "i8", "i32"]);
    const out = scope.empty(dtype, x.shape);
    const BLOCK = flatBlock(scope.device);
    scope.launch(kernel(scope.device, "quantize.py", "cast"), cdiv(x.size, BLOCK), { x_ptr: x, out_ptr: out, size: x.size, BLOCK });
    return out;
  });
}

// ---- rows

/** (x - mean) / sqrt(variance + epsilon) * weight + bias of each row of x, or of x + residual. */
export function layerNorm<X extends Tensor>(
  x: X,
  weight: Tensor,
  bias: Tensor,
  options: Out & { epsilon?: number | undefined; residual?: Tensor | undefined } = {},
): Result<X> {
  const { residual, epsilon = 1e-5 } = options;
  return apply("layerNorm", [x, weight, bias, residual, options.out], (scope) => {
    const { args, rows, out } = norm(scope, "layerNorm", x, weight, options);
    typed("layerNorm", "bias", bias, kFloats);
    shaped("layerNorm", "bias", bias, weight.shape);
    scope.launch(kernel(scope.device, "norm.py", "layer_norm"), rows, { ...args, bias_ptr: bias, epsilon: f32(epsilon) });
    return out;
  });
}

/** x / sqrt(mean of squares + epsilon) * weight of each row of x, or of x + residual. */
export function rmsNorm<X extends Tensor>(
  x: X,
  weight: Tensor,
  options: Out & { epsilon?: number | undefined; residual?: Tensor | undefined } = {},
): Result<X> {
  const { residual, epsilon = 1e-5 } = options;
  return apply("rmsNorm", [x, weight, residual, options.out], (scope) => {
    const { args, rows, out } = norm(scope, "rmsNorm", x, weight, options);
    scope.launch(kernel(scope.device, "norm.py", "rms_norm"), rows, { ...args, epsilon: f32(epsilon) });
    return out;
  });
}

function norm(scope: Scope, operation: string, x: Tensor, weight: Tensor, options: Out & { residual?: Tensor | undefined }) {
  typed(operation, "x", x, kFloats);
  typed(operation, "weight", weight, kFloats);
  const { rows, columns } = rowsOf(operation, "x", x);
  shaped(operation, "weight", weight, [columns], ", one number for each column");
  const { residual } = options;
  if (residual) {
    typed(operation, "residual", residual, kFloats);
    shaped(operation, "residual", residual, x.shape);
  }
  const out = output(scope, operation, options, x.shape, x.dtype);
  return {
    out,
    rows,
    args: { x_ptr: x, residual_ptr: residual ?? null, weight_ptr: weight, out_ptr: out, columns, BLOCK: rowBlock(columns) },
  };
}

const kLongRow = 16384; // numbers that a program of `softmax` reads at once

/** exp(scale * x) of each row, divided by its sum; with `log` the logarithm of that. */
export function softmax<X extends Tensor>(x: X, options: Out & { scale?: number | undefined; log?: boolean | undefined } = {}): Result<X> {
  return apply("softmax", [x, options.out], (scope) => {
    typed("softmax", "x", x, kFloats);
    const { rows, columns } = rowsOf("softmax", "x", x);
    const out = output(scope, "softmax", options, x.shape, x.dtype);
    const { scale = 1, log = false } = options;
    const long = columns > kLongRow;
    scope.launch(kernel(scope.device, "softmax.py", long ? "softmax_of_long_rows" : "softmax"), rows, {
      x_ptr: x,
      out_ptr: out,
      columns,
      scale: f32(scale),
      LOG: log,
      BLOCK: long ? 1024 : rowBlock(columns),
    });
    return out;
  });
}

/** activation(x), or activation(x) * gate. */
export function activation<X extends Tensor>(x: X, kind: Activation, options: Out & { gate?: Tensor | undefined } = {}): Result<X> {
  const { gate } = options;
  return apply("activation", [x, gate, options.out], (scope) => {
    typed("activation", "x", x, kFloats);
    if (gate) {
      typed("activation", "gate", gate, kFloats);
      shaped("activation", "gate", gate, x.shape);
    }
    const out = output(scope, "activation", options, x.shape, x.dtype);
    const BLOCK = flatBlock(scope.device);
    scope.launch(kernel(scope.device, "activations.py", "activation"), cdiv(x.size, BLOCK), {
      x_ptr: x,
      y_ptr: gate ?? null,
      out_ptr: out,
      size: x.size,
      ACTIVATION: oneOf("activation", "kind", kind, kActivations),
      BLOCK,
    });
    return out;
  });
}

/** 0.5 * x * (1 + erf(x / sqrt(2))). */
export const gelu = <X extends Tensor>(x: X, options: Out & { gate?: Tensor | undefined } = {}): Result<X> =>
  activation(x, "gelu", options);
/** The larger of x and 0. */
export const relu = <X extends Tensor>(x: X, options: Out & { gate?: Tensor | undefined } = {}): Result<X> =>
  activation(x, "relu", options);
/** x * sigmoid(x), also called swish. */
export const silu = <X extends Tensor>(x: X, options: Out & { gate?: Tensor | undefined } = {}): Result<X> =>
  activation(x, "silu", options);

/**
 * Rows of a table: table[ids[i]] + positions[i % length], where length is the last axis of ids, which are i32. The result is [...ids, columns]. A table of i8
 * has `scales`, one for each row. An id outside of the table counts as a row of zeros.
 */
export function embedding<I extends Tensor>(
  ids: I,
  table: Tensor,
  options: Out & { positions?: Tensor | undefined; scales?: Tensor | undefined } = {},
): Result<I> {
  const { positions, scales } = options;
  return apply("embedding", [ids, table, positions, scales, options.out], (scope) => {
    typed("embedding", "ids", ids, ["i32", "u32"]);
    typed("embedding", "table", table, scales ? ["i8"] : kFloats);
    const [entries, columns] = matrix("embedding", "table", table);
    const { columns: length } = rowsOf("embedding", "ids", ids);
    if (scales) {
      typed("embedding", "scales", scales, ["f32"]);
      shaped("embedding", "scales", scales, [entries], ", one number for each row of the table");
    }
    if (positions) {
      typed("embedding", "positions", positions, kFloats);
      const [known, width] = matrix("embedding", "positions", positions);
      if (width !== columns || known < length)
        throw wrong(
          "embedding",
          `positions must have ${length} rows or more of ${columns} columns, but has the shape ${text(positions.shape)}`,
          "wrong-size",
        );
    }
    const out = output(scope, "embedding", options, [...ids.shape, columns], table.dtype);
    scope.launch(kernel(scope.device, "embedding.py", "embedding"), ids.size, {
      ids_ptr: ids,
      table_ptr: table,
      scales_ptr: scales ?? null,
      positions_ptr: positions ?? null,
      out_ptr: out,
      columns,
      entries,
      length,
      BLOCK: rowBlock(columns),
    });
    return out;
  });
}

/**
 * One row for each sequence of x, which is [sequences, length, columns]: the mean, the maximum, or the first of its rows. `lengths`, i32, is how many rows
 * of each sequence count: all by default. With `normalize` the result is scaled to length 1. A sequence of no rows gives zeros.
 */
export function pool<X extends Tensor>(
  x: X,
  options: Out & { kind?: "mean" | "max" | "first" | undefined; lengths?: Tensor | undefined; normalize?: boolean | undefined } = {},
): Result<X> {
  const { kind = "mean", lengths, normalize = false } = options;
  return apply("pool", [x, lengths, options.out], (scope) => {
    typed("pool", "x", x, kFloats);
    if (x.shape.length !== 3)
      throw wrong("pool", `x must be [sequences, length, columns], but has the shape ${text(x.shape)}`, "wrong-size");
    const [sequences, length, columns] = x.shape as [number, number, number];
    if (lengths) {
      typed("pool", "lengths", lengths, ["i32"]);
      shaped("pool", "lengths", lengths, [sequences]);
    }
    const out = output(scope, "pool", options, [sequences, columns], x.dtype);
    scope.launch(kernel(scope.device, "pool.py", "pool"), sequences, {
      x_ptr: x,
      lengths_ptr: lengths ?? null,
      out_ptr: out,
      length,
      columns,
      KIND: oneOf("pool", "kind", kind, ["mean", "max", "first"]),
      NORMALIZE: normalize,
      BLOCK: rowBlock(columns),
    });
    return out;
  });
}

// ---- attention, convolution

/** How attention is computed. */
export interface AttentionOptions extends Out {
  /** The number of heads: each has `columns / heads` numbers of a row, 16, 32, 64 or 128. */
  heads: number;
  /** Default: 1 / sqrt(numbers of a head). */
  scale?: number | undefined;
  /** Position i attends to positions up to i only; if there are more keys than queries, the last query is at the last key. */
  causal?: boolean | undefined;
  /** i32: how many keys of each sequence count; all by default. */
  lengths?: Tensor | undefined;
}

/**
 * softmax(scale * q @ k^T) @ v for each sequence and head. q is [sequences, queries, columns], k and v are [sequences, keys, columns]. The result is like
 * q. A sequence of length 0 gives zeros.
 */
export function attention<Q extends Tensor>(q: Q, k: Tensor, v: Tensor, options: AttentionOptions): Result<Q> {
  return apply("attention", [q, k, v, options.lengths, options.out], (scope) => {
    if (q.shape.length !== 3)
      throw wrong("attention", `q must be [sequences, queries, columns], but has the shape ${text(q.shape)}`, "wrong-size");
    const [sequences, queries, columns] = q.shape as [number, number, number];
    const keys = k.shape[1] ?? 0;
    for (const [name, x] of [["q", q] as const, ["k", k] as const, ["v", v] as const])
      typed("attention", name, x, name === "q" ? kFloats : [q.dtype]);
    shaped("attention", "k", k, [sequences, keys, columns]);
    shaped("attention", "v", v, [sequences, keys, columns]);
    return attend(scope, [q, k, v], [columns, columns, columns], { sequences, queries, keys, columns }, options);
  });
}

/** The same where q, k and v are the thirds of each row: x is [sequences, length, 3 * columns], and the result is [sequences, length, columns]. */
export function selfAttention<X extends Tensor>(x: X, options: AttentionOptions): Result<X> {
  return apply("selfAttention", [x, options.lengths, options.out], (scope) => {
    typed("selfAttention", "x", x, kFloats);
    const [sequences, length, all] = x.shape as [number, number, number];
    if (x.shape.length !== 3 || all % 3)
      throw wrong("selfAttention", `x must be [sequences, length, 3 * columns], but has the shape ${text(x.shape)}`, "wrong-size");
    const columns = all / 3;
    // The last rows of keys and values end before the part does.
    const parts = [0, 1, 2].map((i) => (x.size ? (x.subarray(i * columns) as Tensor) : x)) as [Tensor, Tensor, Tensor];
    return attend(scope, parts, [all, all, all], { sequences, queries: length, keys: length, columns }, options);
  });
}

function attend(
  scope: Scope,
  [q, k, v]: readonly [Tensor, Tensor, Tensor],
  strides: readonly [number, number, number],
  { sequences, queries, keys, columns }: { sequences: number; queries: number; keys: number; columns: number },
  options: AttentionOptions,
): Tensor {
  const { heads, causal = false, lengths } = options;
  const D = columns / heads;
  if (![16, 32, 64, 128].includes(D))
    throw wrong("attention", `a head must have 16, 32, 64 or 128 numbers, but ${columns} columns in ${heads} heads are ${D}`, "wrong-size");
  if (lengths) {
    typed("attention", "lengths", lengths, ["i32"]);
    shaped("attention", "lengths", lengths, [sequences]);
  }
  const out = output(scope, "attention", options, [sequences, queries, columns], q.dtype);
  const blocks = attentionBlocks(scope.device, D, queries, keys, causal);
  scope.launch(kernel(scope.device, "attention.py", "attention"), [cdiv(queries, blocks.BM), sequences * heads], {
    q_ptr: q,
    k_ptr: k,
    v_ptr: v,
    lengths_ptr: lengths ?? null,
    out_ptr: out,
    queries,
    keys,
    heads,
    q_stride: strides[0],
    k_stride: strides[1],
    v_stride: strides[2],
    out_stride: columns,
    scale: f32(options.scale ?? D ** -0.5),
    CAUSAL: causal,
    ...blocks,
    D,
  });
  return out;
}

/** Keys and values of the positions of sequences, in pages of a cache. */
export interface Cached {
  /** i32: the position of each row. */
  positions: Tensor;
  /** i32, [rows, pages]: position p of a row is row `table[p / page] * page + p % page` of the cache, rounded down. */
  table: Tensor;
  /** Positions of a page. Default: 16. */
  page?: number | undefined;
  /** The number of heads of queries. */
  heads: number;
}

/**
 * Stores keys and values in a cache, and returns the queries: [rows, heads * size]. x is [rows, (heads + 2 * kvHeads) * size], rows of queries, keys and values;
 * the cache is [positions, 2 * kvHeads * size], rows of keys and values. With `angles`, the cosines and sines for each position, [positions, size / 2],
 * queries and keys are rotated.
 */
export function storeKeys<X extends Tensor>(
  x: X,
  cache: Tensor,
  options: Cached & { kvHeads?: number | undefined; angles?: { cos: Tensor; sin: Tensor } | undefined },
): Result<X> {
  const { positions, table, page = 16, heads, kvHeads = heads, angles } = options;
  return apply("storeKeys", [x, cache, positions, table, angles?.cos, angles?.sin], (scope) => {
    typed("storeKeys", "x", x, kFloats);
    typed("storeKeys", "cache", cache, kFloats);
    const [rows, columns] = matrix("storeKeys", "x", x);
    const D = columns / (heads + 2 * kvHeads);
    if (!(D >= 16 && powerOf2(D) === D))
      throw wrong("storeKeys", `${columns} columns are not ${heads} + 2 * ${kvHeads} heads of a power of two of at least 16`, "wrong-size");
    shaped("storeKeys", "cache", cache, [cache.shape[0]!, 2 * kvHeads * D]);
    for (const [name, operand] of [["positions", positions] as const, ["table", table] as const])
      typed("storeKeys", name, operand, ["i32"]);
    shaped("storeKeys", "positions", positions, [rows]);
    shaped("storeKeys", "table", table, [rows, table.shape[1]!]);
    const out = scope.empty(x.dtype as "f32", [rows, heads * D]);
    scope.launch(kernel(scope.device, "cache.py", "store_keys"), [heads + 2 * kvHeads, rows], {
      x_ptr: x,
      positions_ptr: positions,
      table_ptr: table,
      cos_ptr: angles?.cos ?? null,
      sin_ptr: angles?.sin ?? null,
      q_ptr: out,
      cache_ptr: cache,
      heads,
      kv_heads: kvHeads,
      table_stride: table.shape[1]!,
      PAGE: page,
      D,
    });
    return out;
  });
}

/**
 * Attention of one query for each row: q is [rows, heads * size]. It attends to the positions of the cache up to its own. Without `positions` and `table` it
 * attends to all rows of the cache. Several heads of queries share one of keys and values.
 */
export function attendCached<Q extends Tensor>(
  q: Q,
  cache: Tensor,
  options: Partial<Cached> & { heads: number; kvHeads?: number | undefined; scale?: number | undefined },
): Result<Q> {
  const { positions, table, page = 16, heads, kvHeads = heads } = options;
  return apply("attendCached", [q, cache, positions, table], (scope) => {
    typed("attendCached", "q", q, kFloats);
    typed("attendCached", "cache", cache, kFloats);
    const [rows, columns] = matrix("attendCached", "q", q);
    const D = columns / heads;
    const [keys, stride] = matrix("attendCached", "cache", cache);
    if (!(powerOf2(D) === D && Number.isInteger(heads / kvHeads)) || stride !== 2 * kvHeads * D)
      throw wrong("attendCached", `rows of ${stride} numbers are not the keys and values of ${kvHeads} heads of ${D}`, "wrong-size");
    if (!table !== !positions) throw wrong("attendCached", "positions and table belong together");
    if (table && positions) {
      for (const [name, operand] of [["positions", positions] as const, ["table", table] as const])
        typed("attendCached", name, operand, ["i32"]);
      shaped("attendCached", "positions", positions, [rows]);
      shaped("attendCached", "table", table, [rows, table.shape[1]!]);
    }
    const out = scope.empty(q.dtype as "f32", q.shape);
    scope.launch(kernel(scope.device, "cache.py", "attend_cached"), [heads, rows], {
      q_ptr: q,
      k_ptr: cache,
      v_ptr: cache.subarray(kvHeads * D),
      positions_ptr: positions ?? null,
      table_ptr: table ?? null,
      out_ptr: out,
      heads,
      group: heads / kvHeads,
      kv_stride: stride,
      table_stride: table ? table.shape[1]! : keys,
      scale: f32(options.scale ?? D ** -0.5),
      PAGE: page,
      BN: scope.device.kind === "wasm" ? 64 : 32,
      D,
    });
    return out;
  });
}

/**
 * activation(convolution + bias) along the last axis. x is [batch, channels, length], w is [channels of the result, channels, width] in f32 or f16. The
 * result is [batch, channels of the result, (length + 2 * padding - width) / stride + 1], rounded down.
 */
export function conv1d<X extends Tensor, W extends Tensor>(
  x: X,
  w: W,
  options: Out & {
    bias?: Tensor | undefined;
    activation?: Activation | undefined;
    stride?: number | undefined;
    padding?: number | undefined;
  } = {},
): Result<X | W> {
  const { bias, activation = "none", stride = 1, padding = 0 } = options;
  return apply("conv1d", [x, w, bias, options.out], (scope) => {
    typed("conv1d", "x", x, kFloats);
    typed("conv1d", "w", w, kFloats);
    if (x.shape.length !== 3 || w.shape.length !== 3 || x.shape[1] !== w.shape[1])
      throw wrong(
        "conv1d",
        `x must be [batch, channels, length] and w [channels of the result, channels, width], but they have the shapes ${text(x.shape)} and ${text(w.shape)}`,
        "wrong-size",
      );
    const [batch, channels_in, length_in] = x.shape as [number, number, number];
    const [channels_out, , width] = w.shape as [number, number, number];
    if (!(Number.isInteger(stride) && stride >= 1 && Number.isInteger(padding) && padding >= 0))
      throw wrong("conv1d", `stride must be an integer of at least 1 and padding of at least 0 (got ${stride} and ${padding})`);
    const length_out = Math.floor((length_in + 2 * padding - width) / stride) + 1;
    if (length_out < 1) throw wrong("conv1d", `the filter of width ${width} is longer than the padded rows of x`, "wrong-size");
    if (bias) {
      typed("conv1d", "bias", bias, kFloats);
      shaped("conv1d", "bias", bias, [channels_out]);
    }
    const out = output(scope, "conv1d", options, [batch, channels_out, length_out], x.dtype);
    const blocks = productBlocks(scope.device, channels_out, length_out, channels_in);
    scope.launch(kernel(scope.device, "conv1d.py", "conv1d"), [cdiv(length_out, blocks.BN), cdiv(channels_out, blocks.BM), batch], {
      x_ptr: x,
      w_ptr: w,
      bias_ptr: bias ?? null,
      out_ptr: out,
      channels_in,
      channels_out,
      length_in,
      length_out,
      KERNEL: width,
      STRIDE: stride,
      PADDING: padding,
      ACTIVATION: oneOf("conv1d", "activation", activation, kActivations),
      ...blocks,
    });
    return out;
  });
}

// ---- search

const kTopBlock = 2048; // numbers that a program of `topK` sorts

/**
 * The k largest numbers of each row of x, largest first, and their positions; the lower position first among equals. If a row has fewer numbers, -infinity
 * and positions beyond the row fill the rest. The results are [..., k] of f32 and of i32.
 */
export function topK<X extends Tensor>(x: X, k: number): Results<X, "values" | "indices"> {
  return apply("topK", [x], (scope) => {
    typed("topK", "x", x, kFloats);
    countOf("topK", k);
    return largest(scope, x, undefined, x.shape, k);
  });
}

function countOf(operation: string, k: number): void {
  if (!(Number.isInteger(k) && k >= 1 && k <= 256)) throw wrong(operation, `k must be an integer from 1 to 256 (got ${k})`);
}

// The k largest of each row of an array of this shape, and their positions, or the `indices` at them.
function largest(
  scope: Scope,
  x: Tensor,
  indices: Tensor | undefined,
  shape: readonly number[],
  k: number,
): { values: Tensor; indices: Tensor } {
  const columns = shape.at(-1)!;
  const rows = shape.slice(0, -1).reduce((product, n) => product * n, 1);
  const K = powerOf2(k);
  const run = kernel(scope.device, "top_k.py", "top_k");
  let [from, positions, width] = [x, indices ?? null, columns];
  // Each launch leaves K numbers of each block.
  for (;;) {
    const BLOCK = Math.min(kTopBlock, Math.max(2 * K, powerOf2(width)));
    const blocks = cdiv(width, BLOCK);
    const last = blocks === 1;
    const size = last && K === k ? [...shape.slice(0, -1), k] : [rows, blocks * K];
    const [values, found] = [scope.empty("f32", size), scope.empty("i32", size)];
    scope.launch(run, [rows, blocks], {
      x_ptr: from,
      indices_in_ptr: positions,
      values_ptr: values,
      indices_ptr: found,
      columns: width,
      K,
      BLOCK,
    });
    if (last) return K === k ? { values, indices: found } : firstColumns(scope, values, found, shape, k, K);
    [from, positions, width] = [values, found, blocks * K];
  }
}

function firstColumns(scope: Scope, values: Tensor, indices: Tensor, shape: readonly number[], k: number, K: number) {
  const out = [...shape.slice(0, -1), k];
  const result = { values: scope.empty("f32", out), indices: scope.empty("i32", out) };
  const size = result.values.size;
  const BLOCK = flatBlock(scope.device);
  for (const [x, to] of [[values, result.values] as const, [indices, result.indices] as const])
    scope.launch(kernel(scope.device, "top_k.py", "first_columns"), cdiv(size, BLOCK), {
      x_ptr: x,
      out_ptr: to,
      size,
      columns: k,
      stride: K,
      BLOCK,
    });
  return result;
}

const kSearched = 1024; // vectors per program of `search`

/** Vectors to search in. */
export interface SearchIndex {
  /** [vectors, depth] of i8, with a scale per row, as from `quantizeRows`. */
  vectors: Tensor;
  scales: Tensor;
  /** The same vectors in f32 or f16: the best by int8 are scored again with them. */
  exact?: Tensor | undefined;
  /** u8 for each vector: those with 0 do not count. */
  mask?: Tensor | undefined;
}

/**
 * The k vectors with the largest dot products with a query, largest first: a scan of all vectors. The query is [depth] of f32 or f16, the results are [k] of f32
 * and i32. If there are fewer vectors, -infinity fills the rest. With `exact`, `candidates` of them (32 or 2 * k by default, a power of two) are scored again.
 */
export function search<Q extends Tensor>(
  query: Q,
  index: SearchIndex,
  k: number,
  options: { candidates?: number | undefined } = {},
): Results<Q, "values" | "indices"> {
  const { vectors, scales, exact, mask } = index;
  return apply("search", [query, vectors, scales, exact, mask], (scope) => {
    typed("search", "query", query, kFloats);
    typed("search", "vectors", vectors, ["i8"]);
    typed("search", "scales", scales, ["f32"]);
    countOf("search", k);
    const [count, depth] = matrix("search", "vectors", vectors);
    shaped("search", "query", query, [depth], `, since vectors have ${depth} numbers`);
    shaped("search", "scales", scales, [count]);
    if (mask) {
      typed("search", "mask", mask, ["u8", "i8", "bool"]);
      shaped("search", "mask", mask, [count]);
    }
    if (exact) {
      typed("search", "exact", exact, kFloats);
      shaped("search", "exact", exact, vectors.shape);
    }
    const K = exact ? (options.candidates ?? Math.min(256, Math.max(32, powerOf2(2 * k)))) : powerOf2(k);
    if (!(powerOf2(K) === K && K >= k && K <= 256)) throw wrong("search", `candidates must be a power of two from ${k} to 256 (got ${K})`);
    const D = rowBlock(depth);
    const [q, qScale] = [scope.empty("i8", [depth]), scope.empty("f32", [1])];
    scope.launch(kernel(scope.device, "quantize.py", "quantize_rows"), 1, {
      x_ptr: query,
      factor_ptr: null,
      out_ptr: q,
      scale_ptr: qScale,
      columns: depth,
      BLOCK: D,
    });
    const BN = Math.min(kSearched, Math.max(2 * K, powerOf2(count)));
    const blocks = cdiv(Math.max(count, 1), BN);
    const [values, indices] = [scope.empty("f32", [blocks * K]), scope.empty("i32", [blocks * K])];
    scope.launch(kernel(scope.device, "search.py", "search_int8"), blocks, {
      q_ptr: q,
      q_scale_ptr: qScale,
      v_ptr: vectors,
      scale_ptr: scales,
      mask_ptr: mask ?? null,
      values_ptr: values,
      indices_ptr: indices,
      vectors: count,
      depth,
      K,
      BN,
      D,
    });
    if (!exact) return largest(scope, values, indices, [blocks * K], k);
    const best = blocks > 1 ? largest(scope, values, indices, [blocks * K], K) : { values, indices };
    const scores = scope.empty("f32", [K]);
    scope.launch(kernel(scope.device, "search.py", "rescore"), K, {
      q_ptr: query,
      v_ptr: exact,
      values_ptr: best.values,
      indices_ptr: best.indices,
      out_ptr: scores,
      vectors: count,
      depth,
      D,
    });
    return largest(scope, scores, best.indices, [K], k);
  });
}

/** How similar or distant vectors are: `dot` and `cosine` are larger for similar ones, `l2`, the squared distance, is smaller. */
export type Metric = "dot" | "cosine" | "l2";

/** The metric of each query with each vector: queries are [queries, depth], vectors [vectors, depth], the result is [queries, vectors] of f32. */
export function distances<Q extends Tensor, V extends Tensor>(
  queries: Q,
  vectors: V,
  options: { metric?: Metric | undefined; out?: Tensor | undefined } = {},
): Result<Q | V> {
  return apply("distances", [queries, vectors, options.out], (scope) => {
    typed("distances", "queries", queries, kFloats);
    typed("distances", "vectors", vectors, kFloats);
    const [n, depth] = matrix("distances", "queries", queries);
    const [count] = matrix("distances", "vectors", vectors);
    shaped("distances", "vectors", vectors, [count, depth], `, since queries have ${depth} numbers`);
    const out = output(scope, "distances", { ...options, dtype: "f32" }, [n, count], "f32");
    const blocks = productBlocks(scope.device, n, count, depth);
    scope.launch(kernel(scope.device, "distance.py", "distances"), [cdiv(n, blocks.BM), cdiv(count, blocks.BN)], {
      q_ptr: queries,
      v_ptr: vectors,
      out_ptr: out,
      queries: n,
      vectors: count,
      depth,
      METRIC: oneOf("distances", "metric", options.metric ?? "dot", ["dot", "cosine", "l2"]),
      ...blocks,
    });
    return out;
  });
}

/** The dot products of quantized vectors, each with a scale, as from `quantizeRows`. */
export function distancesInt8<Q extends Tensor, V extends Tensor>(
  queries: Q,
  queryScales: Tensor,
  vectors: V,
  vectorScales: Tensor,
  options: { out?: Tensor | undefined } = {},
): Result<Q | V> {
  return apply("distancesInt8", [queries, queryScales, vectors, vectorScales, options.out], (scope) => {
    typed("distancesInt8", "queries", queries, ["i8"]);
    typed("distancesInt8", "vectors", vectors, ["i8"]);
    const [n, depth] = matrix("distancesInt8", "queries", queries);
    const [count] = matrix("distancesInt8", "vectors", vectors);
    shaped("distancesInt8", "vectors", vectors, [count, depth], `, since queries have ${depth} numbers`);
    for (const [name, x, size] of [["queryScales", queryScales, n] as const, ["vectorScales", vectorScales, count] as const]) {
      typed("distancesInt8", name, x, ["f32"]);
      shaped("distancesInt8", name, x, [size]);
    }
    const out = output(scope, "distancesInt8", { ...options, dtype: "f32" }, [n, count], "f32");
    const blocks = productBlocks(scope.device, n, count, depth);
    scope.launch(kernel(scope.device, "distance.py", "distances_int8"), [cdiv(n, blocks.BM), cdiv(count, blocks.BN)], {
      q_ptr: queries,
      q_scale_ptr: queryScales,
      v_ptr: vectors,
      v_scale_ptr: vectorScales,
      out_ptr: out,
      queries: n,
      vectors: count,
      depth,
      ...blocks,
    });
    return out;
  });
}

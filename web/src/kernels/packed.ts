// SPDX-License-Identifier: MIT
// Weights in groups of 32 numbers that share a scale, and products with them.
import type { DeviceBuffer } from "../buffer.ts";
import { cdiv } from "../compile/jit.ts";
import type { Device } from "../device.ts";
import { NereidError } from "../errors.ts";
import { isVector, powerOf2 } from "./blocks.ts";
import { apply, kernel, wrong } from "./scope.ts";
import type { Result, Tensor, Value } from "./tensor.ts";

/** GGUF's formats: the bytes of a group's scale (and minimum), and of its numbers. */
export const blockFormats = { q4_0: { head: 2, bytes: 16 }, q4_1: { head: 4, bytes: 16 }, q8_0: { head: 2, bytes: 32 } } as const;

/** A matrix of weights, with a row of `depth` numbers for each column of the result. */
export class Blocks implements Disposable {
  readonly format: keyof typeof blockFormats;
  readonly columns: number;
  readonly depth: number;
  /** Columns that are neighbours in memory. */
  readonly width: number;
  readonly values: DeviceBuffer;
  readonly scales: DeviceBuffer;
  readonly minimums: DeviceBuffer | undefined;

  constructor(device: Device, format: keyof typeof blockFormats, columns: number, depth: number);
  /** @internal */
  constructor(whole: Blocks, first: number, columns: number);
  constructor(
    of: Device | Blocks,
    second: keyof typeof blockFormats | number,
    columns: number,
    depth: number = of instanceof Blocks ? of.depth : 0,
  ) {
    if (of instanceof Blocks) {
      const first = second as number;
      const part = (buffer: DeviceBuffer, each: number) =>
        buffer.subarray((first * depth * each) / 32, (cdiv(first + columns, of.width) * of.width * depth * each) / 32);
      [this.format, this.columns, this.depth, this.width] = [of.format, columns, depth, of.width];
      this.values = part(of.values, blockFormats[of.format].bytes);
      this.scales = part(of.scales, 1);
      this.minimums = of.minimums && part(of.minimums, 1);
      return;
    }
    const [device, format] = [of, second as keyof typeof blockFormats];
    if (depth % 32) throw new NereidError("wrong-size", `a row must have a multiple of 32 numbers (got ${depth})`);
    this.format = format;
    this.columns = columns;
    this.depth = depth;
    this.width = device.kind === "wasm" ? 32 : 8;
    const groups = cdiv(columns, this.width) * this.width * (depth / 32);
    this.values = device.buffer(format === "q8_0" ? "i8" : "u8", groups * blockFormats[format].bytes) as DeviceBuffer;
    this.scales = device.buffer("f16", groups) as DeviceBuffer;
    this.minimums = format === "q4_1" ? (device.buffer("f16", groups) as DeviceBuffer) : undefined;
  }

  /** The columns from `begin` up to (excluding) `end`, on the same memory; `begin` must be a multiple of `width`. */
  subarray(begin: number, end: number = this.columns): Blocks {
    if (begin % this.width || !(begin >= 0 && begin <= end && end <= this.columns))
      throw new NereidError(
        "wrong-size",
        `columns ${begin} to ${end} of ${this.columns} cannot be a part: it must begin at a multiple of ${this.width}`,
      );
    return new Blocks(this, begin, end - begin);
  }

  get bytes(): number {
    return this.values.size + 2 * this.scales.size + 2 * (this.minimums?.size ?? 0);
  }

  dispose(): void {
    for (const buffer of [this.values, this.scales, this.minimums]) buffer?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Fills columns of a matrix from rows of a GGUF tensor: bytes in the order of the file. */
export async function packBlocks(raw: DeviceBuffer, to: Blocks, first: number, count: number): Promise<void> {
  const { head, bytes } = blockFormats[to.format];
  const groups = to.depth / 32;
  const W = to.width;
  if (first % W) throw new NereidError("wrong-size", `the first column must be a multiple of ${W} (got ${first})`);
  const end = cdiv(first + count, W) * W;
  const part = (buffer: DeviceBuffer, each: number) => buffer.subarray(first * groups * each, end * groups * each);
  await kernel(raw.owner as Device, "blocks.py", "pack_blocks").launch([(end - first) / W, groups], {
    in_ptr: raw,
    out_ptr: part(to.values, bytes),
    scale_ptr: part(to.scales, 1),
    minimum_ptr: to.minimums ? part(to.minimums, 1) : null,
    columns: count,
    groups,
    HEAD: head,
    BYTES: bytes,
    W,
  });
}

/**
 * Rows in groups of 32 integers: from -127 to 127, a scale for each group, and the sum of its scaled integers. With 16 bits, integers are 256 * value + low.
 */
export interface Groups<T> {
  values: T;
  scales: T;
  sums: T;
  low?: T;
}

/** How rows are quantized in groups. */
export interface GroupOptions {
  /** Bits of the integers: 8 by default. */
  bits?: 8 | 16 | undefined;
}

/** The result for operands of these types. */
export type GroupsOf<X> = [Extract<X, Value>] extends [never] ? Promise<Groups<DeviceBuffer>> : Groups<Value>;

function grouped(
  operation: "quantize_groups" | "rms_norm_groups" | "swiglu_groups",
  x: Tensor,
  depth: number,
  { bits = 8 }: GroupOptions,
  args: Record<string, Tensor | { type: "f32"; value: number }> = {},
) {
  return apply(operation, [x, args["weight_ptr"] as Tensor | undefined], (scope) => {
    if (x.dtype !== "f32" || depth % 32) throw wrong(operation, "x must have rows of a multiple of 32 f32 numbers", "wrong-size");
    const rows = x.size / x.shape.at(-1)!;
    const groups = depth / 32;
    const out = {
      values: scope.empty("i8", [rows, depth]),
      scales: scope.empty("f32", [rows, groups]),
      sums: scope.empty("f32", [rows, groups]),
      ...(bits === 16 && { low: scope.empty("i8", [rows, depth]) }),
    };
    scope.launch(kernel(scope.device, "blocks.py", operation), rows, {
      x_ptr: x,
      out_ptr: out.values,
      low_ptr: out.low ?? null,
      scale_ptr: out.scales,
      sum_ptr: out.sums,
      groups,
      ...args,
      GROUPS: powerOf2(groups),
    });
    return out;
  });
}

/** Quantizes each row of x in groups. */
export const quantizeGroups = <X extends Tensor>(x: X, options: GroupOptions = {}): GroupsOf<X> =>
  grouped("quantize_groups", x, x.shape.at(-1)!, options);

/** The same of x / sqrt(mean of squares + epsilon) * weight. */
export const rmsNormGroups = <X extends Tensor>(x: X, weight: Tensor, options: GroupOptions & { epsilon?: number } = {}): GroupsOf<X> =>
  grouped("rms_norm_groups", x, x.shape.at(-1)!, options, {
    weight_ptr: weight,
    epsilon: { type: "f32", value: options.epsilon ?? 1e-5 },
  });

/** The same of silu(a) * b, where the first half of a row is a and the second half is b. */
export const swigluGroups = <X extends Tensor>(x: X, options: GroupOptions = {}): GroupsOf<X> =>
  grouped("swiglu_groups", x, x.shape.at(-1)! / 2, options);

/** x @ w^T + residual. x is [rows, depth]: in groups, or of f32 for more than eight rows. The result is [rows, columns] of f32. */
export function matmulBlocks<X extends Tensor>(
  x: X | Groups<X>,
  w: Blocks,
  options: { residual?: Tensor | undefined; out?: Tensor | undefined } = {},
): Result<X> {
  const { residual, out: given } = options;
  const quantized = "sums" in x ? x : undefined;
  const whole = quantized ? quantized.values : (x as X);
  return apply("matmulBlocks", [whole, residual, given], (scope) => {
    const [rows, depth] = whole.shape as [number, number];
    const { columns, width: W } = w;
    if (whole.shape.length !== 2 || depth !== w.depth)
      throw wrong("matmulBlocks", `x must be [rows, ${w.depth}], but has the shape [${whole.shape.join(", ")}]`, "wrong-size");
    const out = given ?? scope.empty("f32", [rows, columns]);
    const shared = {
      w_ptr: w.values,
      scale_ptr: w.scales,
      minimum_ptr: w.minimums ?? null,
      residual_ptr: residual ?? null,
      out_ptr: out,
      columns,
      groups: depth / 32,
      BITS: w.format === "q8_0" ? 8 : 4,
      W,
    };
    if (quantized) {
      scope.launch(kernel(scope.device, "blocks.py", "matvec_blocks"), [rows, cdiv(columns, W)], {
        x_ptr: whole,
        x_low_ptr: quantized.low ?? null,
        x_scale_ptr: quantized.scales,
        x_sum_ptr: quantized.sums,
        ...shared,
      });
    } else if (scope.device.kind === "webgpu" && isVector(rows, depth)) {
      scope.launch(kernel(scope.device, "blocks.py", "matvec_packed"), [rows, cdiv(columns, W)], {
        x_ptr: whole,
        ...shared,
        H: powerOf2((depth * shared.BITS) / 8),
      });
    } else {
      const BM = Math.min(64, Math.max(16, powerOf2(rows)));
      scope.launch(kernel(scope.device, "blocks.py", "matmul_blocks"), [cdiv(rows, BM), cdiv(columns, W)], {
        x_ptr: whole,
        ...shared,
        rows,
        BM,
      });
    }
    return out;
  });
}

/** The columns of a matrix with these ids (i32), as rows of f32: [ids, depth]. */
export function embedBlocks<I extends Tensor>(ids: I, w: Blocks): Result<I> {
  return apply("embedBlocks", [ids], (scope) => {
    const out = scope.empty("f32", [ids.size, w.depth]);
    scope.launch(kernel(scope.device, "blocks.py", "embed_blocks"), [ids.size, w.depth / 32], {
      ids_ptr: ids,
      w_ptr: w.values,
      scale_ptr: w.scales,
      minimum_ptr: w.minimums ?? null,
      out_ptr: out,
      entries: w.columns,
      groups: w.depth / 32,
      BITS: w.format === "q8_0" ? 8 : 4,
      W: w.width,
    });
    return out;
  });
}

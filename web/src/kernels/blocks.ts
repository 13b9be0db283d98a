// SPDX-License-Identifier: MIT
// Block sizes.
import type { Device } from "../device.ts";

/** The smallest power of two that is at least `n`. */
export const powerOf2 = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)));
const within = (low: number, n: number, high: number) => Math.min(high, Math.max(low, n));

/** The blocks of a product: rows and columns of the result, and how much of the depth is added at a time. */
export function productBlocks(device: Device, rows: number, columns: number, depth: number): { BM: number; BN: number; BK: number } {
  const most = device.kind === "wasm" ? 128 : 64;
  return {
    BM: within(16, powerOf2(rows), most),
    BN: within(16, powerOf2(columns), most),
    BK: within(16, powerOf2(depth), device.kind === "wasm" ? 64 : 32),
  };
}

/** True if each weight is used for so few rows that tiles of `productBlocks` would be mostly empty. */
export const isVector = (rows: number, depth: number): boolean => rows <= 8 && depth <= 4096;

/** The blocks of such a product: rows of weights, and all numbers of a row. */
export const vectorBlocks = (device: Device, depth: number): { BN: number; D: number } => ({
  BN: device.kind === "wasm" ? 16 : 4,
  D: powerOf2(depth),
});

/** The block of a kernel that has one program per row. */
export const rowBlock = (columns: number): number => Math.max(16, powerOf2(columns));

/** The block of an elementwise kernel. */
export const flatBlock = (device: Device): number => (device.kind === "wasm" ? 4096 : 1024);

/** The blocks of attention with heads of `size` numbers: of queries and of keys. */
export function attentionBlocks(device: Device, size: number, queries: number, keys: number, causal: boolean): { BM: number; BN: number } {
  // On a GPU so that all fits in the shared memory that every device has. Wide blocks of keys compute more that a causal mask removes.
  const [rows, columns] = device.kind === "wasm" ? [64, causal ? 64 : 128] : size > 64 ? [16, 16] : size > 32 ? [16, 32] : [32, 32];
  return { BM: within(16, powerOf2(queries), rows), BN: within(16, powerOf2(keys), columns) };
}

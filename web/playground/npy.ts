// SPDX-License-Identifier: MIT
// NumPy files with one array.
import { type DType, decode, findType } from "../src/dtypes.ts";
import type { Numbers } from "./settings.ts";

const kKinds: Record<string, string> = { f: "f", i: "i", u: "u", b: "bool" };

/** Reads a file; throws with an explanation if it is not supported. */
export function readNpy(file: ArrayBuffer): Numbers {
  const bytes = new Uint8Array(file);
  const text = (begin: number, end: number) => new TextDecoder("latin1").decode(bytes.subarray(begin, end));
  if (bytes[0] !== 0x93 || text(1, 6) !== "NUMPY") throw new Error("it is not a .npy file: write one with np.save");
  const view = new DataView(file);
  const [at, length] = bytes[6] === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  const header = text(at, at + length);
  const [, order, kind, size] = /'descr':\s*'([<>|=])([a-z])(\d+)'/.exec(header) ?? [];
  const type = kind && kKinds[kind] ? findType(kind === "b" ? "bool" : `${kKinds[kind]}${Number(size) * 8}`) : undefined;
  if (!type)
    throw new Error(
      `its elements are ${/'descr':\s*(.*?),\s*'/.exec(header)?.[1] ?? "unknown"}: save it as float or integer, .astype("float32")`,
    );
  if (order === ">") throw new Error('it is big-endian: save it with .astype("<f4")');
  if (/'fortran_order':\s*True/.test(header)) throw new Error("it is in Fortran order: save np.ascontiguousarray(x)");
  const shape = (/'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? "")
    .split(",")
    .map((n) => n.trim())
    .filter(Boolean)
    .map(Number);
  const elements = shape.reduce((a, b) => a * b, 1);
  if (!shape.every((n) => Number.isSafeInteger(n) && n >= 0) || bytes.length < at + length + elements * type.bytes)
    throw new Error("it is truncated: it ends before its last element");
  const values = new type.array(file.slice(at + length), 0, elements) as ArrayLike<number | bigint>;
  const bits = type.name === "f16" && values instanceof Uint16Array;
  return {
    dtype: type.name as DType,
    shape: shape.length ? shape : [1],
    values: bits ? Float32Array.from(values as Uint16Array, (v) => decode("f16", v)) : values,
  };
}

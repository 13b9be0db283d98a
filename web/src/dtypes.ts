// SPDX-License-Identifier: MIT
// Element types: names, sizes, typed arrays, and conversions between numbers and bits.
import { NereidError } from "./errors.ts";

type Half = typeof globalThis extends { Float16Array: { prototype: infer T } } ? T : never;

/** The typed array for each element type. */
export interface Views {
  f32: Float32Array;
  f64: Float64Array;
  /** `Float16Array` if the engine has it, else the bits. */
  f16: Half | Uint16Array;
  /** The bits. */
  bf16: Uint16Array;
  /** The bits, as for the other fp8 types. */
  fp8e5: Uint8Array;
  fp8e4nv: Uint8Array;
  fp8e4b8: Uint8Array;
  fp8e5b16: Uint8Array;
  i8: Int8Array;
  i16: Int16Array;
  i32: Int32Array;
  i64: BigInt64Array;
  u8: Uint8Array;
  u16: Uint16Array;
  u32: Uint32Array;
  u64: BigUint64Array;
  /** Elements are 0 or 1. */
  bool: Uint8Array;
}

/** The name of an element type. */
export type DType = keyof Views;

/** Triton's names for types that have another name here. */
export interface Aliases {
  fp32: "f32";
  fp64: "f64";
  fp16: "f16";
  i1: "bool";
}

/** The name of an element type, or Triton's name for it. */
export type DTypeName = DType | keyof Aliases;

/** Converts `fp32` to `f32`. */
export type Canonical<T extends string> = T extends keyof Aliases ? Aliases[T] : T extends DType ? T : never;

/** The typed array for an element type. */
export type View<D extends DType> = Views[D];

interface ArrayType {
  new (buffer: ArrayBufferLike, offset: number, length: number): Views[DType];
  new (length: number): Views[DType];
  new (data: Views[DType]): Views[DType];
}

/** The properties of an element type. */
export interface TypeInfo {
  readonly name: DType;
  readonly bytes: number;
  readonly array: ArrayType;
  /**
   * For float types that JavaScript may lack: exponent and mantissa bits, bias, and special values: "ieee"; "finite", without infinity;
   * "fnuz", also without -0.
   */
  readonly small?: readonly [exponent: number, mantissa: number, bias: number, kind: "ieee" | "finite" | "fnuz"];
}

const kFloat16 = (globalThis as { Float16Array?: unknown }).Float16Array as ArrayType | undefined;

const info = (name: DType, bytes: number, array: unknown, small?: TypeInfo["small"]): TypeInfo => ({
  name,
  bytes,
  array: array as ArrayType,
  ...(small && { small }),
});
const kTypes = /* @__PURE__ */ new Map<string, TypeInfo>(
  /* @__PURE__ */ [
    info("f32", 4, Float32Array),
    info("f64", 8, Float64Array),
    info("f16", 2, kFloat16 ?? Uint16Array, [5, 10, 15, "ieee"]),
    info("bf16", 2, Uint16Array, [8, 7, 127, "ieee"]),
    info("fp8e5", 1, Uint8Array, [5, 2, 15, "ieee"]),
    info("fp8e4nv", 1, Uint8Array, [4, 3, 7, "finite"]),
    info("fp8e4b8", 1, Uint8Array, [4, 3, 8, "fnuz"]),
    info("fp8e5b16", 1, Uint8Array, [5, 2, 16, "fnuz"]),
    info("i8", 1, Int8Array),
    info("i16", 2, Int16Array),
    info("i32", 4, Int32Array),
    info("i64", 8, BigInt64Array),
    info("u8", 1, Uint8Array),
    info("u16", 2, Uint16Array),
    info("u32", 4, Uint32Array),
    info("u64", 8, BigUint64Array),
    info("bool", 1, Uint8Array),
  ].map((t) => [t.name, t]),
);
const kAliases: Record<string, DType> = { fp32: "f32", fp64: "f64", fp16: "f16", i1: "bool" };

/** The type of this name, or undefined. */
export function findType(name: string): TypeInfo | undefined {
  return kTypes.get(Object.hasOwn(kAliases, name) ? kAliases[name]! : name);
}

/** Returns whether a value of one type can be passed for the other: integers of the IR have no sign. */
export function fits(given: TypeInfo, wanted: TypeInfo): boolean {
  const integer = (t: TypeInfo) => /^[iub]\w*$/.test(t.name) && !t.small;
  return given === wanted || (given.bytes === wanted.bytes && integer(given) && integer(wanted));
}

const kBits = /* @__PURE__ */ new DataView(/* @__PURE__ */ new ArrayBuffer(8));

/** Rounds a number to f16, bf16 or an fp8 type, to nearest even, and returns the bits. */
export function encode(dtype: DTypeName, value: number): number {
  const type = findType(dtype);
  if (!type?.small) throw new NereidError("wrong-dtype", `only f16, bf16 and fp8 types are converted to bits, not \`${dtype}\``);
  const [exponentBits, mantissaBits, bias, kind] = type.small;
  const sign = value < 0 || Object.is(value, -0) ? 1 << (type.bytes * 8 - 1) : 0;
  const top = (1 << exponentBits) - 1;
  const ones = (1 << mantissaBits) - 1;
  const nan = kind === "fnuz" ? 1 << (type.bytes * 8 - 1) : (top << mantissaBits) | (kind === "finite" ? ones : 1 << (mantissaBits - 1));
  const largest =
    kind === "fnuz"
      ? (top << mantissaBits) | ones
      : kind === "finite"
        ? (top << mantissaBits) | (ones - 1)
        : ((top - 1) << mantissaBits) | ones;
  if (Number.isNaN(value)) return nan;
  const beyond = kind === "fnuz" ? nan : kind === "finite" ? nan | sign : sign | (top << mantissaBits);
  const magnitude = Math.abs(value);
  if (magnitude === Infinity) return beyond;
  if (magnitude === 0) return kind === "fnuz" ? 0 : sign;
  kBits.setFloat64(0, magnitude);
  const exponent = Math.max(((kBits.getUint32(0) >>> 20) & 0x7ff) - 1023, 1 - bias);
  const units = magnitude * 2 ** (mantissaBits - exponent);
  const below = Math.floor(units);
  const rest = units - below;
  const rounded = below + (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? 1 : 0);
  const bits = rounded + (exponent - 1 + bias) * 2 ** mantissaBits;
  if (bits > largest) return beyond;
  return bits === 0 && kind === "fnuz" ? 0 : sign | bits;
}

/** The number that the bits of an f16, bf16 or fp8 represent. */
export function decode(dtype: DTypeName, bits: number): number {
  const type = findType(dtype);
  if (!type?.small) throw new NereidError("wrong-dtype", `only f16, bf16 and fp8 types are converted from bits, not \`${dtype}\``);
  const [exponentBits, mantissaBits, bias, kind] = type.small;
  const top = (1 << exponentBits) - 1;
  const ones = (1 << mantissaBits) - 1;
  const mantissa = bits & ones;
  const exponent = (bits >> mantissaBits) & top;
  const negative = (bits >> (type.bytes * 8 - 1)) & 1;
  if (kind === "fnuz" && negative && exponent === 0 && mantissa === 0) return NaN;
  if (kind === "finite" && exponent === top && mantissa === ones) return NaN;
  if (kind === "ieee" && exponent === top) return mantissa ? NaN : negative ? -Infinity : Infinity;
  const magnitude =
    exponent === 0 ? mantissa * 2 ** (1 - bias - mantissaBits) : (mantissa + 2 ** mantissaBits) * 2 ** (exponent - bias - mantissaBits);
  return negative ? -magnitude : magnitude;
}

/** Converts numbers to a typed array for this type. */
export function fromNumbers(type: TypeInfo, data: ArrayLike<number | bigint>): Views[DType] {
  const out = new type.array(data.length);
  const big = out instanceof BigInt64Array || out instanceof BigUint64Array;
  const bits = type.small && !(kFloat16 && type.name === "f16");
  for (let i = 0; i < data.length; ++i) {
    const x = data[i]!;
    if (big) out[i] = BigInt(x);
    else out[i] = bits ? encode(type.name, Number(x)) : type.name === "bool" ? (x ? 1 : 0) : Number(x);
  }
  return out;
}

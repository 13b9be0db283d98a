// SPDX-License-Identifier: MIT
// The interface of kernels, and their arguments: checked, and laid out as in docs/reference/wasm.md and docs/reference/webgpu.md.
import { DeviceBuffer } from "./buffer.ts";
import { type Canonical, encode, findType, fits, type TypeInfo } from "./dtypes.ts";
import { type ErrorCode, NereidError } from "./errors.ts";

/** The number of programs along x, y and z. */
export type Grid = number | readonly [number] | readonly [number, number] | readonly [number, number, number];

/** The argument type for a parameter type of a manifest: `*fp32`, `i64`. */
export type Arg<T extends string> = T extends `*${infer E}`
  ? Canonical<E> extends "i32" | "u32"
    ? DeviceBuffer<"i32"> | DeviceBuffer<"u32">
    : Canonical<E> extends "i64" | "u64"
      ? DeviceBuffer<"i64"> | DeviceBuffer<"u64">
      : Canonical<E> extends "i16" | "u16"
        ? DeviceBuffer<"i16"> | DeviceBuffer<"u16">
        : Canonical<E> extends "i8" | "u8" | "bool"
          ? DeviceBuffer<"i8"> | DeviceBuffer<"u8"> | DeviceBuffer<"bool">
          : DeviceBuffer<Canonical<E>>
  : T extends "i1"
    ? boolean | number
    : T extends "i64" | "u64"
      ? number | bigint
      : number;

/** Arguments by name, for kernels without generated types. */
export type AnyArgs = Record<string, DeviceBuffer | number | bigint | boolean>;

/** A kernel on a device. */
export interface Kernel<A = AnyArgs> extends Disposable {
  readonly name: string;
  /** Names and types of the parameters. */
  readonly parameters: readonly { readonly name: string; readonly type: string }[];
  /**
   * Runs the kernel once for each program of the grid. Launches run in the order of the calls; the promise resolves at the end of this one.
   * It rejects with a NereidError, also for invalid arguments.
   */
  launch(grid: Grid, args: A): Promise<void>;
  /** Frees its code, after all earlier launches. */
  dispose(): void;
}

interface Parameter {
  name: string;
  type: string;
  pointer: boolean;
  info: TypeInfo;
  signed: boolean;
  low: number; // of an integer
  high: number;
}

const kFirst = 16; // offset of the first parameter

/** The parameters of a kernel, and the argument block of the last launch: the grid, a zero, then 8 bytes per parameter. @internal */
export class Signature {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly packed: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  /** For each parameter its buffer, if it takes one. */
  readonly buffers: (DeviceBuffer | undefined)[];
  readonly #names: Set<string>;

  constructor(name: string, parameters: readonly { name: string; type: string }[]) {
    this.name = name;
    this.parameters = parameters.map(({ name: argument, type }) => {
      const pointer = type.startsWith("*");
      const info = findType(pointer ? type.slice(1) : type);
      if (!info) throw new NereidError("unsupported", `a parameter of type \`${type}\` is not supported`, { kernel: name, argument });
      // Integers of the IR have no sign: 3000000000 is accepted for an i32 that the kernel treats as u32.
      const bits = info.bytes * 8;
      const signed = info.name[0] !== "u";
      return { name: argument, type, pointer, info, signed, low: signed ? -(2 ** (bits - 1)) : 0, high: 2 ** bits - 1 };
    });
    this.#names = new Set(parameters.map((p) => p.name));
    this.packed = new Uint8Array(kFirst + 8 * parameters.length);
    this.view = new DataView(this.packed.buffer);
    this.buffers = parameters.map(() => undefined);
  }

  /** The offset of a parameter in `packed`. */
  static at(parameter: number): number {
    return kFirst + 8 * parameter;
  }

  error(code: ErrorCode, message: string, argument?: string): NereidError {
    return new NereidError(code, message, argument === undefined ? { kernel: this.name } : { kernel: this.name, argument });
  }

  /** Checks and stores the arguments: grid and numbers in `packed`, arrays in `buffers`. Returns the number of programs. */
  pack(owner: object, grid: Grid, args: AnyArgs): number {
    const { view, parameters } = this;
    let programs = 1;
    if (typeof grid !== "number" && !(Array.isArray(grid) && grid.length >= 1 && grid.length <= 3))
      throw this.error("bad-grid", "a grid is a number, or an array of one to three");
    for (let i = 0; i < 3; ++i) {
      const n = typeof grid === "number" ? (i ? 1 : grid) : i < grid.length ? grid[i]! : 1;
      if (!(n >= 0 && n < 2 ** 32 && Number.isInteger(n)))
        throw this.error("bad-grid", `a grid must consist of integers from 0 to 2^32 - 1 (got ${String(n)})`);
      view.setUint32(4 * i, n, true);
      programs *= n;
    }
    if (programs >= 2 ** 32) throw this.error("bad-grid", `a launch must have fewer than 2^32 programs (got ${programs})`);
    if (typeof args !== "object" || args === null)
      throw this.error("wrong-argument", "pass the arguments as an object by name: { x, n: 5 }");
    for (let i = 0; i < parameters.length; ++i)
      this.#packOne(owner, i, Object.hasOwn(args, parameters[i]!.name) ? args[parameters[i]!.name] : undefined);
    for (const name in args) {
      if (!this.#names.has(name))
        throw this.error("surplus-argument", `unknown parameter; the kernel has: ${[...this.#names].join(", ")}`, name);
    }
    return programs;
  }

  #packOne(owner: object, i: number, value: AnyArgs[string] | undefined): void {
    const { view } = this;
    const p = this.parameters[i]!;
    const { info } = p;
    const at = kFirst + 8 * i;
    if (value === undefined) throw this.error("missing-argument", `a ${p.type} is missing`, p.name);
    if (p.pointer) {
      if (!(value instanceof DeviceBuffer))
        throw this.error("wrong-argument", `a ${p.type} must be a buffer: create one with device.buffer("${info.name}", …)`, p.name);
      if (value.disposed) throw this.error("disposed", "the buffer was disposed of", p.name);
      if (value.owner !== owner) throw this.error("wrong-argument", "the buffer is of another device", p.name);
      if (value.type !== info && !fits(value.type, info))
        throw this.error("wrong-dtype", `the parameter is ${p.type}, but the buffer has elements of ${value.dtype}`, p.name);
      this.buffers[i] = value;
      return;
    }
    if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "boolean")
      throw this.error("wrong-argument", `a ${p.type} must be a number`, p.name);
    switch (info.name) {
      case "f32":
        return view.setFloat32(at, Number(value), true);
      case "f64":
        return view.setFloat64(at, Number(value), true);
      case "bool":
        return view.setUint8(at, value ? 1 : 0);
      case "i64":
      case "u64": {
        if (typeof value === "number" && !Number.isSafeInteger(value))
          throw this.error("wrong-argument", `${value} is not exact: pass a bigint`, p.name);
        const big = BigInt(value);
        if (big < BigInt(p.low) || big >= 1n << 64n) throw this.error("wrong-argument", `${big} does not fit into ${p.type}`, p.name);
        return view.setBigUint64(at, BigInt.asUintN(64, big), true);
      }
      default: {
        const number = Number(value);
        if (info.small) return view.setUint32(at, encode(info.name, number), true);
        if (!Number.isInteger(number) || number < p.low || number > p.high)
          throw this.error("wrong-argument", `${number} does not fit into ${p.type}`, p.name);
        // The bits above are copies of the sign, or zeros.
        const up = 32 - info.bytes * 8;
        const low = p.signed ? (number << up) >> up : number | 0;
        view.setInt32(at, low, true);
        view.setInt32(at + 4, p.signed ? low >> 31 : 0, true);
      }
    }
  }
}

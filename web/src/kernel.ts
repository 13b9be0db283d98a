// SPDX-License-Identifier: MIT
// A kernel that can be launched: its arguments, checked and laid out as docs/wasm.md says.
import { DeviceBuffer } from "./buffer.ts";
import type { Run } from "./control.ts";
import type { Device } from "./device.ts";
import { type Canonical, encode, findType, fits, type TypeInfo } from "./dtypes.ts";
import { NereidError } from "./errors.ts";
import type { Site } from "./manifest.ts";
import { kDispose } from "./platform.ts";
import { notForgotten, whenForgotten } from "./queue.ts";

/** Programs along x, y and z. */
export type Grid = number | readonly [number] | readonly [number, number] | readonly [number, number, number];

/** What a parameter of this type takes; the type as in a manifest: `*fp32`, `i64`. */
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

/** Arguments by name, where no types were generated. */
export type AnyArgs = Record<string, DeviceBuffer | number | bigint | boolean>;

/** A kernel on a device. */
export interface Kernel<A = AnyArgs> extends Disposable {
  readonly name: string;
  /** Names and types of its parameters. */
  readonly parameters: readonly { readonly name: string; readonly type: string }[];
  /**
   * Runs the kernel once for each program of the grid. Launches run in the order of their calls; the promise is for the end of this one.
   * It rejects with a NereidError, also for arguments that do not fit.
   */
  launch(grid: Grid, args: A): Promise<void>;
  /** Gives its code back, after all launches so far. */
  dispose(): void;
}

interface Parameter {
  name: string;
  type: string;
  pointer: boolean;
  info: TypeInfo;
  low: number; // of an integer
  high: number;
}

/** @internal What a loaded module is. */
export interface Loaded {
  id: number;
  name: string;
  parameters: { name: string; type: string }[];
  scratch: number;
  sites: readonly Site[];
  run: Run;
  module: WebAssembly.Module;
}

const kDone = /* @__PURE__ */ Promise.resolve();
const kFirst = 16; // where parameters begin

/** @internal */
export class WasmKernel implements Kernel {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly type: string }[];
  readonly id: number;
  readonly run: Run;
  readonly sites: readonly Site[];
  readonly prints: boolean;
  /** Where its arguments lie. */
  readonly at: number;
  /** µs a program, as far as is known. */
  cost = NaN;
  readonly #device: Device;
  readonly #parameters: Parameter[];
  readonly #names: Set<string>;
  readonly #packed: Uint8Array;
  readonly #view: DataView;
  readonly #release: () => void;
  readonly #lastNumbers: Uint8Array;
  #disposed = false;

  constructor(device: Device, loaded: Loaded) {
    this.#device = device;
    this.name = loaded.name;
    this.parameters = loaded.parameters;
    this.id = loaded.id;
    this.run = loaded.run;
    this.sites = loaded.sites;
    this.prints = loaded.sites.some((site) => site.kind === "print");
    this.#parameters = loaded.parameters.map(({ name, type }) => {
      const pointer = type.startsWith("*");
      const info = findType(pointer ? type.slice(1) : type);
      if (!info) throw new NereidError("unsupported", `a parameter of type \`${type}\` cannot be given`, { kernel: loaded.name, argument: name });
      // An integer of the IR has no sign: 3000000000 passes for an i32 that the kernel takes for a u32.
      const bits = info.bytes * 8;
      return { name, type, pointer, info, low: info.name[0] === "u" ? 0 : -(2 ** (bits - 1)), high: 2 ** bits - 1 };
    });
    this.#names = new Set(loaded.parameters.map((p) => p.name));
    const size = kFirst + 8 * loaded.parameters.length;
    this.#packed = new Uint8Array(size);
    this.#view = new DataView(this.#packed.buffer);
    this.#lastNumbers = this.#packed.slice();
    this.at = device.heap.allocate(size);
    this.#release = device.releaseOfKernel(loaded.id, this.at, size);
    whenForgotten(this, this.#release);
  }

  launch(grid: Grid, args: AnyArgs): Promise<void> {
    try {
      const device = this.#device;
      if (device.disposed) throw this.#error("disposed", "the device was disposed of");
      if (this.#disposed) throw this.#error("disposed", "it is launched after it was disposed of");
      const programs = this.#pack(grid, args);
      if (programs === 0) return kDone;
      if (device.queue.idle) {
        const running = device.queue.add(() => device.execute(this, programs, this.#packed));
        return running ?? kDone;
      }
      const packed = this.#packed.slice();
      return device.queue.add(() => device.execute(this, programs, packed)) ?? kDone;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Whether the numbers among the arguments are those of the last time that this was asked. */
  sameNumbers(packed: Uint8Array): boolean {
    const last = this.#lastNumbers;
    const same = this.#parameters.every((p, i) => {
      if (p.pointer) return true;
      for (let k = kFirst + 8 * i; k < kFirst + 8 * i + 8; ++k) if (packed[k] !== last[k]) return false;
      return true;
    });
    last.set(packed);
    return same;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    notForgotten(this);
    this.#release();
  }

  [kDispose](): void {
    this.dispose();
  }

  #error(code: NereidError["code"], message: string, argument?: string): NereidError {
    return new NereidError(code, message, argument === undefined ? { kernel: this.name } : { kernel: this.name, argument });
  }

  // The number of programs; grid and arguments are in #packed.
  #pack(grid: Grid, args: AnyArgs): number {
    const view = this.#view;
    let programs = 1;
    if (typeof grid !== "number" && !(Array.isArray(grid) && grid.length >= 1 && grid.length <= 3)) throw this.#error("bad-grid", "a grid is a number, or an array of one to three");
    for (let i = 0; i < 3; ++i) {
      const n = typeof grid === "number" ? (i ? 1 : grid) : i < grid.length ? grid[i]! : 1;
      if (!(n >= 0 && n < 2 ** 32 && Number.isInteger(n))) throw this.#error("bad-grid", `a grid has whole numbers from 0 to 2^32 - 1, not ${String(n)}`);
      view.setUint32(4 * i, n, true);
      programs *= n;
    }
    if (programs >= 2 ** 32) throw this.#error("bad-grid", `${programs} programs are too many: a launch has less than 2^32`);
    if (typeof args !== "object" || args === null) throw this.#error("wrong-argument", "arguments are given by name: { x, n: 5 }");
    const parameters = this.#parameters;
    for (let i = 0; i < parameters.length; ++i) this.#packOne(parameters[i]!, Object.hasOwn(args, parameters[i]!.name) ? args[parameters[i]!.name] : undefined, kFirst + 8 * i);
    for (const name in args) {
      if (!this.#names.has(name)) throw this.#error("surplus-argument", `there is no such parameter; it has: ${[...this.#names].join(", ")}`, name);
    }
    return programs;
  }

  #packOne(p: Parameter, value: AnyArgs[string] | undefined, at: number): void {
    const view = this.#view;
    const { info } = p;
    if (value === undefined) throw this.#error("missing-argument", `a ${p.type} is missing`, p.name);
    if (p.pointer) {
      if (!(value instanceof DeviceBuffer)) throw this.#error("wrong-argument", `a ${p.type} takes a buffer: make one with device.buffer("${info.name}", …)`, p.name);
      if (value.disposed) throw this.#error("disposed", "the buffer was disposed of", p.name);
      if (value.owner !== this.#device) throw this.#error("wrong-argument", "the buffer is of another device", p.name);
      if (value.type !== info && !fits(value.type, info)) throw this.#error("wrong-dtype", `it is a ${p.type}, but the buffer holds ${value.dtype}`, p.name);
      view.setUint32(at, value.address, true);
      return;
    }
    if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "boolean") throw this.#error("wrong-argument", `a ${p.type} takes a number`, p.name);
    switch (info.name) {
      case "f32": return view.setFloat32(at, Number(value), true);
      case "f64": return view.setFloat64(at, Number(value), true);
      case "bool": return view.setUint8(at, value ? 1 : 0);
      case "i64":
      case "u64": {
        if (typeof value === "number" && !Number.isSafeInteger(value)) throw this.#error("wrong-argument", `${value} is not exact: give a bigint`, p.name);
        const big = BigInt(value);
        if (big < BigInt(p.low) || big >= 1n << 64n) throw this.#error("wrong-argument", `${big} does not fit ${p.type}`, p.name);
        return view.setBigUint64(at, BigInt.asUintN(64, big), true);
      }
      default: {
        const number = Number(value);
        if (info.small) return view.setUint32(at, encode(info.name, number), true);
        if (!Number.isInteger(number) || number < p.low || number > p.high) throw this.#error("wrong-argument", `${number} does not fit ${p.type}`, p.name);
        view.setInt32(at, number | 0, true);
      }
    }
  }
}

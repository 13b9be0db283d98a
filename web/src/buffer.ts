// SPDX-License-Identifier: MIT
// An array on a device of any kind.
import { type DType, fits, findType, fromNumbers, type TypeInfo, type View } from "./dtypes.ts";
import { NereidError } from "./errors.ts";
import { kDispose } from "./platform.ts";

/** The initial content of a buffer: a typed array of its element type, or numbers that are rounded to it. */
export type Data = ArrayBufferView | readonly number[] | readonly bigint[];

/** An array with one element type on a device. Created by `device.buffer`. */
export abstract class DeviceBuffer<D extends DType = DType> implements Disposable {
  /** The type of the elements. */
  readonly dtype: D;
  /** The number of elements along each axis. */
  readonly shape: readonly number[];
  /** The total number of elements. */
  readonly size: number;
  /** @internal */
  readonly type: TypeInfo;
  /** @internal */
  readonly owner: { readonly disposed: boolean };
  readonly #whole: DeviceBuffer | undefined; // the buffer of which this is a part
  #disposed = false;

  /** @internal */
  constructor(owner: { readonly disposed: boolean }, type: TypeInfo, shape: readonly number[], whole?: DeviceBuffer) {
    this.owner = owner;
    this.type = type;
    this.dtype = type.name as D;
    this.shape = shape;
    this.size = sizeOf(shape);
    this.#whole = whole;
  }

  /** True after the buffer or its device was disposed. */
  get disposed(): boolean {
    return this.#disposed || this.owner.disposed || this.#whole?.disposed === true;
  }

  /** Copies the elements, after all earlier launches. */
  abstract read(): Promise<View<D>>;

  /** Overwrites all elements, after all earlier launches. */
  abstract write(data: Data): Promise<void>;

  /** Copies elements of any type, starting at byte `at`. @internal */
  abstract part(type: TypeInfo, at: number, size: number): DeviceBuffer;

  /** The elements from `begin` up to (excluding) `end`, as a buffer on the same memory. It becomes invalid together with this one. */
  subarray(begin: number, end: number = this.size): this {
    this.check();
    if (!(Number.isInteger(begin) && Number.isInteger(end) && begin >= 0 && begin <= end && end <= this.size))
      throw new NereidError("wrong-size", `elements ${begin} to ${end} are outside the buffer, which has ${this.size} elements`);
    return this.part(this.type, begin * this.type.bytes, end - begin) as unknown as this;
  }

  /** Frees the memory, after all earlier launches. */
  dispose(): void {
    if (this.disposed) return;
    this.#disposed = true;
    this.release();
  }

  [kDispose](): void {
    this.dispose();
  }

  /** @internal */
  abstract release(): void;

  /** @internal */
  check(): void {
    if (this.disposed) throw new NereidError("disposed", "the buffer was disposed and cannot be used");
  }

  /** Converts data to a typed array of this type and size. @internal */
  convert(data: Data): View<DType> {
    const { type } = this;
    const wrong = (message: string) => new NereidError("wrong-dtype", message);
    let values: View<DType>;
    if (Array.isArray(data)) {
      try {
        values = fromNumbers(type, data as readonly number[]);
      } catch (cause) {
        throw new NereidError("wrong-dtype", `the data cannot be converted to ${type.name}: ${(cause as Error).message}`, { cause });
      }
    } else if (data instanceof type.array) {
      values = data;
    } else if (type.name === "f16" && data instanceof Uint16Array) {
      values = new type.array(data.length);
      new Uint16Array(values.buffer).set(data);
    } else if (ArrayBuffer.isView(data)) {
      const given = findType(
        data.constructor.name.replace(/^(?:Big)?(.).*?(\d+)Array$/, (_, kind: string, bits: string) => kind.toLowerCase() + bits),
      );
      if (!given || !fits(given, type))
        throw wrong(`a buffer of ${type.name} needs a ${type.array.name}, but the data is a ${data.constructor.name}`);
      values = new type.array(data.buffer, data.byteOffset, data.byteLength / type.bytes);
    } else {
      throw wrong(`a buffer of ${type.name} takes a ${type.array.name} or numbers`);
    }
    if (values.length !== this.size)
      throw new NereidError("wrong-size", `the buffer has ${this.size} elements, but the data has ${values.length}`);
    return values;
  }
}

/** The element type, shape and data from `device.buffer`'s arguments. */
export function described(
  dtype: string,
  shape: number | readonly number[] | ArrayBufferView,
  data: Data | undefined,
): [TypeInfo, readonly number[], Data | undefined] {
  const type = findType(dtype);
  if (!type) throw new NereidError("wrong-dtype", `unknown dtype \`${dtype}\``);
  if (ArrayBuffer.isView(shape)) {
    data = shape;
    shape = [shape.byteLength / type.bytes];
  } else {
    if (typeof shape !== "number" && !Array.isArray(shape))
      throw new NereidError("wrong-size", `expected a shape or data, but got ${String(shape)}`);
    shape = typeof shape === "number" ? [shape] : [...shape];
  }
  sizeOf(shape);
  return [type, shape, data];
}

/** The number of elements of a shape. Throws if the shape is invalid. */
export function sizeOf(shape: readonly number[]): number {
  const size = shape.reduce((product, n) => product * (Number.isInteger(n) && n >= 0 ? n : NaN), 1);
  if (!Number.isSafeInteger(size))
    throw new NereidError("wrong-size", `[${shape.join(", ")}] is not a shape: sizes must be integers of at least 0`);
  return size;
}

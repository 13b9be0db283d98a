// SPDX-License-Identifier: MIT
// An array in the memory of a device.
import { type DType, fits, findType, fromNumbers, type TypeInfo, type View } from "./dtypes.ts";
import { NereidError } from "./errors.ts";
import type { Heap } from "./heap.ts";
import { kDispose } from "./platform.ts";
import { notForgotten, type Queue, whenForgotten } from "./queue.ts";

/** What a buffer can be filled with: a typed array of its type, or numbers that are rounded to it. */
export type Data = ArrayBufferView | readonly number[] | readonly bigint[];

/** What buffers need of their device. */
export interface Owner {
  readonly heap: Heap;
  readonly queue: Queue;
  readonly disposed: boolean;
}

const release = (owner: { heap: Heap; queue: Queue }, at: number, size: number) => {
  const { heap, queue } = owner;
  return () => void queue.add(() => heap.free(at, size));
};

/** An array of one type in the memory of a device. Made by `device.buffer`. */
export class DeviceBuffer<D extends DType = DType> implements Disposable {
  /** The type of its elements. */
  readonly dtype: D;
  /** How many elements there are along each axis. */
  readonly shape: readonly number[];
  /** How many elements there are in all. */
  readonly size: number;
  /** Where it is in the device's memory, in bytes. */
  readonly address: number;
  /** @internal */
  readonly type: TypeInfo;
  /** @internal */
  readonly owner: Owner;
  readonly #whole: DeviceBuffer | undefined; // what this is a part of
  #disposed = false;
  #view: View<D> | undefined;
  #release: (() => void) | undefined;

  /** @internal */
  constructor(owner: Owner, type: TypeInfo, shape: readonly number[], data: Data | undefined, whole?: DeviceBuffer, address = 0) {
    this.owner = owner;
    this.type = type;
    this.dtype = type.name as D;
    this.shape = shape;
    this.size = sizeOf(shape);
    this.#whole = whole;
    if (whole) {
      this.address = address;
      return;
    }
    const values = data && this.#convert(data);
    this.address = owner.heap.allocate(this.size * type.bytes);
    this.#release = release(owner, this.address, this.size * type.bytes);
    whenForgotten(this, this.#release);
    if (values) this.#put(values);
  }

  /** Whether it was disposed of, or its device was. */
  get disposed(): boolean {
    return this.#disposed || this.owner.disposed || this.#whole?.disposed === true;
  }

  /** A typed array on the memory itself. Take it anew after buffers were made: memory that grows leaves old arrays behind. */
  get view(): View<D> {
    this.#check();
    const { buffer } = this.owner.heap.memory;
    if (this.#view?.buffer !== buffer) this.#view = new this.type.array(buffer, this.address, this.size) as View<D>;
    return this.#view as View<D>;
  }

  /** A copy, after all launches so far. */
  async read(): Promise<View<D>> {
    this.#check();
    let copy: View<D> | undefined;
    await this.owner.queue.add(() => void (copy = new this.type.array(this.view) as View<D>));
    return copy!;
  }

  /** Overwrites all of it, after all launches so far. */
  async write(data: Data): Promise<void> {
    this.#check();
    let values = this.#convert(data);
    if (!this.owner.queue.idle && values === data) values = new this.type.array(values as View<D>);
    await this.owner.queue.add(() => this.#put(values));
  }

  /** The elements from `begin` up to `end` as a buffer on the same memory, which lives as long as this one. */
  subarray(begin: number, end: number = this.size): DeviceBuffer<D> {
    this.#check();
    if (!(Number.isInteger(begin) && Number.isInteger(end) && begin >= 0 && begin <= end && end <= this.size))
      throw new NereidError("wrong-size", `there are no elements ${begin} to ${end}: the buffer has ${this.size}`);
    return new DeviceBuffer<D>(this.owner, this.type, [end - begin], undefined, this as unknown as DeviceBuffer, this.address + begin * this.type.bytes);
  }

  /** Gives the memory back, after all launches so far. */
  dispose(): void {
    if (this.disposed) return;
    this.#disposed = true;
    this.#view = undefined;
    notForgotten(this);
    this.#release?.();
  }

  [kDispose](): void {
    this.dispose();
  }

  #check(): void {
    if (this.disposed) throw new NereidError("disposed", "the buffer is used after it was disposed of");
  }

  #put(values: View<DType>): void {
    new this.type.array(this.owner.heap.memory.buffer, this.address, this.size).set(values as never);
  }

  // Data as a typed array of this type and size.
  #convert(data: Data): View<DType> {
    const { type } = this;
    const wrong = (message: string) => new NereidError("wrong-dtype", message);
    let values: View<DType>;
    if (Array.isArray(data)) {
      try {
        values = fromNumbers(type, data as readonly number[]);
      } catch (cause) {
        throw new NereidError("wrong-dtype", `the data does not fit ${type.name}: ${(cause as Error).message}`, { cause });
      }
    } else if (data instanceof type.array) {
      values = data;
    } else if (type.name === "f16" && data instanceof Uint16Array) {
      values = new type.array(data.length);
      new Uint16Array(values.buffer).set(data);
    } else if (ArrayBuffer.isView(data)) {
      const given = findType(data.constructor.name.replace(/^(?:Big)?(.).*?(\d+)Array$/, (_, kind: string, bits: string) => kind.toLowerCase() + bits));
      if (!given || !fits(given, type)) throw wrong(`a buffer of ${type.name} takes a ${type.array.name}, but the data is a ${data.constructor.name}`);
      values = new type.array(data.buffer, data.byteOffset, data.byteLength / type.bytes);
    } else {
      throw wrong(`a buffer of ${type.name} takes a ${type.array.name} or numbers`);
    }
    if (values.length !== this.size) throw new NereidError("wrong-size", `the buffer has ${this.size} elements, but the data ${values.length}`);
    return values;
  }
}

/** The number of elements of a shape, which must be one. */
export function sizeOf(shape: readonly number[]): number {
  const size = shape.reduce((product, n) => product * (Number.isInteger(n) && n >= 0 ? n : NaN), 1);
  if (!Number.isSafeInteger(size)) throw new NereidError("wrong-size", `[${shape.join(", ")}] is no shape: it takes whole numbers from 0`);
  return size;
}

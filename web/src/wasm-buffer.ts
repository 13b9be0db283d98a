// SPDX-License-Identifier: MIT
// An array in the memory of a WebAssembly device.
import { type Data, DeviceBuffer } from "./buffer.ts";
import type { DType, TypeInfo, View } from "./dtypes.ts";
import type { Heap } from "./heap.ts";
import { notForgotten, type Queue, whenForgotten } from "./queue.ts";

/** The part of its device that a buffer uses. */
export interface Owner {
  readonly heap: Heap;
  readonly queue: Queue;
  readonly disposed: boolean;
}

const release = (owner: { heap: Heap; queue: Queue }, at: number, size: number) => {
  const { heap, queue } = owner;
  return () => void queue.add(() => heap.free(at, size));
};

/** An array whose memory JavaScript can access directly. */
export class WasmBuffer<D extends DType = DType> extends DeviceBuffer<D> {
  /** Its address in the device's memory. */
  readonly address: number;
  /** @internal */
  declare readonly owner: Owner;
  #view: View<D> | undefined;
  #release: (() => void) | undefined;

  /** @internal */
  constructor(owner: Owner, type: TypeInfo, shape: readonly number[], data: Data | undefined, whole?: DeviceBuffer, address = 0) {
    super(owner, type, shape, whole);
    if (whole) {
      this.address = address;
      return;
    }
    const values = data && this.convert(data);
    this.address = owner.heap.allocate(this.size * type.bytes);
    this.#release = release(owner, this.address, this.size * type.bytes);
    whenForgotten(this, this.#release);
    if (values) this.#put(values);
  }

  /** A typed array on the memory itself. Get a new one after creating buffers: when the memory grows, old views become detached. */
  get view(): View<D> {
    this.check();
    const { buffer } = this.owner.heap.memory;
    if (this.#view?.buffer !== buffer) this.#view = new this.type.array(buffer, this.address, this.size) as View<D>;
    return this.#view as View<D>;
  }

  override async read(): Promise<View<D>> {
    this.check();
    let copy: View<D> | undefined;
    await this.owner.queue.add(() => void (copy = new this.type.array(this.view) as View<D>));
    return copy!;
  }

  override async write(data: Data): Promise<void> {
    this.check();
    let values = this.convert(data);
    if (!this.owner.queue.idle && values === data) values = new this.type.array(values as View<D>);
    await this.owner.queue.add(() => this.#put(values));
  }

  /** @internal */
  override part(type: TypeInfo, at: number, size: number): DeviceBuffer {
    return new WasmBuffer(this.owner, type, [size], undefined, this as unknown as DeviceBuffer, this.address + at) as DeviceBuffer;
  }

  /** @internal */
  override release(): void {
    this.#view = undefined;
    notForgotten(this);
    this.#release?.();
  }

  #put(values: View<DType>): void {
    new this.type.array(this.owner.heap.memory.buffer, this.address, this.size).set(values as never);
  }
}

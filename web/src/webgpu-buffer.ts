// SPDX-License-Identifier: MIT
// An array in the memory of a GPU.
import { type Data, DeviceBuffer } from "./buffer.ts";
import type { DType, TypeInfo, View } from "./dtypes.ts";
import type { NereidError } from "./errors.ts";
import { notForgotten, type Queue, whenForgotten } from "./queue.ts";

/** A GPUBuffer and the arrays in it. @internal */
export class Storage {
  readonly places = new Set<Place>();
  /** The reason if the allocation failed, once known. */
  failed: NereidError | undefined;
  /** Resolves when the allocation is known to have succeeded or failed. */
  settled: Promise<void> | undefined;
  /** The first of a launch's arrays in this storage; used while overlaps are determined. */
  first = -1;

  constructor(
    /** Not 0, and unique among the storages of the device. */
    readonly id: number,
    readonly gpu: GPUBuffer,
    readonly size: number,
  ) {}
}

/** The place of an array; it may move. @internal */
export interface Place {
  storage: Storage;
  at: number;
  /** The last launch that used an array here, and whether it writes to it; used while overlaps are determined. */
  launch: number;
  written: boolean;
}

/** The part of its device that a buffer uses. @internal */
export interface GpuMemory {
  readonly disposed: boolean;
  readonly queue: Queue;
  allocate(size: number, values?: View<DType>): Storage;
  free(place: Place): void;
  read(storage: Storage, at: number, bytes: number): Promise<ArrayBuffer>;
  write(storage: Storage, at: number, bytes: Uint8Array<ArrayBuffer>, end: number): void | Promise<void>;
  flush(): void;
}

const release = (owner: GpuMemory, place: Place) => () => void owner.queue.add(() => owner.free(place));

/** An array on a GPU. `read` and `write` copy it. */
export class GpuBuffer<D extends DType = DType> extends DeviceBuffer<D> {
  /** @internal */
  declare readonly owner: GpuMemory;
  /** @internal */
  readonly place: Place;
  /** Byte offset from the start of the place. @internal */
  readonly at: number;
  #release: (() => void) | undefined;

  /** @internal */
  constructor(owner: GpuMemory, type: TypeInfo, shape: readonly number[], data: Data | undefined, whole?: GpuBuffer, at = 0) {
    super(owner, type, shape, whole as DeviceBuffer | undefined);
    this.at = at;
    if (whole) {
      this.place = whole.place;
      return;
    }
    const values = data && this.convert(data);
    this.place = { storage: owner.allocate(this.size * type.bytes, values), at: 0, launch: 0, written: false };
    this.place.storage.places.add(this.place);
    this.#release = release(owner, this.place);
    whenForgotten(this, this.#release);
  }

  /**
   * The GPUBuffer, for WebGPU code outside this package: the array starts at byte `offset`. Launches may move their arrays, so read this
   * property again after them.
   */
  get gpu(): { buffer: GPUBuffer; offset: number } {
    this.check();
    this.owner.flush();
    return { buffer: this.place.storage.gpu, offset: this.place.at + this.at };
  }

  override async read(): Promise<View<D>> {
    this.check();
    let copy: Promise<ArrayBuffer> | undefined;
    await this.owner.queue.add(
      () => void (copy = this.owner.read(this.place.storage, this.place.at + this.at, this.size * this.type.bytes)),
    );
    return new this.type.array((await copy!) as never, 0, this.size) as View<D>;
  }

  override async write(data: Data): Promise<void> {
    this.check();
    const values = this.convert(data);
    let bytes = new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
    if (!this.owner.queue.idle && (values as unknown) === data) bytes = bytes.slice();
    await this.owner.queue.add(() => {
      const { storage, at } = this.place;
      // For a whole array, the last word is padded.
      return this.owner.write(storage, at + this.at, bytes, this.#release ? at + bytes.length : Infinity);
    });
  }

  /** @internal */
  override part(type: TypeInfo, at: number, size: number): DeviceBuffer {
    return new GpuBuffer(this.owner, type, [size], undefined, this as unknown as GpuBuffer, this.at + at) as DeviceBuffer;
  }

  /** @internal */
  override release(): void {
    if (!this.#release) return;
    notForgotten(this);
    this.#release();
  }
}

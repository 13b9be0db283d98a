// SPDX-License-Identifier: MIT
// Operands of operations: arrays on a device, and the values of a graph.
import { type DeviceBuffer, sizeOf } from "../buffer.ts";
import type { JitKernel } from "../compile/jit.ts";
import type { Value as Argument } from "../compile/values.ts";
import type { Device } from "../device.ts";
import type { DType, TypeInfo } from "../dtypes.ts";
import { NereidError } from "../errors.ts";
import type { Grid } from "../kernel.ts";

/** Arguments and constexprs of a launch, by name. */
export type LaunchArguments = Readonly<Record<string, Argument | Tensor>>;

/** Receives the launches of operations. */
export interface Scope {
  readonly device: Device;
  /** A new array, which the operation fills. */
  empty(dtype: DType, shape: readonly number[]): Tensor;
  launch(kernel: JitKernel, grid: Grid, args: LaunchArguments): void;
}

/** An array of a graph: an input, or the result of an operation. Its memory is chosen when the graph is compiled. */
export class Value<D extends DType = DType> {
  readonly dtype: D;
  /** The number of elements along each axis. */
  readonly shape: readonly number[];
  /** The total number of elements. */
  readonly size: number;
  /** @internal */
  readonly graph: Scope;
  /** @internal */
  readonly type: TypeInfo;
  /** The value that this one is a view of, and the offset of its first element. @internal */
  readonly whole: Value;
  /** @internal */
  readonly begin: number;

  /** @internal */
  constructor(graph: Scope, type: TypeInfo, shape: readonly number[], whole?: Value, begin = 0) {
    this.graph = graph;
    this.type = type;
    this.dtype = type.name as D;
    this.shape = [...shape];
    this.size = sizeOf(shape);
    this.whole = whole ?? (this as unknown as Value);
    this.begin = begin;
  }

  /** The elements from `begin` up to (excluding) `end`, on the same memory. */
  subarray(begin: number, end: number = this.size): Value<D> {
    if (!(Number.isInteger(begin) && Number.isInteger(end) && begin >= 0 && begin <= end && end <= this.size))
      throw new NereidError("wrong-size", `elements ${begin} to ${end} are outside the value, which has ${this.size} elements`);
    return new Value<D>(this.graph, this.type, [end - begin], this.whole, this.begin + begin);
  }

  /** The same elements with another shape. */
  reshape(shape: readonly number[]): Value<D> {
    if (sizeOf(shape) !== this.size)
      throw new NereidError("wrong-size", `a value of ${this.size} elements cannot have the shape [${shape.join(", ")}]`);
    return new Value<D>(this.graph, this.type, shape, this.whole, this.begin);
  }
}

/** An operand of an operation. */
export type Tensor = DeviceBuffer | Value;

/** The result for operands of these types: a value of the same graph, or, without one, a new buffer when the launch is complete. */
export type Result<T> = [Extract<T, Value>] extends [never] ? Promise<DeviceBuffer> : Value;
/** The same for operations with several results. */
export type Results<T, K extends string> = [Extract<T, Value>] extends [never] ? Promise<Record<K, DeviceBuffer>> : Record<K, Value>;

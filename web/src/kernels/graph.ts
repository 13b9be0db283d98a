// SPDX-License-Identifier: MIT
// Launches that are recorded once, and replayed.
import type { Data, DeviceBuffer } from "../buffer.ts";
import type { JitKernel } from "../compile/jit.ts";
import { launchArguments, type Value as Argument } from "../compile/values.ts";
import type { Device } from "../device.ts";
import { type Canonical, type DType, type DTypeName, findType, type View } from "../dtypes.ts";
import { NereidError } from "../errors.ts";
import type { Grid } from "../kernel.ts";
import { kDispose } from "../platform.ts";
import type { WasmDevice } from "../wasm.ts";
import type { GpuDevice } from "../webgpu.ts";
import { shareBlocks } from "./plan.ts";
import { type Launch, recordGpu, recordWasm, type Replay } from "./replay.ts";
import { type LaunchArguments, type Scope, Value } from "./tensor.ts";

interface Node {
  kernel: JitKernel;
  grid: Grid;
  args: LaunchArguments;
}

/** Records the launches of operations on its values. */
export class Graph implements Scope {
  readonly device: Device;
  readonly #inputs = new Map<string, Value>();
  readonly #nodes: Node[] = [];

  constructor(device: Device) {
    this.device = device;
  }

  /** A value that each run begins with. */
  input<N extends DTypeName>(name: string, dtype: N, shape: readonly number[]): Value<Canonical<N>> {
    if (this.#inputs.has(name)) throw new NereidError("wrong-argument", `the graph has an input \`${name}\` already`);
    const value = this.empty(dtype, shape);
    this.#inputs.set(name, value as unknown as Value);
    return value;
  }

  /** A value that a launch fills. */
  empty<N extends DTypeName>(dtype: N, shape: readonly number[]): Value<Canonical<N>> {
    const type = findType(dtype);
    if (!type) throw new NereidError("wrong-dtype", `unknown dtype \`${dtype}\``);
    return new Value<Canonical<N>>(this, type, shape);
  }

  /** Records a launch of any kernel: its arguments are values of this graph, buffers, numbers and constexprs, by name. */
  launch(kernel: JitKernel, grid: Grid, args: LaunchArguments): void {
    if (kernel.device !== this.device) throw new NereidError("wrong-argument", "the kernel is of another device than the graph");
    for (const [name, value] of Object.entries(args))
      if (value instanceof Value && value.graph !== this)
        throw new NereidError("wrong-argument", "the value is of another graph", { kernel: kernel.options.kernel ?? "?", argument: name });
    this.#nodes.push({ kernel, grid, args });
  }

  /** Compiles the kernels, and allocates memory for all values. The outputs get separate buffers; other values share memory. */
  async compile<K extends string>(outputs: Readonly<Record<K, Value>>): Promise<Plan<K>> {
    const { device } = this;
    const nodes = [...this.#nodes];
    const own = new Map<Value, DeviceBuffer>(); // of inputs and outputs
    const made: DeviceBuffer[] = [];
    const allocate = (dtype: DTypeName, shape: number | readonly number[]) => {
      const buffer = device.buffer(dtype, shape as number) as DeviceBuffer;
      made.push(buffer);
      return buffer;
    };
    const discard = () => made.forEach((buffer) => buffer.dispose());
    try {
      const named = (values: Iterable<readonly [string, Value]>) =>
        Object.fromEntries(
          [...values].map(([name, value]) => {
            if (!(value instanceof Value && value.graph === this))
              throw new NereidError("wrong-argument", `output \`${name}\` is not a value of this graph`);
            if (!own.has(value.whole)) own.set(value.whole, allocate(value.whole.dtype, value.whole.shape));
            const whole = own.get(value.whole)!;
            return [name, value === value.whole ? whole : part(whole, value)];
          }),
        );
      const inputBuffers = named(this.#inputs);
      const outputBuffers = named(Object.entries(outputs) as [string, Value][]);

      // The launches between which each other value is needed.
      const lifetimes = new Map<Value, { bytes: number; first: number; last: number }>();
      for (const [k, { args }] of nodes.entries())
        for (const value of Object.values(args).flatMap(valuesIn)) {
          const { whole } = value;
          if (own.has(whole)) continue;
          const life = lifetimes.get(whole);
          if (life) life.last = k;
          else lifetimes.set(whole, { bytes: Math.ceil((whole.size * whole.type.bytes) / 64) * 64, first: k, last: k });
        }
      const { bytes, blockOf } = shareBlocks([...lifetimes.values()]);
      const blocks = bytes.map((n) => allocate("u8", n));
      for (const [i, value] of [...lifetimes.keys()].entries()) own.set(value, blocks[blockOf[i]!]!.part(value.type, 0, value.size));
      const filled = nodes.map(({ kernel, grid, args }) => ({ kernel, grid, args: fill(args, own) }));
      const replay = await record(device, filled);
      const all = [...lifetimes.values()].reduce((sum, { bytes }) => sum + bytes, 0);
      return new Plan<K>(
        device,
        inputBuffers,
        outputBuffers as Record<K, DeviceBuffer>,
        { launches: nodes.length, bytes: bytes.reduce((a, b) => a + b, 0), unsharedBytes: all },
        replay,
        discard,
      );
    } catch (error) {
      discard();
      throw error;
    }
  }
}

const valuesIn = (argument: unknown): Value[] =>
  argument instanceof Value ? [argument] : Array.isArray(argument) ? argument.flatMap(valuesIn) : [];

const part = (buffer: DeviceBuffer, value: Value) => buffer.part(value.type, value.begin * value.type.bytes, value.size);

// The arguments with buffers instead of values.
function fill(args: LaunchArguments, own: ReadonlyMap<Value, DeviceBuffer>): Record<string, Argument> {
  const one = (argument: unknown): unknown => {
    if (Array.isArray(argument)) return argument.map(one);
    if (!(argument instanceof Value)) return argument;
    const buffer = own.get(argument.whole)!;
    return argument.begin === 0 && argument.size === buffer.size ? buffer : part(buffer, argument);
  };
  return Object.fromEntries(Object.entries(args).map(([name, argument]) => [name, one(argument) as Argument]));
}

async function record(
  device: Device,
  nodes: readonly { kernel: JitKernel; grid: Grid; args: Record<string, Argument> }[],
): Promise<Replay> {
  const compiled = await Promise.all(nodes.map(({ kernel, args }) => kernel.prepareHeld(args)));
  let replay: Replay | undefined;
  await device.queue.add(async () => {
    const launches: Launch[] = [];
    for (const [i, [special, artefacts]] of compiled.entries()) {
      const kernel = await nodes[i]!.kernel.loadInTurn(special, artefacts);
      launches.push({ kernel, grid: nodes[i]!.grid, args: launchArguments(kernel.name, kernel.parameters, special.args) });
    }
    replay = device.kind === "wasm" ? recordWasm(device as WasmDevice, launches) : await recordGpu(device as GpuDevice, launches);
  });
  return replay!;
}

/** A compiled graph. */
export class Plan<K extends string = string> implements Disposable {
  /** The buffers of the inputs, which a run reads. */
  readonly inputs: Readonly<Record<string, DeviceBuffer>>;
  /** The buffers of the outputs, which a run overwrites. */
  readonly outputs: Readonly<Record<K, DeviceBuffer>>;
  /** The number of launches, the bytes of the values that are neither input nor output, and the bytes if they did not share memory. */
  readonly stats: { readonly launches: number; readonly bytes: number; readonly unsharedBytes: number };
  readonly #device: Device;
  readonly #replay: Replay;
  readonly #discard: () => void;
  #disposed = false;

  /** @internal */
  constructor(
    device: Device,
    inputs: Record<string, DeviceBuffer>,
    outputs: Record<K, DeviceBuffer>,
    stats: Plan["stats"],
    replay: Replay,
    discard: () => void,
  ) {
    this.#device = device;
    this.inputs = inputs;
    this.outputs = outputs;
    this.stats = stats;
    this.#replay = replay;
    this.#discard = discard;
  }

  /** Writes these inputs and runs all launches, after all earlier work of the device. Inputs that are not given keep their content. */
  async launch(inputs: Readonly<Record<string, Data>> = {}): Promise<void> {
    if (this.#disposed) throw new NereidError("disposed", "the graph was disposed and cannot be run");
    const writes = Object.entries(inputs).map(([name, data]) => {
      const buffer = this.inputs[name];
      if (!buffer)
        throw new NereidError("surplus-argument", `the graph has no input \`${name}\`; it has: ${Object.keys(this.inputs).join(", ")}`);
      return [buffer, buffer.convert(data)] as const;
    });
    const written = Promise.all(writes.map(([buffer, data]) => buffer.write(data)));
    let done: Promise<void> | undefined;
    const started = this.#device.queue.add(() => {
      const running = this.#replay.start();
      if (!running || !("done" in running)) return running;
      ({ done } = running);
    });
    await Promise.all([written, started]);
    return done;
  }

  /** The same, and copies the outputs. */
  async run(inputs: Readonly<Record<string, Data>> = {}): Promise<Record<K, View<DType>>> {
    const launched = this.launch(inputs);
    const reads = async () => {
      const names = Object.keys(this.outputs) as K[];
      return Promise.all(names.map(async (name) => [name, await this.outputs[name].read()] as const));
    };
    const [found] = await Promise.all([this.#disposed ? [] : reads(), launched]);
    return Object.fromEntries(found) as Record<K, View<DType>>;
  }

  /** Frees its memory, after all earlier launches. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    void this.#device.queue.add(() => this.#replay.release());
    this.#discard();
  }

  [kDispose](): void {
    this.dispose();
  }
}

// SPDX-License-Identifier: MIT
// Where operations run: at once on a device, or recorded in a graph.
import texts from "nereid:kernels";
import { DeviceBuffer } from "../buffer.ts";
import { jit, type JitKernel, type JitOptions } from "../compile/jit.ts";
import type { Value as Argument } from "../compile/values.ts";
import type { Device } from "../device.ts";
import type { DType } from "../dtypes.ts";
import { NereidError } from "../errors.ts";
import type { Grid } from "../kernel.ts";
import { type LaunchArguments, type Scope, type Tensor, Value } from "./tensor.ts";

/** The Triton source files of the library, by name: "matmul.py". */
export const sources: Readonly<Record<string, string>> = /* @__PURE__ */ JSON.parse(texts);

const compiled = /* @__PURE__ */ new WeakMap<Device, Map<string, JitKernel>>();

/** A kernel of the library, for launches with your own block sizes: `kernel(device, "matmul.py", "matmul")`. Each is compiled once per device. */
export function kernel(
  device: Device,
  file: string,
  name: string,
  options: Omit<JitOptions, "device" | "files" | "kernel"> = {},
): JitKernel {
  const source = sources[file];
  if (source === undefined)
    throw new NereidError("wrong-argument", `the library has no file \`${file}\`; it has: ${Object.keys(sources).join(", ")}`);
  const own = Object.keys(options).length > 0;
  let all = compiled.get(device);
  if (!all) compiled.set(device, (all = new Map()));
  const found = own ? undefined : all.get(`${file}:${name}`);
  if (found) return found;
  const made = jit(source, { path: file, ...options, device, kernel: name, files: sources });
  if (!own) all.set(`${file}:${name}`, made);
  return made;
}

class Now implements Scope {
  readonly device: Device;
  readonly made: DeviceBuffer[] = [];
  readonly launches: Promise<void>[] = [];

  constructor(device: Device) {
    this.device = device;
  }

  empty(dtype: DType, shape: readonly number[]): DeviceBuffer {
    const buffer = this.device.buffer(dtype, shape) as DeviceBuffer;
    this.made.push(buffer);
    return buffer;
  }

  launch(kernel: JitKernel, grid: Grid, args: LaunchArguments): void {
    this.launches.push(kernel.launch(grid, args as Record<string, Argument>));
  }
}

/** Runs an operation in the graph of its operands, or at once. */
export function apply<R extends Tensor | Record<string, Tensor>>(
  operation: string,
  operands: readonly (Tensor | undefined)[],
  body: (scope: Scope) => R,
): any {
  let device: Device | undefined;
  let graph: Value["graph"] | undefined;
  for (const x of operands) {
    if (x === undefined) continue;
    if (x instanceof Value) {
      if (graph && graph !== x.graph) throw wrong(operation, "its operands are values of different graphs");
      graph = x.graph;
    } else if (x instanceof DeviceBuffer) {
      x.check();
      if (device && device !== x.owner) throw wrong(operation, "its operands are on different devices");
      device = x.owner as Device;
    } else {
      throw wrong(operation, "an operand must be a buffer of a device or a value of a graph");
    }
  }
  if (graph) {
    if (device && device !== graph.device) throw wrong(operation, "a buffer is not on the device of the graph");
    return body(graph);
  }
  return now(device!, body);
}

async function now<R extends Tensor | Record<string, Tensor>>(device: Device, body: (scope: Scope) => R): Promise<R> {
  const scope = new Now(device);
  const result = body(scope);
  const kept = new Set<unknown>(result instanceof DeviceBuffer ? [result] : Object.values(result));
  try {
    await Promise.all(scope.launches);
  } catch (error) {
    kept.clear();
    throw error;
  } finally {
    for (const buffer of scope.made) if (!kept.has(buffer)) buffer.dispose();
  }
  return result;
}

/** An error of an operation's operands. */
export function wrong(
  operation: string,
  message: string,
  code: "wrong-argument" | "wrong-size" | "wrong-dtype" = "wrong-argument",
): NereidError {
  return new NereidError(code, `${operation}: ${message}`);
}

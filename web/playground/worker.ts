// SPDX-License-Identifier: MIT
// The playground's worker: describes and compiles kernels while the user types, runs them, and measures the device. The page has two, one
// for each task.
import { CompileError, describe, emit, MemoryStore } from "../src/compile/index.ts";
import type { Diagnostic } from "../src/compile/engine.ts";
import type { KernelInfo, Value } from "../src/compile/values.ts";
import { type Device, NereidError, open } from "../src/index.ts";
import type { GpuDevice } from "../src/webgpu.ts";
import type { WasmDevice } from "../src/wasm.ts";
import { type Compared, compare } from "./compare.ts";
import { type Limits, limitsOf } from "./limits.ts";
import { type Ran, run } from "./run.ts";
import type { Evaluated } from "./settings.ts";

/** A kernel: its source, and the function if there are several. */
export interface Source {
  source: string;
  kernel: string;
}
/** The device: `wasm-1`, `wasm-4` with four threads, `gpu`. */
export type DeviceName = string;
/** A message before the end of a run. */
export type Progress = { said: string } | { ran: Ran };

export type Tasks = typeof tasks;
export type Message = { id: number; task: keyof Tasks; about: unknown };
export type Reply = { id: number } & (
  { value: unknown } | { progress: Progress } | { error: { message: string; code?: string; diagnostics?: readonly Diagnostic[] } }
);

const kFile = "kernel.py";
const kMostLines = 200;
const store = new MemoryStore();
const opened = new Map<DeviceName, Promise<Device>>();

// The output of the running kernel.
let heard: (line: string) => void = () => {};

function deviceOf(name: DeviceName): Promise<Device> {
  let device = opened.get(name);
  if (!device) {
    const print = (line: string) => heard(line);
    device =
      name === "gpu" ? open({ device: "webgpu", print }) : open({ device: "wasm", threads: Number(name.slice("wasm-".length)), print });
    opened.set(name, device);
  }
  return device;
}

// The device may be unusable after a failure.
function forget(name: DeviceName): void {
  const device = opened.get(name);
  opened.delete(name);
  void device?.then((d) => d.dispose()).catch(() => {});
}

const optionsOf = ({ kernel }: Source, progress: (what: Progress) => void) => ({
  path: kFile,
  kernel,
  cache: store,
  print: (line: string) => progress({ said: line }),
});

// How to compile it: buffers of one element that represent types, alignment and rank.
async function typesOf(what: Evaluated): Promise<Record<string, Value>> {
  const device = await deviceOf("wasm-1");
  const one = (value: Evaluated["args"][string]): Value =>
    typeof value === "object" && value !== null && "fill" in value
      ? device.buffer(
          value.dtype,
          value.shape.map(() => 1),
        )
      : value;
  return Object.fromEntries(Object.entries(what.args).map(([name, value]) => [name, one(value)]));
}

const tasks = {
  describe: (about: Source, progress: (what: Progress) => void): Promise<KernelInfo> => describe(about.source, optionsOf(about, progress)),

  /** Compiles a kernel; returns the time, and the text of a stage or the reason why there is none. */
  async compile(
    about: Source & { what: Evaluated; stage?: string },
    progress: (what: Progress) => void,
  ): Promise<{ ms: number; text: string }> {
    const args = await typesOf(about.what);
    try {
      const options = { ...optionsOf(about, progress), args, constants: about.what.constants };
      const begin = performance.now();
      await emit(about.source, { ...options, stage: "wat" });
      const ms = performance.now() - begin;
      const text = about.stage
        ? await emit(about.source, { ...options, print: () => {}, stage: about.stage }).catch((error: unknown) =>
            String((error as Error).message),
          )
        : "";
      return { ms, text };
    } finally {
      for (const value of Object.values(args))
        if (typeof value === "object" && value !== null && "dispose" in value) (value as { dispose(): void }).dispose();
    }
  },

  /** Returns whether there is a GPU that can run kernels. */
  gpu: async (_: null): Promise<boolean> => Boolean(await (globalThis.navigator.gpu?.requestAdapter() ?? null)),

  /** Runs a kernel. Results are reported as soon as they are known; the final answer compares a gallery kernel with JavaScript. */
  async run(
    about: Source & { device: DeviceName; what: Evaluated; from?: string },
    progress: (what: Progress) => void,
  ): Promise<Compared | undefined> {
    try {
      const printed: string[] = [];
      let listening = true; // during one launch: timed launches print the same
      heard = (line) => void (listening && printed.length < kMostLines && printed.push(line));
      const { ran, before } = await run(
        about.source,
        about.kernel,
        await deviceOf(about.device),
        about.what,
        { ...optionsOf(about, progress), print: heard },
        () => (listening = false),
      );
      ran.printed = printed;
      progress({ ran });
      return compare(about.from ?? "", before, ran, about.what);
    } catch (error) {
      forget(about.device);
      throw error;
    }
  },

  /** A name that distinguishes the device from others, and its peak rates unless they are known. */
  async limits(about: { device: DeviceName; known: Record<string, Limits> }): Promise<{ name: string; limits: Limits }> {
    const device = await deviceOf(about.device);
    const name =
      device.kind === "wasm"
        ? `${about.device} ${(device as WasmDevice).variant} of ${navigator.hardwareConcurrency}`
        : `gpu ${Object.values((device as GpuDevice).info).join(" ")}`;
    return { name, limits: about.known[name] ?? (await limitsOf(device)) };
  },
};

self.onmessage = async ({ data: { id, task, about } }: MessageEvent<Message>) => {
  const reply = (what: Reply) => self.postMessage(what);
  try {
    reply({
      id,
      value: await (tasks[task] as (about: unknown, progress: (what: Progress) => void) => unknown)(about, (progress) =>
        reply({ id, progress }),
      ),
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    reply({
      id,
      error: {
        message,
        ...(error instanceof NereidError && { code: error.code }),
        ...(error instanceof CompileError && { diagnostics: error.diagnostics }),
      },
    });
  }
};

// SPDX-License-Identifier: MIT
// The playground's worker: describes and compiles kernels as one types, runs them, measures the device. The page has two, one for each.
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

/** A kernel: its text, and the function where there are several. */
export interface Source {
  source: string;
  kernel: string;
}
/** What to run on: `wasm-1`, `wasm-4` with four threads, `gpu`. */
export type DeviceName = string;
/** What comes before a run's end. */
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

// What the kernel under way prints.
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

// What failed may have taken the device with it.
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

// How to compile it: buffers of one element, which say types, alignment and rank.
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

  /** Compiles it; the time, and the text of a stage or why it has none. */
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

  /** Whether there is a GPU that kernels can run on. */
  gpu: async (_: null): Promise<boolean> => Boolean(await (globalThis.navigator.gpu?.requestAdapter() ?? null)),

  /** Runs it. What it wrote is told as soon as it is known; the answer, later, is how it compares to a kernel of the gallery in JavaScript. */
  async run(
    about: Source & { device: DeviceName; what: Evaluated; from?: string },
    progress: (what: Progress) => void,
  ): Promise<Compared | undefined> {
    try {
      const printed: string[] = [];
      let listening = true; // to one launch: those that are timed print the same
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

  /** A name for the device that tells it from others, and what it can do at most unless that is known. */
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

// SPDX-License-Identifier: MIT
// A thread of the pool. It is bundled separately, and the package contains its text.
import { AssertionFailed, isOver, type Run, sequence, spin, takeChunks, Word } from "./control.ts";
import { math } from "./math.ts";

/** Messages to a worker: first Start, then kernels that are added and removed. */
export interface Start {
  control: Int32Array;
  memory: WebAssembly.Memory;
  thread: number;
  lock: string;
}
/** A graph: launches of kernels. */
export interface Sequence {
  kernel: number;
  state: Int32Array;
  steps: { kernel: number; args: number; programs: number; size: number }[];
}
export type Message = Start | { kernel: number; module: WebAssembly.Module } | Sequence | { drop: number };

interface Port {
  postMessage(message: unknown): void;
  on?(event: "message", handler: (data: Message) => void): void;
  onmessage?: (event: { data: Message }) => void;
}

const node = (globalThis as { process?: { getBuiltinModule?(name: string): { parentPort: Port } } }).process?.getBuiltinModule?.(
  "node:worker_threads",
);
const port = node?.parentPort ?? (globalThis as unknown as Port);
const runs = new Map<number, Run>();
let control: Int32Array;
let memory: WebAssembly.Memory;
let thread: number;
let seen = 0;

// Takes part in launches until one uses an unknown kernel: its module is in a pending message, which is delivered when this returns.
function loop(): void {
  for (;;) {
    const state = Atomics.load(control, Word.State);
    if (state === seen) {
      if (!spin(() => Atomics.load(control, Word.State) !== seen)) Atomics.wait(control, Word.State, seen);
      continue;
    }
    if (state % 2 !== 0) {
      Atomics.store(control, Word.Busy + thread, 1);
      let here = true;
      if (Atomics.load(control, Word.State) === state) {
        const run = runs.get(control[Word.Kernel]!);
        here = run !== undefined;
        if (run) takeChunks(control, run, thread);
      }
      Atomics.store(control, Word.Busy + thread, 0);
      // The last thread to leave notifies the thread that waits for the end.
      const number = state >> 1;
      if (
        Atomics.load(control, Word.Waiting) === number &&
        isOver(control) &&
        Atomics.compareExchange(control, Word.Waiting, number, 0) === number
      )
        port.postMessage({ over: number });
      if (!here) return;
    }
    seen = state;
  }
}

async function handle(message: Message): Promise<void> {
  if ("control" in message) {
    ({ control, memory, thread } = message);
    // The lock is released when this thread ends for any reason.
    if (message.lock) await new Promise<void>((held) => void navigator.locks.request(message.lock, () => (held(), new Promise(() => {}))));
    port.postMessage({ ready: true });
    seen = Atomics.load(control, Word.State) & ~1;
  } else if ("module" in message) {
    try {
      const nereid = {
        ...math,
        memory,
        assert: (site: number, x: number, y: number, z: number) => {
          throw new AssertionFailed(site, x, y, z);
        },
        print: () => {},
      };
      runs.set(message.kernel, new WebAssembly.Instance(message.module, { nereid }).exports.run as Run);
    } catch (error) {
      runs.set(message.kernel, () => {
        throw error;
      });
    }
  } else if ("steps" in message) {
    const steps = message.steps.map(({ kernel, ...step }) => ({ run: runs.get(kernel)!, ...step }));
    runs.set(message.kernel, sequence(control, message.state, steps));
  } else {
    runs.delete(message.drop);
  }
  loop();
}

let before = Promise.resolve();
const onMessage = (message: Message) => void (before = before.then(() => handle(message)));
if (port.on) port.on("message", onMessage);
else port.onmessage = (event) => onMessage(event.data);

// SPDX-License-Identifier: MIT
// Runs the compiler in a worker. It is bundled separately, and the package contains its text.
import { type Answer, Engine, type Request } from "./engine.ts";

interface Port {
  postMessage(message: Reply, transfer?: Transferable[]): void;
  on?(event: "message", handler: (data: Message) => void): void;
  onmessage?: (event: { data: Message }) => void;
}

/** The first message contains the module, the following ones are numbered requests. */
export type Message = { module: WebAssembly.Module } | { id: number; request: Request };
export interface Reply {
  id: number;
  answer: Answer;
}

const node = (globalThis as { process?: { getBuiltinModule?(name: string): { parentPort: Port } } }).process?.getBuiltinModule?.(
  "node:worker_threads",
);
const port = node?.parentPort ?? (globalThis as unknown as Port);
let engine: Engine;

function handle(message: Message): void {
  if ("module" in message) {
    engine = new Engine(message.module);
    return;
  }
  const answer = engine.ask(message.request);
  // The parts are views of one array.
  port.postMessage({ id: message.id, answer });
}

if (port.on) port.on("message", handle);
else port.onmessage = ({ data }) => handle(data);

// SPDX-License-Identifier: MIT
// Finds and starts the compiler on first use, in this thread or in a worker.
import source from "nereid:compile-worker";
import { NereidError } from "../errors.ts";
import { builtin, isNode } from "../platform.ts";
import { type Answer, Engine, type Request } from "./engine.ts";
import type { Message, Reply } from "./worker.ts";

/** Where the compiler's files are, for bundlers and content security policies. */
export interface CompilerOptions {
  /** The module `nereid.wasm` of this package: its address, its bytes, a `fetch` response, or a compiled module. */
  wasm?: string | URL | BufferSource | Response | Promise<Response> | WebAssembly.Module;
  /** The address of dist/compile/worker.js, for pages that may not start workers from `blob:` addresses. */
  workerUrl?: string | URL;
}

type Ask = (request: Request) => Answer | Promise<Answer>;

let options: CompilerOptions = {};
let module: Promise<WebAssembly.Module> | undefined;
let here: Promise<Ask> | undefined;
let there: Promise<Ask> | undefined;

/** Sets where the compiler's files are. Call it before anything is compiled. */
export function configure(changes: CompilerOptions): void {
  options = { ...options, ...changes };
  module = here = there = undefined;
}

/** Returns whether the compiler has been used; for tests. @internal */
export const isLoaded = (): boolean => module !== undefined;

async function fromResponse(given: Response | Promise<Response>): Promise<WebAssembly.Module> {
  const answer = await given;
  if (!answer.ok) throw new Error(`status ${answer.status} for ${answer.url}`);
  if (/^application\/wasm\b/.test(answer.headers.get("Content-Type") ?? "")) return WebAssembly.compileStreaming(answer);
  return WebAssembly.compile(await answer.arrayBuffer());
}

async function loadModule(): Promise<WebAssembly.Module> {
  const given: unknown = options.wasm ?? new URL("./nereid.wasm", import.meta.url);
  try {
    if (given instanceof WebAssembly.Module) return given;
    if (typeof given === "string" || given instanceof URL) {
      const url = new URL(given, isNode ? import.meta.url : globalThis.location?.href);
      if (isNode && url.protocol === "file:")
        return await WebAssembly.compile(new Uint8Array(await builtin("node:fs/promises").readFile(url)));
      return await fromResponse(fetch(url));
    }
    if (given instanceof ArrayBuffer || ArrayBuffer.isView(given)) return await WebAssembly.compile(given as BufferSource);
    return await fromResponse(given as Response);
  } catch (cause) {
    module = here = there = undefined; // the next attempt may succeed
    const hint = options.wasm ? "" : "; where a bundler moved it, say so with configure({ wasm })";
    throw new NereidError("load-failed", `cannot load the compiler: ${(cause as Error).message}${hint}`, { cause });
  }
}

const compiled = () => (module ??= loadModule());

async function startHere(): Promise<Ask> {
  const engine = new Engine(await compiled());
  return (request) => engine.ask(request);
}

async function startThere(): Promise<Ask> {
  const wasm = await compiled();
  const waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: unknown) => void }>();
  let count = 0;
  const message = ({ id, answer }: Reply) => {
    waiting.get(id)?.resolve(answer);
    waiting.delete(id);
    if (waiting.size === 0) idle();
  };
  const death = (why: string) => {
    there = undefined; // the next request starts a new one
    for (const { reject } of waiting.values()) reject(new NereidError("lost-worker", `the compiler's worker died: ${why}`));
    waiting.clear();
  };
  let post: (message: Message) => void;
  let idle = () => {};
  if (isNode) {
    const worker = new (builtin("node:worker_threads").Worker)(source, { eval: true });
    worker.on("message", message);
    worker.on("error", (error) => death(String(error)));
    worker.on("exit", () => death("it ended"));
    idle = () => worker.unref(); // a program may end while the worker is idle
    post = (m) => (worker.ref(), worker.postMessage(m));
  } else {
    const worker = new Worker(options.workerUrl ?? URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    worker.onmessage = ({ data }) => message(data);
    worker.onerror = (event) => (
      event.preventDefault(),
      death(event.message ?? "it cannot be started; if the page's policy forbids `blob:` addresses, configure({ workerUrl })")
    );
    post = (m) => worker.postMessage(m);
  }
  post({ module: wasm });
  idle();
  return (request) =>
    new Promise((resolve, reject) => {
      waiting.set(++count, { resolve, reject });
      post({ id: count, request });
    });
}

const start = (inWorker: boolean) => (inWorker ? (there ??= startThere()) : (here ??= startHere()));

/** Sends a request to the compiler. */
export async function ask(request: Request, inWorker: boolean): Promise<Answer> {
  return (await start(inWorker))(request);
}

/** Loads the compiler now, so that the first compilation does not wait for it. Errors are reported when something is compiled. */
export async function preload({ worker = false } = {}): Promise<void> {
  await start(worker).catch(() => {});
}

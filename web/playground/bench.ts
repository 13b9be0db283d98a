// SPDX-License-Identifier: MIT
// A worker that compiles and runs kernels for the page, and that can be terminated at any time.
import type { Diagnostic } from "../src/compile/engine.ts";
import type { Message, Reply, Tasks } from "./worker.ts";

/** An error in the worker. */
export class WorkError extends Error {
  /** The fields of a NereidError, if it is one. */
  readonly code: string | undefined;
  readonly diagnostics: readonly Diagnostic[] | undefined;
  constructor(message: string, code?: string, diagnostics?: readonly Diagnostic[]) {
    super(message);
    this.code = code;
    this.diagnostics = diagnostics;
  }
}

/** The task was stopped. */
export class Stopped extends Error {}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  progress: ((what: never) => void) | undefined;
}

export class Bench {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #count = 0;

  /** Starts the worker in advance. */
  start(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: { data: Reply }) => this.#take(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#end(new WorkError(`the page's worker stopped: ${event.message ?? "its script could not be loaded"}`));
    };
    return (this.#worker = worker);
  }

  ask<T extends keyof Tasks>(
    task: T,
    about: Parameters<Tasks[T]>[0],
    progress?: (what: never) => void,
  ): Promise<Awaited<ReturnType<Tasks[T]>>> {
    const worker = this.start();
    return new Promise((resolve, reject) => {
      this.#waiting.set(++this.#count, { resolve: resolve as (value: unknown) => void, reject, progress });
      worker.postMessage({ id: this.#count, task, about } satisfies Message);
    });
  }

  /** Ends the worker, with its threads and tasks; the next task starts another one. */
  stop(why: string): void {
    this.#end(new Stopped(why));
    this.start();
  }

  #end(error: Error): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #take(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    if ("progress" in reply) return waiting.progress?.(reply.progress as never);
    this.#waiting.delete(reply.id);
    if ("value" in reply) waiting.resolve(reply.value);
    else waiting.reject(new WorkError(reply.error.message, reply.error.code, reply.error.diagnostics));
  }
}

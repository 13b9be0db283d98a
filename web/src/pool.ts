// SPDX-License-Identifier: MIT
// Workers that take part in launches.
import source from "nereid:worker";
import { Failure, isOver, kMaxThreads, type Run, spin, takeChunks, Word } from "./control.ts";
import { builtin, isNode, isPage } from "./platform.ts";
import type { Message } from "./worker.ts";

/** A launch for the pool. `run` executes the kernel in this thread. */
export interface Job {
  kernel: number;
  programs: number;
  args: number;
  scratch: number;
  stride: number;
  run: Run;
  /** µs per program, or NaN. */
  cost: number;
}

/** The result of a launch: the time that threads spent in it, in µs, and the failure, if any. */
export interface Outcome {
  time: number;
  failure: Failure;
  text: string;
  at: [site: number, x: number, y: number, z: number];
}

interface Thread {
  post(message: Message): void;
  keepAlive(on: boolean): void;
  end(): void;
}
interface Events {
  message(data: { ready?: true; over?: number }): void;
  death(): void;
}
type MakeThread = (events: Events) => Thread;

const kChunk = 100; // µs

let blob: string | undefined;
function maker(workerUrl: string | URL | undefined): MakeThread {
  if (isNode) {
    const { Worker } = builtin("node:worker_threads");
    return (events) => {
      const worker = new Worker(source, { eval: true });
      worker.on("message", (data) => events.message(data));
      worker.on("error", () => events.death());
      worker.on("exit", () => events.death());
      return {
        post: (m) => worker.postMessage(m),
        keepAlive: (on) => (on ? worker.ref() : worker.unref()),
        end: () => void worker.terminate(),
      };
    };
  }
  const url = workerUrl ?? (blob ??= URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  return (events) => {
    const worker = new Worker(url);
    worker.onmessage = ({ data }) => events.message(data);
    worker.onerror = (event) => (event.preventDefault(), events.death());
    return { post: (m) => worker.postMessage(m), keepAlive: () => {}, end: () => worker.terminate() };
  };
}

export class Pool {
  /** Threads that run a launch together with the launching thread, unless that is the main thread of a page. */
  readonly threads: number;
  readonly control: Int32Array<SharedArrayBuffer> = new Int32Array(new SharedArrayBuffer(Word.End * 4));
  readonly #memory: WebAssembly.Memory;
  readonly #make: MakeThread;
  readonly #workers: (Thread | undefined)[] = [];
  readonly #kernels = new Map<number, Message>();
  #number = 0;
  #living = 0;
  #closed = false;
  #pending: { job: Job; resolve: (outcome: Outcome) => void } | undefined;

  private constructor(memory: WebAssembly.Memory, threads: number, make: MakeThread) {
    this.#memory = memory;
    this.threads = threads;
    this.#make = make;
  }

  /** Creates a pool whose workers are ready; undefined if none can be started. */
  static async start(memory: WebAssembly.Memory, threads: number, workerUrl: string | URL | undefined): Promise<Pool | undefined> {
    const pool = new Pool(memory, threads, maker(workerUrl));
    const last = isPage ? threads : threads - 1;
    await Promise.all(Array.from({ length: Math.min(last, kMaxThreads - 1) }, (_, i) => pool.#spawn(i + 1, 0)));
    if (pool.#living > 0) return pool;
    pool.close();
    return undefined;
  }

  // Resolves when the worker is ready or cannot be started.
  #spawn(thread: number, failures: number): Promise<void> {
    return new Promise((settled) => {
      let worker: Thread | undefined;
      let ready = false;
      const lock = isNode ? "" : `nereid ${crypto.randomUUID()}`;
      const death = () => {
        if (this.#closed) return settled();
        if (!worker || this.#workers[thread] !== worker) return;
        worker.end();
        this.#workers[thread] = undefined;
        --this.#living;
        if (Atomics.exchange(this.control, Word.Busy + thread, 0)) {
          Atomics.store(this.control, Word.Counter, this.control[Word.Chunks]!);
          Atomics.compareExchange(this.control, Word.Failed, Failure.None, Failure.Lost);
        }
        if (ready) failures = 0; // it has worked before
        if (failures < 2) void this.#spawn(thread, failures + 1).then(settled);
        else settled();
        this.#check();
      };
      const message = (data: { ready?: true; over?: number }) => {
        if (!data.ready) return this.#check();
        ready = true;
        if (lock) void navigator.locks.request(lock, death);
        worker?.keepAlive(this.#pending !== undefined);
        settled();
      };
      try {
        worker = this.#make({ message, death });
      } catch {
        return settled();
      }
      this.#workers[thread] = worker;
      ++this.#living;
      worker.post({ control: this.control, memory: this.#memory, thread, lock });
      for (const message of this.#kernels.values()) worker.post(message);
    });
  }

  load(message: Message & { kernel: number }): void {
    this.#kernels.set(message.kernel, message);
    for (const worker of this.#workers) worker?.post(message);
  }

  drop(kernel: number): void {
    this.#kernels.delete(kernel);
    for (const worker of this.#workers) worker?.post({ drop: kernel });
  }

  /** Runs a launch; there must be no other. Returns a promise if this thread would have to wait long, or, on a page, at all. */
  run(job: Job): Outcome | Promise<Outcome> {
    const control = this.control;
    // Chunks are small enough for threads to end together, but large enough to amortize taking them.
    const most = Math.ceil(job.programs / (this.threads * 8));
    const size = Math.max(1, Math.min(most, Math.ceil(kChunk / job.cost) || most));
    const chunks = Math.ceil(job.programs / size);
    control.set([chunks, size, job.programs | 0, job.kernel, job.args, job.scratch, job.stride, 0, Failure.None], Word.Chunks);
    control[Word.Time] = control[Word.TextLength] = 0;
    Atomics.store(control, Word.Counter, 0);
    this.#number = (this.#number & 0x3fffffff) + 1;
    Atomics.store(control, Word.State, this.#number * 2 + 1);
    Atomics.notify(control, Word.State, Math.min(chunks, this.threads));
    if (!isPage) {
      takeChunks(control, job.run, 0);
      this.#close();
      if (spin(() => isOver(control))) return this.#outcome();
    }
    return new Promise((resolve) => {
      this.#pending = { job, resolve };
      for (const worker of this.#workers) worker?.keepAlive(true);
      this.#check();
    });
  }

  #close(): void {
    Atomics.store(this.control, Word.State, this.#number * 2);
  }

  // Ends the pending launch if it is over; otherwise a message or the death of a worker calls this again.
  #check(): void {
    if (!this.#pending) return;
    const control = this.control;
    if (this.#living === 0) takeChunks(control, this.#pending.job.run, 0);
    do {
      if (isOver(control)) {
        this.#close();
        if (isOver(control)) {
          const { resolve } = this.#pending;
          this.#pending = undefined;
          for (const worker of this.#workers) worker?.keepAlive(false);
          return resolve(this.#outcome());
        }
      }
      Atomics.store(control, Word.Waiting, this.#number);
    } while (isOver(control));
  }

  #outcome(): Outcome {
    const control = this.control;
    const text = new Uint8Array(control.buffer, Word.Text * 4, control[Word.TextLength]).slice();
    return {
      time: control[Word.Time]! / 16,
      failure: control[Word.Failed]!,
      text: new TextDecoder().decode(text),
      at: [control[Word.Site]!, control[Word.X]!, control[Word.Y]!, control[Word.Z]!],
    };
  }

  /** Ends all workers; a pending launch is lost. */
  close(): void {
    this.#closed = true;
    for (const worker of this.#workers) worker?.end();
    this.#pending?.resolve({ ...this.#outcome(), failure: Failure.Lost });
    this.#pending = undefined;
  }
}

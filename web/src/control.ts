// SPDX-License-Identifier: MIT
// State that the threads of a pool share besides the kernels' memory: one launch at a time, cut into chunks of programs that threads take
// from a counter.
//
// A launch is open while State is odd. A thread that wants to take part sets its Busy word, and then checks that the launch is still open.
// The thread that ends a launch closes it, and then waits until no thread is busy. So no thread sees the fields of two launches. If a
// thread dies, its Busy word keeps its value, so others can see whether it was working on the launch.

/** Words of the shared block. */
export const enum Word {
  State, // 2 × number of the launch, + 1 while it is open
  Chunks,
  ChunkSize, // programs per chunk
  Programs,
  Kernel,
  Args,
  Scratch, // of thread 0; each thread has Stride bytes
  Stride,
  Waiting, // number of the launch whose end a thread waits for
  Failed, // a Failure
  Site, // of a failed assertion, followed by its program
  X,
  Y,
  Z,
  TextLength, // length of the text of a trap
  Time, // in the kernel, summed over all threads, in 1/16 µs
  Counter = 32, // the next chunk
  Busy = 48, // one word per thread
  Text = 112,
  End = 176,
}

export const enum Failure {
  None,
  Trap,
  Assertion,
  Lost,
}

export const kMaxThreads = 64;
export const kTextBytes = (Word.End - Word.Text) * 4;

export type Run = (args: number, begin: number, end: number, scratch: number) => void;

/** Thrown by `assert` of the kernel's imports. */
export class AssertionFailed {
  constructor(
    readonly site: number,
    readonly x: number,
    readonly y: number,
    readonly z: number,
  ) {}
}

/** Runs chunks until none is left. Exceptions of the kernel are recorded for the launching thread. */
export function takeChunks(control: Int32Array, run: Run, thread: number): void {
  const chunks = control[Word.Chunks]!;
  const size = control[Word.ChunkSize]!;
  const programs = control[Word.Programs]! >>> 0;
  const args = control[Word.Args]!;
  const scratch = (control[Word.Scratch]! + thread * control[Word.Stride]!) | 0;
  let next = Atomics.add(control, Word.Counter, 1);
  if (next >= chunks) return;
  const start = performance.now();
  try {
    for (; next < chunks; next = Atomics.add(control, Word.Counter, 1))
      run(args, (next * size) | 0, Math.min(next * size + size, programs) | 0, scratch);
  } catch (error) {
    noteFailure(control, error);
  }
  Atomics.add(control, Word.Time, ((performance.now() - start) * 16e3) | 0);
}

/** A launch of a graph: chunks of `size` programs. `args` is the address of its arguments. */
export interface Step {
  run: Run;
  args: number;
  programs: number;
  size: number;
}

/** Words of the state of a graph: the step that failed, then for each step the next chunk and the number of finished chunks. */
export const wordsOf = (steps: number): number => 1 + 2 * steps;

/**
 * All launches of a graph as one kernel, whose every program takes chunks of each launch in turn, and waits until all chunks are finished.
 * So any number of threads may take part. `state` is zero before each run.
 */
export function sequence(control: Int32Array, state: Int32Array, steps: readonly Step[]): Run {
  return (_args, _begin, _end, scratch) => {
    for (const [k, { run, args, programs, size }] of steps.entries()) {
      const [next, done] = [1 + 2 * k, 2 + 2 * k];
      const chunks = Math.ceil(programs / size);
      for (let i: number; (i = Atomics.add(state, next, 1)) < chunks;) {
        try {
          run(args, (i * size) | 0, Math.min(i * size + size, programs) | 0, scratch);
        } catch (error) {
          Atomics.store(state, 0, k);
          throw error;
        }
        if (Atomics.add(state, done, 1) + 1 === chunks) Atomics.notify(state, done);
      }
      const finished = () => Atomics.load(state, done) >= chunks || Atomics.load(control, Word.Failed) !== Failure.None;
      while (!spin(finished)) Atomics.wait(state, done, Atomics.load(state, done), 1); // briefly: the thread that works on it may die
      if (Atomics.load(control, Word.Failed) !== Failure.None) return;
    }
  };
}

/** Records the first failure of a launch; no more chunks are taken. */
function noteFailure(control: Int32Array, error: unknown): void {
  Atomics.store(control, Word.Counter, control[Word.Chunks]!);
  const kind = error instanceof AssertionFailed ? Failure.Assertion : Failure.Trap;
  if (Atomics.compareExchange(control, Word.Failed, Failure.None, kind) !== Failure.None) return;
  if (error instanceof AssertionFailed) {
    control.set([error.site, error.x, error.y, error.z], Word.Site);
  } else {
    const text = new TextEncoder().encode(String((error as Error)?.message ?? error)).subarray(0, kTextBytes);
    new Uint8Array(control.buffer, Word.Text * 4).set(text);
    control[Word.TextLength] = text.length;
  }
}

/** Returns whether all chunks are taken and no other thread is working on one. */
export function isOver(control: Int32Array): boolean {
  if (Atomics.load(control, Word.Counter) < control[Word.Chunks]!) return false;
  for (let i = 0; i < kMaxThreads; ++i) if (Atomics.load(control, Word.Busy + i) !== 0) return false;
  return true;
}

const pause = (Atomics as { pause?: () => void }).pause;

/** Waits without sleeping, for some tens of microseconds. */
export function spin(until: () => boolean): boolean {
  for (let i = pause ? 1000 : 10000; i > 0; --i) {
    if (until()) return true;
    pause?.();
  }
  return false;
}

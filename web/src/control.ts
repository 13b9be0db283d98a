// SPDX-License-Identifier: MIT
// What the threads of a pool share beside the kernels' memory: one launch at a time, cut into chunks of programs that threads take from a counter.
//
// A launch is open from the moment that State is odd. A thread that wants to take part says so in its Busy word and then looks whether
// the launch is still open; who ends a launch closes it and then waits until nobody is busy. So no thread sees the fields of two launches.
// A thread that dies leaves its Busy word as it was, and others can see whether it held a part of the launch.

/** Words of the shared block. */
export const enum Word {
  State, // 2 × number of the launch, + 1 while it is open
  Chunks,
  ChunkSize, // programs a chunk
  Programs,
  Kernel,
  Args,
  Scratch, // of thread 0; each has Stride bytes
  Stride,
  Waiting, // number of the launch whose end somebody wants a message for
  Failed, // a Failure
  Site, // of a failed assertion, and its program
  X,
  Y,
  Z,
  TextLength, // of a trap
  Time, // spent in the kernel by all threads, in 1/16 µs
  Counter = 32, // the next chunk
  Busy = 48, // a word for each thread
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

/** What `assert` of the kernel's imports throws. */
export class AssertionFailed {
  constructor(
    readonly site: number,
    readonly x: number,
    readonly y: number,
    readonly z: number,
  ) {}
}

/** Runs chunks until there are none left. What the kernel throws is noted for the launching thread. */
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

/** The first failure of a launch is told; no more chunks are taken. */
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

/** Whether all chunks are taken and no thread but the launching one works on any. */
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

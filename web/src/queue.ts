// SPDX-License-Identifier: MIT
// Runs the operations on a device in order.

type Task = () => void | Promise<void>;

export class Queue {
  #waiting: { task: Task; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #busy = false;

  get idle(): boolean {
    return !this.#busy;
  }

  /** Runs the task now if the queue is idle, else after all earlier tasks. */
  add(task: Task): void | Promise<void> {
    if (this.#busy) return new Promise((resolve, reject) => this.#waiting.push({ task, resolve, reject }));
    this.#busy = true; // also for tasks that the task adds
    let running: void | Promise<void>;
    try {
      running = task();
    } finally {
      if (!running!) this.#next();
    }
    return running?.finally(() => this.#next());
  }

  #next(): void {
    for (let next; (next = this.#waiting.shift());) {
      try {
        const running = next.task();
        if (running) {
          running.then(next.resolve, next.reject).finally(() => this.#next());
          return;
        }
        next.resolve();
      } catch (error) {
        next.reject(error);
      }
    }
    this.#busy = false;
  }
}

const registry = /* @__PURE__ */ new FinalizationRegistry<() => void>((release) => release());

/** Calls `release` when `owner` is garbage-collected. `release` must not refer to the owner. */
export function whenForgotten(owner: object, release: () => void): void {
  registry.register(owner, release, owner);
}

/** Call this when the owner was released explicitly. */
export function notForgotten(owner: object): void {
  registry.unregister(owner);
}

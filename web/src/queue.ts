// SPDX-License-Identifier: MIT
// Keeps what is asked of a device in order.

type Task = () => void | Promise<void>;

export class Queue {
  #waiting: { task: Task; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #busy = false;

  get idle(): boolean {
    return !this.#busy;
  }

  /** Runs the task now if nothing is under way, else after all before it. */
  add(task: Task): void | Promise<void> {
    if (this.#busy) return new Promise((resolve, reject) => this.#waiting.push({ task, resolve, reject }));
    this.#busy = true; // also for what the task itself adds
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

/** Calls `release` when `owner` is forgotten. `release` must not refer to the owner. */
export function whenForgotten(owner: object, release: () => void): void {
  registry.register(owner, release, owner);
}

/** The owner has released itself. */
export function notForgotten(owner: object): void {
  registry.unregister(owner);
}

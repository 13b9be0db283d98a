// SPDX-License-Identifier: MIT
// Differences between pages, workers and Node.

export const isNode: boolean =
  typeof process === "object" && typeof process.versions?.node === "string" && process.release?.name === "node";

/** A module of Node. A static import would break bundlers for pages. @internal */
export const builtin: typeof process.getBuiltinModule = (name: string) => process.getBuiltinModule(name);

/** True on the main thread of a page, which must never block. */
export const isPage: boolean = !isNode && typeof document === "object";

export const kDispose: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");

/** The number of threads that the machine runs at once. */
export function processors(): number {
  if (isNode) return builtin("node:os").availableParallelism();
  return globalThis.navigator?.hardwareConcurrency || 1;
}

/** The resolution of performance.now() in µs: pages get no finer clock. */
export const kGrain: number = isNode ? 0 : globalThis.crossOriginIsolated ? 5 : 100;

/** Yields to the page. Timers would wait 4 ms. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => (port1.close(), resolve());
    port2.postMessage(0);
  });
}

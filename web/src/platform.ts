// SPDX-License-Identifier: MIT
// Where this runs.

export const isNode: boolean =
  typeof process === "object" && typeof process.versions?.node === "string" && process.release?.name === "node";

/** A module of Node. Bundlers for pages would trip over an import. @internal */
export const builtin: typeof process.getBuiltinModule = (name: string) => process.getBuiltinModule(name);

/** Whether this is the main thread of a page, which must never wait. */
export const isPage: boolean = !isNode && typeof document === "object";

export const kDispose: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");

/** How many threads the machine runs at once. */
export function processors(): number {
  if (isNode) return builtin("node:os").availableParallelism();
  return globalThis.navigator?.hardwareConcurrency || 1;
}

/** How coarse performance.now() is, in µs: pages get no finer clock than this. */
export const kGrain: number = isNode ? 0 : globalThis.crossOriginIsolated ? 5 : 100;

/** Lets the page have a turn. Timers would wait 4 ms. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => (port1.close(), resolve());
    port2.postMessage(0);
  });
}

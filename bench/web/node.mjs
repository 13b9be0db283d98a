// SPDX-License-Identifier: MIT
// The libraries that Nereid is compared with, in Node, one thread.
import { fileURLToPath } from "node:url";
import { jax, ort, tfjs } from "./cases.mjs";

/** Resolves to the libraries that start, and the problems of the others. */
export async function nodePeers() {
  // ONNX Runtime adds Node's workers as `Worker`, which jax-js would mistake for a browser's.
  Object.defineProperty(globalThis, "Worker", { get: () => undefined, set: () => {} });
  const wasm = fileURLToPath(new URL("node_modules/@tensorflow/tfjs-backend-wasm/dist/", import.meta.url));
  const peers = [],
    problems = [];
  for (const make of [
    async () => tfjs(await import("@tensorflow/tfjs-core"), await import("@tensorflow/tfjs-backend-wasm"), wasm, 1),
    async () => ort(await import("onnxruntime-web/wasm"), undefined, 1),
    async () => jax(await import("@jax-js/jax")),
  ]) {
    try {
      peers.push(await make());
    } catch (error) {
      problems.push(`a peer does not start: ${error.message}`);
    }
  }
  return { peers, problems };
}

// SPDX-License-Identifier: MIT
// Devices and models of workers of a page. All files come from the folder of the page.
import { type Device, open, type WasmDevice } from "nereid-lang";
import { configure } from "nereid-lang/compile";
import { type Checksums, download, openStore } from "nereid-lang/models";

export const address = (name: string) => new URL(name, location.href); // of a file next to the worker

/** Opens the threads of this machine. The page's policy allows workers from files only, not from `blob:` addresses. */
export function openDevice(threads: number): Promise<WasmDevice> {
  configure({ wasm: address("nereid.wasm"), workerUrl: address("compile-worker.js") });
  return open({ device: "wasm", threads, workerUrl: address("thread-worker.js") });
}

/** The same, or the GPU if the page's address ends with ?device=webgpu. */
export async function openChosen(threads: number): Promise<Device> {
  const wasm = await openDevice(threads);
  if (new URL(location.href).searchParams.get("device") !== "webgpu" || !("gpu" in navigator)) return wasm;
  wasm.dispose();
  return open({ device: "webgpu" });
}

/** The state of a model: the bytes that are there, and how many of them were stored. */
export interface Arrived {
  bytes: number;
  stored: number;
  size: number;
}

/** The content of a model, from the page's storage or its host. */
export async function* modelFile(name: string, progress: (arrived: Arrived) => void, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const answer = await fetch(address(`${name}.json`));
  if (!answer.ok) throw new Error(`this page has no model: ${name}.json has status ${answer.status}`);
  const sums = (await answer.json()) as Checksums;
  const store = await openStore(name);
  yield* download(address(name), sums, { store, signal, progress: (bytes, stored) => progress({ bytes, stored, size: sums.size }) });
}

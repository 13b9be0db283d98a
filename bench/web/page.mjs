// SPDX-License-Identifier: MIT
// The page of run.mjs: ?threads=N&seconds=N&k=NAME.
import { cases, inputsOf, jax, launchCost, measure, nereid, ort, tfjs } from "./cases.mjs";

const query = new URL(location.href).searchParams;
const threads = Number(query.get("threads"));
const seconds = Number(query.get("seconds"));
// jax-js uses as many workers as there are processors.
Object.defineProperty(navigator, "hardwareConcurrency", { get: () => threads });
const wanted = cases.filter((c) => c.name.includes(query.get("k")));
const base = new URL("kernels/", location.href);
const package_ = await import("../../web/dist/index.js");
const problems = [];
const all = [await nereid(package_, base, { threads })];
for (const make of [
  async () => tfjs(await import("@tensorflow/tfjs-core"), await import("@tensorflow/tfjs-backend-wasm"), "/", threads),
  async () => ort(await import("onnxruntime-web/wasm"), "/", threads),
  async () => jax(await import("@jax-js/jax")),
]) {
  try {
    all.push(await make());
  } catch (error) {
    problems.push(`a peer does not start: ${error.message}`);
  }
}
await measure(all, seconds, wanted, (row) => globalThis.row(row));
const launch = threads === 1 ? await launchCost(all[0]) : 0;

// One thread and several alternately, in the same page.
let own;
if (threads > 1) {
  const [c] = wanted;
  const data = inputsOf(c);
  const libraries = [await nereid(package_, base, { threads: 1 }), all[0]];
  const prepared = await Promise.all(libraries.map((library) => library.prepare(c, data)));
  const times = prepared.map(() => []);
  for (const p of prepared) for (let i = 0; i < 20; ++i) await p.run();
  for (const end = performance.now() + seconds * 1000; performance.now() < end;)
    for (const [i, p] of prepared.entries()) {
      const start = performance.now();
      await p.run();
      times[i].push(performance.now() - start);
    }
  own = times.map((t) => c.work / t.sort((a, b) => a - b)[t.length >> 1] / 1e6);
}
globalThis.done = { problems, launch, own };

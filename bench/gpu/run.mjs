// SPDX-License-Identifier: MIT
// Compares Nereid's WGSL from the unchanged examples with TensorFlow.js and jax-js, through the same Dawn in Node; pack.mjs bundles it for
// another machine.
//   node run.mjs [--peers] [-k NAME] [--seconds N]      DAWN_NODE: the npm package `webgpu`'s dawn.node; prints one line of JSON a case
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import { cases, inputsOf, jax, nereid, samples, tfjs } from "./cases.mjs";
import * as package_ from "../../web/dist/index.js";

const { values: o } = parseArgs({
  options: {
    peers: { type: "boolean" },
    k: { type: "string", short: "k", default: "" },
    seconds: { type: "string", default: "1" },
    kernels: { type: "string" },
  },
});
const dawn = createRequire(import.meta.url)(process.env.DAWN_NODE);
Object.assign(globalThis, dawn.globals);
const gpu = dawn.create([
  "enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia",
  ...(process.env.DAWN_FLAGS ?? "").split(" ").filter(Boolean),
]);
Object.defineProperty(globalThis, "navigator", { value: { gpu, userAgent: "node", hardwareConcurrency: 1 }, configurable: true });

const base = pathToFileURL(`${o.kernels}/`);
const libraries = [await nereid(package_, gpu, (device, name) => device.load(new URL(`${name}/manifest.json`, base)))];
console.log(JSON.stringify({ device: libraries[0].device.info, features: [...libraries[0].device.features] }));
if (o.peers)
  for (const make of [
    async () => {
      const tf = await import("@tensorflow/tfjs-core");
      await import("@tensorflow/tfjs-backend-webgpu");
      return tfjs(tf);
    },
    async () => jax(await import("@jax-js/jax")),
  ])
    try {
      libraries.push(await make());
    } catch (error) {
      console.log(JSON.stringify({ problem: String(error?.message ?? error) }));
    }

for (const c of cases.filter((x) => x.name.includes(o.k))) {
  const data = inputsOf(c),
    prepared = [],
    row = { name: c.name, unit: c.unit };
  let reference;
  for (const library of libraries)
    try {
      const p = await library.prepare(c, data);
      if (!p) continue;
      const result = await p.result();
      reference ??= result;
      let worst = 0;
      for (const [i, wanted] of samples(c, data)) worst = Math.max(worst, Math.abs(result[i] - wanted) / Math.max(1, Math.abs(wanted)));
      for (let i = 0; i < reference.length; ++i)
        worst = Math.max(worst, Math.abs(result[i] - reference[i]) / Math.max(1, Math.abs(reference[i])));
      if (!(worst < (c.type === "f16" ? 4e-3 : 1e-3))) throw new Error(`its result is off by ${worst}`);
      // As many launches as take 50 ms, awaited together.
      let times = 1;
      for (let start = performance.now(); ; start = performance.now()) {
        await p.run(times);
        if (performance.now() - start > 50 || times >= 256) break;
        times *= 2;
      }
      prepared.push({ name: library.name, p, times, found: [] });
    } catch (error) {
      row[library.name] = String(error?.message ?? error).split("\n")[0];
    }
  const end = performance.now() + Number(o.seconds) * 1000 * prepared.length;
  while (prepared.length && (performance.now() < end || prepared[0].found.length < 5))
    for (const x of prepared) {
      const start = performance.now();
      await x.p.run(x.times);
      x.found.push((performance.now() - start) / x.times);
    }
  for (const x of prepared) {
    const ms = x.found.sort((a, b) => a - b)[x.found.length >> 1];
    row[x.name] = { ms, rate: c.work / ms / (c.unit === "GB/s" ? 1e6 : 1e9) };
    x.p.dispose();
  }
  console.log(JSON.stringify(row));
}
process.exit(0);

// SPDX-License-Identifier: MIT
// The suite with Nereid's shaders through Dawn in Node, compared with what gpu.py found; pack.mjs bundles it.
//   node suite.mjs DIR [TEXT] [KERNELS]      cases whose names contain TEXT; shaders from DIR/KERNELS
// DAWN_NODE: the npm package `webgpu`'s dawn.node. Prints a line of text per case, and writes DIR/nereid.json. With DATE=2026-11-29 it also
// writes DIR/webgpu.jsonl, rows for the history (report.py --add); MACHINE is the name of the machine there.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import * as nereid from "../../web/dist/index.js";
import { compare, geometricMean, pool, prepare } from "./inputs.mjs";

const [folder, text = "", kernels = "kernels"] = process.argv.slice(2);
const dawn = createRequire(import.meta.url)(process.env.DAWN_NODE);
Object.assign(globalThis, dawn.globals);
const gpu = dawn.create([
  "enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia",
  ...(process.env.DAWN_FLAGS ?? "").split(" ").filter(Boolean),
]);
Object.defineProperty(globalThis, "navigator", { value: { gpu, userAgent: "node", hardwareConcurrency: 1 }, configurable: true });
const device = await nereid.open({ device: "webgpu", gpu });

const cases = JSON.parse(readFileSync(`${folder}/suite.json`, "utf8")).filter((c) => c.name.includes(text));
const triton = existsSync(`${folder}/triton.json`) ? JSON.parse(readFileSync(`${folder}/triton.json`, "utf8")) : {};
const commit = existsSync(`${folder}/commit.txt`) ? readFileSync(`${folder}/commit.txt`, "utf8") : "";
const numbers = pool(folder);

const out = {},
  history = [];
const ratios = { "GB/s": [], "TFLOP/s": [] };
let warm = false;
for (const c of cases) {
  const row = (out[c.name] = {}),
    label = c.name.padEnd(48);
  let args = {};
  try {
    if (c.refused) throw new Error(`refused: ${c.refused.split("\n")[0]}`);
    const made = await prepare(device, pathToFileURL(resolve(folder, kernels, c.id, "manifest.json")), c, numbers);
    const { kernel } = made;
    args = made.args;
    await kernel.launch(c.grid, args);
    const samples = triton[c.name]?.samples,
      worst = samples ? await compare(c, args, samples) : Number.NaN;
    // The GPU's clock falls while pipelines are built.
    let times = 1;
    for (const end = performance.now() + (warm ? 400 : 2000); performance.now() < end;) {
      const start = performance.now();
      for (let i = 0; i < times; ++i) void kernel.launch(c.grid, args);
      await device.idle();
      if (performance.now() - start < 15) times *= 2;
    }
    warm = true;
    const measured = [];
    for (let k = 0; k < 7; ++k) {
      const start = performance.now();
      for (let i = 0; i < times; ++i) void kernel.launch(c.grid, args);
      await device.idle();
      measured.push((performance.now() - start) / times);
    }
    row.ms = measured.sort((a, b) => a - b)[3];
    row.worst = worst;
    const rate = c.work / row.ms / (c.unit === "GB/s" ? 1e6 : 1e9),
      ratio = triton[c.name]?.ms / row.ms;
    if (ratio) ratios[c.unit].push(ratio);
    const wrong = samples && !(worst <= c.tolerance),
      note = wrong ? `  WRONG BY ${worst}` : samples ? "" : "  not compared";
    console.log(label, rate.toFixed(1).padStart(8), c.unit, "  ratio", ratio ? ratio.toFixed(2) : "-", note);
    if (!wrong)
      history.push({
        date: process.env.DATE,
        machine: process.env.MACHINE ?? (device.info.description || device.info.vendor),
        commit,
        area: "webgpu",
        case: c.name,
        kernel: c.kernel,
        work: c.work,
        unit: c.unit,
        peers: triton[c.name]?.ms ? { triton: triton[c.name].ms } : {},
        worst,
        ms: row.ms,
      });
  } catch (error) {
    row.error = String(error?.message ?? error).split("\n")[0];
    console.log(label, row.error);
  }
  for (const a of c.args) if (a.size) args[a.name]?.dispose?.();
}
for (const [unit, list] of Object.entries(ratios))
  if (list.length) console.log(`geometric mean of ${list.length} (${unit}):`, geometricMean(list).toFixed(3));
writeFileSync(`${folder}/nereid.json`, JSON.stringify(out));
if (process.env.DATE) writeFileSync(`${folder}/webgpu.jsonl`, history.map((row) => `${JSON.stringify(row)}\n`).join(""));
process.exit(0);

// SPDX-License-Identifier: MIT
// The suite with Nereid's shaders through Dawn in Node, beside what gpu.py found; pack.mjs bundles it.
//   node suite.mjs DIR [TEXT]      DAWN_NODE: the npm package `webgpu`'s dawn.node; prints a line of text a case, and writes DIR/nereid.json
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import * as nereid from "../../web/dist/index.js";

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
const triton = JSON.parse(readFileSync(`${folder}/triton.json`, "utf8"));
const bytes = readFileSync(`${folder}/pool.bin`),
  pool = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);

const toBf16 = (x) => {
  const word = new Uint32Array(new Float32Array([x]).buffer)[0];
  return word >>> 16; // the numbers have few digits: nothing is lost
};
const fill = {
  positive: (x) => Math.fround(Math.fround(Math.fround(x + 1) + 1 / 1024) / 2),
  any: (x) => Math.imul(Math.trunc(Math.fround(x * 2097143)), 1023),
};
const types = { f32: Float32Array, f16: Float16Array, bf16: Uint16Array, i32: Int32Array, i8: Int8Array };

function array(spec, number) {
  const Type = types[spec.dtype];
  if (spec.fill === "zero" || (spec.out && spec.fill === "uniform")) return device.buffer(spec.dtype, spec.size);
  const shift = (1009 * number) % pool.length,
    part = new Type(Math.min(spec.size, pool.length));
  for (let i = 0; i < part.length; ++i) {
    const x = pool[(i + shift) % pool.length];
    part[i] =
      spec.fill === "below"
        ? Math.floor(Math.fround(Math.fround((x + 1) / 2) * spec.limit))
        : spec.fill !== "uniform"
          ? fill[spec.fill](x)
          : spec.dtype === "i8"
            ? Math.floor(x * 127)
            : spec.dtype === "bf16"
              ? toBf16(Math.floor(x * 64) / 64)
              : x;
  }
  const all = new Type(spec.size);
  for (let at = 0; at < all.length; at += part.length) all.set(part.subarray(0, all.length - at), at);
  return device.buffer(spec.dtype, all);
}
const number = (spec, x) => (spec.dtype === "bf16" ? new Float32Array(new Uint32Array([x << 16]).buffer)[0] : Number(x));

async function compare(c, args) {
  let worst = 0;
  for (const spec of c.args.filter((a) => a.out))
    for (const [start, wanted] of triton[c.name].samples[spec.name]) {
      const found = await args[spec.name].subarray(start, start + wanted.length).read();
      for (let i = 0; i < wanted.length; ++i) {
        const x = number(spec, found[i]);
        const off = x === wanted[i] ? 0 : Math.abs(x - wanted[i]) / Math.max(1, Math.abs(wanted[i]));
        worst = off > worst || Number.isNaN(off) ? off : worst;
      }
    }
  return worst;
}

const out = {};
const ratios = { "GB/s": [], "TFLOP/s": [] };
let warm = false;
for (const c of cases) {
  const row = (out[c.name] = {}),
    label = c.name.padEnd(48);
  const args = {};
  try {
    if (c.refused) throw new Error(`refused: ${c.refused.split("\n")[0]}`);
    const module = await device.load(pathToFileURL(resolve(folder, kernels, c.id, "manifest.json")));
    const kernel = module[c.kernel.split(":")[1]];
    c.args.forEach((a, k) => (args[a.name] = a.size ? array(a, k) : a.value));
    for (const a of c.args) if (a.value === 1) delete args[a.name];
    await kernel.launch(c.grid, args);
    const worst = triton[c.name]?.samples ? await compare(c, args) : Number.NaN;
    // The GPU's clock falls while pipelines are built.
    let times = 1;
    for (const end = performance.now() + (warm ? 300 : 2000); performance.now() < end; ) {
      const start = performance.now();
      for (let i = 0; i < times; ++i) void kernel.launch(c.grid, args);
      await device.idle();
      if (performance.now() - start < 15) times *= 2;
    }
    warm = true;
    const samples = [];
    for (let k = 0; k < 7; ++k) {
      const start = performance.now();
      for (let i = 0; i < times; ++i) void kernel.launch(c.grid, args);
      await device.idle();
      samples.push((performance.now() - start) / times);
    }
    row.ms = samples.sort((a, b) => a - b)[3];
    row.worst = worst;
    const rate = c.work / row.ms / (c.unit === "GB/s" ? 1e6 : 1e9),
      ratio = triton[c.name]?.ms / row.ms;
    if (ratio) ratios[c.unit].push(ratio);
    console.log(label, rate.toFixed(1).padStart(8), c.unit, "  ratio", ratio.toFixed(2), worst <= c.tolerance ? "" : `  WRONG BY ${worst}`);
  } catch (error) {
    row.error = String(error?.message ?? error).split("\n")[0];
    console.log(label, row.error);
  }
  for (const a of c.args) if (a.size) args[a.name]?.dispose?.();
}
const mean = (list) => Math.exp(list.reduce((s, x) => s + Math.log(x), 0) / list.length);
for (const [unit, list] of Object.entries(ratios)) if (list.length) console.log(`geometric mean of ${list.length} (${unit}):`, mean(list).toFixed(3));
writeFileSync(`${folder}/nereid.json`, JSON.stringify(out));
process.exit(0);

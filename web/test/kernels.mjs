// SPDX-License-Identifier: MIT
// The cases of tests/kernels/cases.py in WebAssembly, on one thread and on two, and on WebGPU: each operation at once, and in a graph.
// On WebGPU only the smallest case of each operation and element type, unless NAME is given: an emulated GPU takes a second to compile a shader.
//   node web/test/kernels.mjs DIR [wasm | webgpu] [NAME]
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { decode, open } from "../dist/index.js";
import * as library from "../dist/kernels/index.js";

const [folder, only, name = ""] = process.argv.slice(2);
const cases = JSON.parse(readFileSync(join(folder, "cases.json"), "utf8")).filter((c) => c.name.includes(name));
const isArray = (value) => value !== null && typeof value === "object" && "file" in value;
const camel = (text) => text.replace(/_(\w)/g, (_, c) => c.toUpperCase());

const kArrays = { f32: Float32Array, f64: Float64Array, f16: Uint16Array, i8: Int8Array, u8: Uint8Array, i32: Int32Array };
function load({ file, dtype }) {
  const bytes = new Uint8Array(readFileSync(join(folder, file)));
  return new kArrays[dtype](bytes.buffer, 0, bytes.length / kArrays[dtype].BYTES_PER_ELEMENT);
}

const numbers = (buffer, data) =>
  buffer.dtype === "f16" && data instanceof Uint16Array ? Array.from(data, (bits) => decode("f16", bits)) : Array.from(data, Number);

const isPacked = (a) => a !== null && typeof a === "object" && "packed" in a;
let device; // of the case
// The operand that `packed` describes.
async function blocks({ packed, format, columns, depth }) {
  const raw = device.buffer("u8", packed.shape, load(packed));
  const out = new library.Blocks(device, format, columns, depth);
  await library.packBlocks(raw, out, 0, columns);
  raw.dispose();
  return out;
}

// Calls the operation with operands that `of` makes; returns its results.
async function call(c, of) {
  const all = {};
  for (const [key, value] of Object.entries(c.options)) all[key] = isArray(value) ? of(value) : value;
  const args = [];
  for (const a of c.args) args.push(isPacked(a) ? await blocks(a) : isArray(a) ? of(a) : a);
  if (c.function === "search") {
    const [query, vectors, scales, k] = args;
    return Object.values(await library.search(query, { vectors, scales, ...all }, k));
  }
  if (all.kv_heads) all.kvHeads = all.kv_heads;
  const result = await library[camel(c.function)](...args, all);
  return "dtype" in result ? [result] : Object.values(result);
}

function problem(c, results) {
  for (const [n, { shape, dtype, data }] of results.entries()) {
    const expected = c.expected[n];
    if (!expected) continue; // any
    if (String(shape) !== String(expected.shape)) return `result ${n} has the shape ${shape} instead of ${expected.shape}`;
    if (expected.dtype !== "f64" && /^[iu]/.test(expected.dtype) && dtype !== expected.dtype) return `result ${n} is ${dtype}`;
    const wanted = Array.from(load(expected), Number);
    const finite = wanted.filter(Number.isFinite);
    const mean = finite.reduce((sum, x) => sum + Math.abs(x), 0) / finite.length;
    const tolerance = /^[iu]/.test(expected.dtype) ? 0 : c.tolerance;
    for (const [i, x] of wanted.entries())
      if (!(data[i] === x || Math.abs(data[i] - x) <= tolerance * Math.max(mean, Math.abs(x))))
        return `result ${n}[${i}] is ${data[i]} instead of ${x}`;
  }
  return undefined;
}

async function atOnce(device, c) {
  const made = [];
  const results = await call(c, (a) => {
    const buffer = device.buffer(a.dtype, a.shape, load(a));
    made.push(buffer);
    return buffer;
  });
  const out = [];
  for (const buffer of results) out.push({ shape: buffer.shape, dtype: buffer.dtype, data: numbers(buffer, await buffer.read()) });
  for (const buffer of [...made, ...results]) buffer.dispose();
  return out;
}

async function inGraph(device, c) {
  const graph = new library.Graph(device);
  const data = {};
  const results = await call(c, (a) => {
    const key = `in${Object.keys(data).length}`;
    data[key] = load(a);
    return graph.input(key, a.dtype, a.shape);
  });
  const plan = await graph.compile(Object.fromEntries(results.map((value, i) => [`out${i}`, value])));
  await plan.run(data);
  const found = await plan.run(data);
  const out = results.map((value, i) => ({ shape: value.shape, dtype: value.dtype, data: numbers(value, found[`out${i}`]) }));
  plan.dispose();
  return out;
}

let [passed, failed] = [0, 0];
async function all(place, on, cases, tolerance = 0) {
  device = on;
  for (const c of cases)
    for (const [how, run] of [
      ["", atOnce],
      [", graph", inGraph],
    ]) {
      let wrong;
      try {
        wrong = problem({ ...c, tolerance: Math.max(c.tolerance, tolerance) }, await run(device, c));
      } catch (error) {
        wrong = error.stack;
      }
      if (wrong) console.log(`FAIL ${place}: ${c.name}${how}: ${wrong}`);
      if (wrong) ++failed;
      else ++passed;
    }
  device.dispose();
}

if (only !== "webgpu") {
  await all("wasm", await open({ device: "wasm", threads: 1 }), cases);
  await all("wasm, 2 threads", await open({ device: "wasm", threads: 2 }), cases);
}
if (only !== "wasm") {
  const outfile = fileURLToPath(new URL("../build/test/node-gpu.mjs", import.meta.url));
  const entry = fileURLToPath(new URL("../src/node-gpu.ts", import.meta.url));
  await build({ entryPoints: [entry], outfile, bundle: true, format: "esm", external: ["node:*", "webgpu"], logLevel: "warning" });
  const gpu = await (await import(outfile)).nodeGpu();
  const device = await open({ device: "webgpu", gpu }).catch((error) => console.log(`webgpu skipped: ${error.message}`));
  const kind = (c) => `${c.function} ${c.args[0].dtype}`;
  const work = (c) => c.expected.reduce((sum, e) => sum + (e ? load(e).length : 0), 0);
  const least = (c) => cases.every((other) => kind(other) !== kind(c) || work(other) >= work(c));
  const few = cases.filter((c, i) => name || (least(c) && cases.findIndex((other) => kind(other) === kind(c) && least(other)) === i));
  if (device) await all("webgpu", device, few, 1e-5);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);

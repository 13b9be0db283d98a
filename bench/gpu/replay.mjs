// SPDX-License-Identifier: MIT
// Runs the jobs recorded by record.mjs on this machine's GPU and reports results that differ; pack.mjs bundles it.
//   node replay.mjs FOLDER/jobs        DAWN_NODE: the npm package `webgpu`'s dawn.node
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { Jobs } from "../../web/src/jobs.ts";

const dawn = createRequire(import.meta.url)(process.env.DAWN_NODE);
Object.assign(globalThis, dawn.globals);
const gpu = dawn.create(["enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia"]);

// The values of an array; for floats, the allowed difference relative to the larger of 1 and the recorded value.
const half = (bits) => {
  const e = (bits >> 10) & 31,
    m = bits & 1023,
    s = bits >> 15 ? -1 : 1;
  return s * (e === 31 ? (m ? NaN : Infinity) : e ? 2 ** (e - 15) * (1 + m / 1024) : (m / 1024) * 2 ** -14);
};
const views = {
  fp32: [(b) => new Float32Array(b), 2e-5],
  fp16: [(b) => Float64Array.from(new Uint16Array(b), half), 2e-3],
  bf16: [(b) => new Float32Array(Uint32Array.from(new Uint16Array(b), (x) => x << 16).buffer), 1.6e-2],
};
const integers = (b, type) =>
  /64/.test(type) ? new BigUint64Array(b) : /32/.test(type) ? new Uint32Array(b) : /16/.test(type) ? new Uint16Array(b) : new Uint8Array(b);

function difference(type, had, got) {
  const [view, most] = views[type] ?? [(b) => integers(b, type), 0];
  const size = type.includes("64") ? 8 : 4,
    cut = (b) => b.buffer.slice(b.byteOffset, b.byteOffset + b.length - (b.length % size));
  const a = view(cut(had)),
    b = view(cut(got));
  for (let i = 0; i < a.length; ++i) {
    if (a[i] === b[i] || (a[i] !== a[i] && b[i] !== b[i])) continue;
    if (most && Math.abs(a[i] - b[i]) <= most * Math.max(1, Math.abs(a[i]))) continue;
    return `${type} ${i}: ${b[i]}, recorded ${a[i]}`;
  }
  return "";
}

let answer = "";
const jobs = new Jobs((line) => void (line.startsWith("print ") || (answer = line)), { threads: 0, gpu: async () => gpu });
const all = readFileSync(process.argv[2]);
let count = 0,
  different = 0;
const variants = {};
for (let at = 0; at < all.length;) {
  const size = all.readUInt32LE(at),
    record = JSON.parse(gunzipSync(all.subarray(at + 4, at + 4 + size)));
  at += 4 + size;
  const file = (name) => Uint8Array.from(Buffer.from(record.files[name], "base64")),
    results = {};
  const job = JSON.parse(new TextDecoder().decode(file("job.json")));
  await jobs.run({
    name: `${++count}`,
    read: async (name) => file(name),
    write: async (name, bytes) => void (results[name] = Buffer.from(bytes)),
  });
  for (const name of Object.keys(record.files))
    if (name.endsWith(".wgsl")) variants[name.replace(/^[^.]*\./, "")] = (variants[name.replace(/^[^.]*\./, "")] ?? 0) + 1;
  let problem =
    answer.split(" ")[0] !== record.answer.split(" ")[0] ? `${answer.slice(0, 300)}, recorded ${record.answer.slice(0, 100)}` : "";
  if (!problem && answer.startsWith("ok"))
    for (const arg of job.args)
      if (arg.file) problem ||= difference(arg.type.slice(1), Buffer.from(record.results[arg.file], "base64"), results[arg.file]);
  if (problem && ++different <= 60) console.log(`job ${count}, ${job.kernel}: ${problem}`);
}
console.log(`${count} jobs, ${different} differ; files`, JSON.stringify(variants));
process.exit(different ? 1 : 0);

// SPDX-License-Identifier: MIT
// The suite in WebAssembly, one thread, at the CPU's sizes: next to native Nereid for a small processor, and to libraries of bench/web
// for the operations that they have. Results are compared with NumPy's in float64.
//   PYTHONPATH=build/python node bench/suite/wasm.mjs [TEXT] --date 2026-11-29      cases whose names contain TEXT
//     --sizes cpu|tiny   --seconds 1   --kernel FILE:NAME,...   --peers none   --python .venv-bench/bin/python   --history FILE
// With --seconds 0 it only checks results. --native names the processor that native code is compiled for. The default has vectors of 256
// bits: the ones with 128 bits that LLVM can name lack FMA, and calling the C library for each makes products thirty times slower.
import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { open } from "../../web/dist/index.js";
import { compare, elements, geometricMean, least, pool, prepare } from "./inputs.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values: o, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    date: { type: "string", default: "" },
    sizes: { type: "string", default: "cpu" },
    seconds: { type: "string", default: "1" },
    kernel: { type: "string", default: "" },
    peers: { type: "string", default: "all" },
    native: { type: "string", default: "x86-64-v3" },
    python: { type: "string", default: `${root}/.venv-bench/bin/python` },
    history: { type: "string", default: `${root}/bench/suite/history/wasm.jsonl` },
  },
});
const seconds = Number(o.seconds);
const folder = mkdtempSync(join(tmpdir(), "nereid-suite-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

// native.py answers each line with one of JSON.
const script = `${root}/bench/suite/native.py`;
const child = spawn(o.python, [script, folder, positionals[0] ?? "", o.sizes, ...o.kernel.split(",").filter(Boolean)], {
  stdio: ["pipe", "pipe", "inherit"],
  env: { ...process.env, NEREID_CPU: o.native },
});
const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
async function answer() {
  const { value, done } = await lines.next();
  if (done) throw new Error("native.py has ended");
  return JSON.parse(value);
}
const ask = (line) => {
  child.stdin.write(`${line}\n`);
  return answer();
};

const { machine } = await answer();
const cases = JSON.parse(readFileSync(`${folder}/suite.json`, "utf8"));
const commit = readFileSync(`${folder}/commit.txt`, "utf8");
const numbers = pool(folder);

const { peers, problems } =
  seconds && o.peers !== "none" ? await (await import("../web/node.mjs")).nodePeers() : { peers: [], problems: [] };
for (const problem of problems) console.log(problem);

/** The libraries that compute the case; their first outputs must be that of `samples`. */
async function peersOf(c, samples) {
  if (!c.web) return [];
  const [op, names] = c.web,
    output = c.args.find((a) => a.out),
    inputs = {},
    data = {};
  for (const [name, argument] of Object.entries(names)) {
    const k = c.args.findIndex((a) => a.name === argument);
    inputs[name] = c.args[k].shape;
    data[name] = elements(numbers, c.args[k], k);
  }
  const found = [];
  for (const library of peers) {
    let prepared;
    try {
      prepared = await library.prepare({ op, inputs, output: output.shape }, data);
      const result = await prepared.result();
      const floor = least(samples[output.name]);
      for (const [start, wanted] of samples[output.name])
        for (const [i, x] of wanted.entries())
          if (!(Math.abs(result[start + i] - x) <= 10 * c.tolerance * Math.max(floor, Math.abs(x))))
            throw new Error(`element ${start + i} is ${result[start + i]}, not ${x}`);
      found.push({ name: library.name, ...prepared });
    } catch (error) {
      const text = String(error?.message ?? error).split("\n")[0];
      if (!text.startsWith("not written") && !text.includes("is not a function")) console.log(`    ${library.name}: ${text}`);
      prepared?.dispose();
    }
  }
  return found;
}

/** Milliseconds of calls that take 10 ms together; the first is not measured. */
async function turn(run) {
  await run();
  const times = [];
  for (const end = performance.now() + 10; !times.length || performance.now() < end;) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times;
}
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];

const load = Number(loadavg()[0].toFixed(1));
let wrong = 0;
const ratios = { native: [], peers: [] };
for (const c of cases) {
  // Memory of WebAssembly grows only: a new one for each case.
  const device = await open({ device: "wasm", threads: 1 });
  let label = c.name.padEnd(52);
  let others = [];
  try {
    if (c.refused) throw new Error(`refused: ${c.refused.split("\n")[0]}`);
    const { samples } = await ask(`open ${c.id}`);
    const { kernel, args } = await prepare(device, pathToFileURL(join(folder, "kernels", c.id, "manifest.json")), c, numbers);
    const run = () => kernel.launch(c.grid, args);
    await run();
    const worst = await compare(c, args, samples);
    if (!(worst <= c.tolerance)) throw new Error(`its result is off by ${worst}`);
    if (seconds) {
      others = await peersOf(c, samples);
      const functions = [
        ["nereid", () => turn(run)],
        ["native", async () => (await ask("turn")).ms],
        ...others.map(({ name, run }) => [name, () => turn(run)]),
      ];
      const times = Object.fromEntries(functions.map(([name]) => [name, []]));
      const end = performance.now() + seconds * 1000;
      // The first turn warms up.
      for (let k = 0; k < 4 || performance.now() < end; ++k)
        for (const [name, measure] of functions) {
          const measured = await measure();
          if (k) times[name].push(...measured);
        }
      const { nereid: ms, native, ...rest } = Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]));
      ratios.native.push(native / ms);
      label += ` ${ms.toFixed(2).padStart(8)} ms ${(native / ms).toFixed(2).padStart(6)} of native`;
      const best = Object.keys(rest).sort((a, b) => rest[a] - rest[b])[0];
      if (best) {
        ratios.peers.push(rest[best] / ms);
        label += ` ${(rest[best] / ms).toFixed(2).padStart(6)} of ${best}`;
      }
      const { name, kernel: file, work, unit } = c;
      const fields = {
        date: o.date,
        machine,
        commit,
        area: "wasm",
        threads: 1,
        engine: `Node ${process.versions.node}, ${device.variant}`,
        native: o.native,
        load,
      };
      const row = { ...fields, case: name, kernel: file, work, unit, peers: { native, ...rest }, problems: {}, worst, ms };
      if (o.date) appendFileSync(o.history, `${JSON.stringify(row)}\n`);
    }
  } catch (error) {
    ++wrong;
    label += ` ${String(error?.message ?? error).split("\n")[0]}`;
  }
  console.log(label);
  for (const peer of others) await peer.dispose();
  device.dispose();
}
for (const [name, list] of Object.entries(ratios))
  if (list.length) console.log(`geometric mean of ${list.length} ratios to ${name}: ${geometricMean(list).toFixed(2)}`);
console.log(`${cases.length - wrong} passed, ${wrong} failed`);
child.stdin.end();
process.exit(wrong ? 1 : 0);

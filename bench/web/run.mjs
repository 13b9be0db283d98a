// SPDX-License-Identifier: MIT
// Compares Nereid's kernels in WebAssembly with TensorFlow.js, ONNX Runtime Web and jax-js: one thread, in Node and in Chromium; two
// threads in Chromium.
//   node bench/web/run.mjs [--seconds N] [--only node|chromium|sizes] [-k NAME]
// Kernels are compiled by build/bin/nereid (NEREID names another). All numbers of a table come from one run, with the libraries
// alternating.
import { execFileSync } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { cpus, loadavg, tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { cases, launchCost, measure, nereid } from "./cases.mjs";
import { nodePeers } from "./node.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
process.chdir(root);
const { values: o } = parseArgs({
  options: {
    seconds: { type: "string", default: "3" },
    only: { type: "string" },
    k: { type: "string", short: "k", default: "" },
    page: { type: "string" },
  },
});
const compiler = process.env.NEREID ?? "build/bin/nereid";
const build = "bench/web/build";

// Kernels to compile: file, kernel, signature.
const kRow = ["i32:16", "i32:16", "i32:16", "1024"];
const kernels = {
  matmul: ["examples/matmul/matmul.py", [...Array(3).fill("*fp32:16"), ...Array(6).fill("i32:16"), "256", "256", "64", "4"]],
  softmax: ["examples/softmax/softmax.py", ["*fp32:16", "*fp32:16", ...kRow]],
  layer_norm: ["examples/layer_norm/layer_norm.py", [...Array(4).fill("*fp32:16"), "i32:16", "i32:16", "fp32", "1024"]],
  vector_add: ["examples/vector_add/vector_add.py", [...Array(3).fill("*fp32:16"), "i32:16", "4096"]],
  row_sum: ["bench/kernels/rows.py", ["*fp32:16", "*fp32:16", "i32:16", "i32:16", "1024"]],
  exp: ["bench/kernels/rows.py", ["*fp32:16", "*fp32:16", "i32:16", "4096"]],
  empty: ["bench/kernels/rows.py", []],
};
function compile() {
  rmSync(`${build}/kernels`, { recursive: true, force: true });
  for (const [name, [file, signature]] of Object.entries(kernels)) {
    const types = signature.length ? ["--signature", signature.join(",")] : [];
    execFileSync(compiler, ["compile", `${file}:${name}`, "--target", "wasm", ...types, "-o", `${build}/kernels/${name}`], {
      stdio: "inherit",
    });
  }
}

const wanted = cases.filter((c) => c.name.includes(o.k));
const libraries = ["nereid", "tfjs", "ort-web", "jax-js"];
const cell = (text, width) => String(text).padStart(width);
function print(row) {
  const peers = libraries.slice(1).filter((name) => row.rates[name]);
  const best = Math.max(...peers.map((name) => row.rates[name]));
  const rate = (name) => cell(row.rates[name]?.toFixed(1) ?? "-", 9);
  const ratio = row.rates.nereid ? (row.rates.nereid / best).toFixed(2) : "-";
  console.log(`${row.name.padEnd(24)}${libraries.map(rate).join("")}  ${row.unit.padEnd(8)}${cell(ratio, 7)}`);
  for (const [name, problem] of Object.entries(row.problems)) console.log(`  ${name}: ${problem}`);
}
const head = (place) =>
  console.log(
    `\n${place}\n${"".padEnd(24)}${libraries.map((name) => cell(name, 9)).join("")}  ${"".padEnd(8)}${cell("ratio to the best peer", 7)}`,
  );

async function inNode() {
  const kernels = new URL(`${build}/kernels/`, pathToFileURL(root));
  const { peers, problems } = await nodePeers();
  const all = [await nereid(await import("../../web/dist/index.js"), kernels, { threads: 1 }), ...peers];
  for (const problem of problems) console.log(problem);
  head(`Node ${process.version}, variant ${all[0].device.variant}, 1 thread`);
  await measure(all, Number(o.seconds), wanted, print);
  console.log(`launch of an empty kernel: ${(await launchCost(all[0])).toFixed(2)} µs`);
}

const types = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };
async function inChromium() {
  const executablePath = "/usr/bin/chromium";
  if (!existsSync(executablePath)) return console.log("\nChromium is not installed (scripts/setup.sh --web)");
  const require = (await import("node:module")).createRequire(`${root}/web/package.json`);
  const esbuild = require("esbuild");
  const { chromium } = require("playwright-core");
  await esbuild.build({
    entryPoints: { page: "bench/web/page.mjs" },
    bundle: true,
    format: "esm",
    outdir: build,
    outExtension: { ".js": ".mjs" },
    logLevel: "error",
    target: "esnext",
    external: ["node:*", "fs", "path", "os", "crypto", "worker_threads", "perf_hooks", "module"],
  });
  const folders = [
    "bench/web/build",
    "bench/web/node_modules/@tensorflow/tfjs-backend-wasm/dist",
    "bench/web/node_modules/onnxruntime-web/dist",
  ];
  const server = createServer((request, answer) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
    if (pathname === "/")
      return answer
        .writeHead(200, { ...headers, "Content-Type": "text/html" })
        .end('<!doctype html><script type="module" src="page.mjs"></script>');
    const file = folders.map((folder) => join(folder, pathname)).find((f) => existsSync(f) && statSync(f).isFile());
    if (!file) return answer.writeHead(404).end();
    answer.writeHead(200, { ...headers, "Content-Type": types[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(answer);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const profile = mkdtempSync(join(tmpdir(), "nereid-"));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const visit = async (query, each) => {
    const page = await browser.newPage();
    if (process.env.VERBOSE) page.on("console", (m) => console.log(m.text()));
    page.on("pageerror", (error) => console.log(String(error)));
    await page.exposeFunction("row", each);
    await page.goto(`http://127.0.0.1:${server.address().port}/?seconds=${o.seconds}&${query}`);
    const done = await (await page.waitForFunction(() => globalThis.done, undefined, { timeout: 1200000 })).jsonValue();
    await page.close();
    return done;
  };
  try {
    const version =
      browser.browser()?.version() ??
      execFileSync(executablePath, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    head(`Chromium ${version}, 1 thread`);
    const one = await visit(`threads=1&k=${encodeURIComponent(o.k)}`, print);
    for (const problem of one.problems) console.log(problem);
    console.log(`launch of an empty kernel: ${one.launch.toFixed(2)} µs`);
    if ("matmul 1024³".includes(o.k)) {
      head(`Chromium ${version}, 2 threads`);
      const two = await visit(`threads=2&k=${encodeURIComponent("matmul 1024")}`, print);
      for (const problem of two.problems) console.log(problem);
      const mine = two.own;
      if (mine)
        console.log(
          `nereid, by turns: 2 threads ${mine[1].toFixed(1)}, 1 thread ${mine[0].toFixed(1)} GFLOP/s: ${(mine[1] / mine[0]).toFixed(2)} times`,
        );
    }
  } finally {
    await browser.close();
    server.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

// Modules of the examples, with the constants of their `# run:` lines.
function sizes() {
  console.log(`\n${"bytes".padEnd(24)}${["strict", "relaxed", "gzip"].map((t) => cell(t, 9)).join("")}`);
  for (const example of readdirSync("examples", { withFileTypes: true }).filter((e) => e.isDirectory())) {
    const file = `examples/${example.name}/${example.name}.py`;
    if (!existsSync(file)) continue;
    const line = readFileSync(file, "utf8").match(/^# run: (\w+) \| ([^|]+) \| ([^|]*) \|/m);
    if (!line) continue;
    const [, kernel, signature, constants] = line;
    const to = `${build}/sizes/${kernel}`;
    try {
      const flags = constants
        .trim()
        .split(",")
        .filter(Boolean)
        .flatMap((c) => ["-D", c]);
      execFileSync(
        compiler,
        [
          "compile",
          `${file}:${kernel}`,
          "--target",
          "wasm",
          "--signature",
          `${signature.trim()}${",".repeat(flags.length / 2)}`,
          ...flags,
          "-o",
          to,
        ],
        { stdio: ["ignore", "ignore", "pipe"] },
      );
      const [strict, relaxed] = [`${kernel}.wasm`, `${kernel}.relaxed.wasm`].map((f) => readFileSync(`${to}/${f}`));
      console.log(
        `${kernel.padEnd(24)}${cell(strict.length, 9)}${cell(relaxed.length, 9)}${cell(gzipSync(relaxed, { level: 9 }).length, 9)}`,
      );
    } catch (error) {
      console.log(`${kernel.padEnd(24)} ${String(error.stderr ?? error.message).split("\n")[0]}`);
    }
  }
  console.log(execFileSync(process.execPath, ["web/build.mjs"], { encoding: "utf8" }).trim());
}

if (!existsSync(compiler)) throw new Error(`there is no ${compiler}: make build`);
console.log(`${new Date().toISOString().slice(0, 10)}, ${cpus().length} processors, ${cpus()[0].model}; medians`);
if (loadavg()[0] > 0.5)
  console.log(`The machine has been busy (load ${loadavg()[0].toFixed(1)}): what else runs slows some rows more than others`);
if (o.only !== "sizes") compile();
if (!o.only || o.only === "node") await inNode();
if (!o.only || o.only === "chromium") await inChromium();
if (!o.only || o.only === "sizes") sizes();
process.exit(0);

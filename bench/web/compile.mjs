// SPDX-License-Identifier: MIT
// Measures the compiler in the page for each example: the first time, and the median of 40 after 20, without a store; in Node and in
// Chromium.
//   node bench/web/compile.mjs [--only node|chromium] [-k NAME] [--target TARGET] [--wasm FILE ...] [--busy]
// Needs web/dist (scripts/web.sh build). A target may be followed by the features and limits of a device: "webgpu shader-f16
// maxComputeWorkgroupStorageSize=32768". Modules named by --wasm alternate, in Node. --busy: for a busy machine, measures processor time
// instead of wall time, in Node.
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { cpus, tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values: o } = parseArgs({
  options: {
    only: { type: "string" },
    k: { type: "string", short: "k", default: "" },
    target: { type: "string" },
    wasm: { type: "string", multiple: true },
    busy: { type: "boolean" },
  },
});

// Name, example, signature, constants: as the examples' check.py launches them.
const row = ["*fp32:16", "*fp32:16", "i32:16"];
const cases = [
  ["vector add", "vector_add", [...Array(3).fill("*fp32:16"), "i32:16"], { BLOCK: 4096 }],
  ["softmax", "softmax", [...row, "i32:16", "i32:16"], { BLOCK: 1024 }],
  ["layer norm", "layer_norm", [...Array(4).fill("*fp32:16"), "i32:16", "i32:16", "fp32"], { BLOCK: 1024 }],
  ["rms norm, f16", "rms_norm", [...Array(3).fill("*fp16:16"), "i32:16", "fp32"], { BLOCK: 1024 }],
  ["cross entropy", "cross_entropy", ["*fp32:16", "*i64:16", "*fp32:16", "i32"], { IGNORE: -100, BLOCK: 1024 }],
  ["dropout", "dropout", [...row, "fp32", "i32"], { BLOCK: 1024 }],
  ["top k", "top_k", ["*fp32:16", "*fp32:16", "*i32:16", "i32:16"], { K: 8, BLOCK: 1024 }],
  [
    "int8 matmul",
    "int8_matmul",
    ["*i8:16", "*i8:16", "*fp32:16", "*fp32:16", "*fp32:16", ...Array(3).fill("i32:16")],
    { BM: 128, BN: 128, BK: 64 },
  ],
  ["matmul", "matmul", [...Array(3).fill("*fp32:16"), ...Array(6).fill("i32:16")], { BM: 128, BN: 128, BK: 64, GROUP: 4 }],
  ["matmul, f16", "matmul", [...Array(3).fill("*fp16:16"), ...Array(6).fill("i32:16")], { BM: 128, BN: 128, BK: 64, GROUP: 4 }],
  ["flash attention", "flash_attention", [...Array(4).fill("*fp32:16"), "i32:16", "fp32"], { BM: 64, BN: 64, D: 64 }],
  ["flash attention, f16", "flash_attention", [...Array(4).fill("*fp16:16"), "i32:16", "fp32"], { BM: 64, BN: 64, D: 64 }],
]
  .filter(([name]) => name.includes(o.k))
  .map(([name, example, signature, constants]) => ({
    name,
    source: readFileSync(`${root}/examples/${example}/${example}.py`, "utf8"),
    options: { kernel: example, signature: [...signature, ...Object.keys(constants).map(() => "")], constants, cache: false },
  }));
const targets = o.target ? [o.target] : ["wasm", "webgpu"];

// Also runs in the page, so it refers to nothing outside. Returns milliseconds.
async function measure({ compileArtefacts }, { source, options }, target, now = () => performance.now()) {
  const times = [];
  for (let i = 0; i < 61; ++i) {
    const start = now();
    await compileArtefacts(source, { ...options, target });
    times.push(now() - start);
  }
  return { first: times[0], median: times.slice(21).sort((a, b) => a - b)[20] };
}

const cell = (text) => String(text).padStart(13);
const print = (name, all) =>
  console.log(`${name.padEnd(24)}${all.map(({ first, median }) => cell(first.toFixed(1)) + cell(median.toFixed(2))).join("")}`);
const head = (place, columns) =>
  console.log(`\n${place}\n${"ms".padEnd(24)}${columns.map((name) => cell(`${name.split(" ")[0]}, 1st`) + cell("median")).join("")}`);

async function inNode() {
  const compiler = await import("../../web/dist/compile/index.js");
  const modules = await Promise.all(
    (o.wasm ?? [`${root}/web/dist/compile/nereid.wasm`]).map((file) => WebAssembly.compile(readFileSync(file))),
  );
  const processor = () => (({ user, system }) => (user + system) / 1000)(process.cpuUsage());
  head(
    `Node ${process.version}`,
    modules.flatMap(() => targets),
  );
  for (const c of cases) {
    const all = [];
    for (const wasm of modules) {
      compiler.configure({ wasm });
      for (const target of targets) all.push(await measure(compiler, c, target, o.busy ? processor : undefined));
    }
    print(c.name, all);
  }
}

async function inChromium() {
  const executablePath = "/usr/bin/chromium";
  if (!existsSync(executablePath)) return console.log("\nChromium is not installed (scripts/setup.sh --web)");
  const { chromium } = createRequire(`${root}/web/package.json`)("playwright-core");
  const types = { ".js": "text/javascript", ".wasm": "application/wasm" };
  const server = createServer((request, answer) => {
    const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
    const { pathname } = new URL(request.url, "http://localhost");
    if (pathname === "/") return answer.writeHead(200, { ...headers, "Content-Type": "text/html" }).end("<!doctype html>");
    const file = join(root, "web/dist", pathname);
    if (!existsSync(file)) return answer.writeHead(404).end();
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
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    head(`Chromium ${browser.browser()?.version() ?? ""}`, targets);
    for (const c of cases) {
      const all = [];
      for (const target of targets)
        all.push(
          await page.evaluate(`import("/compile/index.js").then((compiler) => (${measure})(compiler, ${JSON.stringify(c)}, "${target}"))`),
        );
      print(c.name, all);
    }
  } finally {
    await browser.close();
    server.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

console.log(`${new Date().toISOString().slice(0, 10)}, ${cpus().length} processors, ${cpus()[0].model}`);
if (!o.only || o.only === "node") await inNode();
if (!o.only || o.only === "chromium") await inChromium();
process.exit(0);

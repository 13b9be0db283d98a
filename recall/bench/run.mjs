// SPDX-License-Identifier: MIT
// Encoder speed in headless Chromium, next to ONNX Runtime Web and transformers.js with the same weights, alternately in one page.
//   node recall/bench/run.mjs [--threads 1,2] [--shapes 32x32,1x16] [--rounds 10]
// Needs build/recall (recall/convert.py, recall/bench/write_onnx.py) and bench/web/node_modules (scripts/setup.sh --bench-web). Without recall/bench/node_modules, transformers.js is left out.
import { existsSync, mkdirSync, copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bundleForPage } from "../build.mjs";
import { chromium, executablePath, serve } from "../test/serve.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values: o } = parseArgs({
  options: {
    threads: { type: "string", default: "1,2" },
    shapes: { type: "string", default: "32x32,1x16" },
    rounds: { type: "string", default: "10" },
  },
});

const out = join(root, "build/recall/page");
mkdirSync(out, { recursive: true });
await bundleForPage("bench/page.ts", join(out, "page.mjs"));
copyFileSync(join(root, "web/dist/compile/nereid.wasm"), join(out, "nereid.wasm"));
writeFileSync(join(out, "index.html"), '<!doctype html><title>encoder</title><script type="module" src="page.mjs"></script>');
const modules = join(root, "recall/bench/node_modules");
const folders = { files: join(root, "build/recall"), ort: join(root, "bench/web/node_modules/onnxruntime-web/dist"), page: out, modules };
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const server = await serve(folders, { headers });
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const transformers = existsSync(join(modules, "@huggingface/transformers")) ? "&transformers" : "";
console.log("engine               threads  batch      ms (median)  ms (least)  messages/s  cosine to ONNX Runtime f32");
for (const threads of o.threads.split(",")) {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.log(String(error)));
  if (process.env.VERBOSE) page.on("console", (m) => console.log(m.text()));
  await page.goto(`${server.address}page/?threads=${threads}&shapes=${o.shapes}&rounds=${o.rounds}${transformers}`);
  const handle = await page.waitForFunction(() => globalThis.results, undefined, { timeout: 600000 });
  const results = await handle.jsonValue();
  if (typeof results === "string") throw new Error(results);
  for (const { engine, size, length, ms, least, cosine } of results)
    console.log(
      `${engine.padEnd(20)} ${String(threads).padStart(7)}  ${`${size} x ${length}`.padEnd(9)} ${ms.toFixed(2).padStart(12)} ${least.toFixed(2).padStart(11)} ${((size / ms) * 1e3).toFixed(1).padStart(11)}  ${cosine.toFixed(6)}`,
    );
  await page.close();
}
await browser.close();
server.close();

// SPDX-License-Identifier: MIT
// Encoder speed in headless Chromium, next to ONNX Runtime Web with the same weights, alternately in one page.
//   node recall/bench/run.mjs [--threads 1,2] [--shapes 32x32,1x16] [--rounds 10]
// Needs build/recall (recall/convert.py, recall/bench/write_onnx.py) and bench/web/node_modules (scripts/setup.sh --bench-web).
import { createServer } from "node:http";
import { createReadStream, existsSync, mkdirSync, copyFileSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bundleForPage } from "../build.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { chromium } = createRequire(join(root, "web/build.mjs"))("playwright-core");
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
const folders = { files: join(root, "build/recall"), ort: join(root, "bench/web/node_modules/onnxruntime-web/dist"), page: out };
const types = { ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };
const server = createServer((request, answer) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
  if (pathname === "/")
    return answer
      .writeHead(200, { ...headers, "Content-Type": "text/html" })
      .end('<!doctype html><script type="module" src="/page/page.mjs"></script>');
  const [, folder, ...rest] = pathname.split("/");
  const file = folders[folder] && join(folders[folder], ...rest);
  if (!file || !existsSync(file)) return answer.writeHead(404, headers).end();
  answer.writeHead(200, { ...headers, "Content-Type": types[extname(file)] ?? "application/octet-stream" });
  createReadStream(file).pipe(answer);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
console.log("engine               threads  batch      ms (median)  ms (least)  messages/s  cosine to ONNX Runtime f32");
for (const threads of o.threads.split(",")) {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.log(String(error)));
  if (process.env.VERBOSE) page.on("console", (m) => console.log(m.text()));
  await page.goto(`http://127.0.0.1:${server.address().port}/?threads=${threads}&shapes=${o.shapes}&rounds=${o.rounds}`);
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

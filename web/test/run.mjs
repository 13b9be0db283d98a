// SPDX-License-Identifier: MIT
// Runs the suite in every installed Node from 20 on (this one, the npm package's, the one on the path), and in headless Chromium: in a page
// with and without cross-origin isolation, and in a worker. Ends with "N passed, N failed".
//   node test/run.mjs [node | chromium] [NAME]     only there, only tests whose names contain NAME
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { compiler, plugins } from "../build.mjs";
import { buildModules } from "./modules.mjs";
import * as examples from "./examples.mjs";
import { runNatively } from "./native.mjs";
import { playground } from "./playground.mjs";
import { buildShaders } from "./shaders.mjs";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const [only, name] = process.argv.slice(2);
const out = "build/test";
buildModules("test/modules", `${out}/modules`);
buildShaders("test/shaders", `${out}/shaders`);
copyFileSync(compiler, `${out}/nereid.wasm`);
const settings = {
  absWorkingDir: process.cwd(),
  bundle: true,
  format: "esm",
  target: "es2022",
  external: ["node:*", "webgpu"],
  plugins,
  outdir: out,
  outExtension: { ".js": ".mjs" },
  loader: { ".py": "text" },
  sourcemap: "inline",
  logLevel: "warning",
};
await build({
  ...settings,
  entryPoints: { worker: "src/worker.ts", "compile-worker": "src/compile/worker.ts" },
  outExtension: {},
  format: "iife",
  sourcemap: false,
});
await build({
  ...settings,
  entryPoints: { node: "test/node.ts", page: "test/page.ts", "page-worker": "test/page-worker.ts", "node-run": "src/node-run.ts" },
});

if (!name && existsSync("dist/index.js")) examples.prepare();

let passed = 0;
let failed = 0;
function report(place, results) {
  const bad = results.filter((r) => r.error);
  for (const { name, error } of bad) console.log(`FAILED ${place}: ${name}\n  ${error}`);
  console.log(`${place}: ${results.length - bad.length} of ${results.length} passed`);
  passed += results.length - bad.length;
  failed += bad.length || (results.length || name ? 0 : 1);
}

function inNode() {
  if (!existsSync("dist/index.js")) {
    console.log("dist/ is not built: node build.mjs");
    ++failed;
  }
  const seen = new Set();
  for (const node of [process.execPath, "node_modules/node/bin/node", "node"]) {
    const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout?.trim();
    if (!version || seen.has(version) || Number(version.slice(1).split(".")[0]) < 20) continue;
    seen.add(version);
    let [good, all] = [0, 0];
    for (const file of [`${out}/node.mjs`, ...(name ? [] : ["test/package.mjs"])]) {
      const run = spawnSync(node, ["--expose-gc", "--test-reporter=spec", file, name ?? ""], { encoding: "utf8", timeout: 240000 });
      const count = (what) => Number(run.stdout.match(new RegExp(`^. ${what} (\\d+)$`, "m"))?.[1] ?? 0);
      if (run.status !== 0 || !count("pass")) {
        console.log(run.stdout, run.stderr);
        failed += count("fail") + count("cancelled") || 1;
      }
      good += count("pass");
      all += count("tests");
    }
    console.log(`Node ${version}: ${good} of ${all} passed`);
    passed += good;
    if (!name) report(`Node ${version} examples`, examples.inNode(node));
  }
  if (seen.size === 0) {
    console.log("skipped: there is no Node from version 20.16 on");
    if (only === "node") process.exit(0);
  }
}

const kTypes = {
  ".mjs": "text/javascript",
  ".js": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".wgsl": "text/plain",
  ".html": "text/html",
  ".npy": "application/octet-stream",
};
async function inChromium() {
  const executablePath = "/usr/bin/chromium";
  if (!existsSync(executablePath)) {
    console.log("skipped: Chromium is not installed (scripts/setup.sh --web)");
    process.exit(failed ? 1 : 0);
  }
  const { chromium } = await import("playwright-core");
  const server = createServer((request, answer) => {
    const { pathname, searchParams } = new URL(request.url, "http://localhost");
    const page = pathname === "/" ? '<!doctype html><script type="module" src="page.mjs"></script>' : undefined;
    const file = join(out, pathname);
    if (!page && (!existsSync(file) || !extname(file))) return answer.writeHead(404).end();
    // Scripts need the headers of the page that uses them: a worker's script is identified by the address that requests it.
    const isolated = searchParams.has("isolated") || /isolated/.test(request.headers.referer ?? "");
    answer.writeHead(200, {
      "Content-Type": kTypes[page ? ".html" : extname(file)] ?? "application/octet-stream",
      ...(isolated && { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" }),
      ...(searchParams.has("policy") && { "Content-Security-Policy": "worker-src 'self'" }),
    });
    answer.end(page ?? readFileSync(file));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  if (!(await runNatively(`${out}/native`))) console.log("the gallery is not compared with native runs: build/bin/nereid is not there");
  const profile = mkdtempSync(join(tmpdir(), "nereid-"));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath,
    args: [
      "--no-sandbox",
      "--enable-unsafe-webgpu",
      "--use-webgpu-adapter=swiftshader",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--js-flags=--expose-gc",
    ],
  });
  try {
    for (const [place, query] of [
      ["isolated page", "isolated"],
      ["page without isolation", "plain"],
      ["worker", "isolated&worker"],
      ["page that forbids blob: workers", "isolated&policy"],
      ["page with WebGPU", "webgpu"],
      ["worker with WebGPU", "isolated&worker&webgpu"],
    ]) {
      const page = await browser.newPage();
      page.on("pageerror", (error) => console.log(`${place}: ${error}`));
      const cdp = await browser.browser()?.newBrowserCDPSession();
      if (cdp && query === "webgpu") await page.exposeFunction("crashGpu", () => cdp.send("Browser.crashGpuProcess"));
      if (process.env.VERBOSE) page.on("console", (m) => console.log(m.text()));
      await page.goto(`http://127.0.0.1:${server.address().port}/?${query}&only=${encodeURIComponent(name ?? "")}`);
      const results = await page.waitForFunction(() => globalThis.results, undefined, { timeout: 90000 });
      report(`Chromium ${browser.browser()?.version() ?? ""} ${place}`, await results.jsonValue());
      await page.close();
    }
    if (!name || name === "playground") report("Chromium playground", await playground(browser));
    if (!name) report("Chromium examples", await examples.inPages(browser, `http://127.0.0.1:${server.address().port}`));
  } finally {
    await browser.close();
    server.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

if (only !== "chromium") inNode();
if (only !== "node") await inChromium();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);

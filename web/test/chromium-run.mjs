// SPDX-License-Identifier: MIT
// Has the interface of dist/node-run.js, and runs the jobs in a page of headless Chromium: with NEREID_NODE_RUNNER set to this file, every
// test of the targets `wasm` and `webgpu` runs there. The page is cross-origin isolated unless NEREID_ISOLATED=0.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { plugins } from "../build.mjs";

if (process.argv.includes("--features") || process.argv.includes("--gpu")) {
  process.stdout.write("headless Chromium\n");
  process.exit(0);
}
const isolated = process.env.NEREID_ISOLATED !== "0";
const script = (
  await build({
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["node:*", "webgpu"],
    plugins,
    write: false,
    logLevel: "warning",
    entryPoints: [join(import.meta.dirname, "page-run.ts")],
  })
).outputFiles[0].contents;
const server = createServer((request, answer) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const headers = isolated ? { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" } : {};
  const give = (type, body) => answer.writeHead(200, { "Content-Type": type, ...headers }).end(body);
  if (pathname === "/")
    return give("text/html", '<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.mjs"></script>');
  if (pathname === "/page.mjs") return give("text/javascript", script);
  if (pathname !== "/job") return answer.writeHead(404).end();
  const file = join(searchParams.get("folder"), searchParams.get("file"));
  if (request.method !== "PUT") return give("application/octet-stream", readFileSync(file));
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    writeFileSync(file, Buffer.concat(parts));
    give("text/plain", "");
  });
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const { chromium } = await import("playwright-core");
const profile = mkdtempSync(join(tmpdir(), "nereid-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-webgpu-developer-features",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const page = await browser.newPage();
page.on("pageerror", (error) => process.stderr.write(`${error}\n`));
await page.goto(
  `http://127.0.0.1:${server.address().port}/?threads=${Number(process.env.NEREID_NUM_THREADS) || 0}${process.env.NEREID_WASM_VARIANT ? `&variant=${process.env.NEREID_WASM_VARIANT}` : ""}`,
);
await page.waitForFunction(() => globalThis.runJob);
for await (const line of createInterface({ input: process.stdin })) {
  if (!line) continue;
  const lines = await page
    .evaluate((folder) => globalThis.runJob(folder), dirname(line))
    .catch((error) => [`error ${String(error).replaceAll("\n", " ")}`]);
  process.stdout.write(`${lines.join("\n")}\n`);
}
await browser.close();
rmSync(profile, { recursive: true, force: true });
process.exit(0);

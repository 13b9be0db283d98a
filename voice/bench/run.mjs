// SPDX-License-Identifier: MIT
// Speed in headless Chromium, next to whisper.cpp and wllama with the same weights, alternately in one page.
//   node voice/bench/run.mjs [--threads 1,2] [--what speech,language] [--rounds 3]
// Needs build/voice (scripts/voice.sh build, voice/bench/whisper_cpp.py) and voice/bench/node_modules (npm ci).
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium, executablePath, serve } from "../../recall/test/serve.mjs";
import { bundleForPage } from "../build.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values: o } = parseArgs({
  options: {
    threads: { type: "string", default: "1,2" },
    what: { type: "string", default: "speech,language" },
    rounds: { type: "string", default: "3" },
  },
});
const out = join(root, "build/voice/page");
const modules = join(root, "voice/bench/node_modules");
const cpp = join(modules, "nodejs-whisper/cpp/whisper.cpp/bindings");
mkdirSync(out, { recursive: true });
await bundleForPage("bench/page.ts", join(out, "page.mjs"));
copyFileSync(join(root, "web/dist/compile/nereid.wasm"), join(out, "nereid.wasm"));
copyFileSync(join(root, "web/dist/compile/worker.js"), join(out, "compile-worker.js"));
copyFileSync(join(root, "web/dist/worker.js"), join(out, "thread-worker.js"));
copyFileSync(join(cpp, "go/samples/jfk.wav"), join(root, "build/voice/jfk.wav"));
writeFileSync(join(out, "index.html"), '<!doctype html><title>voice</title><script type="module" src="page.mjs"></script>');
const folders = { files: join(root, "build/voice"), page: out, modules, whispercpp: join(cpp, "javascript") };
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const server = await serve(folders, { headers });
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const notes = new Map();
console.log("threads  engine                          what                     median    best");
for (const what of o.what.split(","))
  for (const threads of o.threads.split(",")) {
    const page = await browser.newPage();
    page.on("pageerror", (error) => console.log(String(error)));
    if (process.env.VERBOSE) page.on("console", (m) => console.log(m.text()));
    await page.goto(`${server.address}page/?threads=${threads}&rounds=${o.rounds}&what=${what}`);
    const handle = await page.waitForFunction(() => globalThis.results, undefined, { timeout: 900000 });
    const results = await handle.jsonValue();
    if (typeof results === "string") throw new Error(results);
    for (const { engine, what, values, note } of results) {
      const sorted = values.toSorted((a, b) => a - b);
      const best = what.endsWith("/s") ? sorted.at(-1) : sorted[0];
      console.log(
        `${threads.padStart(7)}  ${engine.padEnd(30)}  ${what.padEnd(20)} ${sorted[sorted.length >> 1].toFixed(1).padStart(10)} ${best.toFixed(1).padStart(7)}`,
      );
      if (note) notes.set(engine, note);
    }
    await page.close();
  }
for (const [engine, note] of notes) console.log(`${engine}: ${JSON.stringify(note)}`);
await browser.close();
server.close();

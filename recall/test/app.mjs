// SPDX-License-Identifier: MIT
// The page in Chromium, from a host that sends no special headers: indexing, search, filters, dialogs, keys, accessibility, policy, reload, offline.
//   node recall/test/app.mjs [FOLDER]     with pictures of the page in a folder
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { chromium, executablePath, serve } from "./serve.mjs";

const recall = fileURLToPath(new URL("..", import.meta.url));
const pictures = process.argv[2];
if (!existsSync(executablePath)) {
  console.log("skipped: Chromium is not installed (scripts/setup.sh --web)");
  process.exit(0);
}
if (pictures) mkdirSync(pictures, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const site = join(recall, "dist/app");
let server = await serve(site);
const { address, port } = server;

// Another host, which must never be reached.
let reached = 0;
const other = createServer((_, answer) => (++reached, answer.writeHead(200, { "Access-Control-Allow-Origin": "*" }).end("x")));
await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
const outside = `http://127.0.0.1:${other.address().port}/`;

const profile = mkdtempSync(join(tmpdir(), "recall-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  args: ["--no-sandbox"],
  viewport: { width: 1100, height: 850 },
  colorScheme: "light",
  acceptDownloads: true,
});
const page = await browser.newPage();
page.setDefaultTimeout(60000);
const errors = [];
const watch = (p) => p.on("pageerror", (error) => errors.push(String(error)));
watch(page);

let [passed, failed] = [0, 0];
async function test(name, body) {
  try {
    await body();
    assert.deepEqual(errors.splice(0), []);
    assert.equal(await page.isVisible("#problem"), false, await page.textContent("#problem"));
    ++passed;
  } catch (error) {
    ++failed;
    console.log(`FAIL ${name}: ${error.stack}\n  status: ${await page.textContent("#status").catch(() => "")}`);
    await page.evaluate(() => (document.querySelector("#problem").hidden = true)).catch(() => {});
    await page.keyboard.press("Escape").catch(() => {});
  }
}
const picture = (name) => pictures && page.screenshot({ path: join(pictures, `recall-${name}.jpg`), type: "jpeg", quality: 88 });
const status = (text) => page.waitForFunction((t) => document.querySelector("#status").textContent.includes(t), text);
// The results when they are those of this query: texts, people and scores.
async function search(text) {
  await page.fill("#query", text);
  await page.waitForFunction((text) => document.querySelector("#results").dataset.query === text, text);
  return results();
}
const results = () =>
  page.$$eval("#results > li", (all) =>
    all.map((li) => ({
      text: li.querySelector(".text").textContent,
      person: li.querySelector(".who")?.textContent,
      time: li.querySelector("time")?.dateTime,
      score: li.querySelector(".score")?.textContent,
    })),
  );
const best = async (text) => (await search(text))[0]?.text;
async function accessible(what) {
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
  await page.evaluate(axe);
  const violations = await page.evaluate(() =>
    globalThis.axe
      .run(document)
      .then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(" ")}`)),
  );
  assert.deepEqual(violations, [], what);
}
const queries = ["where is the key hidden?", "a pickpocket tried to steal something", "good news about work", "vegetarian recipe"];
const answers = async () => {
  const all = [];
  for (const query of queries) all.push(await search(query));
  return all;
};
let first;

await test("the first visit", async () => {
  await page.goto(address);
  await page.waitForSelector("#welcome:not([hidden])");
  assert.ok(await page.evaluate(() => globalThis.crossOriginIsolated), "isolated, by the service worker");
  await accessible("welcome");
  await picture("welcome-light");
});

await test("a chat is indexed with progress, and found by meaning", async () => {
  await page.evaluate(() => {
    globalThis.texts = [];
    const text = document.querySelector("#progress-text");
    new MutationObserver(() => globalThis.texts.push(text.textContent)).observe(text, {
      childList: true,
      characterData: true,
      subtree: true,
    });
  });
  await page.click("#sample");
  await status("49 messages added");
  const texts = await page.evaluate(() => globalThis.texts.join("\n"));
  assert.match(texts, /WhatsApp · 32 of 49 messages · \d+ messages\/s · \d+ s left/);
  assert.match(await best("where is the key hidden?"), /little safe by the blue door/);
  assert.match(await best("a pickpocket tried to steal something"), /pull my phone out of my pocket/);
  assert.match(await best("good news about work"), /They gave me the job/);
  await search("vegetarian recipe");
  assert.deepEqual(await page.$$eval("#results mark", (all) => [...new Set(all.map((mark) => mark.textContent))]), ["recipe"]);
  // The sentence that fits is marked when one stops typing; neighbours are shown.
  await page.waitForFunction(() => document.querySelector("#results .focus")?.textContent === "Does anyone have a good vegetable curry?");
  assert.match(await page.textContent("#results li:first-child .next:last-of-type"), /^Ada: My mum's: fry two onions/);
  await accessible("results");
  await picture("results-light");
});

await test("results come within 50 ms of typing", async () => {
  const times = await page.evaluate(async () => {
    const query = document.querySelector("#query");
    const list = document.querySelector("#results");
    const out = [];
    for (const text of ["sunburn", "flight times", "a good book", "the computer is broken", "injury", "landlord trouble"]) {
      const changed = new Promise((resolve) => new MutationObserver(resolve).observe(list, { childList: true }));
      const start = performance.now();
      query.value = text;
      query.dispatchEvent(new InputEvent("input", { bubbles: true }));
      await changed;
      out.push(performance.now() - start);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return out.sort((a, b) => a - b);
  });
  console.log(`from a key to results: ${times.map((t) => t.toFixed(1)).join(", ")} ms`);
  assert.ok(times[0] < 50, `the fastest of ${times.length} took ${times[0]} ms`);
});

await test("filters by person and date", async () => {
  await page.selectOption("#person", "Ben");
  const ofBen = await search("travel");
  assert.ok(ofBen.length === 17 && ofBen.every(({ person }) => person === "Ben"), JSON.stringify(ofBen.length));
  await page.fill("#from", "2025-05-20");
  await page.fill("#to", "2025-05-26");
  await page.dispatchEvent("#to", "change");
  await page.waitForFunction(() => document.querySelectorAll("#results > li").length < 10);
  const then = await results();
  assert.ok(then.length > 2 && then.every(({ person, time }) => person === "Ben" && time >= "2025-05-19T12" && time < "2025-05-27T12"));
  await page.click("#reset");
  await page.waitForFunction(() => document.querySelectorAll("#results > li").length === 20);
  assert.equal(await page.isVisible("#reset"), false);
});

await test("more like this, and the conversation", async () => {
  await search("vegetarian recipe");
  await page.click("#results li:first-child .link:has-text('More like this')");
  await page.waitForSelector("#like:not([hidden])");
  const alike = await results();
  assert.match(alike[0].text, /curry was a triumph|My mum's/);
  assert.ok(!alike.some(({ text }) => text.startsWith("Does anyone have a good vegetable curry")), "not the message itself");
  await accessible("more like this");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#like", { state: "hidden" });
  await search("vegetarian recipe");
  await page.click("#results li:first-child .link:has-text('Show conversation')");
  await page.waitForSelector("#conversation[open]");
  assert.match(await page.textContent("#thread li.this .text"), /vegetable curry/);
  assert.equal(await page.textContent("#conversation-title"), "Lisbon trip");
  await accessible("conversation");
  await picture("conversation-light");
  await page.keyboard.press("Escape");
});

await test("the keyboard", async () => {
  await page.click("body", { position: { x: 5, y: 5 } });
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "query");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.evaluate(() => [...document.querySelector("#results").children].indexOf(document.activeElement)), 1);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#conversation[open]");
  await page.keyboard.press("Escape");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  assert.equal(await page.evaluate(() => document.activeElement.id), "query");
});

await test("dark colours, a narrow page, and dialogs are accessible", async () => {
  await page.emulateMedia({ colorScheme: "dark" });
  await accessible("dark");
  await picture("results-dark");
  await page.click("#about-button");
  assert.match(await page.textContent("#facts"), /49/);
  await accessible("about");
  await picture("about-dark");
  await page.keyboard.press("Escape");
  await page.setViewportSize({ width: 390, height: 844 });
  await accessible("phone");
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "no sideways scrolling");
  await picture("phone-dark");
  await page.emulateMedia({ colorScheme: "light" });
  await picture("phone-light");
  await page.click("#more");
  await page.click("#delete");
  await accessible("data");
  await page.keyboard.press("Escape");
  await page.click("#theme"); // by hand, and kept
  assert.equal(await page.getAttribute("html", "data-theme"), "dark");
  await page.click("#theme");
  await page.setViewportSize({ width: 1100, height: 850 });
});

await test("nothing connects to another host", async () => {
  const attempt = async (outside) => {
    const tries = { fetch: () => fetch(outside) };
    if (globalThis.document) {
      const load = (tag, name) => () =>
        new Promise((resolve, reject) => {
          const node = Object.assign(document.createElement(tag), { onload: resolve, onerror: () => reject(new Error(tag)) });
          node[name] = outside;
          document.body.append(node);
        });
      Object.assign(tries, {
        img: load("img", "src"),
        script: load("script", "src"),
        frame: () => Promise.race([load("iframe", "src")(), new Promise((_, no) => setTimeout(no, 300))]),
      });
    }
    tries.socket = () =>
      new Promise((resolve, reject) => Object.assign(new WebSocket(outside.replace("http", "ws")), { onopen: resolve, onerror: reject }));
    const done = [];
    for (const [name, go] of Object.entries(tries))
      await Promise.resolve()
        .then(go)
        .then(
          () => done.push(name),
          () => {},
        );
    return done;
  };
  await page.evaluate((outside) => navigator.sendBeacon(outside, "x"), outside).catch(() => {});
  const inPage = await page.evaluate(attempt, outside);
  assert.deepEqual(
    inPage.filter((name) => name !== "frame"),
    [],
  );
  const workers = page.workers();
  assert.ok(workers.length >= 2, `${workers.length} workers`);
  for (const worker of workers.filter((w) => /(search|index)-worker/.test(w.url())))
    assert.deepEqual(await worker.evaluate(attempt, outside), [], worker.url());
  await page.waitForTimeout(100);
  assert.equal(reached, 0, "requests that reached the other host");
});

await test("files of other formats, and the same file again", async () => {
  const messages = () => page.evaluate(() => Number(/^[\d,]+/.exec(document.querySelector("#figures").textContent)[0].replace(",", "")));
  await page.setInputFiles(
    "#files",
    ["notes.md", "telegram.json", "mail.mbox", "claude.json"].map((name) => join(recall, "test/fixtures", name)),
  );
  await status("11 messages added");
  assert.equal(await messages(), 60);
  assert.match(await best("what can I subtract from taxes"), /deduct a desk/);
  await page.fill("#query", "");
  await page.setInputFiles("#files", join(recall, "test/fixtures/mail.mbox"));
  await status("0 messages added, 3 messages known already");
  assert.equal(await messages(), 60);
  await page.setInputFiles("#files", { name: "picture.png", mimeType: "image/png", buffer: Buffer.from([1, 2, 3]) });
  await page.waitForSelector("#problem:not([hidden])");
  assert.match(await page.textContent("#problem"), /picture.png is not an export that Recall knows/);
  await page.click("#problem button");
});

await test("after a reload, answers are the same", async () => {
  first = await answers();
  await page.reload();
  await page.waitForSelector("#searching:not([hidden])");
  assert.ok(isDeepStrictEqual(await answers(), first), "other answers");
});

await test("with many messages, a graph is built, and finds the same", async () => {
  await page.goto(`${address}?exact=50`);
  await page.waitForFunction(() => document.querySelector("#figures").textContent.includes("approximate search"));
  assert.ok(isDeepStrictEqual(await answers(), first), "other answers");
  await page.click("#about-button");
  assert.match(await page.textContent("#choice"), /graph of neighbours/);
  await page.click("#compare");
  await page.waitForFunction(() => document.querySelector("#comparison").textContent.includes("% of the ten nearest"));
  assert.match(await page.textContent("#comparison"), /(100|9\d)\.\d % of the ten nearest found, for 100 messages/);
  await accessible("comparison");
  await page.keyboard.press("Escape");
  await page.goto(address);
  await page.waitForSelector("#searching:not([hidden])");
});

await test("without the host, answers are the same", async () => {
  server.close();
  await page.reload();
  await page.waitForSelector("#searching:not([hidden])");
  assert.ok(isDeepStrictEqual(await answers(), first), "other answers");
  server = await serve(site, { port });
});

await test("export, delete all, and import", async () => {
  const save = async (button) => {
    await page.click("#more");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
    await page.keyboard.press("Escape");
    return download.path();
  };
  const json = JSON.parse(readFileSync(await save("#export-json"), "utf8"));
  assert.equal(json.length, 60);
  assert.ok(json.every(({ text, source }) => text && source));
  const index = readFileSync(await save("#export-index"));
  await page.click("#more");
  await page.click("#delete");
  await page.click("#delete-yes");
  await page.waitForSelector("#welcome:not([hidden])");
  const stored = () =>
    page.evaluate(async () => {
      const file = await (await (await navigator.storage.getDirectory()).getFileHandle("recall-1")).getFile();
      return file.size;
    });
  assert.equal(await stored(), 16, "bytes of the file");
  // Also in the middle of indexing.
  const lines = Array.from({ length: 400 }, (_, i) => `0${1 + (i % 9)}/11/2025, 10:00 - Ada: message number ${i}`);
  await page.setInputFiles("#files", { name: "WhatsApp Chat with Ben.txt", mimeType: "text/plain", buffer: Buffer.from(lines.join("\n")) });
  await page.waitForSelector("#more:not([hidden])");
  await page.click("#more");
  await page.click("#delete");
  await page.click("#delete-yes");
  await page.waitForSelector("#welcome:not([hidden])");
  assert.equal(await stored(), 16, "bytes of the file after it was deleted while indexing");
  await page.setInputFiles("#files", { name: "messages.recall", mimeType: "", buffer: index });
  await status("60 messages added");
  assert.ok(isDeepStrictEqual(await answers(), first), "other answers");
});

await test("a second tab says that the first one has the messages", async () => {
  const second = await browser.newPage();
  await second.goto(address);
  await second.waitForSelector("#problem:not([hidden])", { timeout: 20000 });
  assert.match(await second.textContent("#problem"), /open in another tab/);
  await second.close();
});

await browser.close();
server.close();
other.close();
rmSync(profile, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);

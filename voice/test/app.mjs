// SPDX-License-Identifier: MIT
// The page in Chromium, from a host that sends no special headers: recordings, the microphone, notes, chat, keys, accessibility, policy, reload, offline.
//   node voice/test/app.mjs [FOLDER]     with pictures of the page in a folder
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, executablePath, serve } from "../../recall/test/serve.mjs";

const voice = fileURLToPath(new URL("..", import.meta.url));
const pictures = process.argv[2];
if (!existsSync(executablePath)) {
  console.log("skipped: Chromium is not installed (scripts/setup.sh --web)");
  process.exit(0);
}
if (pictures) mkdirSync(pictures, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const jfk = join(voice, "node_modules/nodejs-whisper/cpp/whisper.cpp/bindings/go/samples/jfk.wav");
const site = join(voice, "dist/app");
let server = await serve(site);
const { address, port } = server;

// Another host, which must never be reached.
let reached = 0;
const other = createServer((_, answer) => (++reached, answer.writeHead(200, { "Access-Control-Allow-Origin": "*" }).end("x")));
await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
const outside = `http://127.0.0.1:${other.address().port}/`;

const profile = mkdtempSync(join(tmpdir(), "voice-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  args: [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    `--use-file-for-fake-audio-capture=${jfk}`,
  ],
  permissions: ["microphone"],
  viewport: { width: 1100, height: 850 },
  colorScheme: "light",
  acceptDownloads: true,
});
const page = await browser.newPage();
page.setDefaultTimeout(120000);
const errors = [];
page.on("pageerror", (error) => errors.push(String(error)));

let [passed, failed] = [0, 0];
async function test(name, body) {
  try {
    await body();
    assert.deepEqual(errors.splice(0), []);
    assert.equal(await page.isVisible("#problem"), false, await page.textContent("#problem"));
    ++passed;
  } catch (error) {
    ++failed;
    console.log(`FAIL ${name}: ${error.stack}`);
    await page.evaluate(() => (document.querySelector("#problem").hidden = true)).catch(() => {});
    await page.keyboard.press("Escape").catch(() => {});
  }
}
const picture = (name) => pictures && page.screenshot({ path: join(pictures, `voice-${name}.jpg`), type: "jpeg", quality: 88 });
async function accessible(what) {
  await page.evaluate(axe);
  const violations = await page.evaluate(() =>
    globalThis.axe
      .run(document)
      .then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(" ")}`)),
  );
  assert.deepEqual(violations, [], what);
}
const ready = () => page.waitForSelector("html[data-ready]");
const notes = (count) => page.waitForFunction((n) => document.querySelectorAll("#list > li").length === n, count);
const first = () => page.textContent("#list > li:first-child .text");
const kGreedy = "And so my fellow Americans ask not what your country can do for you ask what you can do for your country";

await test("the first visit", async () => {
  await page.goto(address);
  await ready();
  assert.ok(await page.evaluate(() => globalThis.crossOriginIsolated), "isolated, by the service worker");
  await accessible("notes");
  await picture("notes-empty-light");
});

await test("a recording becomes a note, with its text as it is found", async () => {
  await page.evaluate(() => {
    globalThis.texts = [];
    new MutationObserver(() => globalThis.texts.push(document.querySelector("#now-text").textContent)).observe(
      document.querySelector("#now-text"),
      { childList: true, characterData: true, subtree: true },
    );
  });
  await page.click("#sample");
  await notes(1);
  assert.equal((await first()).trim().replace(/\.$/, ""), kGreedy);
  const texts = await page.evaluate(() => globalThis.texts);
  assert.ok(texts.length > 10 && texts.some((text) => text.trim() === "And so my fellow"), texts.join("|"));
  assert.match(await page.textContent("#notes-status"), /^0:11 transcribed in [\d.]+ s: [\d.]+ times as fast as speech$/);
  await page.click("#list summary");
  await accessible("a note");
});

await test("what is spoken is shown at once, and is a note when one stops", async () => {
  await page.keyboard.press("Escape");
  await page.locator("#record").blur();
  await page.keyboard.press("r");
  await page.waitForFunction(() => /fellow americans/i.test(document.querySelector("#now-text").textContent));
  assert.equal(await page.getAttribute("#record", "aria-pressed"), "true");
  await accessible("recording");
  await picture("recording-light");
  await page.waitForFunction(() => /your country/i.test(document.querySelector("#now-text").textContent));
  await page.keyboard.press("r");
  await notes(2);
  assert.match(await first(), /fellow americans/i);
  assert.equal(await page.getAttribute("#record", "aria-pressed"), "false");
});

await test("files can be chosen, cancelled, and be no sound", async () => {
  const sound = readFileSync(jfk);
  await page.setInputFiles("#files", { name: "one.wav", mimeType: "audio/wav", buffer: sound });
  await page.waitForFunction(() => document.querySelector("#now-state").textContent.startsWith("transcribing"));
  await page.click("#stop");
  await page.waitForSelector("#now", { state: "hidden" });
  await notes(2);
  await page.setInputFiles("#files", { name: "text.wav", mimeType: "audio/wav", buffer: Buffer.from("no sound") });
  await page.waitForSelector("#problem:not([hidden])");
  assert.match(await page.textContent("#problem"), /the browser cannot decode text\.wav/);
  await page.click("#problem button");
  const silence = Buffer.alloc(44 + 64000);
  silence.write("RIFF");
  silence.writeUInt32LE(silence.length - 8, 4);
  silence.write("WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data", 8, "latin1"); // PCM, 1 channel, 16000 Hz, 16 bits
  silence.writeUInt32LE(64000, 40);
  await page.setInputFiles("#files", { name: "silence.wav", mimeType: "audio/wav", buffer: silence });
  await page.waitForFunction(() => document.querySelector("#notes-status").textContent === "No speech was found in silence.wav");
  await notes(2);
});

await test("notes can be saved and deleted", async () => {
  const save = async (name) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(`#list > li:last-child >> text=${name}`)]);
    return readFileSync(await download.path(), "utf8");
  };
  assert.match(await save("Save text"), new RegExp(`^${kGreedy}\\.?\\n$`));
  const subtitles = await save("Save subtitles");
  assert.ok(/^1\n00:00:00,000 --> 00:00:07,\d\d0\nAnd so my fellow Americans/.test(subtitles), subtitles);
  await page.click("#list > li:first-child >> text=Delete");
  await notes(1);
});

await test("no other host can be reached", async () => {
  const blocked = await page.evaluate(async (outside) => {
    const ways = [
      () => fetch(outside),
      () => new Promise((resolve, reject) => Object.assign(new Image(), { onload: resolve, onerror: reject, src: outside })),
      () => import(outside),
    ];
    const out = [];
    for (const way of ways)
      out.push(
        await way().then(
          () => "reached",
          () => "blocked",
        ),
      );
    return out;
  }, outside);
  assert.deepEqual(blocked, ["blocked", "blocked", "blocked"]);
  assert.equal(reached, 0);
});

await test("a chat streams its answers, and can be stopped", async () => {
  await page.focus("#tab-notes");
  await page.keyboard.press("ArrowRight");
  assert.ok(await page.isVisible("#chat"));
  await accessible("chat, without the model");
  await picture("chat-load-light");
  await page.click("#load-chat");
  await page.waitForSelector("#ask:not([hidden])");
  await page.evaluate(() => {
    globalThis.texts = [];
    new MutationObserver(() => globalThis.texts.push(document.querySelector("#messages > li:last-child")?.textContent ?? "")).observe(
      document.querySelector("#messages"),
      { childList: true, characterData: true, subtree: true },
    );
  });
  await page.fill("#question", "What is the capital of Italy?");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => /token/.test(document.querySelector("#chat-status").textContent));
  assert.match(await page.textContent("#messages > li:last-child"), /Rome/);
  const lengths = await page.evaluate(() => globalThis.texts.map((text) => text.length));
  assert.ok(new Set(lengths).size > 4, lengths.join());
  assert.match(await page.textContent("#chat-status"), /^\d+ tokens · first after [\d.]+ s · then [\d.]+ per second$/);
  await accessible("chat");
  await picture("chat-light");
  await page.fill("#question", "Write a long story about the sea.");
  await page.click("#send");
  await page.waitForFunction(() => document.querySelector("#messages > li:last-child").textContent.length > 20);
  await page.click("#stop-chat");
  await page.waitForSelector("#stop-chat", { state: "hidden" });
  await page.click("#new-chat");
  assert.equal(await page.locator("#messages > li").count(), 0);
});

await test("dark colours, a phone, and the dialog", async () => {
  await page.click("#theme");
  await accessible("dark chat");
  await page.click("#tab-notes");
  await accessible("dark notes");
  await picture("notes-dark");
  await page.click("#about-button");
  await page.waitForSelector("#about[open]");
  assert.match(await page.textContent("#facts"), /WebAssembly/);
  await accessible("dialog");
  await page.keyboard.press("Escape");
  await page.click("#theme");
  await page.setViewportSize({ width: 390, height: 780 });
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok((await overflow()) <= 0);
  await accessible("phone");
  await picture("notes-phone-light");
  await page.click("#tab-chat");
  assert.ok((await overflow()) <= 0);
  await page.setViewportSize({ width: 1100, height: 850 });
});

await test("without the host, notes are there, and both models work", async () => {
  server.close();
  await page.reload();
  await ready();
  await notes(1);
  await page.setInputFiles("#files", { name: "again.wav", mimeType: "audio/wav", buffer: readFileSync(jfk) });
  await notes(2);
  assert.equal((await first()).trim().replace(/\.$/, ""), kGreedy);
  await page.click("#tab-chat");
  await page.click("#load-chat");
  await page.waitForSelector("#ask:not([hidden])");
  server = await serve(site, { port });
});

await browser.close();
server.close();
other.close();
rmSync(profile, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);

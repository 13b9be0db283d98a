// SPDX-License-Identifier: MIT
// Voice notes and answers in the page of Recall, in Chromium.
//   node voice/test/recall.mjs [FOLDER]     with pictures of the page in a folder
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
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
const server = await serve(join(voice, "dist/recall"));
const profile = mkdtempSync(join(tmpdir(), "voice-recall-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  args: ["--no-sandbox"],
  viewport: { width: 1100, height: 850 },
  colorScheme: "light",
});
const page = await browser.newPage();
page.setDefaultTimeout(180000);
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
  }
}
const picture = (name) => pictures && page.screenshot({ path: join(pictures, `recall-${name}.jpg`), type: "jpeg", quality: 88 });
const status = (text) => page.waitForFunction((t) => document.querySelector("#status").textContent.includes(t), text);
async function search(text) {
  await page.fill("#query", text);
  await page.waitForFunction((text) => document.querySelector("#results").dataset.query === text, text);
  return page.$$eval("#results > li .text", (all) => all.map((one) => one.textContent));
}
async function accessible(what) {
  await page.evaluate(axe);
  const violations = await page.evaluate(() =>
    globalThis.axe
      .run(document)
      .then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(" ")}`)),
  );
  assert.deepEqual(violations, [], what);
}

await test("a voice note is transcribed, indexed and found by meaning", async () => {
  await page.goto(server.address);
  await page.waitForSelector("#welcome:not([hidden])");
  await page.click("#sample");
  await status("49 messages added");
  await page.setInputFiles("#files", { name: "PTT-20250301.wav", mimeType: "audio/wav", buffer: readFileSync(jfk) });
  await status("2 messages added");
  assert.match((await search("serving one's nation"))[0], /your country/);
  assert.match(await page.textContent("#results > li:first-child .meta"), /PTT-20250301/);
  await picture("voice-note-light");
  // Known ones are not added again; a file that is not a recording is reported separately.
  await page.setInputFiles("#files", { name: "broken.opus", mimeType: "audio/ogg", buffer: Buffer.from("no sound") });
  await page.waitForSelector("#problem:not([hidden])");
  assert.match(await page.textContent("#problem"), /the browser cannot decode broken\.opus/);
  await page.click("#problem button");
});

await test("a question is answered from the messages that fit, with sources", async () => {
  assert.equal(await page.isDisabled("#answer"), false);
  await search("Where is the key hidden?");
  await page.click("#answer");
  await page.waitForFunction(() => document.querySelector("#answer-status").textContent.includes("tokens"));
  const answer = await page.textContent("#answer-text");
  assert.match(answer, /key|safe|door/i);
  const sources = await page.$$eval("#answer-sources li", (all) => all.map((one) => one.textContent));
  assert.equal(sources.length, 5);
  assert.ok(
    sources.some((one) => /little safe by the blue door/.test(one)),
    sources.join("|"),
  );
  await accessible("answer");
  await picture("answer-light");
  await page.click("#answer-sources li:first-child button");
  await page.waitForSelector("#conversation[open]");
  await page.keyboard.press("Escape");
  await page.click("#answer-close");
  assert.equal(await page.isVisible("#answer-box"), false);
});

await browser.close();
server.close();
rmSync(profile, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);

// SPDX-License-Identifier: MIT
// Kills a page in the middle of writes to the file of a store, at each stage of a write, and looks what is left.
//   node recall/test/crash.mjs
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "../build.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const executablePath = "/usr/bin/chromium";
if (!existsSync(executablePath)) {
  console.log("skipped: Chromium is not installed (scripts/setup.sh --web)");
  process.exit(0);
}
const { chromium } = createRequire(join(root, "web/build.mjs"))("playwright-core");
const script = join(root, "recall/node_modules/.test/crash-worker.mjs");
await bundle("test/crash-worker.ts", script);
const server = createServer(({ url }, answer) =>
  url === "/worker.mjs"
    ? answer.writeHead(200, { "Content-Type": "text/javascript" }).end(readFileSync(script))
    : answer.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html><title>crash</title>"),
);
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const profile = mkdtempSync(join(tmpdir(), "recall-"));
const browser = await chromium.launchPersistentContext(profile, { executablePath, args: ["--no-sandbox"] });

// Starts the worker in a new page; returns the page and the worker's message.
async function start(order) {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const message = await page.evaluate(
    (order) =>
      new Promise((resolve, reject) => {
        const worker = new Worker("/worker.mjs", { type: "module" });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage(order);
      }),
    order,
  );
  return { page, message };
}

let [passed, failed] = [0, 0];
try {
  let wanted = 0;
  for (const stage of ["before", "half", "written", "flushed", "half", "before", "written", "half"]) {
    const { page, message } = await start({ stage });
    if (message.hangs !== stage) throw new Error(`the worker did not hang: ${JSON.stringify(message)}`);
    await page.close();
    const { page: after, message: left } = await start({});
    await after.close();
    // Two records are complete; the third may be if all of it was written.
    const most = wanted + (stage === "written" || stage === "flushed" ? 3 : 2);
    const good = left.wrong === 0 && left.count >= wanted + (stage === "flushed" ? 3 : 2) && left.count <= most;
    if (!good) console.log(`FAIL killed at ${stage}: ${left.count} records, ${left.wrong} wrong; wanted ${wanted + 2} to ${most}`);
    if (good) ++passed;
    else ++failed;
    wanted = left.count;
  }
} finally {
  await browser.close();
  server.close();
  rmSync(profile, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);

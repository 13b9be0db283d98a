// SPDX-License-Identifier: MIT
// The playground in Chromium, served as by a host that sets no headers: its service worker must bring isolation, and the site when there is no network.
import { buildSite, siteServer } from "../site.mjs";

const folder = "build/test/site";

const kernel = `import triton
import triton.language as tl


@triton.jit
def halve(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) * 0.5, mask=i < n)
`;

/** The tests, as the other suites' results. */
export async function playground(browser) {
  const results = [];
  await buildSite(folder);
  const server = siteServer(folder, { isolated: false });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${server.address().port}/`;
  const page = await browser.newPage();
  page.setDefaultTimeout(30000);
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));

  const same = (what, got, wanted) => {
    if (got !== wanted) throw new Error(`${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
  };
  const test = async (name, body) => {
    try {
      await body();
      if (errors.length) throw new Error(errors.splice(0).join("\n"));
      results.push({ name });
    } catch (error) {
      results.push({ name, error: `${error.stack}\n${await page.textContent("#status").catch(() => "")}` });
    }
  };
  const status = (text, on = page) => on.waitForFunction((t) => document.querySelector("#status")?.textContent.includes(t), text);
  const write = (text) => page.fill(".cm-content[contenteditable=true]", text);
  const source = (on = page) => on.$$eval("#editor .cm-line", (lines) => lines.map((line) => line.textContent).join("\n"));
  const run = async () => {
    await page.click("#run");
    await page.waitForFunction(() => !document.querySelector("#run").disabled);
    await status("Ran on");
  };
  const input = (name) => `#inputs input[name="${name}"]`;

  await test("the page becomes isolated, and compiles", async () => {
    await page.goto(base);
    await page.waitForFunction(() => globalThis.crossOriginIsolated && navigator.serviceWorker.controller);
    await status("Compiled in");
  });
  await test("each kernel of the gallery computes what plain JavaScript does", async () => {
    for (const name of await page.$$eval("#gallery option:not([hidden])", (all) => all.map((o) => o.value))) {
      await page.selectOption("#gallery", name);
      await run();
      if (name === "dropout") continue; // its numbers are random
      const said = await page.textContent("#compared");
      if (!said.startsWith("The same as")) throw new Error(`${name}: ${said}`);
    }
  });
  await test("a kernel is typed, a mistake underlined and mended", async () => {
    await write(kernel.replace("    i =", '    "½"; i =').replace("tl.arange", "tl.arangge"));
    await status("arangge");
    same("underlined", await page.textContent("#editor .cm-lintRange-error"), "arangge"); // columns count bytes
    await write(kernel);
    await status("Compiled in");
    same("underlines", await page.locator("#editor .cm-lintRange-error").count(), 0);
  });
  await test("it runs on inputs that are described", async () => {
    await page.fill(input("args.x_ptr"), "range f32[n]");
    await page.fill(input("args.out_ptr"), "zeros f32[n]");
    await page.fill(input("args.n"), "1000");
    same("guessed grid", await page.inputValue(input(".grid")), "cdiv(n, BLOCK)");
    await run();
    same("numbers", (await page.textContent("#result > div:last-child pre")).slice(0, 24), "0  0.5  1  1.5  2  2.5  ");
    await page.fill(input("args.n"), "m");
    await status("there is no `m`");
    same("marked", await page.getAttribute(input("args.n"), "aria-invalid"), "true");
    await page.fill(input("args.n"), "500");
    await run();
    same("shape", await page.textContent("#result > div:last-child p"), "f32[500]");
  });
  await test("names are completed", async () => {
    await page.click("#editor .cm-line >> nth=-1");
    await page.keyboard.press("Control+End");
    await page.keyboard.type("tl.atomic_ad");
    await page.waitForSelector(".cm-tooltip-autocomplete li:has-text('atomic_add(pointer, val')");
    await page.keyboard.press("Escape");
    await write(kernel);
    await status("Compiled in");
  });
  await test("stages are shown, and the schedule is linked to lines", async () => {
    for (const [id, text] of [["ttir", "tt.func public @halve"], ["lower", "lo.load"], ["wat", "(module"], ["schedule", "tt.store at line 8"]]) {
      await page.click(`#tab-${id}`);
      await page.waitForFunction((t) => document.querySelector("#stage").textContent.includes(t), text);
    }
    await page.hover("#stage .cm-line:has-text('tt.store at line 8')");
    await page.waitForSelector("#editor .cm-linked:has-text('tl.store')");
  });
  let address = "";
  await test("a shared address brings source and inputs", async () => {
    await page.click("#share");
    await status("address");
    address = page.url();
    const other = await browser.newPage();
    await other.goto(address);
    await status("Compiled in", other);
    same("source", await source(other), kernel);
    same("input", await other.inputValue(input("args.x_ptr")), "range f32[n]");
    same("size", await other.inputValue(input("args.n")), "500");
    await other.goto("about:blank");
    await other.goto(`${base}#k=nonsense`);
    await other.waitForSelector("#result :text('no kernel in it that can be read')");
    await other.close();
  });
  await test("it works without a network", async () => {
    server.close();
    server.closeAllConnections();
    await page.reload();
    await status("Compiled in");
    same("source", await source(), kernel);
    await run();
  });
  await page.close();
  server.close();
  return results;
}

// SPDX-License-Identifier: MIT
// Tests the playground in Chromium, served without special headers: its service worker must provide isolation, and the site when offline.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { buildSite, siteServer } from "../site.mjs";

const folder = "build/test/site";

const kernel = `import triton
import triton.language as tl


@triton.jit
def halve(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) * 0.5, mask=i < n)
`;

const npy = (type, shape, values) => {
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117) + "\n";
  return Buffer.concat([
    Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, header.length, 0]),
    Buffer.from(header),
    Buffer.from(values.buffer),
  ]);
};

/** Returns the results in the form of the other suites. */
export async function playground(browser) {
  const results = [];
  await buildSite(folder);
  const server = siteServer(folder, { isolated: false });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${server.address().port}/`;
  const page = await browser.newPage();
  page.setDefaultTimeout(30000);
  const cores = cpus().length;
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
  const idle = () => page.waitForFunction(() => document.querySelector("#run").textContent === "Run");
  const ends = (text) =>
    page.waitForFunction(
      (t) => document.querySelector("#run").textContent === "Run" && document.querySelector("#status").textContent.includes(t),
      text,
    );
  const run = async () => {
    await page.click("#run");
    await ends("Ran on");
  };
  const shown = () => page.textContent("#array pre");
  const input = (name) => `#inputs input[name="${name}"]`;

  await test("the page becomes isolated, and compiles", async () => {
    await page.goto(base);
    await page.waitForFunction(() => globalThis.crossOriginIsolated && navigator.serviceWorker.controller);
    await status("Compiled in");
  });
  for (const [device, name] of [
    ["wasm-1", "one thread"],
    [`wasm-${cores}`, "all threads"],
    ["gpu", "WebGPU"],
  ])
    await test(`each kernel of the gallery computes what plain JavaScript does, on ${name}`, async () => {
      await page.selectOption("#device", device);
      for (const name of await page.$$eval("#gallery option:not([hidden])", (all) => all.map((o) => o.value))) {
        await page.selectOption("#gallery", name);
        await run();
        if (name === "dropout") continue; // its numbers are random
        const said = await page.textContent("#compared");
        if (!said.startsWith("Equal to")) throw new Error(`${name}: ${said}`);
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
    same("numbers", (await shown()).slice(0, 24), "0  0.5  1  1.5  2  2.5  ");
    await page.fill(input("args.n"), "m");
    await status("unknown name `m`");
    same("marked", await page.getAttribute(input("args.n"), "aria-invalid"), "true");
    await page.fill(input("args.n"), "500");
    await run();
    same("shape", await page.textContent("#array p"), "f32[500]");
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
  await test("it runs on WebAssembly and on the GPU, measured against each", async () => {
    for (const device of [`wasm-${cores}`, "gpu"]) {
      await page.selectOption("#device", device);
      await run();
      await page.waitForSelector("#limits:has-text('GB/s')");
      same("numbers", (await shown()).slice(0, 24), "0  0.5  1  1.5  2  2.5  ");
    }
    await page.fill(input(".flops"), "n");
    await run();
    await page.waitForSelector("canvas.roof[aria-label*='GFLOP/s']");
    const kept = Object.values(JSON.parse(await page.evaluate(() => localStorage.limits)));
    if (kept.length < 2 || !kept.every((l) => l.memory > 0 && l.arithmetic > 0)) throw new Error(JSON.stringify(kept));
    await page.selectOption("#device", `wasm-${cores}`);
  });
  await test("arrays are pasted, and come from files", async () => {
    const array = input("args.x_ptr");
    await page.fill(array, "");
    await page.focus(array);
    await page.evaluate((selector) => {
      const data = new DataTransfer();
      data.setData("text", "2\t4\n6\t8.5\n");
      document.querySelector(selector).dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, cancelable: true, bubbles: true }));
    }, array);
    same("pasted", await page.inputValue(array), "[[2, 4], [6, 8.5]] f32");
    await page.fill(input("args.n"), "4");
    await run();
    same("numbers", await shown(), "1  2  3  4.25");
    const file = page.locator("#inputs label:has(input[name='args.x_ptr']) input[type=file]");
    await file.setInputFiles({ name: "x.npy", mimeType: "", buffer: npy("<f2", "(3,)", Uint16Array.of(0x4900, 0x4d00, 0xc000)) });
    await page.waitForFunction((s) => document.querySelector(s).value === 'file("x.npy")', array);
    await page.fill(array, 'file("x.npy") f32');
    await page.fill(input("args.n"), "3");
    await run();
    same("of the file", await shown(), "5  10  -1");
    await file.setInputFiles({ name: "y.npy", mimeType: "", buffer: npy(">f4", "(1,)", Uint16Array.of(0, 0)) });
    await status("y.npy: it is big-endian");
    for (const [text, says] of [
      ["[1, 2] f32[3]", "the shape has 3 elements, but there are 2 numbers"],
      ["[[1], [2, 3]] f32", "rows"],
      ["[1, x] f32", "`x` is not a number"],
      ['file("z.npy")', "choose z.npy again"],
      ["random f33[3]", "unknown type `f33`"],
      ["random f32[100000, 100000]", "MiB"],
      ["nonsense f32[3]", "use one of"],
      ["random f32[-1]", "integers of at least 0"],
      ["random f32[1 / 0]", "integers of at least 0"],
    ]) {
      await page.fill(array, text);
      await status(says);
    }
    await page.fill(array, "range f32[n]");
    await page.fill(input("args.n"), "500");
    await status("Compiled in");
  });
  await test("a kernel that does not end is stopped, and the page lives on", async () => {
    const stuck = kernel.replace(
      "    tl.store(out_ptr + i,",
      "    k = n\n    while k > 0:\n        k = k | 1\n    tl.store(out_ptr + i, k +",
    );
    for (const device of ["wasm-1", `wasm-${cores}`]) {
      await page.selectOption("#device", device);
      await write(stuck);
      await status("Compiled in");
      await page.click("#run");
      await status("Running for 1 s");
      // In the meantime the compiler is loaded.
      await write(stuck.replace("tl.load", "tl.lode"));
      await page.waitForSelector("#editor .cm-lintRange-error");
      await page.click("#run");
      await ends("Stopped");
      await write(kernel);
      await status("Compiled in");
      await run();
      same("numbers", (await shown()).slice(0, 24), "0  0.5  1  1.5  2  2.5  ");
    }
  });
  await test("what fails while it runs is told, and the next run works", async () => {
    await write(kernel.replace("tl.load(x_ptr + i", "tl.load(x_ptr + i * 100000000"));
    await status("Compiled in");
    await page.click("#run");
    await ends("out of bounds");
    await write(kernel);
    await status("Compiled in");
    await run();
  });
  await test("a GPU that is lost does not matter to the next run", async () => {
    await page.selectOption("#device", "gpu");
    // At the path where the runner looks for its worker.
    const workers = () => page.workers().filter((w) => w.url().endsWith("/worker.js")); // without those that wait for launches
    for (const worker of workers())
      await worker
        .evaluate(() => {
          const request = GPUAdapter.prototype.requestDevice;
          GPUAdapter.prototype.requestDevice = async function (about) {
            return (globalThis.lastGpu = await request.call(this, about));
          };
        })
        .catch(() => {});
    await run();
    let lost = 0;
    for (const worker of workers())
      lost += await worker.evaluate(() => (globalThis.lastGpu ? (globalThis.lastGpu.destroy(), 1) : 0)).catch(() => 0);
    same("devices that were lost", lost, 1);
    await page.click("#run");
    await ends("the GPU was lost");
    await run();
    await page.selectOption("#device", `wasm-${cores}`);
  });
  await test("what a kernel prints is shown, once", async () => {
    await write(
      kernel.replace("    tl.store", '    tl.static_print("block", BLOCK)\n    tl.device_print("first", tl.load(x_ptr))\n    tl.store'),
    );
    await status("Compiled in");
    await page.fill(input("args.n"), "100");
    for (const device of ["gpu", `wasm-${cores}`]) {
      await page.selectOption("#device", device);
      await run();
      same(
        "printed",
        await page.textContent("#printed"),
        "block 64\npid (0, 0, 0) idx () first: 0.000000\npid (1, 0, 0) idx () first: 0.000000",
      );
    }
    await page.fill(input("args.n"), "500");
    await write(kernel);
    await status("Compiled in");
    await run();
    same("printed", await page.locator("#printed").count(), 0);
  });
  await test("other parameters bring a grid of their own", async () => {
    const arrays = async (size) => {
      await page.fill(input("args.x_ptr"), `range f32[${size}]`);
      await page.fill(input("args.out_ptr"), `zeros f32[${size}]`);
    };
    await arrays(500);
    await write(kernel.replace("n, BLOCK: tl.constexpr", "count, BLOCK: tl.constexpr").replaceAll("< n", "< count"));
    await page.waitForSelector(input("args.count"));
    await status("Compiled in");
    same("grid", await page.inputValue(input(".grid")), "64");
    await write(kernel);
    await page.waitForSelector(input("args.n"));
    await arrays("n");
    await page.fill(input("args.n"), "500");
    await page.fill(input(".grid"), "cdiv(n, BLOCK)");
    await status("Compiled in");
  });
  await test("typing fast, nothing at all, and too much", async () => {
    await write(`@triton.jit${"\n".repeat(100)}`);
    await status("@triton.jit");
    await write("");
    await status("@triton.jit");
    await page.click("#run");
    await idle();
    await write("");
    await page.click("#editor .cm-content");
    const typed = kernel.replace(/^ +/gm, "").split("\n");
    for (const line of typed) {
      await page.keyboard.insertText(line);
      await page.keyboard.insertText("\n");
    }
    await page.waitForTimeout(300);
    await write(kernel);
    await status("Compiled in");
    same("source", await source(), kernel);
    await write(
      kernel.replace(
        "    tl.store",
        "    for a in tl.static_range(60000):\n        for b in tl.static_range(60000):\n            i = i + 1\n    tl.store",
      ),
    );
    await status("more than 65536 unrolled iterations");
    await write(kernel);
    await status("Compiled in");
  });
  await test("stages are shown, and linked to lines of the source", async () => {
    for (const [id, text] of [
      ["ttir", "tt.func public @halve"],
      ["lower", "lo.load"],
      ["wat", "(module"],
      ["schedule", "tt.store at line 8"],
    ]) {
      await page.click(`#tab-${id}`);
      await page.waitForFunction((t) => document.querySelector("#stage").textContent.includes(t), text);
    }
    await page.hover("#stage .cm-line:has-text('tt.store at line 8')");
    await page.waitForSelector("#editor .cm-linked:has-text('tl.store')");
    for (const [id, text, link] of [
      ["ttir", "tt.func", "tt.load"],
      ["passes", "tt.func", "tt.load"],
      ["lower", "tt.func", "lo.load"],
      ["wat", "(module", ""],
      ["wgsl", "@group", "arg_x_ptr_get"],
    ]) {
      await page.click(`#tab-${id}`);
      await page.waitForFunction((t) => document.querySelector("#stage").textContent.includes(t), text);
      await page.hover("#editor .cm-line:has-text('tl.load')");
      // Its first line is visible.
      await page.waitForSelector("#stage .cm-linked");
      await page.hover(`#stage .cm-linked:has-text('${link}') >> nth=0`);
      await page.waitForSelector("#editor .cm-linked:has-text('tl.load')");
      if (/line \d/.test(await page.textContent("#stage"))) throw new Error(`${id} shows its comments`);
    }
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
    for (const broken of ["nonsense", address.split("#k=")[1].slice(0, 40), "e30", `${address.split("#k=")[1].slice(0, -5)}AAAAA`]) {
      await other.goto("about:blank");
      await other.goto(`${base}#k=${broken}`);
      await other.waitForSelector("#result :text('The kernel in this address cannot be read')");
    }
    // Its stored data does not break the page, either.
    await other.evaluate(() => localStorage.setItem("limits", "{nonsense"));
    await other.evaluate(() => localStorage.setItem("theme", "purple"));
    await other.goto(base);
    await status("Compiled in", other);
    await other.evaluate(() => localStorage.clear());
    await other.close();
  });
  await test("with the keyboard alone", async () => {
    const at = () =>
      page.evaluate(() => document.activeElement.id || document.activeElement.name || document.activeElement.className.split(" ")[0]);
    await page.focus("#gallery");
    const seen = [];
    for (let i = 0; i < 40 && seen.at(-1) !== "tab-wgsl"; ++i) {
      await page.keyboard.press("Tab");
      seen.push(await at());
      if (seen.at(-1) === "cm-content") await page.keyboard.press("Escape"); // otherwise Tab indents
    }
    for (const place of ["device", "run", "share", "theme", "cm-content", "args.x_ptr", "args.n", ".grid", "tab-wgsl"])
      if (!seen.includes(place)) throw new Error(`Tab leads to ${seen.join(", ")}`);
    await page.keyboard.press("ArrowRight");
    same("the tab after the last", await page.getAttribute("#tab-result", "aria-selected"), "true");
    await page.focus(input("args.n"));
    await page.keyboard.press("Enter");
    await ends("Ran on");
    await page.focus("#editor .cm-content");
    await page.evaluate(() => (document.querySelector("#status").textContent = ""));
    await page.keyboard.press("Control+Enter");
    await ends("Ran on");
  });
  await test("as wide as a phone", async () => {
    const before = page.viewportSize();
    for (const width of [320, 390]) {
      await page.setViewportSize({ width, height: 700 });
      await page.evaluate(() => scrollTo(0, 0));
      same("too wide by", await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0);
      const tall = await page.evaluate(() => document.querySelector("header").offsetHeight);
      if (tall > 100) throw new Error(`the header takes ${tall} pixels`);
      await page.click("#run");
      await ends("Ran on");
      // The result is scrolled into view.
      const { top, left, right } = await page.evaluate(() => document.querySelector(".figures").getBoundingClientRect().toJSON());
      if (!(top > 60 && top < 350 && left >= 0 && right <= width)) throw new Error(`figures at ${left}, ${top} to ${right}`);
      same("too wide by", await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0);
    }
    await page.setViewportSize(before ?? { width: 1280, height: 720 });
  });
  await test("what is kept for later is damaged or gone: it comes from the host again", async () => {
    const damage = () =>
      page.evaluate(async () => {
        const cache = await caches.open((await caches.keys()).find((name) => name.startsWith("playground-")));
        for (const [file, type] of [
          ["main.js", "text/javascript"],
          ["nereid.wasm", "application/wasm"],
          ["", "text/html"],
        ])
          await cache.put(new URL(file, location.href.replace(/#.*/, "")), new Response("damaged", { headers: { "Content-Type": type } }));
        await cache.delete(new URL("style.css", location.href));
      });
    await damage();
    await page.reload();
    await status("Compiled in");
    await run();
    // The next test is offline: the damaged file must be stored again by then.
    await page.waitForFunction(async () => {
      const cache = await caches.open((await caches.keys()).find((name) => name.startsWith("playground-")));
      const sizes = await Promise.all(
        ["main.js", "nereid.wasm", "style.css", ""].map(
          async (file) => (await (await cache.match(new URL(file, location.href.replace(/#.*/, ""))))?.arrayBuffer())?.byteLength ?? 0,
        ),
      );
      return sizes.every((size) => size > 1000);
    });
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
  await test("the site is built from any folder, and its server outlives bad requests", async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), "nereid-"));
    const program = `const { buildSite, siteServer } = await import(${JSON.stringify(new URL("../site.mjs", import.meta.url).href)});
      await buildSite("build/test/site-elsewhere");
      const server = siteServer("build/test/site-elsewhere").listen(0, "127.0.0.1", async () => {
        const statuses = [];
        for (const path of ["/%zz", "/..%2f..%2f..%2fpackage.json", "/", "/main.js", "/nothing.js"]) statuses.push((await fetch("http://127.0.0.1:" + server.address().port + path)).status);
        console.log(statuses.join());
        process.exit();
      });`;
    same(
      "statuses",
      execFileSync(process.execPath, ["--input-type=module", "-e", program], { cwd: elsewhere, encoding: "utf8", timeout: 60000 }).trim(),
      "400,404,200,200,404",
    );
    rmSync(elsewhere, { recursive: true });
  });
  return results;
}

// SPDX-License-Identifier: MIT
// Runs kernels.py in Pyodide with the universal wheel, in Node or in headless Chromium.
//   node tests/pyodide/run.mjs node|chromium
import { createServer } from "node:http";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../..");
const wheels = join(root, "build/wheel-universal");
const wheel = join(wheels, (await readdir(wheels)).find((name) => name.endsWith(".whl")));

// In Node and in the page: `pyodide` is loaded, `archive` the bytes of the wheel, `text` those of kernels.py.
const test = async (pyodide, archive, text) => {
  pyodide.unpackArchive(archive, "zip", { extractDir: "/lib/python3.14/site-packages" });
  pyodide.FS.writeFile("/home/pyodide/kernels.py", text);
  return pyodide.runPython("import kernels; kernels.run()");
};

if (process.argv[2] === "node") {
  const { loadPyodide } = await import("pyodide");
  const failed = await test(await loadPyodide(), new Uint8Array(await readFile(wheel)), await readFile(join(here, "kernels.py"), "utf8"));
  process.exit(failed ? 1 : 0);
}

const types = { ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json", ".html": "text/html" };
const page = `<!doctype html><meta charset="utf-8"><script type="module">
import { loadPyodide } from "/pyodide/pyodide.mjs";
const test = ${test};
try {
  const pyodide = await loadPyodide({ stdout: (line) => console.log(line), stderr: (line) => console.log(line) });
  const archive = await (await fetch("/wheel")).arrayBuffer();
  document.title = "failed: " + (await test(pyodide, archive, await (await fetch("/kernels.py")).text()));
} catch (error) {
  console.log(String(error));
  document.title = "failed: error";
}
</script>`;
const server = createServer(async ({ url }, answer) => {
  try {
    const path = url === "/wheel" ? wheel : url === "/kernels.py" ? join(here, "kernels.py") : join(here, "node_modules", url);
    const body = url === "/" ? page : await readFile(path);
    answer.writeHead(200, { "Content-Type": url === "/" ? "text/html" : (types[extname(path)] ?? "application/octet-stream") });
    answer.end(body);
  } catch {
    answer.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const { chromium } = createRequire(join(root, "web/package.json"))("playwright-core");
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const tab = await browser.newPage();
tab.on("console", (message) => console.log(message.text()));
await tab.goto(`http://127.0.0.1:${server.address().port}/`);
await tab.waitForFunction(() => document.title.startsWith("failed: "), undefined, { timeout: 300000 });
const title = await tab.title();
await browser.close();
server.close();
process.exit(title === "failed: 0" ? 0 : 1);

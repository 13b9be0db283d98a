// SPDX-License-Identifier: MIT
// Runs the programs of examples/ with the package as npm packs it.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { pack } from "./pack.mjs";

const root = "build/test/examples";

/** Copies them to a folder where they find the package. */
export function prepare() {
  const packed = pack();
  rmSync(root, { recursive: true, force: true });
  for (const name of ["vanilla", "node", "worker", "vite-react"]) {
    cpSync(`examples/${name}`, `${root}/${name}`, { recursive: true, filter: (path) => !/node_modules|\/dist/.test(path) });
    mkdirSync(`${root}/${name}/node_modules`);
    cpSync(packed, `${root}/${name}/node_modules/nereid-lang`, { recursive: true });
  }
  const installed = `${process.cwd()}/examples/vite-react/node_modules`;
  if (existsSync(installed))
    for (const name of readdirSync(installed))
      if (!/^(\.|nereid-lang$)/.test(name)) symlinkSync(`${installed}/${name}`, `${root}/vite-react/node_modules/${name}`);
}

/** The examples for Node, in this Node or another. */
export function inNode(node) {
  const run = spawnSync(node, ["main.mjs"], { cwd: `${root}/node`, encoding: "utf8", timeout: 60000 });
  const good = run.status === 0 && /^8 rows per program: \d+ µs$/m.test(run.stdout) && run.stdout.includes("maximum error");
  return [{ name: "examples/node", ...(!good && { error: run.stdout + run.stderr }) }];
}

/** The examples for pages; `base` is the address at which `build/test` is served. */
export async function inPages(browser, base) {
  const results = [];
  const example = async (name, address, body) => {
    const page = await browser.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    try {
      await page.goto(address);
      await body(page);
      if (errors.length) throw new Error(errors.join("\n"));
      results.push({ name });
    } catch (error) {
      results.push({ name, error: `${[error.stack, ...errors].join("\n")}\n${await page.textContent("body").catch(() => "")}` });
    }
    await page.close();
  };
  const shows = (page, selector, text) =>
    page.waitForFunction(([s, t]) => document.querySelector(s)?.textContent.includes(t), [selector, text], { timeout: 30000 });
  await example("examples/vanilla", `${base}/examples/vanilla/index.html?isolated`, async (page) => {
    await shows(page, "#result", "0.032  0.087  0.237  0.644\n0.250  0.250  0.250  0.250\n0.500  0.500  0.000  0.000");
    const source = await page.inputValue("#source");
    await page.fill("#source", source.replace("tl.exp(v", "tl.expp(v"));
    await page.click("#run");
    await shows(page, "#result", "did you mean `exp`?");
    await page.fill("#source", source.replace("tl.store(out + row * columns + i, e /", "tl.store(out + row * columns + i, 2 * e /"));
    await page.click("#run");
    await shows(page, "#result", "0.500  0.500  0.500  0.500");
  });
  await example("examples/worker", `${base}/examples/worker/index.html?isolated`, (page) => shows(page, "#result", "a row sums to 1.0000"));
  if (!existsSync("examples/vite-react/node_modules/vite")) {
    console.log("examples/vite-react skipped: its packages are not installed (scripts/setup.sh --tests)");
    return results;
  }
  const vite = await import(pathToFileURL(`${process.cwd()}/examples/vite-react/node_modules/vite/dist/node/index.js`));
  const project = { root: `${root}/vite-react`, logLevel: "error" };
  const sliders = async (page) => {
    await shows(page, "#root", "0.0900.2450.665".slice(0, 5));
    await page.fill("input >> nth=0", "3");
    await shows(page, "#root", "0.422");
  };
  const server = await vite.createServer({ ...project, server: { port: 0, host: "127.0.0.1" } });
  await server.listen();
  await example("examples/vite-react, development", `http://127.0.0.1:${server.httpServer.address().port}/`, sliders);
  await server.close();
  await vite.build(project);
  await example("examples/vite-react, built", `${base}/examples/vite-react/dist/index.html?isolated`, sliders);
  return results;
}

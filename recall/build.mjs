// SPDX-License-Identifier: MIT
// Checks the types and builds dist/, with the tools of web/; with `test` bundles the tests.
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const web = fileURLToPath(new URL("../web/", import.meta.url));
const { build } = createRequire(`${web}build.mjs`)("esbuild");

const settings = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: "es2022",
  platform: "neutral",
  mainFields: ["module", "main"],
  tsconfigRaw: {},
  logLevel: "warning",
};

// Imports of Nereid lead to web/dist.
const inRepository = (b, external) => {
  b.onResolve({ filter: /^webgpu$/ }, () => ({ path: join(web, "node_modules/webgpu/index.js"), external: true }));
  b.onResolve({ filter: /^nereid-lang/ }, ({ path }) => {
    const { exports } = JSON.parse(readFileSync(`${web}package.json`, "utf8"));
    return { path: join(web, exports[path.replace("nereid-lang", ".")].default), external };
  });
};
const nereid = { name: "nereid", setup: (b) => inRepository(b, true) };

/** Bundles a script of this folder for Node, to run in this repository. */
export const bundle = (entry, outfile) => build({ ...settings, entryPoints: [entry], outfile, external: ["node:*"], plugins: [nereid] });

/** Bundles a script of this folder with Nereid, for a page; nereid.wasm must be next to it. */
export const bundleForPage = (entry, outfile) =>
  build({
    ...settings,
    entryPoints: [entry],
    outfile,
    external: ["node:*", "/ort/*"],
    plugins: [{ ...nereid, setup: (b) => inRepository(b, false) }],
  });

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.chdir(here);
  if (process.argv[2] === "gpu") {
    const folder = process.argv[3];
    await bundleForPage("bench/gpu.ts", join(folder, "recall-gpu.mjs"));
    copyFileSync(`${web}dist/compile/nereid.wasm`, join(folder, "nereid.wasm"));
    process.exit();
  }
  if (process.argv[2] === "test") {
    // Next to the packages that it imports.
    await bundle("test/all.ts", "node_modules/.test/all.mjs");
    process.exit();
  }
  rmSync("dist", { recursive: true, force: true });
  execFileSync(`${web}node_modules/.bin/tsc`, ["-p", "tsconfig.json"], { stdio: "inherit" });
  await build({ ...settings, entryPoints: ["src/index.ts"], outfile: "dist/index.js", external: ["nereid-lang"] });
}

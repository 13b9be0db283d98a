// SPDX-License-Identifier: MIT
// Adds to a folder with the output of cases.py the programs that run there on a machine with a GPU: suite.mjs with the package in it,
// gpu.py with the kernels, and a README. node bench/suite/pack.mjs FOLDER
import { copyFileSync, cpSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url)),
  folder = process.argv[2];
const { build } = createRequire(`${root}/web/package.json`)("esbuild");
const { plugins } = await import("../../web/build.mjs");
await build({
  entryPoints: [`${root}/bench/suite/suite.mjs`],
  bundle: true,
  platform: "node",
  format: "esm",
  outfile: `${folder}/suite.mjs`,
  plugins,
  minify: true,
  legalComments: "none",
  logLevel: "warning",
});
mkdirSync(`${folder}/triton`, { recursive: true });
for (const file of ["gpu.py", "pool.py"]) copyFileSync(`${root}/bench/suite/${file}`, `${folder}/triton/${file}`);
cpSync(`${root}/bench/suite/kernels`, `${folder}/triton/kernels`, { recursive: true, filter: (from) => !from.includes("__pycache__") });
copyFileSync(`${root}/bench/suite/gpu.md`, `${folder}/README.md`);

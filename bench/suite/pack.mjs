// SPDX-License-Identifier: MIT
// Bundles suite.mjs with the package for a machine that has neither: node bench/suite/pack.mjs FOLDER
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

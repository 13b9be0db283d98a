// SPDX-License-Identifier: MIT
// Copies the files that run.mjs and triton_cuda.py need on a machine with a GPU into a folder: kernels, compiled by build/bin/nereid
// (NEREID names another), and two JavaScript files. node bench/gpu/pack.mjs FOLDER
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { kernels } from "./cases.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url)),
  folder = process.argv[2];
process.chdir(root);
for (const [name, [file, signature]] of Object.entries(kernels))
  execFileSync(
    process.env.NEREID ?? "build/bin/nereid",
    ["compile", file, "--target", "webgpu", "--signature", signature.join(","), "-o", `${folder}/kernels/${name}`],
    { stdio: "inherit" },
  );
const { build } = createRequire(`${root}/web/package.json`)("esbuild");
const { plugins } = await import("../../web/build.mjs");
await build({
  entryPoints: ["bench/gpu/run.mjs", "bench/gpu/replay.mjs"],
  bundle: true,
  platform: "node",
  format: "esm",
  outdir: folder,
  outExtension: { ".js": ".mjs" },
  plugins,
  external: ["webgpu"],
  minify: true,
  legalComments: "none",
  nodePaths: ["bench/web/node_modules"],
  logLevel: "warning",
  banner: { js: "import{createRequire as __r}from'node:module';const require=__r(import.meta.url);" },
});
